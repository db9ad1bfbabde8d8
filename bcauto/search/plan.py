"""What a search will do: everything that the user gave, checked before anything is written."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bcauto.data.dataset import Dataset, load
from bcauto.data.reading import read_for_evaluation
from bcauto.errors import BadInput, did_you_mean
from bcauto.execute.contract import Node, Slots
from bcauto.hardware import count_gpus
from bcauto.hypermodels.space import hypermodel_space
from bcauto.io.disk import check_room, existing_part
from bcauto.io.toml import checked
from bcauto.proxy.make import make_proxy
from bcauto.proxy.own_images import OwnImages, with_own
from bcauto.proxy.proxy import Proxy
from bcauto.recipe.pretrained import Weights, check_models, read_weights
from bcauto.seeds import derive
from bcauto.space.files import HYPERMODEL_SPACE, find_space, read_space, space_text
from bcauto.space.space import Confirmation, Space
from bcauto.storage.connect import absolute, check_exists, check_storage
from bcauto.storage.url import redacted
from bcauto.study.folder import StudyFolder, check_name, existing_studies
from bcauto.study.sampling import check_sampler
from bcauto.study.settings import OWN_STORAGE, DataRecord, Identity, Settings, StudyRecord

__all__ = ["Plan", "plan_search"]

_BUILT_IN = "built-in"
_CLUSTER_PATIENCE = 5.0  # seconds
_PACKAGES = ("bcauto", "keras", "tensorflow", "optuna", "ray", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Plan:
    """A search that has passed every check; nothing is written yet.

    ``url`` is the storage's with its password, which only this process knows.
    """

    folder: StudyFolder
    settings: Settings
    record: StudyRecord
    url: str = field(repr=False)
    space: Space
    space_text: str
    data: Dataset
    own: OwnImages | None
    proxy: Proxy
    weights: Weights
    resumed: bool

    @property
    def confirmation(self) -> Confirmation:
        """What follows the search: as the user gave it, or else the space."""
        return self.settings.confirmation(self.space.confirm)

    @cached_property
    def slots(self) -> Slots:
        """How many trials run at a time on this machine, and what each gets.

        Asked for at every report where time is short, and looking for GPUs starts a process.
        """
        return self.slots_on([Node.here()])

    def slots_on(self, nodes: Sequence[Node]) -> Slots:
        """The same on other machines."""
        workers = 1 if self.settings.executor == "inline" else self.settings.workers
        return Slots.on(nodes, workers, self.settings.gpus_per_trial)

    @property
    def unwritten(self) -> int:
        """Bytes of the proxies that the study does not hold yet."""
        proxies = [self.folder.proxy, *([self.folder.confirm_proxy] * bool(self.confirmation.top))]
        return sum(self.proxy.images.nbytes for path in proxies if not path.exists())

    @property
    def engines(self) -> set[str]:
        """What may apply the augmentation, by the recipes' words."""
        return _engines(self.space)

    def confirm_proxy(self) -> Proxy:
        """What repeats are scored on: the same validation images, corrupted anew."""
        return _make_proxy(self.data, self.own, self.space, derive(self.settings.seed, "confirm"))


def plan_search(given: Mapping[str, Any], studies: Path, study: str | None) -> Plan:
    """Everything a search needs, checked; nothing is written.

    Args:
        given: the settings that the user gave, by ``Settings``' names; the rest comes from the
            study, if there is one, and then from the defaults.
        studies: folder of the studies.
        study: its name; None for a name made of data and space.

    Raises:
        BadInput: something breaks a rule, or the study was begun with something else.
    """
    given = _absolute(given)
    name = check_name(_default_name(given) if study is None else study)
    folder = StudyFolder((studies / name).resolve())
    known = StudyRecord.read(folder) if folder.record.exists() else None
    if study is not None and known is None:
        _check_new(name, given, studies)
    settings = _settings(given, known)
    space_file = folder.space if known and "space" not in given else find_space(settings.space)
    space = None if settings.hypermodel else _checked(read_space(space_file), settings)
    weights = read_weights(settings.weights)
    _check_disk(studies)
    check_room(folder.path)
    _check_cluster(settings.ray_address)
    if settings.storage != OWN_STORAGE:
        check_storage(given.get("storage") or settings.storage)
    path = Path(settings.data) if settings.data else None
    data = load(path, settings.image_size, settings.seed, settings.leaks)
    own = _read_own(settings, data)
    if own:
        where = str(settings.proxy_data or settings.proxy_add)
        data = data.apart_from(own.images, settings.leaks, where)
    text = space_text(space_file)
    if space is None:
        space, text = hypermodel_space(settings, space_file, data)
        space = _checked(space, settings)
    check_models([recipe.model for recipe in space.edge_recipes], data.image_size, weights)
    proxy = Proxy.load(folder.proxy) if known else _make_proxy(data, own, space, settings.seed)
    record = _record(settings, data, own, space, proxy)
    if known:
        known.identity.check_same(record.identity, name)
    url = record.storage_url(folder, given.get("storage"))
    if known:
        check_exists(url)  # or it would be made, and the study begin again
        if settings.storage == OWN_STORAGE:  # another was checked before the data was read
            check_storage(url)
    resumed = known is not None
    plan = Plan(folder, settings, record, url, space, text, data, own, proxy, weights, resumed)
    check_room(folder.path, plan.unwritten)
    return plan


def _absolute(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with absolute paths, so that the study can be resumed from anywhere."""
    names = {"imagenet", "none"}
    keys = ("data", "weights", "proxy_data", "proxy_add")
    paths = {key: given[key] for key in keys if given.get(key) and given[key] not in names}
    storage = {"storage": absolute(given["storage"])} if "storage" in given else {}
    if given.get("hypermodel"):
        given = {**given, "hypermodel_folder": str(Path.cwd())}
    return {**given, **storage, **{key: str(Path(path).resolve()) for key, path in paths.items()}}


def _check_new(name: str, given: Mapping[str, Any], studies: Path) -> None:
    """Makes sure that a study that is not there is not one that was meant, and mistyped."""
    if any(given.get(key) for key in ("data", "space", "hypermodel")):
        return
    existing = existing_studies(studies)
    known = did_you_mean(name, existing) if existing else "there is none yet"
    rule = f"a study begins with --data or --space, and no study {name!r} is in {studies}"
    raise BadInput(f"{rule}; {known}")


def _default_name(given: Mapping[str, Any]) -> str:
    data = Path(given["data"]).stem if given.get("data") else _BUILT_IN
    if given.get("hypermodel"):
        return f"{data}-{given['hypermodel'].rpartition(':')[2]}"
    return f"{data}-{Path(given.get('space') or _default_space(given)).stem}"


def _default_space(given: Mapping[str, Any]) -> str:
    if given.get("hypermodel"):
        return HYPERMODEL_SPACE
    if not given.get("data"):
        return "quick"
    return "full" if count_gpus() else "small"


def _settings(given: Mapping[str, Any], known: StudyRecord | None) -> Settings:
    # A time is that of one run.
    again = known.settings.model_dump(exclude={"timeout"}) if known else None
    stored = again or {"space": _default_space(given)}
    storage = {"storage": redacted(given["storage"])} if "storage" in given else {}
    return checked(Settings, {**stored, **given, **storage}, "search")


def _checked(space: Space, settings: Settings) -> Space:
    """The space, all of whose recipes can run here and be chosen as the user asks."""
    _check_engines(space)
    check_sampler(settings.sampler, space)
    return space


def _engines(space: Space) -> set[str]:
    return {recipe.augment.engine for recipe in space.edge_recipes}


def _check_engines(space: Space) -> None:
    """Makes sure that keras-cv is there and can run, where a recipe may ask for it."""
    if "keras-cv" not in _engines(space):
        return
    rule = 'augment.engine = "keras-cv" needs'
    if find_spec("keras_cv") is None:
        raise BadInput(f'{rule} keras-cv, which is not installed: pip install "bcauto[keras-cv]"')
    if (backend := _keras_backend()) != "tensorflow":
        raise BadInput(f"{rule} Keras on tensorflow, got {backend!r} (KERAS_BACKEND or keras.json)")


def _keras_backend() -> str:
    """The backend that Keras will take; Keras itself is seconds to import."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        configured = json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError):
        configured = None
    return os.environ.get("KERAS_BACKEND") or configured or "tensorflow"


def _check_cluster(address: str) -> None:
    """Makes sure that something listens there, since Ray itself tries for minutes."""
    if address in ("local", "auto"):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CLUSTER_PATIENCE).close()
    except (OSError, ValueError) as error:
        rule = "--ray-address must be local, auto or the HOST:PORT of a running cluster"
        raise BadInput(f"{rule}, got {address!r} ({error})") from None


def _read_own(settings: Settings, data: Dataset) -> OwnImages | None:
    """The user's own labelled images for the proxy, brought to the data's size."""
    path = settings.proxy_data or settings.proxy_add
    if path is None:
        return None
    found = read_for_evaluation(Path(path), data.image_size, data.class_names)
    return OwnImages(found.images, found.labels, alone=settings.proxy_data is not None)


def _make_proxy(data: Dataset, own: OwnImages | None, space: Space, seed: int) -> Proxy:
    seed = derive(seed, "proxy")
    proxy = make_proxy(data.val.images, data.val.labels, space.proxy, seed)
    return with_own(proxy, own, seed) if own else proxy


def _record(
    settings: Settings, data: Dataset, own: OwnImages | None, space: Space, proxy: Proxy
) -> StudyRecord:
    identity = Identity(
        data=data.fingerprint,
        space=space.fingerprint,
        hypermodel=settings.hypermodel or "none",
        input_scale=settings.input_scale,
        proxy=proxy.fingerprint,
        own_images=own.fingerprint if own else "none",
        seed=settings.seed,
        weights=settings.weights,
        storage=settings.storage,
    )
    about_data = DataRecord(
        fingerprint=data.fingerprint,
        class_names=data.class_names,
        train=len(data.train),
        val=len(data.val),
        image_size=data.image_size,
        cleaning=data.cleaning.as_dict(),
    )
    versions = {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}}
    return StudyRecord(settings=settings, identity=identity, data=about_data, versions=versions)


def _check_disk(studies: Path) -> None:
    existing = existing_part(studies)
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise BadInput(f"--studies-dir must be a folder that can be written to, got {studies}")
