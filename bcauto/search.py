"""A planned search, run to a finished study with its best trials confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable

import optuna
from optuna.trial import FrozenTrial

from bcauto.execute import Executor, InlineExecutor, Work
from bcauto.plan import Plan
from bcauto.proxy import Proxy
from bcauto.study import (
    DONE,
    Confirmed,
    Identity,
    Ledger,
    Limits,
    Monitor,
    RepeatSource,
    SpaceSource,
    best_trials,
    confirm_time,
    confirmed,
    connect,
    lock,
    make_pruner,
    storage_failures_in_one_line,
)
from bcauto.training import Payload, Trainer

__all__ = ["run_search"]


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
    source = SpaceSource(plan.space, settings.seed, settings.sampler)
    ledger = Ledger(study, source, limits, plan.folder.model, monitor)
    if not ledger.over:
        _executor(plan).run(ledger, _work(plan, plan.proxy), check)


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
        _executor(plan).run(ledger, _work(plan, _confirm_proxy(plan)), check)
    return repeats


def _confirm_proxy(plan: Plan) -> Proxy:
    """The proxy that repeats are scored on, made when the first is about to start."""
    path = plan.folder.confirm_proxy
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        plan.confirm_proxy().save(path)
    return Proxy.load(path)


def _write(plan: Plan) -> None:
    if not plan.resumed:
        plan.proxy.save(plan.folder.proxy)
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


def _executor(plan: Plan) -> Executor:
    if plan.settings.executor == "inline":
        return InlineExecutor(plan.slots)
    from bcauto.execute.ray_tune import RayExecutor  # imports Ray, for seconds

    return RayExecutor(plan.slots, plan.settings.ray_address)


def _work(plan: Plan, proxy: Proxy) -> Work:
    payload = Payload(plan.data, proxy, plan.weights, plan.settings.hypermodel_folder)
    arrays = (payload.data.train.images, payload.data.val.images, payload.proxy.images)
    return Work(payload, sum(array.nbytes for array in arrays), Trainer)
