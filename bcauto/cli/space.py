"""``bcauto space``: shows what a space holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import DEFAULT_SEED, JsonFlag, SeedOption
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.recipe.recipe import Recipe
    from bcauto.space.space import Space

__all__ = ["space"]

_MOST_SAMPLES = 10_000


def space(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SPACE",
            help="Name of a space, or a .toml file.",
            show_default="the spaces are listed",
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            help="Print so many random recipes instead.", min=1, max=_MOST_SAMPLES, metavar="N"
        ),
    ] = None,
    seed: SeedOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the dimensions and starting points of a space, or list the spaces."""
    from bcauto.display.space_text import show_space, show_spaces
    from bcauto.space.files import bundled_spaces, find_space, read_space, starts_left_out

    if name is None:
        found_spaces = {each: read_space(file) for each, file in bundled_spaces().items()}
        typer.echo(json.dumps({"spaces": [*found_spaces]})) if as_json else show_spaces(
            found_spaces
        )
        return
    path = find_space(name)
    found = read_space(path)
    if sample is not None:
        recipes = _sample(name, found, sample, DEFAULT_SEED if seed is None else seed)
        _print_recipes(recipes, as_json)
    elif as_json:
        typer.echo(json.dumps(_as_object(name, found, starts_left_out(path))))
    else:
        show_space(name, found, starts_left_out(path))


def _sample(name: str, found: Space, count: int, seed: int) -> list[Recipe]:
    """Return recipes at random points."""
    from bcauto.study.sampling import sample_at_random

    try:
        return sample_at_random(found, count, seed)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def _print_recipes(recipes: list[Recipe], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"recipes": [recipe.model_dump(mode="json") for recipe in recipes]}))
        return
    for number, recipe in enumerate(recipes):
        typer.echo(f"# recipe {number}\n{recipe.to_toml()}")


def _as_object(name: str, found: Space, left_out: list[str]) -> dict[str, Any]:
    dimensions = {
        dimension: {**entry.model_dump(mode="json", exclude_none=True), "count": entry.count}
        for dimension, entry in found.search.items()
    }
    return {
        "space": name,
        "size": found.size,
        "dimensions": dimensions,
        "constants": found.recipe,
        "start": list(found.start),
        "left_out": left_out,
        "proxy": found.proxy.model_dump(),
        "confirm": found.confirm.model_dump(),
        "export": found.export.model_dump(),
        "fingerprint": found.fingerprint,
    }
