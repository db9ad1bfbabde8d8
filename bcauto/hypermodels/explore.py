"""Finds the hyperparameters of a hypermodel: all that some build or fit of it asks for."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine.hyperparameters import Boolean, Choice, Int
from keras_tuner.errors import FailedTrialError

from bcauto.errors import BadInput
from bcauto.hypermodels.hyperparameters import highest
from bcauto.training.hypermodel.load import in_one_line

__all__ = ["Explored", "explore"]

_MOST_BUILDS = 500
_MOST_CHOICES = 16  # of one hyperparameter that are built


@dataclass(frozen=True)
class Explored:
    """What is known of a hypermodel.

    Attributes:
        known: the ``keras_tuner.HyperParameters`` that it asks for.
        faults: for each build that failed its ``values``, defaults aside, and its ``reason`` in one
            line.
    """

    known: Any
    faults: list[dict[str, Any]]


def explore(hypermodel: Any, build: Callable[[Any], Any]) -> Explored:
    """Find all hyperparameters of a hypermodel, and the values with which it cannot be built.

    It is built with the defaults, and again until every conditional scope was active once, as
    KerasTuner's tuners do it. Then it is built with every choice (of a list of more than 16, with
    16 of them) and both ends of every whole number, so that hyperparameters of a loop (``units_3``)
    are found before the search. A ``FailedTrialError`` is no fault: with it a hypermodel says that
    a trial is to fail.

    Args:
        hypermodel: may declare hyperparameters before it is built.
        build: builds it with given hyperparameters. What it raises with the defaults is raised.

    Raises:
        BadInput: names differ from build to build, or new ones come up for ever.
    """
    known = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(known)
    _check_names_repeat(known, build)
    queue: deque[dict[str, Any]] = deque([{}])
    queue.extend(_values_to_build(known.space, {}))
    tried: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    scopes: list[Any] = []
    while queue:
        values = queue.popleft()
        if values in tried:
            continue
        _check_number_of_builds(len(tried), known)
        hp = _with_values(known, values)
        if reason := _fault(build, hp):
            faults.append({"values": values, "reason": reason})
        tried.append(values)
        queue.extend(_values_to_build((p for p in hp.space if not _has(known, p)), values))
        known.merge(hp, overwrite=False)
        scopes.extend(copy.deepcopy(scope) for scope in hp.active_scopes if scope not in scopes)
        for scope in hp.inactive_scopes:
            if scope not in scopes:
                scopes.append(copy.deepcopy(scope))
                queue.append({**values, **_that_meet(scope)})
    return Explored(known, faults)


def _check_names_repeat(declared: Any, build: Callable[[Any], Any]) -> None:
    """Raise BadInput if two builds with the same values ask for different names."""
    names = []
    for _ in range(2):
        hp = _with_values(declared, {})
        build(hp)
        names.append({parameter.name for parameter in hp.space})
    if names[0] != names[1]:
        one, other = (sorted(mine - its) for mine, its in (names, reversed(names)))
        got = " and then ".join(repr(some[0]) if some else "none of it" for some in (one, other))
        raise BadInput(f"the names of its hyperparameters differ from build to build, got {got}")


def _check_number_of_builds(builds: int, known: Any) -> None:
    if builds >= _MOST_BUILDS:
        rule = f"{_MOST_BUILDS} builds must bring up all of its hyperparameters"
        newest = known.space[-1].name
        raise BadInput(f"{rule}, got {len(known.space)} and more to try, {newest!r} the newest")


def _fault(build: Callable[[Any], Any], hp: Any) -> str | None:
    """Return why a build fails, in one line; None if it does not, or is meant to."""
    try:
        build(hp)
    except FailedTrialError:
        return None
    except Exception as error:  # a user's code may raise anything
        return str(error) if isinstance(error, BadInput) else in_one_line(error)
    return None


def _with_values(known: Any, values: dict[str, Any]) -> Any:
    """Return the hyperparameters with some values, and defaults elsewhere."""
    hp = known.copy()
    hp.values = dict(values)
    for parameter in hp.space:  # parents come first
        if hp.is_active(parameter):
            hp.values.setdefault(parameter.name, parameter.default)
    return hp


def _has(known: Any, parameter: Any) -> bool:
    same = (p for p in known.space if p.name == parameter.name)
    return any(p.conditions == parameter.conditions for p in same)


def _values_to_build(parameters: Iterable[Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what to build next, after a build with ``values`` brought up some parameters."""
    return [
        {**values, **_that_meet(parameter.conditions), parameter.name: value}
        for parameter in parameters
        for value in _choices_or_ends(parameter)
    ]


def _choices_or_ends(parameter: Any) -> list[Any]:
    if isinstance(parameter, Choice | Boolean):
        return _spread(list(parameter.values))
    if isinstance(parameter, Int):
        return [parameter.min_value, highest(parameter)]
    return []


def _spread(values: list[Any]) -> list[Any]:
    """Return all values of a short list; of a long one, its ends and some evenly between."""
    last, count = len(values) - 1, min(len(values), _MOST_CHOICES)
    return [values[number * last // max(1, count - 1)] for number in range(count)]


def _that_meet(conditions: Iterable[Any]) -> dict[str, Any]:
    return {condition.name: condition.values[0] for condition in conditions}
