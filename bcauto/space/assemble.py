"""A recipe's table is made of the constants and of the values sampled for the dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from bcauto.space.dimensions import Dimension, Range, Scalar, Suggester, Value

__all__ = ["Fixed", "key_of", "recipe_table", "sample_values", "tables_of"]

Dimensions = Mapping[str, Dimension]


class Fixed:
    """Suggests the values of a point, and elsewhere the first choice or the lower bound."""

    def __init__(self, point: Mapping[str, Scalar]) -> None:
        self.point = point

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        """Return the point's option, or the first."""
        return self.point.get(name, options[0])

    def number(self, name: str, bounds: Range) -> float:
        """Return the point's number, or the lower bound."""
        value = self.point.get(name, bounds.low)
        assert isinstance(value, int | float)  # Range.option saw to it
        return value


def key_of(name: str) -> str:
    """Return the recipe's key that a dimension sets."""
    return name.partition("@")[0]


def tables_of(name: str) -> set[str]:
    """Return the recipe's tables that have rules on a dimension's key and another key."""
    if key_of(name) == "training.stages":  # they freeze layers of the model
        return {"training", "model"}
    return {name.partition(".")[0]}


def sample_values(search: Dimensions, suggest: Suggester) -> dict[str, Value]:
    """Return what ``suggest`` gives for the dimensions whose conditions hold."""
    sampled: dict[str, Value] = {}
    for name, dimension in search.items():
        if dimension.active(sampled):
            sampled[name] = dimension.sample(name, suggest)
    return sampled


def recipe_table(constants: Mapping[str, Any], sampled: Mapping[str, Value]) -> dict[str, Any]:
    """Return the recipe's table: the constants with the sampled values over them.

    Raises:
        ValueError: a dimension's key leads into a value that is not a table.
    """
    nested = _copied(constants)
    for name, value in sampled.items():
        *tables, key = map(unquote, key_of(name).split("."))
        table = nested
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ValueError(f"search.{name}: {part} must be a table, got {table!r}")
        table[key] = value
    return nested


def _copied(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with tables of its own; ``deepcopy`` is too slow for thousands of edges."""
    return {
        key: _copied(value) if isinstance(value, dict) else value for key, value in table.items()
    }
