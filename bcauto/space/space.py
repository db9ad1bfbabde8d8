"""The space itself: it checks the recipes it can reach when it is made, and samples them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bcauto.errors import BadInput, did_you_mean
from bcauto.io.toml import Frozen, checked, explain, parse, within
from bcauto.proxy.config import ProxyConfig
from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe
from bcauto.space.assemble import Fixed, key_of, recipe_table, sample_values, tables_of
from bcauto.space.conditions import check_conditions, check_option, point_with
from bcauto.space.dimensions import Choices, Dimension, Scalar, Suggester, Value, read_dimension
from bcauto.space.export import Export

__all__ = ["Confirmation", "Space", "given_recipe", "recipe_of"]

_RECIPE = "recipe"  # the key of a starting point that is a whole recipe
_FREE = "model.values."  # a hypermodel's own dimensions, which no rule compares


class Confirmation(Frozen):
    """What follows a search: its best trials train again on fresh seeds, and one of them wins."""

    top: int = Field(3, ge=0, le=100, description="trials that are trained again; 0: none")
    repeats: int = Field(2, ge=1, le=20, description="trainings of each")
    length: float = Field(
        1.0, ge=1, le=100, description="epochs of a repeat, as a multiple of the trial's"
    )
    prefer: Literal["best", "small"] = Field(
        "best",
        description="who wins: the best mean, or the smallest model within a standard error of it",
    )


class Space(Frozen):
    """Ranges to sample recipes from, and the proxy that scores them.

    ``recipe`` holds the constants as a partial recipe. ``search`` holds the dimensions, each named
    after the recipe's key (``training.learning_rate``); ``@`` and a word after it tell apart
    variants of one key under different conditions, and ``%2E`` is a dot that is part of a key
    (``escaped``). ``start`` is what to try first, each a point by dimension names or a whole
    recipe. ``confirm`` is what follows a search, ``export`` what may be handed over. A whole recipe
    is given by name (``recipe = "deepl"``), by file (``recipe = "mine.toml"``, from the folder of
    the space's own file) or as a table::

        [[start]]
        [start.recipe.model]
        backbone = "VGG16"

    When the space is made, it tries every choice and bound, every pair of them in one table of the
    recipe, and some numbers inside every range. So what it samples later passes the recipe's own
    checks, none of which looks at three values, or at two tables (stages apart, which are tried
    with the model).
    """

    recipe: dict[str, Any] = {}
    search: dict[str, Annotated[Dimension, BeforeValidator(read_dimension)]] = {}
    start: tuple[dict[str, Any], ...] = ()
    proxy: ProxyConfig = ProxyConfig()
    confirm: Confirmation = Confirmation()
    export: Export = Export()

    @model_validator(mode="after")
    def _samples_legal_recipes(self) -> Space:
        check_conditions(self.search)
        tables = {*self.recipe, *(key_of(name).split(".")[0] for name in self.search)}
        if "model" not in tables and tables <= Recipe.model_fields.keys():
            raise ValueError("recipe.model is missing; a file without it goes with --hypermodel")
        for number, start in enumerate(self.start, 1):
            if _RECIPE in start:
                _check_given(start, f"start {number}")
        self.edge_recipes  # noqa: B018  made once, and kept
        self._check_between_the_edges()
        for number, start in enumerate(self.start, 1):
            if _RECIPE not in start:
                self._check_point(start, f"start {number}: ")
        return self

    def sample(self, suggest: Suggester) -> Recipe:
        """Return a recipe whose active dimensions have the values that ``suggest`` gives.

        Raises:
            BadInput: it breaks a rule of recipes, which the space's own checks have overlooked.
        """
        sampled = sample_values(self.search, suggest)
        try:
            return self._recipe(sampled, sampled)
        except ValueError as error:
            raise BadInput(f"the space gave an illegal recipe: {error}") from None

    def at(self, point: Mapping[str, Value]) -> Recipe:
        """Return the recipe at a point; dimensions it leaves out have their first value."""
        return self.sample(Fixed(self.options(point)))

    @cached_property
    def edge_recipes(self) -> list[Recipe]:
        """A recipe for every choice and bound, and for every pair of them in one table.

        Raises:
            ValueError: one of them breaks a recipe's rule.
        """
        edges = [(name, value) for name, dim in self.search.items() for value in dim.edges]
        tied = [edge for edge in edges if not edge[0].startswith(_FREE)]
        pairs = [[a, b] for a, b in combinations(tied, 2) if tables_of(a[0]) & tables_of(b[0])]
        recipes = [self._try(some) for some in [[], *([edge] for edge in edges), *pairs]]
        return [*recipes, *(given for start in self.start if (given := given_recipe(start)))]

    def _check_between_the_edges(self) -> None:
        """Check some numbers inside every range, with every choice of the same table."""
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

    def why_not(self, point: Mapping[str, Any]) -> str:
        """Return why the space cannot sample a point; empty if it can."""
        try:
            self._check_point(point, "")
        except ValueError as error:
            return str(error)
        return ""

    @property
    def size(self) -> int | None:
        """The number of points; None if a range without steps makes them infinite."""
        if any(dimension.count is None for dimension in self.search.values()):
            return None
        parents = {parent for dimension in self.search.values() for parent in dimension.when}
        return self._count(list(self.search), parents, {})

    def points(self) -> Iterator[dict[str, Value]]:
        """Yield every point by the names of its dimensions.

        Raises:
            ValueError: ``size`` is None.
        """
        return self._points(list(self.search), {})

    def options(self, point: Mapping[str, Any]) -> dict[str, Scalar]:
        """Return a point as a sampler sees it: by dimension names, lists as JSON text."""
        return {name: self.search[name].option(value) for name, value in point.items()}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of constants, dimensions and proxy; the rest may change."""
        canonical = json.dumps(
            self.model_dump(mode="json", exclude={"start", "confirm", "export"}), sort_keys=True
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _count(self, names: Sequence[str], parents: set[str], sampled: dict[str, Value]) -> int:
        """Return the number of points that begin with ``sampled`` and go on with ``names``."""
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
        """Return the recipe with some dimensions' values, and first values elsewhere.

        Raises:
            ValueError: it breaks a rule of recipes.
        """
        point = point_with(self.search, edges)
        sampled = sample_values(self.search, Fixed(self.options(point)))
        return self._recipe(sampled, point)

    def _recipe(self, sampled: Mapping[str, Value], shown: Mapping[str, Value]) -> Recipe:
        """Return the recipe of the constants and what is sampled.

        Raises:
            ValueError: it breaks a rule of recipes; the message says ``shown`` and the rule.
        """
        try:
            return parse(Recipe, recipe_table(self.recipe, sampled))
        except ValidationError as error:
            values = ", ".join(f"{name} = {_shown(value)}" for name, value in shown.items())
            given = f"sampled {values}: " if values else ""
            raise ValueError(f"{given}{explain(error, Recipe)}") from None

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
    """Return the whole recipe of a starting point; None if it is a point of the space.

    ``read_space`` has replaced files by their recipes. Of a space made in Python, files are taken
    from the current folder.

    Raises:
        BadInput: there is no such recipe, it breaks a rule, or its path leaves the folder.
    """
    if _RECIPE not in start:
        return None
    given = start[_RECIPE]
    return checked(Recipe, given, _RECIPE) if isinstance(given, dict) else recipe_of(given, Path())


def recipe_of(name: str, folder: Path) -> Recipe:
    """Return the recipe that a starting point names.

    Args:
        name: a bundled recipe's, or a ``.toml`` file in the folder or below.
        folder: where a relative path starts.

    Raises:
        BadInput: there is no such recipe, it breaks a rule, or its path leaves the folder.
    """
    return read_recipe(within(folder, name, find_recipe(name)))


def _shown(value: Value) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)


def _check_given(start: Mapping[str, Any], where: str) -> None:
    """Check that a starting point is a legal whole recipe, and nothing else."""
    if len(start) > 1:
        other = min(set(start) - {_RECIPE})
        raise ValueError(f"{where}: a recipe must stand alone, got {other!r} beside it")
    given = start[_RECIPE]
    if not isinstance(given, str | dict):
        rule = f"recipe must be a name or a .toml file, got {given!r}; or a table that is a recipe"
        raise ValueError(f"{where}: {rule}")
    try:
        given_recipe(start)
    except BadInput as error:
        raise ValueError(f"{where}: {error}") from None
