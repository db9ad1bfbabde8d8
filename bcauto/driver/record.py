"""What a study will store of its search: the settings, and what makes it the same study."""

from __future__ import annotations

import platform
from importlib.metadata import version

from bcauto.driver.inputs import Inputs
from bcauto.driver.materials import Materials
from bcauto.study.settings import DataRecord, Identity, StudyRecord

__all__ = ["make_record"]

_PACKAGES = ("bcauto", "keras", "tensorflow", "optuna", "ray", "numpy", "opencv-python-headless")


def make_record(inputs: Inputs, materials: Materials) -> StudyRecord:
    """Return the record to be written, which agrees with the one that the study has stored.

    Raises:
        BadInput: the study was begun with something else.
    """
    data = materials.data
    record = StudyRecord(
        settings=inputs.settings,
        identity=_identity(inputs, materials),
        data=DataRecord(
            fingerprint=data.fingerprint,
            class_names=data.class_names,
            train=len(data.train),
            val=len(data.val),
            image_size=data.image_size,
            bits=data.bits,
            cleaning=data.cleaning.as_dict(),
        ),
        versions={"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
    )
    if inputs.stored:
        inputs.stored.identity.check_same(record.identity, inputs.folder.name)
    return record


def _identity(inputs: Inputs, materials: Materials) -> Identity:
    settings, own = inputs.settings, materials.own
    return Identity(
        data=materials.data.fingerprint,
        groups=materials.data.grouping,
        space=materials.space.fingerprint,
        hypermodel=settings.hypermodel or "none",
        input_scale=settings.input_scale,
        proxy=materials.proxy.fingerprint,
        own_images=own.fingerprint if own else "none",
        seed=settings.seed,
        weights=_weights(inputs, materials),
        storage=settings.storage,
    )


def _weights(inputs: Inputs, materials: Materials) -> str:
    """Return what the networks start from: by content, so that a folder may move.

    A study that was begun with a folder's path goes on with that.
    """
    stored = inputs.stored
    if stored and stored.identity.weights == stored.settings.weights:
        return inputs.settings.weights
    return materials.weights.fingerprint([each.model for each in materials.space.edge_recipes])
