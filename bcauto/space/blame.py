"""Whose fault it is where a space draws what no recipe may be: a constant's, or a dimension's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from bcauto.io.toml import Fault, faults, parse
from bcauto.recipe.recipe import Recipe
from bcauto.space.assemble import Dimensions, recipe_table
from bcauto.space.dimensions import Value

__all__ = ["blame"]

_WITHOUT_MODEL = "a file without it goes with --hypermodel"


def blame(
    constants: Mapping[str, Any], search: Dimensions, sampled: Mapping[str, Value], suspect: str
) -> str:
    """The line that says what is wrong with the recipe that is drawn, and where in the space.

    A constant comes first: one that is illegal whatever a dimension is. Else it is a dimension of
    which another value, or none, would mend this; ``suspect``, where it is among those.

    Args:
        constants: the space's partial recipe.
        search: its dimensions.
        sampled: the values of which no recipe may be made.
        suspect: the dimension whose values are being tried.
    """
    fault = _faults(recipe_table(constants, sampled))[0]
    for one in _faults(constants):
        if not one.is_missing and not any(_mends(constants, search, {}, n, one) for n in search):
            return one.line("recipe")
    if fault.is_missing:
        hint = f"; {_WITHOUT_MODEL}" if fault.keys == ("model",) else ""
        return f"{fault.line('recipe')}{hint}"
    guilty = [name for name in sampled if _mends(constants, search, sampled, name, fault)]
    if not guilty:
        return fault.line("recipe")
    name = suspect if suspect in guilty else guilty[-1]
    return f"search.{name}: {fault.line()}{_hint(search, name, sampled[name])}"


def _hint(search: Dimensions, name: str, value: Value) -> str:
    between = value in search[name].inside
    return "; not all of the range is legal: give what is legal as choices" if between else ""


def _mends(
    constants: Mapping[str, Any],
    search: Dimensions,
    sampled: Mapping[str, Value],
    name: str,
    fault: Fault,
) -> bool:
    """Whether another value of a dimension, or none, has no such fault."""
    for values in _others(search, sampled, name):
        try:
            found = _faults(recipe_table(constants, values))
        except ValueError:  # it leads into what is no table
            continue
        hidden = any(_hides(one, fault) for one in found)
        if not hidden and _subject(fault) not in map(_subject, found):
            return True
    return False


def _hides(one: Fault, other: Fault) -> bool:
    """Whether a table's rule goes unasked, since one of its keys is illegal or missing."""
    return len(one.keys) > len(other.keys) and one.keys[: len(other.keys)] == other.keys


def _subject(fault: Fault) -> str:
    """What breaks a rule, without the values of which the rule's words are made."""
    return re.split(" (?:of|must) ", fault.line())[0]


def _others(
    search: Dimensions, sampled: Mapping[str, Value], name: str
) -> Iterator[Mapping[str, Value]]:
    """What is drawn with other values of a dimension, and with none."""
    if name in sampled:
        yield {other: value for other, value in sampled.items() if other != name}
    for value in search[name].edges:
        yield {**sampled, name: value}


def _faults(table: Mapping[str, Any]) -> list[Fault]:
    try:
        parse(Recipe, table)
    except ValidationError as error:
        return faults(error, Recipe)
    return []
