from __future__ import annotations

import numpy as np
import pytest

from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.study_data import load_data, read_images, study_dataset


@pytest.fixture
def record(tiny_cells, tmp_path):
    """Of a study of an npz file."""
    file = tmp_path / "cells.npz"
    np.savez(file, images=tiny_cells.images, labels=tiny_cells.labels)
    settings = Settings(space="quick", data=str(file), seed=3)
    data = load_data(settings)
    return StudyRecord(
        settings=settings,
        identity=Identity(
            data=data.fingerprint, space="s", proxy="p", seed=3, weights="none", storage="x"
        ),
        data=DataRecord(
            fingerprint=data.fingerprint,
            class_names=data.class_names,
            train=len(data.train),
            val=len(data.val),
            image_size=data.image_size,
            cleaning=data.cleaning.as_dict(),
        ),
        versions={},
    )


def test_the_images_that_trials_train_on_are_read_again(record):
    data, own = read_images(record.settings)
    assert own is None
    assert np.array_equal(study_dataset(record).train.images, data.train.images)
    assert len(data.train) + len(data.val) == 64


def test_data_that_has_changed_is_refused(record, tiny_cells, refused):
    changed = tiny_cells.images.copy()
    changed[0, 0, 0] ^= 1
    np.savez(record.settings.data, images=changed, labels=tiny_cells.labels)
    with refused("cells.npz: changed since the study was begun, which trained on other images$"):
        study_dataset(record)
