"""A planned search, run to a finished study with its best trials confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from bcauto.data.fingerprints import PictureFingerprints
from bcauto.driver.plan import Plan
from bcauto.errors import BadInput, Interrupted
from bcauto.execute.contract import Executor, Work
from bcauto.execute.inline import InlineExecutor
from bcauto.io.disk import disk_failures_in_one_line
from bcauto.io.files import atomic_write
from bcauto.proxy.proxy import Proxy
from bcauto.results.confirmation import confirm_time
from bcauto.results.leaderboard import Leaderboard
from bcauto.results.notes import repeats_note, study_note, trial_note
from bcauto.results.trials import completed_trials, load_study
from bcauto.storage.connect import connect, storage_failures_in_one_line
from bcauto.study.attributes import (
    name_value,
    read_identity,
    store_estimates,
    store_identity,
    store_note,
)
from bcauto.study.callbacks import Callback, SearchStopped, WithCallbacks
from bcauto.study.ledger import DONE, Ledger, Limits
from bcauto.study.lock import StudyLock, locked
from bcauto.study.monitor import Monitor
from bcauto.study.pruning import make_pruner
from bcauto.study.repeats import RepeatSource
from bcauto.study.settings import OWN_STORAGE
from bcauto.study.source import SpaceSource
from bcauto.training.trainer import Payload, Trainer

__all__ = ["run_search"]


def run_search(
    plan: Plan, monitor: Monitor, check: Callable[[], None], callbacks: Sequence[Callback] = ()
) -> tuple[optuna.Study, Leaderboard]:
    """Run a planned search until its study has the trials asked for, or its time is up.

    Then the best trials are confirmed.

    Args:
        plan: the search.
        monitor: is told what happens.
        check: called often; it may raise to stop the search, and nothing that ended is lost.
        callbacks: called after each trial of the search; they may raise to stop it, too, or call
            ``study.stop()``, after which the best trials so far are confirmed.

    Returns:
        The study, and what it has come to.

    Raises:
        BadInput: another process searches this study.
        NothingUsable: trial after trial fails, or the storage does, or the disk is full.
    """
    folder, timeout = plan.folder, plan.settings.timeout
    deadline = None if timeout is None else time.monotonic() + timeout
    with (
        disk_failures_in_one_line(folder.path, lambda: plan.unwritten),
        storage_failures_in_one_line(),
        locked(folder) as lock,
    ):
        run = _Run(plan, deadline, monitor, check, lock, callbacks)
        study = run.open(folder.name, make_pruner())
        if plan.settings.storage != OWN_STORAGE:
            lock.claim(study)
        _write(plan)
        run.note(study, None)
        run.search(study)
        repeats = run.confirm(study) if plan.confirmation.top else None
        return study, run.note(study, repeats)


@dataclass(frozen=True)
class _Run:
    """What the search and the confirmation that follows it have in common."""

    plan: Plan
    deadline: float | None
    monitor: Monitor
    check: Callable[[], None]
    lock: StudyLock
    callbacks: Sequence[Callback]

    def open(self, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
        """Open the study in its storage, which may hold one of the same name from elsewhere.

        Raises:
            BadInput: the name belongs to another study, or the storage has lost the study.
        """
        identity = self.plan.record.identity
        storage = connect(self.plan.url, self.check, self.monitor.notice)
        for each in (name, self.plan.folder.confirm_name):
            _check_ours(storage, each, self.plan.settings.storage == OWN_STORAGE)
        if self.plan.resumed and name == self.plan.folder.name:
            _check_holds(storage, name)
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
        if stored := read_identity(study):
            stored.check_same(identity, name)
        store_identity(study, identity)
        name_value(study, "objective")
        return study

    def search(self, study: optuna.Study) -> None:
        """Run trials to the number asked for, or until only the time to confirm them is left."""
        plan, settings = self.plan, self.plan.settings

        def reserve(complete: list[FrozenTrial]) -> float:
            given = settings.timeout or 0.0
            return confirm_time(complete, plan.confirmation, plan.slots.workers, given)

        limits = Limits(settings.trials, settings.keep, self.deadline, reserve)
        source = SpaceSource(plan.space, settings.seed, settings.sampler)
        monitor = WithCallbacks(self.monitor, study, [self.note_trial, *self.callbacks])
        ledger = Ledger(study, source, limits, plan.folder.model, monitor)
        with suppress(SearchStopped):  # what ran is given back, as after Ctrl-C
            self._execute(ledger, lambda: plan.proxy)

    def confirm(self, study: optuna.Study) -> optuna.Study | None:
        """Repeat the best trials in a study of their own, on newly made corruptions."""
        plan, confirmation = self.plan, self.plan.confirmation
        recipes = {best.number: best.recipe for best in completed_trials(study)}
        if not recipes:
            return None
        source = RepeatSource(recipes, confirmation, plan.settings.seed)
        repeats = self.open(plan.folder.confirm_name, optuna.pruners.NopPruner())
        left = source.left(repeats)
        if not left:
            return repeats
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.monitor.notice("no time is left to confirm the best trials")
            return repeats
        target = len(repeats.get_trials(deepcopy=False, states=DONE)) + left
        self.monitor.confirming(source.candidates, confirmation, target)
        store_note(repeats, repeats_note(plan.folder.name))
        limits = Limits(target, "all", self.deadline)
        monitor = WithCallbacks(self.monitor, repeats, [self.note_trial])
        ledger = Ledger(repeats, source, limits, plan.folder.confirm_model, monitor)
        try:
            self._execute(ledger, lambda: _confirm_proxy(plan))
        except Interrupted:
            self.note(study, repeats)
            raise
        return repeats

    def note(self, study: optuna.Study, repeats: optuna.Study | None) -> Leaderboard:
        """Return what the study has come to so far, once it is noted for a dashboard."""
        plan, trials = self.plan, completed_trials(study)
        board = Leaderboard.of(
            plan.folder.name, trials, repeats, plan.confirmation, plan.settings.seed
        )
        store_note(study, study_note(plan.folder, plan.record, board))
        if board.confirmed:
            store_estimates(study, board.estimates())
        for each in board.confirmed:
            trial = study.get_trials(deepcopy=False)[each.candidate.number]
            store_note(study, trial_note(trial, plan.settings.weights, each), trial)
        return board

    def note_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Note for a dashboard what a trial trained, and what became of it."""
        store_note(study, trial_note(trial, self.plan.settings.weights), trial)

    def _execute(self, ledger: Ledger, proxy: Callable[[], Proxy]) -> None:
        def check() -> None:
            self.check()
            self.lock.beat()

        if not ledger.over:
            _executor(self.plan).run(ledger, _work(self.plan, proxy()), check)


def _check_ours(storage: optuna.storages.BaseStorage, name: str, own: bool) -> None:
    """Check that a study of this name, if there is one, was made by bcauto.

    An empty one in the study's own storage was: a search was killed just after it made it.
    """
    study = load_study(name, storage)
    if study is None:
        return
    if study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
        problem = "it does not maximize one value, as a search does"
    elif read_identity(study) is None and not (own and not study.get_trials(deepcopy=False)):
        problem = "it was not made by bcauto"
    else:
        return
    raise BadInput(
        f"the storage has a study {name!r} already, and {problem}; it is left as it is. "
        "Begin another with --study NAME, which bcauto makes itself"
    )


def _check_holds(storage: optuna.storages.BaseStorage, name: str) -> None:
    """Check that a study that was begun is still in its storage, or all would be trained again."""
    if load_study(name, storage) is None:
        rule = f"study {name!r} was begun earlier, but its storage has no such study"
        raise BadInput(f"{rule}; put its storage back, or begin another study with --study NAME")


def _confirm_proxy(plan: Plan) -> Proxy:
    """The proxy that repeats are scored on, made when it is first needed."""
    path = plan.folder.confirm_proxy
    if not path.exists():
        plan.confirm_proxy().save(path)
    return Proxy.load(path)


def _write(plan: Plan) -> None:
    if not plan.resumed:
        plan.proxy.save(plan.folder.proxy)
    if not plan.folder.fingerprints.exists():  # studies of earlier versions have none
        PictureFingerprints.of(plan.data).save(plan.folder.fingerprints)
    with atomic_write(plan.folder.space) as partial:
        partial.write_text(plan.space_text, encoding="utf-8")
    plan.record.write(plan.folder)


def _executor(plan: Plan) -> Executor:
    if plan.settings.executor == "inline":
        return InlineExecutor(plan.slots)
    from bcauto.execute.ray_tune.executor import RayExecutor  # imports Ray, for seconds

    return RayExecutor(plan.slots_on, plan.settings.ray_address)


def _work(plan: Plan, proxy: Proxy) -> Work:
    far = plan.settings.ray_address != "local"
    networks = [recipe.model for recipe in plan.space.edge_recipes]
    payload = Payload(
        plan.data,
        proxy,
        plan.weights,
        plan.settings.hypermodel_folder,
        plan.weights.contents(networks) if far else {},
    )
    images = (payload.data.train.images, payload.data.val.images, payload.proxy.images)
    nbytes = sum(array.nbytes for array in (*images, *payload.weight_files.values()))
    return Work(payload, nbytes, Trainer, plan.settings.epoch_timeout)
