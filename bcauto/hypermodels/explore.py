"""The space of a hypermodel: every hyperparameter that some build or fit of it asks for."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import keras_tuner
from keras_tuner.engine.hyperparameters import Boolean, Choice, Fixed, Float, Int

from bcauto.space.dimensions import escaped

__all__ = ["as_table", "explore"]

_MOST_BUILDS = 200
_PREFIX = "model.values."


def explore(hypermodel: Any, build: Callable[[Any], Any]) -> Any:
    """All that ``hypermodel`` declares, as ``keras_tuner.HyperParameters``.

    As a tuner of KerasTuner does it: the model is built with the defaults, and again until every
    conditional scope was active once. Beyond that it is built with every choice, and both ends of
    every whole number, so that what is asked for in a loop (``units_3``) is known from the start.

    Args:
        hypermodel: may declare hyperparameters before it is built.
        build: builds it with given hyperparameters; only the first time an error is let pass.
    """
    known = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(known)
    ahead: deque[dict[str, Any]] = deque([{}])
    ahead.extend(_ends(known.space, {}))
    tried: list[dict[str, Any]] = []
    scopes: list[Any] = []
    while ahead and len(tried) < _MOST_BUILDS:
        values = ahead.popleft()
        if values in tried:
            continue
        hp = _with_values(known, values)
        with suppress(*([Exception] if tried else [])):
            build(hp)
        tried.append(values)
        ahead.extend(_ends((p for p in hp.space if not _has(known, p)), values))
        known.merge(hp, overwrite=False)
        scopes.extend(copy.deepcopy(scope) for scope in hp.active_scopes if scope not in scopes)
        for scope in hp.inactive_scopes:
            if scope not in scopes:
                scopes.append(copy.deepcopy(scope))
                ahead.append({**values, **_met(scope)})
    return known


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
        return list(parameter.values)
    if isinstance(parameter, Int):
        return [parameter.min_value, _highest(parameter)]
    return []


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
            defaults[name] = parameter.default
    return {"search": search, "start": [defaults] if defaults else []}


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
