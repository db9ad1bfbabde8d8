"""What a search begins with, as lines: study, data, space, proxy, workers."""

from __future__ import annotations

from bcauto.data.groups import NO_GROUPS
from bcauto.display.tables import counted
from bcauto.driver.materials import uses_keras_cv
from bcauto.driver.plan import Plan

__all__ = ["overview"]

_KERAS_CV_LINE = (
    'augment.engine = "keras-cv" follows no seed: the same trial has another score the next time'
)


def overview(plan: Plan) -> dict[str, str]:
    """Return what a search begins with, a text by its title."""
    settings, data, slots = plan.settings, plan.record.data, plan.slots
    known = "goes on" if plan.resumed else "new"
    size = "x".join(map(str, data.image_size))
    split = f"{data.train} images to train on, {data.val} to validate, {size}"
    share = f"{slots.gpus:g} GPU" if slots.gpus else counted(slots.threads, "core")
    workers = f"{slots.workers} at a time with {share} each, {settings.executor}"
    if settings.ray_address != "local":
        workers = f"{settings.workers or 'as many as fit'} at a time on {settings.ray_address}"
    frail = " (a crash of native code ends the search)" if settings.executor == "inline" else ""
    dimensions = counted(len(plan.space.search), "dimension")
    keras_cv = {"engine": _KERAS_CV_LINE} if uses_keras_cv(plan.space) else {}
    return {
        "study": f"{plan.folder.name} ({known}), in {plan.folder.path}",
        "data": f"{settings.data or 'built-in cells'}: {split}, {len(data.class_names)} classes",
        "cleaned": plan.data.cleaning.summary(),
        **({"groups": _groups_line(plan)} if plan.data.grouping != NO_GROUPS else {}),
        "space": f"{settings.space}: {dimensions}, weights {_weights_line(plan)}",
        **keras_cv,
        "proxy": _proxy_line(plan),
        "workers": f"{workers}{frail}",
    }


def _groups_line(plan: Plan) -> str:
    unasked = plan.settings.groups is None
    return plan.data.grouping_summary + ("; --groups none parts them" if unasked else "")


def _proxy_line(plan: Plan) -> str:
    own = len(plan.own.labels) if plan.own else 0
    copies = f"{len(plan.proxy.labels) - own} corrupted copies of the validation images"
    return f"{copies}, {own} of your own" if own else copies


def _weights_line(plan: Plan) -> str:
    if plan.settings.hypermodel:
        return "the hypermodel's own"
    networks = [recipe.model for recipe in plan.space.edge_recipes]
    needed = any(map(plan.weights.pretrains, networks))
    return plan.settings.weights if needed else "none (all networks train from scratch)"
