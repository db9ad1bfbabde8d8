"""The space itself: it checks what it can reach when it is made, and draws recipes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bcauto.errors import BadInput, did_you_mean
from bcauto.io.toml import Frozen, explain, faults, parse, within
from bcauto.proxy.config import ProxyConfig
from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe
from bcauto.space.assemble import Fixed, recipe_table, sample_values, tables_of
from bcauto.space.blame import blame
from bcauto.space.conditions import check_conditions, check_option, point_with
from bcauto.space.dimensions import Choices, Dimension, Scalar, Suggester, Value, read_dimension

__all__ = ["Confirmation", "Space", "given_recipe", "recipe_of"]

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
    a whole recipe; ``confirm`` what follows a search. A whole recipe is given by name
    (``recipe = "deepl"``), by file (``recipe = "mine.toml"``, from the folder of the space's own
    file) or as a table in its place::

        [[start]]
        [start.recipe.model]
        backbone = "VGG16"

    Every choice and bound, every two of one table, and some numbers inside every range are tried
    when the space is made, so that what it draws later passes the recipe's own checks: none looks
    at three values, or at two tables (but for stages, which are tried with the model, too).
    """

    recipe: dict[str, Any] = {}
    search: dict[str, Annotated[Dimension, BeforeValidator(read_dimension)]] = {}
    start: tuple[dict[str, Any], ...] = ()
    proxy: ProxyConfig = ProxyConfig()
    confirm: Confirmation = Confirmation()

    @model_validator(mode="after")
    def _draws_legal_recipes(self) -> Space:
        check_conditions(self.search)
        for number, start in enumerate(self.start, 1):
            if _RECIPE in start:
                _check_given(start, f"start {number}")
        self.edge_recipes  # noqa: B018  drawn once, and kept
        self._check_between_the_edges()
        for number, start in enumerate(self.start, 1):
            if _RECIPE not in start:
                self._check_point(start, f"start {number}: ")
        return self

    def sample(self, suggest: Suggester) -> Recipe:
        """A recipe whose active dimensions take the values that ``suggest`` gives.

        Raises:
            BadInput: no recipe may be what comes of them, which the space's own checks left out.
        """
        sampled = sample_values(self.search, suggest)
        try:
            return parse(Recipe, recipe_table(self.recipe, sampled))
        except ValidationError:
            raise BadInput(f"no recipe: {blame(self.recipe, self.search, sampled, '')}") from None

    def at(self, point: Mapping[str, Value]) -> Recipe:
        """The recipe at a point by dimension names; elsewhere first choices and lower bounds."""
        return self.sample(Fixed(self.options(point)))

    @cached_property
    def edge_recipes(self) -> list[Recipe]:
        """A recipe for every choice and bound, and every two of one table: the space's edges.

        Raises:
            ValueError: one of them breaks a recipe's rule.
        """
        edges = [(name, value) for name, dim in self.search.items() for value in dim.edges]
        tied = [edge for edge in edges if not edge[0].startswith(_FREE)]
        pairs = [[a, b] for a, b in combinations(tied, 2) if tables_of(a[0]) & tables_of(b[0])]
        recipes = [self._try(some) for some in [*([edge] for edge in edges), *pairs]]
        given = [recipe for start in self.start if (recipe := given_recipe(start))]
        return [*(recipes or [self._try([])]), *given]

    def _check_between_the_edges(self) -> None:
        """Makes sure that ranges are legal inside, too, beside every choice of their table."""
        chosen = [
            (name, value)
            for name, dimension in self.search.items()
            if isinstance(dimension, Choices) and not name.startswith(_FREE)
            for value in dimension.values
        ]
        for name, dimension in self.search.items():
            beside = [[one] for one in chosen if tables_of(one[0]) & tables_of(name)]
            for value, others in product(dimension.inside, [[], *beside]):
                self._try([*others, (name, value)])

    def why_not(self, start: Mapping[str, Any]) -> str:
        """Why a starting point cannot be drawn; empty where it can, or is a whole recipe."""
        if _RECIPE in start:
            return ""
        try:
            self._check_point(start, "")
        except ValueError as error:
            return str(error)
        return ""

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

    def _count(self, names: Sequence[str], parents: set[str], sampled: dict[str, Value]) -> int:
        """How many points there are that begin with ``sampled`` and go on with ``names``."""
        if not names:
            return 1
        name, *others = names
        dimension = self.search[name]
        if not dimension.active(sampled):
            return self._count(others, parents, sampled)
        if name not in parents:
            return (dimension.count or 0) * self._count(others, parents, sampled)
        every = dimension.every()
        return sum(self._count(others, parents, {**sampled, name: value}) for value in every)

    def _points(
        self, names: Sequence[str], sampled: dict[str, Value]
    ) -> Iterator[dict[str, Value]]:
        if not names:
            yield sampled
            return
        name, *others = names
        active = self.search[name].active(sampled)
        for value in self.search[name].every() if active else [None]:
            more = {} if value is None else {name: value}
            yield from self._points(others, {**sampled, **more})

    def _try(self, edges: Sequence[tuple[str, Value]]) -> Recipe:
        """The recipe of some dimensions' values; ValueError where no recipe may be it."""
        point = point_with(self.search, edges)
        sampled = sample_values(self.search, Fixed(self.options(point)))
        try:
            return parse(Recipe, recipe_table(self.recipe, sampled))
        except ValidationError:
            suspect = edges[-1][0] if edges else ""
            raise ValueError(blame(self.recipe, self.search, sampled, suspect)) from None

    def _check_point(self, point: Mapping[str, Any], where: str) -> None:
        for name, value in point.items():
            if name not in self.search:
                raise ValueError(
                    f"{where}unknown dimension {name!r}; {did_you_mean(name, self.search)}"
                )
            check_option(f"{where}{name}", self.search[name], value)
        sampled = sample_values(self.search, Fixed(self.options(point)))
        try:
            parse(Recipe, recipe_table(self.recipe, sampled))
        except ValidationError as error:
            raise ValueError(f"{where}{explain(error, Recipe)}") from None
        idle = set(point) - set(sampled)
        if idle:
            raise ValueError(f"{where}{min(idle)!r} has no effect, since its condition fails")


def given_recipe(start: Mapping[str, Any]) -> Recipe | None:
    """The recipe that a starting point gives whole; None where it is a point of the space.

    ``read_space`` has put the recipes of files in their place. Of a space that was made in Python
    files are looked for in the current folder.

    Raises:
        BadInput: there is no such recipe, it breaks a rule, or its path leaves the folder.
    """
    if _RECIPE not in start:
        return None
    given = start[_RECIPE]
    return _inline(given) if isinstance(given, dict) else recipe_of(given, Path())


def recipe_of(name: str, folder: Path) -> Recipe:
    """The recipe that a starting point names.

    Args:
        name: of one that ships, or a ``.toml`` file of the folder or below.
        folder: what a relative path begins at.

    Raises:
        BadInput: there is none, it breaks a rule, or its path leaves the folder.
    """
    return read_recipe(within(folder, name, find_recipe(name)))


def _inline(table: Mapping[str, Any]) -> Recipe:
    """The recipe that is given as a table."""
    try:
        return parse(Recipe, table)
    except ValidationError as error:
        raise BadInput(faults(error, Recipe)[0].line(_RECIPE)) from None


def _check_given(start: Mapping[str, Any], where: str) -> None:
    """Makes sure that a whole recipe is given, and nothing else."""
    if len(start) > 1:
        other = min(set(start) - {_RECIPE})
        raise ValueError(f"{where}: recipe stands for all of it, got {other!r} besides")
    given = start[_RECIPE]
    if not isinstance(given, str | dict):
        rule = f"recipe must be a name or a .toml file, got {given!r}; or a table that is a recipe"
        raise ValueError(f"{where}: {rule}")
    try:
        given_recipe(start)
    except BadInput as error:
        raise ValueError(f"{where}: {error}") from None
