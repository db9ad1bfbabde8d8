"""How a recipe's table is made of constants and of what is drawn for the dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from bcauto.space.dimensions import Dimension, Range, Scalar, Suggester, Value

__all__ = ["Fixed", "key_of", "recipe_table", "sample_values", "tables_of"]

Dimensions = Mapping[str, Dimension]


class Fixed:
    """Gives the values of a point, and elsewhere the first choice or the lower bound."""

    def __init__(self, point: Mapping[str, Scalar]) -> None:
        self.point = point

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        """The point's option, or the first."""
        return self.point.get(name, options[0])

    def number(self, name: str, bounds: Range) -> float:
        """The point's number, or the lower bound."""
        value = self.point.get(name, bounds.low)
        assert isinstance(value, int | float)  # Range.option saw to it
        return value


def key_of(name: str) -> str:
    """The recipe's key that a dimension sets."""
    return name.partition("@")[0]


def tables_of(name: str) -> set[str]:
    """The recipe's tables whose rules look at a dimension's key, and at another one beside it."""
    also = {"model"} if key_of(name) == "training.stages" else set()  # they freeze its layers
    return {name.partition(".")[0], *also}


def sample_values(search: Dimensions, suggest: Suggester) -> dict[str, Value]:
    """What ``suggest`` gives for the dimensions whose conditions hold."""
    sampled: dict[str, Value] = {}
    for name, dimension in search.items():
        if dimension.active(sampled):
            sampled[name] = dimension.sample(name, suggest)
    return sampled


def recipe_table(constants: Mapping[str, Any], sampled: Mapping[str, Value]) -> dict[str, Any]:
    """The recipe's table: constants, and over them what was drawn.

    Raises:
        ValueError: a dimension leads into what is no table.
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
    """The table with tables of its own; much faster than ``deepcopy``, for thousands of edges."""
    return {
        key: _copied(value) if isinstance(value, dict) else value for key, value in table.items()
    }
