"""A search from what the user gave to a finished study: check everything, then write, then run."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna

from bcauto.data import Dataset, load
from bcauto.errors import BadInput
from bcauto.execute import Executor, InlineExecutor, Slots, Work
from bcauto.hardware import count_cores, count_gpus
from bcauto.proxy import Proxy, make_proxy
from bcauto.seeds import derive
from bcauto.space import Space, find_space, read_space
from bcauto.study import (
    OWN_STORAGE,
    DataRecord,
    Identity,
    Ledger,
    Limits,
    Monitor,
    Settings,
    StudyFolder,
    StudyRecord,
    absolute,
    check_name,
    check_storage,
    connect,
    lock,
    make_pruner,
    redacted,
    storage_failures_in_one_line,
)
from bcauto.toml import checked
from bcauto.training import Payload, Trainer
from bcauto.weights import check_weights, read_weights

__all__ = ["Plan", "plan_search", "run_search"]

_BUILT_IN = "built-in"
_LEAST_DISK = 512 * 2**20  # bytes: the proxy, the database, a few small models
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
    url: str
    space: Space
    space_text: str
    work: Work
    resumed: bool

    @property
    def slots(self) -> Slots:
        """How many trials run at a time, and what each gets."""
        return _slots(self.settings)


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
    settings = _settings(given, known)
    space_file = folder.space if known and "space" not in given else find_space(settings.space)
    space = read_space(space_file)
    weights = read_weights(settings.weights)
    _check_disk(studies)
    _check_cluster(settings.ray_address)
    if settings.storage != OWN_STORAGE:
        check_storage(given.get("storage") or settings.storage)
    data = load(Path(settings.data) if settings.data else None, settings.image_size, settings.seed)
    _check_sides(space, data)
    check_weights(weights, [recipe.model for recipe in space.edge_recipes()])
    proxy = Proxy.load(folder.proxy) if known else _make_proxy(data, space, settings.seed)
    record = _record(settings, data, space, proxy)
    if known:
        known.identity.check_same(record.identity, name)
    text = space_file.read_text(encoding="utf-8")
    work = _work(Payload(data, proxy, weights))
    url = record.storage_url(folder, given.get("storage"))
    return Plan(folder, settings, record, url, space, text, work, resumed=known is not None)


def run_search(plan: Plan, monitor: Monitor, check: Callable[[], None]) -> optuna.Study:
    """Runs a planned search until its study has the trials asked for, or its time is up.

    Args:
        plan: the search.
        monitor: watches.
        check: called often; may raise to end the search with all saved.

    Raises:
        BadInput: another process searches this study.
        NothingUsable: trial after trial fails, or the storage does.
    """
    plan.folder.path.mkdir(parents=True, exist_ok=True)
    with lock(plan.folder), storage_failures_in_one_line():
        study = _open(plan)
        _write(plan)
        ledger = Ledger(study, plan.space, _limits(plan.settings), plan.folder, monitor)
        if not ledger.over:
            _executor(plan).run(ledger, plan.work, check)
        return study


def _limits(settings: Settings) -> Limits:
    deadline = settings.timeout and time.monotonic() + settings.timeout
    return Limits(settings.trials, settings.seed, settings.keep, deadline)


def _absolute(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with absolute paths, so that the study can be resumed from anywhere."""
    names = {"imagenet", "none"}
    paths = {k: given[k] for k in ("data", "weights") if given.get(k) and given[k] not in names}
    storage = {"storage": absolute(given["storage"])} if "storage" in given else {}
    return {**given, **storage, **{key: str(Path(path).resolve()) for key, path in paths.items()}}


def _default_name(given: Mapping[str, Any]) -> str:
    data = Path(given["data"]).stem if given.get("data") else _BUILT_IN
    return f"{data}-{Path(given.get('space') or _default_space(given)).stem}"


def _default_space(given: Mapping[str, Any]) -> str:
    if not given.get("data"):
        return "quick"
    return "blood_cells" if count_gpus() else "blood_cells_small"


def _settings(given: Mapping[str, Any], known: StudyRecord | None) -> Settings:
    stored = known.settings.model_dump() if known else {"space": _default_space(given)}
    storage = {"storage": redacted(given["storage"])} if "storage" in given else {}
    return checked(Settings, {**stored, **given, **storage}, "search")


def _check_sides(space: Space, data: Dataset) -> None:
    """Makes sure that the images are large enough for every backbone of the space."""
    side = min(data.image_size)
    for entry in (recipe.model.entry for recipe in space.edge_recipes()):
        if side < entry.least_side:
            raise BadInput(
                f"{entry.name} takes images of at least {entry.least_side} px, got {side} px: "
                "give --image-size, or another space"
            )


def _check_cluster(address: str) -> None:
    """Makes sure that something listens there, since Ray itself tries for minutes."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if address in ("local", "auto"):
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CLUSTER_PATIENCE).close()
    except (OSError, ValueError) as error:
        rule = "--ray-address must be local, auto or the HOST:PORT of a running cluster"
        raise BadInput(f"{rule}, got {address!r} ({error})") from None


def _make_proxy(data: Dataset, space: Space, seed: int) -> Proxy:
    return make_proxy(data.val.images, data.val.labels, space.proxy, derive(seed, "proxy"))


def _record(settings: Settings, data: Dataset, space: Space, proxy: Proxy) -> StudyRecord:
    identity = Identity(
        data=data.fingerprint,
        space=space.fingerprint,
        proxy=proxy.fingerprint,
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
    existing = next(p for p in (studies.resolve(), *studies.resolve().parents) if p.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise BadInput(f"--studies-dir must be a folder that can be written to, got {studies}")
    free = shutil.disk_usage(existing).free
    if free < _LEAST_DISK:
        needed = f"{_LEAST_DISK / 2**20:.0f} MiB"
        raise BadInput(
            f"a search needs {needed} of free disk in {studies}, got {free / 2**20:.0f} MiB"
        )


def _write(plan: Plan) -> None:
    if not plan.resumed:
        plan.work.payload.proxy.save(plan.folder.proxy)
    plan.folder.space.write_text(plan.space_text, encoding="utf-8")
    plan.record.write(plan.folder)


def _open(plan: Plan) -> optuna.Study:
    """The study in its storage, which may hold one of the same name from elsewhere."""
    name, identity = plan.folder.name, plan.record.identity
    study = optuna.create_study(
        study_name=name,
        storage=connect(plan.url),
        direction="maximize",
        pruner=make_pruner(),
        load_if_exists=True,
    )
    if "identity" in study.user_attrs:
        Identity.model_validate(study.user_attrs["identity"]).check_same(identity, name)
    study.set_user_attr("identity", identity.model_dump())
    return study


def _slots(settings: Settings) -> Slots:
    """Workers: GPUs over the share that each takes, else one per core up to two."""
    cores, gpus = count_cores(), count_gpus()
    share = settings.gpus_per_trial if gpus else 0.0
    workers = settings.workers or (max(1, int(gpus / share)) if gpus else min(2, cores))
    if settings.executor == "inline":
        workers = 1
    return Slots(workers, threads=max(1, cores // workers), gpus=share)


def _executor(plan: Plan) -> Executor:
    if plan.settings.executor == "inline":
        return InlineExecutor(plan.slots)
    from bcauto.execute.ray_tune import RayExecutor  # imports Ray, for seconds

    return RayExecutor(plan.slots, plan.settings.ray_address)


def _work(payload: Payload) -> Work:
    arrays = (payload.data.train.images, payload.data.val.images, payload.proxy.images)
    return Work(payload, sum(array.nbytes for array in arrays), Trainer)
