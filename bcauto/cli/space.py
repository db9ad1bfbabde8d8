"""``bcauto space``: what a space holds, before a search in it costs a night."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, SeedOption, parse_seed, parse_whole
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.recipe.recipe import Recipe
    from bcauto.space.dimensions import Dimension
    from bcauto.space.space import Space

__all__ = ["space"]

_MOST_SAMPLES = 10_000


def space(
    name: Annotated[str, typer.Argument(metavar="SPACE", help="A name, or a .toml file.")],
    sample: Annotated[
        str | None, typer.Option(help="Print this many random recipes instead.", metavar="N")
    ] = None,
    seed: SeedOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a space holds: dimensions, conditions, size, starting points."""
    from bcauto.space.files import find_space, read_space, starts_left_out

    number = parse_seed(seed)
    path = find_space(name)
    found = read_space(path)
    if sample is not None:
        count = parse_whole("--sample", sample, 1, _MOST_SAMPLES)
        _print_recipes(_drawn(name, found, count, number), as_json)
    elif as_json:
        typer.echo(json.dumps(_as_object(name, found, starts_left_out(path))))
    else:
        _show(name, found, starts_left_out(path))


def _drawn(name: str, found: Space, count: int, seed: int) -> list[Recipe]:
    """Recipes at random points."""
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
        "fingerprint": found.fingerprint,
    }


def _show(name: str, found: Space, left_out: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    size = "endless" if found.size is None else _counted(found.size, "point")
    searched, starts = len(found.search), len(found.start)
    counts = [_counted(searched, "dimension"), size, _counted(starts, "starting point")]
    console.print(f"{name}: {', '.join(counts)}")
    table = Table(show_edge=False)
    table.add_column("dimension", no_wrap=True)
    table.add_column("values")
    table.add_column("when")
    for dimension, entry in found.search.items():
        table.add_row(dimension, _values(entry), _condition(entry))
    console.print(table)
    _print_tables(console, "constants", found.recipe)
    for number, point in enumerate(found.start, 1):
        _print_tables(console, f"start {number}", point)
    for line in left_out:
        console.print(f"\nleft out of what it extends: {line}", markup=False, soft_wrap=True)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _print_tables(console: Any, title: str, values: dict[str, Any]) -> None:
    import tomli_w

    if values:
        console.print(f"\n{title}:")
        console.print(tomli_w.dumps(values).strip(), markup=False, soft_wrap=True)


def _values(entry: Dimension) -> str:
    """Choices as they are, ranges by their bounds."""
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
