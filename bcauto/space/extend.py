"""A space that extends another: the other's lines, but for those that it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bcauto.space.dimensions import alternatives, escaped
from bcauto.space.space import Space
from bcauto.toml import merged, parse

__all__ = ["extended"]

Table = dict[str, Any]


def extended(base: Table, changes: Table) -> Table:
    """The raw table of a space that extends ``base`` by ``changes``.

    Tables merge key by key; a dimension is changed as a whole, by its full name. A constant of
    ``changes`` takes the place of ``base``'s dimensions of its key: dimensions under a condition on
    these lose it where the constant meets it, and go where it does not. Starting points of ``base``
    stay where the space can still draw them, unless ``changes`` brings its own.

    Raises:
        ValueError: what comes of it is no space.
    """
    _check_tables(changes)
    fixed = dict(_flat(changes.get("recipe", {})))
    search = {**_without_fixed(base.get("search", {}), fixed), **changes.get("search", {})}
    table = {**merged(base, changes), "search": search}
    if "start" in changes:
        return table
    space = parse(Space, {**table, "start": []})
    points = (_left(point, fixed) for point in base.get("start", []))
    return {
        **table,
        "start": [point for point in points if point and space.holds(point)],
    }


def _check_tables(changes: Table) -> None:
    """Makes sure that what is merged are tables; what is in them is checked when it is merged."""
    for name in ("recipe", "search", "proxy", "confirm"):
        if not isinstance(changes.get(name, {}), dict):
            raise ValueError(f"{name} must be a table, got {changes[name]!r}")


def _left(point: Mapping[str, Any], fixed: Mapping[str, Any]) -> Table | None:
    """What a starting point says of the dimensions that are left; None where a constant differs."""
    if any(_key(name) in fixed and fixed[_key(name)] != value for name, value in point.items()):
        return None
    return {name: value for name, value in point.items() if _key(name) not in fixed}


def _flat(table: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every constant of a table by its dotted key."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{escaped(key)}.")
        else:
            yield f"{above}{escaped(key)}", value


def _without_fixed(search: Table, fixed: Mapping[str, Any]) -> Table:
    """The dimensions that are left when constants take the place of those of their keys."""
    left: Table = {}
    for name, entry in search.items():
        when = entry.get("when", {}) if isinstance(entry, dict) else {}
        gone = {parent: wanted for parent, wanted in when.items() if parent not in left}
        met = all(fixed.get(_key(p), _NOTHING) in alternatives(w) for p, w in gone.items())
        if _key(name) in fixed or not met:
            continue
        kept = {parent: wanted for parent, wanted in when.items() if parent in left}
        left[name] = {**entry, "when": kept} if gone else entry
    return left


_NOTHING = object()  # equal to nothing that a condition asks for


def _key(name: str) -> str:
    """The recipe's key that a dimension sets."""
    return name.partition("@")[0]
