"""``bcauto space``: shows what a space holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import DEFAULT_SEED, JsonFlag, SeedOption
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from rich.console import Console

    from bcauto.recipe.recipe import Recipe
    from bcauto.space.dimensions import Dimension
    from bcauto.space.space import Space

__all__ = ["space"]

_MOST_SAMPLES = 10_000


def space(
    name: Annotated[str, typer.Argument(metavar="SPACE", help="Name of a space, or a .toml file.")],
    sample: Annotated[
        int | None,
        typer.Option(
            help="Print so many random recipes instead.", min=1, max=_MOST_SAMPLES, metavar="N"
        ),
    ] = None,
    seed: SeedOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the dimensions and starting points of a space."""
    from bcauto.space.files import find_space, read_space, starts_left_out

    path = find_space(name)
    found = read_space(path)
    if sample is not None:
        recipes = _sample(name, found, sample, DEFAULT_SEED if seed is None else seed)
        _print_recipes(recipes, as_json)
    elif as_json:
        typer.echo(json.dumps(_as_object(name, found, starts_left_out(path))))
    else:
        _show(name, found, starts_left_out(path))


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


def _show(name: str, found: Space, left_out: list[str]) -> None:
    from bcauto.display.tables import counted, open_console, print_rows

    console = open_console()
    size = "endless" if found.size is None else counted(found.size, "point")
    searched, starts = len(found.search), len(found.start)
    counts = [counted(searched, "dimension"), size, counted(starts, "starting point")]
    console.print(f"{name}: {', '.join(counts)}")
    rows = [
        {"dimension": dimension, "values": _values(entry), "when": _condition(entry)}
        for dimension, entry in found.search.items()
    ]
    if rows:
        print_rows(console, rows, text=("values", "when"))
    _print_tables(console, "constants", found.recipe)
    for number, point in enumerate(found.start, 1):
        _print_tables(console, f"start {number}", point)
    for line in left_out:
        console.print(f"\nleft out of what it extends: {line}", soft_wrap=True)


def _print_tables(console: Console, title: str, values: dict[str, Any]) -> None:
    import tomli_w

    if values:
        console.print(f"\n{title}:")
        console.print(tomli_w.dumps(values).strip(), soft_wrap=True)


def _values(entry: Dimension) -> str:
    """Return the choices, or the bounds of a range."""
    from bcauto.space.dimensions import Choices

    if isinstance(entry, Choices):
        return ", ".join(str(list(v)) if isinstance(v, tuple) else str(v) for v in entry.values)
    step = f" in steps of {entry.step:g}" if entry.step else ""
    kind = ", whole" if entry.integer and not entry.step else ""
    log = ", log" if entry.log else ", reverse log" if entry.reverse_log else ""
    return f"{entry.low:g} to {entry.high:g}{step}{kind}{log}"


def _condition(entry: Dimension) -> str:
    wanted = (f"{parent} = {value}" for parent, value in entry.when.items())
    return " and ".join(wanted)
