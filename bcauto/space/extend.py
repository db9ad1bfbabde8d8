"""A space that extends another: the other's lines with its own changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from bcauto.io.toml import merged, parse
from bcauto.recipe.recipe import Recipe, changed_recipe, replaced_by_changes
from bcauto.space.assemble import key_of
from bcauto.space.dimensions import alternatives, escaped
from bcauto.space.space import Space, given_recipe

__all__ = ["extended", "left_out"]

Table = dict[str, Any]


def extended(base: Table, changes: Table) -> Table:
    """Return the raw table of a space that extends ``base`` by ``changes``.

    - Tables merge key by key.
    - A dimension is replaced as a whole, by its full name. It keeps its condition unless it
      brings one (``when = {}`` removes it). One without a condition replaces all dimensions of its
      key.
    - A constant replaces the dimensions of its key. Dimensions under a condition on these lose it
      where the constant meets it, and are removed where it does not.
    - Stages replace all that has no effect beside them.
    - Starting points are kept, unless ``changes`` brings its own: points that the space can still
      sample, and whole recipes that agree with the constants that replace something
      (``left_out`` says why others are not kept).

    Raises:
        ValueError: the result is not a space.
    """
    table = _changed(base, changes)
    if "start" in changes:
        return table
    return {**table, "start": [left for left, reason in _starts(base, changes) if not reason]}


def left_out(base: Table, changes: Table) -> list[str]:
    """Return a line for each starting point of ``base`` that is not kept, with the reason.

    Raises:
        ValueError: the result is not a space.
    """
    reasons = [] if "start" in changes else [reason for _, reason in _starts(base, changes)]
    return [f"start {number}: {reason}" for number, reason in enumerate(reasons, 1) if reason]


def _changed(base: Table, changes: Table) -> Table:
    """Return the merged table, with the starting points of ``changes`` or else of ``base``."""
    _check_tables(changes)
    left = _without_fixed(base.get("search", {}), _fixed(changes))
    search = _changed_search(left, changes.get("search", {}))
    recipe = changed_recipe(base.get("recipe", {}), changes.get("recipe", {}))
    return {**merged(base, changes), "recipe": recipe, "search": search}


def _changed_search(search: Table, changes: Table) -> Table:
    """Return the changed dimensions; one without a condition replaces all of its key."""
    changed = {name: _conditional(entry, search.get(name)) for name, entry in changes.items()}
    whole = {name for name, entry in changed.items() if not _condition(entry)}
    left = {
        name: entry
        for name, entry in search.items()
        if name in changed or key_of(name) not in whole
    }
    return {**left, **changed}


def _conditional(entry: Any, before: Any) -> Any:
    """Return a changed dimension, with the condition it had before unless it brings its own."""
    when = _condition(before)
    if not when:
        return entry
    if isinstance(entry, list):
        entry = {"values": entry}
    return {"when": when, **entry} if isinstance(entry, dict) else entry


def _condition(entry: Any) -> Any:
    return entry.get("when") if isinstance(entry, dict) else None


def _starts(base: Table, changes: Table) -> list[tuple[Table, str]]:
    """Return what is left of each starting point of ``base``, and why it is not kept, if so."""
    space = parse(Space, {**_changed(base, changes), "start": []})
    fixed, replacing = _fixed(changes), _replacing(base, changes)
    return [
        (start, _contradiction(start, recipe, replacing))
        if (recipe := given_recipe(start))
        else _left(start, fixed, space)
        for start in base.get("start", [])
    ]


def _fixed(changes: Table) -> dict[str, Any]:
    """Return what is no longer searched by its dotted key: constants, and what stages replace."""
    recipe = changes.get("recipe", {})
    replaced = dict.fromkeys(replaced_by_changes(recipe), _NOTHING)
    return {**replaced, **dict(_flat(recipe))}


def _replacing(base: Table, changes: Table) -> Table:
    """Return the constants that replace what ``base`` searches or sets, by their dotted keys."""
    recipe = changes.get("recipe", {})
    known = {*map(key_of, base.get("search", {})), *dict(_flat(base.get("recipe", {})))}
    if not known.isdisjoint(replaced_by_changes(recipe)):
        known.add("training.stages")
    return {key: constant for key, constant in _flat(recipe) if key in known}


def _check_tables(changes: Table) -> None:
    """Check that tables are tables; their content is checked when they are merged."""
    for name in ("recipe", "search", "proxy", "confirm", "export"):
        if not isinstance(changes.get(name, {}), dict):
            raise ValueError(f"{name} must be a table, got {changes[name]!r}")


def _left(point: Table, fixed: Mapping[str, Any], space: Space) -> tuple[Table, str]:
    """Return a starting point's values of the dimensions left, and why it is not kept, if so."""
    left = {name: value for name, value in point.items() if key_of(name) not in fixed}
    for name, value in point.items():
        constant = fixed.get(key_of(name), _NOTHING)
        if constant is not _NOTHING and constant != value:
            return left, f"{name} is {value!r} there, and the constant {constant!r} here"
    if not left:
        return left, "none of its dimensions is searched here"
    return left, space.why_not(left)


def _contradiction(start: Table, recipe: Recipe, constants: Table) -> str:
    """Return why a whole recipe contradicts the constants; empty if it agrees with them."""
    table = recipe.model_dump(mode="json", exclude_none=True)
    by_stages = replaced_by_changes(table)
    name = f"{start['recipe']}: " if isinstance(start["recipe"], str) else ""
    for key, constant in constants.items():
        there = "said by the stages" if key in by_stages else _otherwise(table, key, constant)
        if there:
            return f"{name}{key} is {there} there, and the constant {constant!r} here"
    return ""


def _otherwise(table: Table, key: str, constant: Any) -> str:
    """Return a recipe's value of a key that differs from a constant; empty if it is the same."""
    said = _said(table, key)
    if said is None:
        return "not set"
    return "" if said in (_NOTHING, constant) else repr(said)


def _said(table: Any, key: str) -> Any:
    """Return a recipe's value of a dotted key, None where it is not set.

    A policy that is off has no table, so that no constant contradicts it.
    """
    *above, last = map(unquote, key.split("."))
    for name in above:
        table = table.get(name, _NOTHING) if isinstance(table, dict) else _NOTHING
    return table.get(last) if isinstance(table, dict) else _NOTHING


def _flat(table: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every constant of a table with its dotted key."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{escaped(key)}.")
        else:
            yield f"{above}{escaped(key)}", value


def _without_fixed(search: Table, fixed: Mapping[str, Any]) -> Table:
    """Return the dimensions that are left when constants replace those of their keys."""
    left: Table = {}
    for name, entry in search.items():
        when = _condition(entry) or {}
        gone = {parent: wanted for parent, wanted in when.items() if parent not in left}
        met = all(fixed.get(key_of(p), _NOTHING) in alternatives(w) for p, w in gone.items())
        if key_of(name) in fixed or not met:
            continue
        kept = {parent: wanted for parent, wanted in when.items() if parent in left}
        left[name] = {**entry, "when": kept} if gone else entry
    return left


_NOTHING = object()  # equal to no value of a condition or a constant
