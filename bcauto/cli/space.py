"""``bcauto space``: shows what a space holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from bcauto.cli.options import DEFAULT_SEED, JsonFlag, SeedOption

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.recipe.recipe import Recipe

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
    from bcauto.api.space import Space
    from bcauto.display.space_text import show_space, show_spaces
    from bcauto.space.files import bundled_spaces, starts_left_out

    if name is None:
        found_spaces = {each: Space(each).content for each in bundled_spaces()}
        typer.echo(json.dumps({"spaces": [*found_spaces]})) if as_json else show_spaces(
            found_spaces
        )
        return
    found = Space(name)
    if sample is not None:
        _print_recipes(found.sample(sample, DEFAULT_SEED if seed is None else seed), as_json)
    elif as_json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        show_space(name, found.content, starts_left_out(found.file))


def _print_recipes(recipes: list[Recipe], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"recipes": [recipe.model_dump(mode="json") for recipe in recipes]}))
        return
    for number, recipe in enumerate(recipes):
        typer.echo(f"# recipe {number}\n{recipe.to_toml()}")
