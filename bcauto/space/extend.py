"""A space that extends another: the other's lines, but for those that it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bcauto.space.dimensions import alternatives

__all__ = ["extended", "inherited_start"]

Table = dict[str, Any]


def extended(base: Table, changes: Table) -> Table:
    """The raw table of a space that extends ``base`` by ``changes``; starting points left aside.

    Tables merge key by key; a dimension is changed as a whole, by its full name. A constant of
    ``changes`` takes the place of ``base``'s dimensions of its key: dimensions under a condition on
    these lose it where the constant meets it, and go where it does not.
    """
    table = {
        name: _merged(base.get(name, {}), changes.get(name, {}))
        for name in ("recipe", "proxy", "confirm")
    }
    search = _without_fixed(base.get("search", {}), dict(_flat(changes.get("recipe", {}))))
    return {**table, "search": {**search, **changes.get("search", {})}}


def inherited_start(point: Mapping[str, Any], changes: Table) -> Table | None:
    """What a starting point of the base says of the dimensions that are left.

    None where it differs from a constant that took a dimension's place.
    """
    fixed = dict(_flat(changes.get("recipe", {})))
    if any(_key(name) in fixed and fixed[_key(name)] != value for name, value in point.items()):
        return None
    return {name: value for name, value in point.items() if _key(name) not in fixed}


def _merged(base: Any, changes: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    inner = {k: _merged(base[k], v) if k in base else v for k, v in changes.items()}
    return {**base, **inner}


def _flat(table: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every constant of a table by its dotted key."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


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
