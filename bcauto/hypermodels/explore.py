"""The space of a hypermodel: every hyperparameter that some build or fit of it asks for."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine.hyperparameters import Boolean, Choice, Fixed, Float, Int
from keras_tuner.errors import FailedTrialError

from bcauto.errors import BadInput
from bcauto.space.dimensions import escaped, read_dimension
from bcauto.training.hypermodel.load import in_one_line

__all__ = ["Explored", "as_table", "explore"]

_MOST_BUILDS = 500
_MOST_CHOICES = 16  # of a hyperparameter that are built
_PREFIX = "model.values."


@dataclass(frozen=True)
class Explored:
    """What is known of a hypermodel: ``known`` as ``keras_tuner.HyperParameters``.

    ``faults`` has for each build that failed the ``values`` that it had, elsewhere defaults, and
    its ``reason`` in one line.
    """

    known: Any
    faults: list[dict[str, Any]]


def explore(hypermodel: Any, build: Callable[[Any], Any]) -> Explored:
    """All that ``hypermodel`` declares, and what of it cannot be built.

    As a tuner of KerasTuner does it: the model is built with the defaults, and again until every
    conditional scope was active once. Beyond that it is built with every choice (with 16 of a
    longer list, its ends and what lies evenly between), and both ends of every whole number, so
    that what is asked for in a loop (``units_3``) is known from the start. A ``FailedTrialError``
    of KerasTuner is no fault: so a hypermodel says itself that a trial must fail.

    Args:
        hypermodel: may declare hyperparameters before it is built.
        build: builds it with given hyperparameters; what it raises with the defaults is raised.

    Raises:
        BadInput: names differ from build to build, or more and more come up.
    """
    known = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(known)
    _check_names_stay(known, build)
    ahead: deque[dict[str, Any]] = deque([{}])
    ahead.extend(_ends(known.space, {}))
    tried: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    scopes: list[Any] = []
    while ahead:
        values = ahead.popleft()
        if values in tried:
            continue
        _check_ends(len(tried), known)
        hp = _with_values(known, values)
        if reason := _fault(build, hp):
            faults.append({"values": values, "reason": reason})
        tried.append(values)
        ahead.extend(_ends((p for p in hp.space if not _has(known, p)), values))
        known.merge(hp, overwrite=False)
        scopes.extend(copy.deepcopy(scope) for scope in hp.active_scopes if scope not in scopes)
        for scope in hp.inactive_scopes:
            if scope not in scopes:
                scopes.append(copy.deepcopy(scope))
                ahead.append({**values, **_met(scope)})
    return Explored(known, faults)


def _check_names_stay(declared: Any, build: Callable[[Any], Any]) -> None:
    """Makes sure that the same values ask for the same names."""
    names = []
    for _ in range(2):
        hp = _with_values(declared, {})
        build(hp)
        names.append({parameter.name for parameter in hp.space})
    if names[0] != names[1]:
        one, other = (sorted(mine - its) for mine, its in (names, reversed(names)))
        got = " and then ".join(repr(some[0]) if some else "none of it" for some in (one, other))
        raise BadInput(f"the names of its hyperparameters differ from build to build, got {got}")


def _check_ends(builds: int, known: Any) -> None:
    if builds >= _MOST_BUILDS:
        rule = f"{_MOST_BUILDS} builds must bring up all of its hyperparameters"
        newest = known.space[-1].name
        raise BadInput(f"{rule}, got {len(known.space)} and more to try, {newest!r} the newest")


def _fault(build: Callable[[Any], Any], hp: Any) -> str | None:
    """Why such a build fails, in one line; None where it does not, or is meant to."""
    try:
        build(hp)
    except FailedTrialError:
        return None
    except Exception as error:  # a user's code may raise anything
        return str(error) if isinstance(error, BadInput) else in_one_line(error)
    return None


def _with_values(known: Any, values: dict[str, Any]) -> Any:
    """The hyperparameters with some values, and defaults elsewhere."""
    hp = known.copy()
    hp.values = dict(values)
    for parameter in hp.space:  # parents come first
        if hp.is_active(parameter):
            hp.values.setdefault(parameter.name, parameter.default)
    return hp


def _has(known: Any, parameter: Any) -> bool:
    same = (p for p in known.space if p.name == parameter.name)
    return any(p.conditions == parameter.conditions for p in same)


def _ends(parameters: Iterable[Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    """What to try for parameters that a build with ``values`` brought up."""
    return [
        {**values, **_met(parameter.conditions), parameter.name: end}
        for parameter in parameters
        for end in _tried_of(parameter)
    ]


def _tried_of(parameter: Any) -> list[Any]:
    if isinstance(parameter, Choice | Boolean):
        return _spread(list(parameter.values))
    if isinstance(parameter, Int):
        return [parameter.min_value, _highest(parameter)]
    return []


def _spread(values: list[Any]) -> list[Any]:
    """All of a short list; of a long one its ends, and what lies evenly between."""
    last, count = len(values) - 1, min(len(values), _MOST_CHOICES)
    return [values[number * last // max(1, count - 1)] for number in range(count)]


def _met(conditions: Iterable[Any]) -> dict[str, Any]:
    return {condition.name: condition.values[0] for condition in conditions}


def as_table(known: Any) -> dict[str, Any]:
    """The dimensions and the starting point (the defaults) of a space that holds ``known``.

    One name under several conditions makes variants, told apart by ``@`` and a number. A range
    that takes logarithmic steps becomes a list of choices.
    """
    kept = [parameter for parameter in known.space if not _is_held(parameter, known.space)]
    names: dict[int, str] = {}
    search: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for number, parameter in enumerate(kept):
        variant = sum(other.name == parameter.name for other in kept[:number])
        name = f"{_PREFIX}{escaped(parameter.name)}{f'@{variant + 1}' if variant else ''}"
        when = _when(parameter, kept[:number], names, search)
        if when is None:
            continue
        names[number] = name
        search[name] = {**_entry(parameter), **({"when": when} if when else {})}
        if all(defaults.get(parent) in wanted for parent, wanted in when.items()):
            defaults[name] = _nearest(search[name], parameter.default)
    return {"search": search, "start": [defaults] if defaults else []}


def _nearest(entry: dict[str, Any], default: Any) -> Any:
    """A default, or the value nearest to it where it is none: KerasTuner checks no number."""
    try:
        read_dimension(entry).option(default)
    except ValueError:
        legal = entry.get("values") or _around(default, **entry)
        return min(legal, key=lambda value: abs(value - default))
    return default


def _around(number: float, low: float, high: float, step: float = 0, **_: Any) -> list[float]:
    """The values of a range that may be nearest to a number, of the range's type."""
    step = step or (1 if isinstance(low, int) else 0)
    inside = min(max(number, low), high)
    below = low + (inside - low) // step * step if step else inside
    kind = type(low)
    return [kind(min(value, high)) for value in (below, below + step)]


def _is_held(parameter: Any, space: list[Any]) -> bool:
    """Whether another of the same name is there whenever this one is."""
    others = (p for p in space if p.name == parameter.name and p is not parameter)
    return any(all(c in parameter.conditions for c in other.conditions) for other in others)


def _when(
    parameter: Any, above: list[Any], names: dict[int, str], search: dict[str, Any]
) -> dict[str, list[Any]] | None:
    """The condition on the parent, whose own conditions are its own; None: it can never hold."""
    if not parameter.conditions:
        return {}
    *outer, last = parameter.conditions
    parents = [n for n, p in enumerate(above) if p.name == last.name and n in names]
    fitting = [n for n in parents if all(c in outer for c in above[n].conditions)]
    if not fitting:
        return None
    name = names[fitting[-1]]
    wanted = [_like(above[fitting[-1]], value) for value in last.values]
    possible = [value for value in wanted if _can_be(search[name], value)]
    return {name: possible} if possible else None


def _like(parent: Any, value: Any) -> Any:
    """A condition's value in its parent's type."""
    return bool(value) if isinstance(parent, Boolean) else value


def _can_be(entry: dict[str, Any], value: Any) -> bool:
    if "values" in entry:
        return value in entry["values"]
    on_step = not (value - entry["low"]) % (entry.get("step") or 1)
    return bool(entry["low"] <= value <= entry["high"] and on_step)


def _entry(parameter: Any) -> dict[str, Any]:
    """The dimension of a hyperparameter."""
    if isinstance(parameter, Fixed):
        return {"values": [parameter.value]}
    if isinstance(parameter, Choice | Boolean):
        return {"values": list(dict.fromkeys(parameter.values))}
    logarithmic = parameter.sampling != "linear"
    kind = float if isinstance(parameter, Float) else int
    if logarithmic and parameter.step:
        return {"values": list(dict.fromkeys(map(kind, parameter.values)))}
    step = parameter.step if parameter.step not in (None, 1) or kind is float else None
    return {
        "low": kind(parameter.min_value),
        "high": kind(_highest(parameter)),
        **({"step": kind(step)} if step else {}),
        **({parameter.sampling: True} if logarithmic else {}),
    }


def _highest(parameter: Any) -> Any:
    """The highest value that is drawn: steps need not end at the maximum."""
    if parameter.step in (None, 1) or parameter.sampling != "linear":
        return parameter.max_value
    return max(parameter.values)
