"""The space itself: it checks what it can reach when it is made, and draws recipes."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bcauto.errors import BadInput, choices
from bcauto.proxy import ProxyConfig
from bcauto.recipe import Recipe, find_recipe, read_recipe
from bcauto.space.dimensions import (
    Dimension,
    Range,
    Scalar,
    Suggester,
    Value,
    alternatives,
    read_dimension,
)
from bcauto.toml import Frozen, explain, parse

__all__ = ["Confirmation", "Space", "given_recipe"]

_RECIPE = "recipe"  # the key of a starting point that is a whole recipe
_FREE = "model.values."  # a hypermodel's own, on any two of which no rule looks


class Confirmation(Frozen):
    """How many of the best trials are trained again on fresh seeds, and how often each."""

    top: int = Field(3, ge=0, le=100, description="0: none")
    repeats: int = Field(2, ge=1, le=20)


class Space(Frozen):
    """Ranges to draw recipes from, and the proxy that scores them.

    ``recipe`` holds the constants as a partial recipe; ``search`` the dimensions, each named
    after the recipe's key (``training.learning_rate``), with ``@`` and a word of choice behind
    it where variants of one key hold under different conditions, and with ``%2E`` for a dot that
    is part of a key (``escaped``); ``start`` what to try first, each a point by dimension names or
    ``{ recipe = "name" }``, a whole recipe by name or file; ``confirm`` what follows a search.
    Every choice and bound, and every two of one table,
    are tried when the space is made, so that what it draws later passes the recipe's own checks:
    none looks at three values, or at two tables.
    """

    recipe: dict[str, Any] = {}
    search: dict[str, Annotated[Dimension, BeforeValidator(read_dimension)]] = {}
    start: tuple[dict[str, Any], ...] = ()
    proxy: ProxyConfig = ProxyConfig()
    confirm: Confirmation = Confirmation()

    @model_validator(mode="after")
    def _draws_legal_recipes(self) -> Space:
        self._check_conditions()
        self._check_variants()
        for number, start in enumerate(self.start, 1):
            if _RECIPE in start:
                _check_given(start, f"start {number}")
        self.edge_recipes  # noqa: B018  drawn once, and kept
        for number, start in enumerate(self.start, 1):
            if _RECIPE not in start:
                self._check_point(start, f"start {number}")
        return self

    def draw(self, suggest: Suggester) -> Recipe:
        """A recipe whose active dimensions take the values that ``suggest`` gives."""
        return parse(Recipe, self._nested(self._values(suggest)))

    def at(self, point: Mapping[str, Value]) -> Recipe:
        """The recipe at a point by dimension names; elsewhere first choices and lower bounds."""
        return self.draw(_Fixed(self.options(point)))

    @cached_property
    def edge_recipes(self) -> list[Recipe]:
        """A recipe for every choice and bound, and every two of one table: the space's edges.

        Raises:
            ValueError: one of them breaks a recipe's rule.
        """
        edges = [(name, value) for name, dim in self.search.items() for value in dim.edges]
        tied = [edge for edge in edges if not edge[0].startswith(_FREE)]
        pairs = [[a, b] for a, b in combinations(tied, 2) if _table(a[0]) == _table(b[0])]
        recipes = [
            self._try(self._point(some), f"search.{some[-1][0]}")
            for some in [*([edge] for edge in edges), *pairs]
        ]
        given = [recipe for start in self.start if (recipe := given_recipe(start))]
        return [*(recipes or [self._try({}, "recipe")]), *given]

    def holds(self, start: Mapping[str, Any]) -> bool:
        """Whether a starting point is a whole recipe, or says what can be drawn."""
        if _RECIPE in start:
            return True
        try:
            self._check_point(start, "start")
        except ValueError:
            return False
        return True

    @property
    def size(self) -> int | None:
        """How many points there are; None where a range without steps makes them endless."""
        if any(dimension.count is None for dimension in self.search.values()):
            return None
        parents = {parent for dimension in self.search.values() for parent in dimension.when}
        return self._count(list(self.search), parents, {})

    def points(self) -> Iterator[dict[str, Value]]:
        """Every point, by the names of its dimensions; endless where ``size`` is None."""
        return self._points(list(self.search), {})

    def options(self, point: Mapping[str, Any]) -> dict[str, Scalar]:
        """A point by dimension names, in the words that a sampler is told."""
        return {name: self.search[name].option(value) for name, value in point.items()}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over constants, dimensions and proxy; the rest may change."""
        canonical = json.dumps(
            self.model_dump(mode="json", exclude={"start", "confirm"}), sort_keys=True
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _values(self, suggest: Suggester) -> dict[str, Value]:
        drawn: dict[str, Value] = {}
        for name, dimension in self.search.items():
            if dimension.active(drawn):
                drawn[name] = dimension.draw(name, suggest)
        return drawn

    def _count(self, names: Sequence[str], parents: set[str], drawn: dict[str, Value]) -> int:
        """How many points there are that begin with ``drawn`` and go on with ``names``."""
        if not names:
            return 1
        name, *others = names
        dimension = self.search[name]
        if not dimension.active(drawn):
            return self._count(others, parents, drawn)
        if name not in parents:
            return (dimension.count or 0) * self._count(others, parents, drawn)
        every = dimension.every()
        return sum(self._count(others, parents, {**drawn, name: value}) for value in every)

    def _points(self, names: Sequence[str], drawn: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if not names:
            yield drawn
            return
        name, *others = names
        active = self.search[name].active(drawn)
        for value in self.search[name].every() if active else [None]:
            more = {} if value is None else {name: value}
            yield from self._points(others, {**drawn, **more})

    def _nested(self, drawn: Mapping[str, Value]) -> dict[str, Any]:
        nested = copy.deepcopy(self.recipe)
        for name, value in drawn.items():
            *tables, key = map(unquote, _key(name).split("."))
            table = nested
            for part in tables:
                table = table.setdefault(part, {})
                if not isinstance(table, dict):
                    raise ValueError(f"search.{name}: {part} must be a table, got {table!r}")
            table[key] = value
        return nested

    def _point(self, edges: Sequence[tuple[str, Value]]) -> dict[str, Value]:
        """The edges, and what their conditions ask for."""
        wanted: dict[str, Value] = {}
        for name, _ in edges:
            wanted |= self._ancestors(name)
        return {**wanted, **dict(edges)}

    def _ancestors(self, name: str) -> dict[str, Value]:
        """The values that ``name``'s conditions, and theirs in turn, ask for."""
        wanted: dict[str, Value] = {}
        for parent, value in self.search[name].when.items():
            wanted |= {**self._ancestors(parent), parent: alternatives(value)[0]}
        return wanted

    def _try(self, point: Mapping[str, Value], where: str) -> Recipe:
        try:
            return self.at(point)
        except ValidationError as error:
            raise ValueError(f"{where}: {explain(error, Recipe)}") from None

    def _check_conditions(self) -> None:
        above: dict[str, Dimension] = {}
        for name, dimension in self.search.items():
            for parent, value in dimension.when.items():
                where = f"search.{name}: when"
                if parent not in above:
                    rule = f"{where} must name a dimension above it, got {parent!r}"
                    raise ValueError(f"{rule}; {choices(parent, above)}")
                if not alternatives(value):
                    raise ValueError(f"{where} {parent} must be one value or more, got {value!r}")
                for one in alternatives(value):
                    _check_option(f"{where} {parent}", above[parent], one)
            above[name] = dimension

    def _check_variants(self) -> None:
        """Makes sure that no two dimensions of one key are ever drawn together."""
        for one, other in combinations(self.search, 2):
            key = _key(one)
            if key == _key(other) and not self._exclude_each_other(one, other):
                raise ValueError(
                    f"search.{other}: {one!r} sets {key} too, so their conditions must exclude "
                    f"each other, got {self.search[one].when} and {self.search[other].when}"
                )

    def _exclude_each_other(self, one: str, other: str) -> bool:
        return any(
            parent == same and not set(wanted) & set(others)
            for parent, wanted in self._conditions(one)
            for same, others in self._conditions(other)
        )

    def _conditions(self, name: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The dimension's conditions and its parents': what must be among what."""
        for parent, wanted in self.search[name].when.items():
            yield parent, alternatives(wanted)
            yield from self._conditions(parent)

    def _check_point(self, point: Mapping[str, Any], where: str) -> None:
        for name, value in point.items():
            if name not in self.search:
                raise ValueError(
                    f"{where}: unknown dimension {name!r}; {choices(name, self.search)}"
                )
            _check_option(f"{where}: {name}", self.search[name], value)
        self._try(point, where)
        idle = set(point) - set(self._values(_Fixed(self.options(point))))
        if idle:
            raise ValueError(f"{where}: {min(idle)!r} has no effect, since its condition fails")


def given_recipe(start: Mapping[str, Any]) -> Recipe | None:
    """The recipe that a starting point gives whole; None where it is a point of the space.

    Raises:
        BadInput: there is no such recipe, or it breaks a rule.
    """
    return read_recipe(find_recipe(start[_RECIPE])) if _RECIPE in start else None


def _check_given(start: Mapping[str, Any], where: str) -> None:
    """Makes sure that a whole recipe is given, and nothing else."""
    if len(start) > 1:
        other = min(set(start) - {_RECIPE})
        raise ValueError(f"{where}: recipe stands for all of it, got {other!r} besides")
    if not isinstance(start[_RECIPE], str):
        raise ValueError(f"{where}: recipe must be a name or a .toml file, got {start[_RECIPE]!r}")
    try:
        given_recipe(start)
    except BadInput as error:
        raise ValueError(f"{where}: {error}") from None


class _Fixed:
    """Gives the values of a point, and elsewhere the first choice or the lower bound."""

    def __init__(self, point: Mapping[str, Scalar]) -> None:
        self.point = point

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        return self.point.get(name, options[0])

    def number(self, name: str, bounds: Range) -> float:
        value = self.point.get(name, bounds.low)
        assert isinstance(value, int | float)  # Range.option saw to it
        return value


def _key(name: str) -> str:
    """The recipe's key that a dimension sets."""
    return name.partition("@")[0]


def _table(name: str) -> str:
    """The recipe's table, whose own rules may look at any two of its keys, nested ones too."""
    return name.partition(".")[0]


def _check_option(where: str, dimension: Dimension, value: Any) -> None:
    try:
        dimension.option(value)
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None
