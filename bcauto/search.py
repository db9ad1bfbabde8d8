"""A search from what the user gave to a finished study: check everything, then write, then run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from bcauto.data import Dataset, load
from bcauto.errors import BadInput
from bcauto.execute import Executor, InlineExecutor, Slots, Work
from bcauto.hardware import count_cores, count_gpus
from bcauto.proxy import Proxy, make_proxy
from bcauto.seeds import derive
from bcauto.space import Confirmation, Space, find_space, read_space
from bcauto.study import (
    DONE,
    OWN_STORAGE,
    Confirmed,
    DataRecord,
    Identity,
    Ledger,
    Limits,
    Monitor,
    RepeatSource,
    Settings,
    SpaceSource,
    StudyFolder,
    StudyRecord,
    absolute,
    best_trials,
    check_name,
    check_storage,
    confirm_time,
    confirmed,
    connect,
    lock,
    make_pruner,
    redacted,
    storage_failures_in_one_line,
)
from bcauto.toml import checked
from bcauto.training import Payload, Trainer
from bcauto.weights import Weights, check_weights, read_weights

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
    data: Dataset
    weights: Weights
    work: Work
    resumed: bool

    @property
    def confirmation(self) -> Confirmation:
        """What follows the search: as the user gave it, or else the space."""
        settings, space = self.settings, self.space.confirm
        top = space.top if settings.confirm is None else settings.confirm
        return Confirmation(top=top, repeats=settings.confirm_repeats or space.repeats)

    @property
    def slots(self) -> Slots:
        """How many trials run at a time, and what each gets."""
        return _slots(self.settings)

    @property
    def engines(self) -> set[str]:
        """What may apply the augmentation, by the recipes' words."""
        return _engines(self.space)


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
    _check_engines(space)
    weights = read_weights(settings.weights)
    _check_disk(studies)
    _check_cluster(settings.ray_address)
    if settings.storage != OWN_STORAGE:
        check_storage(given.get("storage") or settings.storage)
    path = Path(settings.data) if settings.data else None
    data = load(path, settings.image_size, settings.seed, settings.leaks)
    _check_sides(space, data)
    check_weights(weights, [recipe.model for recipe in space.edge_recipes()])
    proxy = Proxy.load(folder.proxy) if known else _make_proxy(data, space, settings.seed)
    record = _record(settings, data, space, proxy)
    if known:
        known.identity.check_same(record.identity, name)
    text = space_file.read_text(encoding="utf-8")
    work = _work(Payload(data, proxy, weights))
    url = record.storage_url(folder, given.get("storage"))
    resumed = known is not None
    return Plan(folder, settings, record, url, space, text, data, weights, work, resumed)


def run_search(
    plan: Plan, monitor: Monitor, check: Callable[[], None]
) -> tuple[optuna.Study, list[Confirmed]]:
    """Runs a planned search until its study has the trials asked for, or its time is up.

    Then the best trials are confirmed.

    Args:
        plan: the search.
        monitor: watches.
        check: called often; may raise to end the search with all saved.

    Returns:
        The study, and those of its trials that were confirmed, the best first.

    Raises:
        BadInput: another process searches this study.
        NothingUsable: trial after trial fails, or the storage does.
    """
    plan.folder.path.mkdir(parents=True, exist_ok=True)
    timeout = plan.settings.timeout
    deadline = None if timeout is None else time.monotonic() + timeout
    with lock(plan.folder), storage_failures_in_one_line():
        study = _open(plan, plan.folder.name, make_pruner())
        _write(plan)
        _search(plan, study, deadline, monitor, check)
        repeats = _confirm(plan, study, deadline, monitor, check) if plan.confirmation.top else None
        return study, confirmed(study, repeats)


def _search(
    plan: Plan,
    study: optuna.Study,
    deadline: float | None,
    monitor: Monitor,
    check: Callable[[], None],
) -> None:
    """Runs trials until there are as many as asked for, or the time left is for confirming."""

    def reserve(complete: list[FrozenTrial]) -> float:
        return confirm_time(complete, plan.confirmation, plan.slots.workers)

    settings = plan.settings
    limits = Limits(settings.trials, settings.keep, deadline, reserve)
    source = SpaceSource(plan.space, settings.seed)
    ledger = Ledger(study, source, limits, plan.folder.model, monitor)
    if not ledger.over:
        _executor(plan).run(ledger, plan.work, check)


def _confirm(
    plan: Plan,
    study: optuna.Study,
    deadline: float | None,
    monitor: Monitor,
    check: Callable[[], None],
) -> optuna.Study | None:
    """Repeats the best trials in a study of their own, on corruptions drawn anew."""
    recipes = {best.number: best.recipe for best in best_trials(study)}
    if not recipes:
        return None
    leaders = list(recipes)[: plan.confirmation.top]
    source = RepeatSource(recipes, leaders, plan.confirmation.repeats, plan.settings.seed)
    repeats = _open(plan, plan.folder.confirm_name, optuna.pruners.NopPruner())
    left = source.left(repeats)
    if not left:
        return repeats
    target = len(repeats.get_trials(deepcopy=False, states=DONE)) + left
    monitor.confirming(leaders, plan.confirmation.repeats, target)
    limits = Limits(target, "all", deadline)
    ledger = Ledger(repeats, source, limits, plan.folder.confirm_model, monitor)
    if not ledger.over:
        proxy = _confirm_proxy(plan)
        _executor(plan).run(ledger, _work(Payload(plan.data, proxy, plan.weights)), check)
    return repeats


def _confirm_proxy(plan: Plan) -> Proxy:
    """The proxy that repeats are scored on: the same validation images, corrupted anew."""
    path = plan.folder.confirm_proxy
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_proxy(plan.data, plan.space, derive(plan.settings.seed, "confirm")).save(path)
    return Proxy.load(path)


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


def _engines(space: Space) -> set[str]:
    return {recipe.augment.engine for recipe in space.edge_recipes()}


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


def _open(plan: Plan, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """The study in its storage, which may hold one of the same name from elsewhere."""
    identity = plan.record.identity
    study = optuna.create_study(
        study_name=name,
        storage=connect(plan.url),
        direction="maximize",
        pruner=pruner,
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
