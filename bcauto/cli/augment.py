"""``bcauto augment``: draws what augmentation does to training images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcauto.cli.options import (
    DEFAULT_SEED,
    DataOption,
    ImageSizeOption,
    LabelsOption,
    ResizeOption,
    SeedOption,
)
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.augment.policies import Augment
    from bcauto.data.labelled import Labelled
    from bcauto.data.resize import Resize

__all__ = ["augment"]

_MAGNITUDE = 0.5
_ANY_MODEL = {"model": {"backbone": "SmallCNN"}}  # a recipe must have one; a picture has no use


def augment(  # one parameter an option
    data: DataOption = None,
    labels: LabelsOption = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name of a recipe, or a .toml file with an [augment] table.",
            metavar="NAME|FILE",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Picture to write: .png, .jpg, .jpeg or .webp.")] = Path(
        "augment.png"
    ),
    columns: Annotated[int, typer.Option(help="Images in a row.", min=1, max=32)] = 8,
    magnitude: Annotated[
        float | None,
        typer.Option(
            help="Strength of every op, without --recipe.",
            min=0,
            max=1,
            show_default=str(_MAGNITUDE),
        ),
    ] = None,
    image_size: ImageSizeOption = None,
    resize: ResizeOption = None,
    seed: SeedOption = None,
) -> None:
    """Draw what augmentation does to training images.

    Without --recipe there is a row for each op; with it, rows as training would see the images,
    and one for each policy of the recipe alone.
    """
    if recipe and magnitude is not None:
        raise BadInput(f"--magnitude goes without --recipe, got {magnitude:g} and {recipe}")
    strength = _MAGNITUDE if magnitude is None else magnitude
    stream = DEFAULT_SEED if seed is None else seed
    from bcauto.display.tables import open_console
    from bcauto.plots.augmentation import classes_in_turn, rows_of_ops, rows_of_policies
    from bcauto.plots.grid import Row, check_picture_path, draw_grid, write_picture

    check_picture_path(out)
    policy = None if recipe is None else _read_policy(recipe)
    images = _training_images(data, labels, image_size, resize, stream)
    shown = classes_in_turn(images.labels, columns, stream)
    if policy is None:
        rows, what = rows_of_ops(images, shown, strength, stream)
    else:
        rows, what = rows_of_policies(images, shown, policy, stream)
        if policy.engine != "bcauto":
            typer.echo(f"bcauto: drawn by bcauto's own engine, not by {policy.engine}", err=True)
    originals = Row("originals", images.images[shown], "training images, classes in turn")
    write_picture(out, draw_grid([originals, *rows]))
    line = f"{len(rows) + 1} rows of {len(shown)} training images: as they are, {what}"
    open_console().print(line)
    typer.echo(out)


def _training_images(
    data: Path | None, labels: Path | None, image_size: int | None, resize: Resize | None, seed: int
) -> Labelled:
    from bcauto.data.dataset import load
    from bcauto.data.rules import ReadingRules

    if labels and data is None:
        raise BadInput(f"--labels goes with --data, its folder of pictures, got {labels}")
    rules = ReadingRules(skip_damaged=True, resize=resize or "stretch", labels=labels)
    return load(data, image_size, seed, "drop", rules).train


def _read_policy(recipe: str) -> Augment:
    """Return the augmentation of a recipe, by its name or file, or of a file with nothing else.

    Raises:
        BadInput: the file cannot be read, is a space, or breaks a rule.
    """
    from bcauto.io.toml import checked, read_toml
    from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe

    path = find_recipe(recipe)
    table = read_toml(path)
    if table.keys() & {"recipe", "search"}:
        rule = "--recipe must be a recipe, such as the recipe.toml of an export"
        raise BadInput(f"{rule}, got a space, {path}")
    if table.keys() == {"augment"}:
        return checked(Recipe, {**_ANY_MODEL, **table}, path).augment
    return read_recipe(path).augment
