"""Rules for the names and conditions of dimensions, and points at which conditions hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from bcauto.errors import did_you_mean
from bcauto.space.assemble import Dimensions, key_of
from bcauto.space.dimensions import Dimension, Value, alternatives

__all__ = ["check_conditions", "check_option", "point_with"]

_WORD = re.compile(r"[\w.+-]+")


def check_conditions(search: Dimensions) -> None:
    """Check that every dimension can be active, and that no two of one key are active together.

    Raises:
        ValueError: a name, a condition or two of them break a rule.
    """
    for name in search:
        _check_name(name)
        for parent, value in search[name].when.items():
            _check_parent(search, name, parent)
            _check_wanted(search[parent], f"search.{name}: when {parent}", value)
        _check_can_hold(search, name)
    _check_variants(search)


def point_with(search: Dimensions, edges: Sequence[tuple[str, Value]]) -> Mapping[str, Value]:
    """Return the point of some dimensions' values, with what their conditions ask for."""
    wanted: dict[str, tuple[Any, ...]] = {}
    for name, _ in edges:
        for parent, values in _wanted(search, name).items():
            both = [value for value in wanted.get(parent, values) if value in values]
            wanted[parent] = tuple(both) or values
    return {**{parent: values[0] for parent, values in wanted.items()}, **dict(edges)}


def check_option(where: str, dimension: Dimension, value: Any) -> None:
    """Check that a dimension can have a value.

    Raises:
        ValueError: it cannot; the message begins with ``where``.
    """
    try:
        dimension.option(value)
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None


def _check_name(name: str) -> None:
    """Check that a variant's name ends in one ``@`` and a word."""
    _, at, word = name.partition("@")
    if at and not _WORD.fullmatch(word):
        raise ValueError(f"search.{name} must have one word after one @, got {word!r}")


def _check_parent(search: Dimensions, name: str, parent: str) -> None:
    """Check that a condition is on a dimension that is sampled before."""
    names = list(search)
    above = names[: names.index(name)]
    if parent in above:
        return
    stands = "the dimension itself" if parent == name else "which stands below it"
    got = f"{parent!r}, {stands}" if parent in search else repr(parent)
    known = did_you_mean(parent, above) if above else "there is none above it"
    raise ValueError(f"search.{name}: when must name a dimension above it, got {got}; {known}")


def _check_wanted(parent: Dimension, where: str, wanted: Any) -> None:
    """Check that a condition asks for values that its parent can have."""
    if not alternatives(wanted):
        raise ValueError(f"{where} must be one value or more, got {wanted!r}")
    for one in alternatives(wanted):
        check_option(where, parent, one)
    if parent.count is None:
        rule = "must be on choices, whole numbers or a range with a step"
        raise ValueError(f"{where} {rule}, or it never holds; got {wanted!r} of an endless range")


def _check_can_hold(search: Dimensions, name: str) -> None:
    """Check that a dimension's conditions do not contradict those of its parents."""
    for parent, values in _wanted(search, name).items():
        if not values:
            every = [list(wanted) for of, wanted in _conditions(search, name) if of == parent]
            asked = " and among ".join(map(str, every))
            rule = f"search.{name}: when can never hold: it and its parents' conditions"
            raise ValueError(f"{rule} ask for {parent} among {asked}")


def _check_variants(search: Dimensions) -> None:
    """Check that no two dimensions of one key are ever active together."""
    for one, other in combinations(search, 2):
        key = key_of(one)
        if key == key_of(other) and not _exclude_each_other(search, one, other):
            raise ValueError(
                f"search.{other}: {one!r} sets {key} too, so their conditions must exclude "
                f"each other, got {search[one].when} and {search[other].when}"
            )


def _exclude_each_other(search: Dimensions, one: str, other: str) -> bool:
    mine, others = _wanted(search, one), _wanted(search, other)
    return any(
        not any(value in others[parent] for value in mine[parent])
        for parent in mine.keys() & others.keys()
    )


def _wanted(search: Dimensions, name: str) -> dict[str, tuple[Any, ...]]:
    """Return the values that other dimensions must have for ``name`` to be active."""
    wanted: dict[str, tuple[Any, ...]] = {}
    for parent, values in _conditions(search, name):
        wanted[parent] = tuple(value for value in wanted.get(parent, values) if value in values)
    return wanted


def _conditions(search: Dimensions, name: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the conditions of a dimension and its parents: a name and its values."""
    for parent, wanted in search[name].when.items():
        yield parent, alternatives(wanted)
        yield from _conditions(search, parent)
