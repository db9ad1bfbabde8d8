"""``bcauto train``: trains and scores one recipe as a search would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bcauto.cli.options import JsonFlag, takes_settings
from bcauto.study.settings import DataSettings

__all__ = ["train"]


@takes_settings(DataSettings)
def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            help="Name of a recipe, or a .toml file.",
            show_default="the recipes are listed",
        ),
    ] = None,
    scale: Annotated[
        Literal["full", "small"],
        typer.Option(help="small: on a small backbone, in minutes on two cores."),
    ] = "full",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for model, recipe and manifest.", show_default="none is kept"),
    ] = None,
    as_json: JsonFlag = False,
    settings: dict[str, Any] | None = None,
) -> None:
    """Train one recipe and score it as a search would, or list the recipes."""
    if recipe is None:
        _list_recipes(as_json)
        return
    from bcauto.api.train import train as run  # --help would wait for it

    given = dict(settings or {})
    data = given.pop("data", None)
    found = run(recipe, data, scale=scale, out=out, progress=not as_json, **given)
    typer.echo(json.dumps(found.as_dict()) if as_json else repr(found))


def _list_recipes(as_json: bool) -> None:
    from bcauto.display.tables import open_console, print_rows
    from bcauto.recipe.bundled_files import bundled
    from bcauto.recipe.recipe import read_recipe

    recipes = {name: read_recipe(file) for name, file in bundled("recipe").items()}
    if as_json:
        typer.echo(json.dumps({"recipes": [*recipes]}))
        return
    rows = [{"recipe": name, "model": each.model.label} for name, each in recipes.items()]
    print_rows(open_console(), rows)
