"""KerasTuner's hyperparameters as the dimensions of a space."""

from __future__ import annotations

from typing import Any

from keras_tuner.engine.hyperparameters import Boolean, Choice, Fixed, Float

from bcauto.space.dimensions import escaped, read_dimension

__all__ = ["as_table", "highest"]

_PREFIX = "model.values."


def as_table(known: Any) -> dict[str, Any]:
    """Return the dimensions and the starting point (the defaults) of a space, as tables.

    A name that occurs under several conditions becomes several dimensions, told apart by ``@`` and
    a number. A range with logarithmic steps becomes a list of choices.

    Args:
        known: a ``keras_tuner.HyperParameters``.
    """
    kept = [parameter for parameter in known.space if not _is_redundant(parameter, known.space)]
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
        search[name] = {**_dimension(parameter), **({"when": when} if when else {})}
        if all(defaults.get(parent) in wanted for parent, wanted in when.items()):
            defaults[name] = _nearest(search[name], parameter.default)
    return {"search": search, "start": [defaults] if defaults else []}


def highest(parameter: Any) -> Any:
    """Return the highest value that is sampled: steps need not end at the maximum."""
    if parameter.step in (None, 1) or parameter.sampling != "linear":
        return parameter.max_value
    return max(parameter.values)


def _is_redundant(parameter: Any, space: list[Any]) -> bool:
    """Whether another parameter of the same name is active whenever this one is."""
    others = (p for p in space if p.name == parameter.name and p is not parameter)
    return any(all(c in parameter.conditions for c in other.conditions) for other in others)


def _when(
    parameter: Any, above: list[Any], names: dict[int, str], search: dict[str, Any]
) -> dict[str, list[Any]] | None:
    """Return the condition on a parameter's parent; None if it can never be met.

    The parent's dimension has the conditions on its own parent.
    """
    if not parameter.conditions:
        return {}
    *outer, last = parameter.conditions
    parents = [n for n, p in enumerate(above) if p.name == last.name and n in names]
    fitting = [n for n in parents if all(c in outer for c in above[n].conditions)]
    if not fitting:
        return None
    parent, name = above[fitting[-1]], names[fitting[-1]]
    wanted = [bool(value) if isinstance(parent, Boolean) else value for value in last.values]
    possible = [value for value in wanted if _can_be(search[name], value)]
    return {name: possible} if possible else None


def _can_be(dimension: dict[str, Any], value: Any) -> bool:
    if "values" in dimension:
        return value in dimension["values"]
    on_step = not (value - dimension["low"]) % (dimension.get("step") or 1)
    return bool(dimension["low"] <= value <= dimension["high"] and on_step)


def _dimension(parameter: Any) -> dict[str, Any]:
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
        "high": kind(highest(parameter)),
        **({"step": kind(step)} if step else {}),
        **({parameter.sampling: True} if logarithmic else {}),
    }


def _nearest(dimension: dict[str, Any], default: Any) -> Any:
    """Return a default, or the legal value nearest to it: KerasTuner does not check a number."""
    try:
        read_dimension(dimension).option(default)
    except ValueError:
        legal = dimension.get("values") or _around(default, **dimension)
        return min(legal, key=lambda value: abs(value - default))
    return default


def _around(number: float, low: float, high: float, step: float = 0, **_: Any) -> list[float]:
    """Return the values of a range that may be nearest to a number, in the range's type."""
    step = step or (1 if isinstance(low, int) else 0)
    inside = min(max(number, low), high)
    below = low + (inside - low) // step * step if step else inside
    kind = type(low)
    return [kind(min(value, high)) for value in (below, below + step)]
