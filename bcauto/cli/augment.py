"""``bcauto augment``: draws what augmentation does to training images."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel

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
    import numpy as np
    from numpy.typing import NDArray

    from bcauto.augment.ops import Op
    from bcauto.augment.policies import Augment
    from bcauto.data.labelled import Labelled
    from bcauto.data.resize import Resize
    from bcauto.plots.grid import Row

__all__ = ["augment"]

_MAGNITUDE = 0.5
_EPOCHS = (1, 2, 3, 4)
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
    from bcauto.plots.grid import Row, check_picture_path, draw_grid, write_picture

    check_picture_path(out)
    policy = None if recipe is None else _read_policy(recipe)
    images = _training_images(data, labels, image_size, resize, stream)
    shown = _classes_in_turn(images.labels, columns, stream)
    if policy is None:
        rows, what = _every_op(images, shown, strength, stream)
    else:
        rows, what = _every_policy(images, shown, policy, stream)
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


def _classes_in_turn(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return up to ``count`` indices: one of each class, then another of each that has more."""
    import numpy as np

    from bcauto.seeds import generator

    order = generator(seed, "columns").permutation(len(labels))
    queues = [order[labels[order] == label][:count].tolist() for label in np.unique(labels)]
    turns = [index for turn in zip_longest(*queues) for index in turn if index is not None]
    return np.array(turns[:count], dtype=np.int64)


def _every_op(
    data: Labelled, shown: NDArray[np.int64], magnitude: float, seed: int
) -> tuple[list[Row], str]:
    """Return a row for each op, and a description of the rows."""
    from bcauto.augment.ops import OPS
    from bcauto.plots.grid import Row

    rows = [
        Row(op.name, _after_op(op, data, shown, magnitude, seed), _strength_note(op, magnitude))
        for op in OPS.values()
    ]
    return rows, f"then after each op alone at magnitude {magnitude:g}"


def _after_op(
    op: Op, data: Labelled, shown: NDArray[np.int64], magnitude: float, seed: int
) -> NDArray[np.uint8]:
    """Return each image after ``op``, with its own random stream and the sign alternating."""
    import numpy as np

    from bcauto.seeds import generator

    strengths = cycle(op.strength(side * magnitude) for side in ((1, -1) if op.low < 0 else (1,)))
    return np.stack(
        [
            op(data.images[index], strength, generator(seed, "op", op.name, index))
            for index, strength in zip(shown.tolist(), strengths, strict=False)
        ]
    )


def _strength_note(op: Op, magnitude: float) -> str:
    if not op.has_strength:
        return ""
    either_side = "+/- " if op.low < 0 else ""
    return f"{either_side}{abs(op.strength(magnitude)):g} {op.unit}"


def _every_policy(
    data: Labelled, shown: NDArray[np.int64], policy: Augment, seed: int
) -> tuple[list[Row], str]:
    """Return rows as training sees the images, a row for each policy alone, and a description."""
    from bcauto.augment.policies import Augment
    from bcauto.plots.grid import Row

    on = {name: value for name, value in policy if isinstance(value, BaseModel)}
    rows = [
        Row(f"epoch {epoch}", _as_in_training(data, shown, epoch, seed, policy), " + ".join(on))
        for epoch in _EPOCHS
    ]
    for name, value in on.items():
        alone = Augment(fill=policy.fill, **{name: value})
        tiles = _as_in_training(data, shown, _EPOCHS[0], seed, alone)
        rows.append(Row(f"{name} alone", tiles, _settings_note(value)))
    each = f"then each policy alone: {', '.join(on)}" if on else "which is how they stay"
    return rows, f"as training sees them in epochs {_EPOCHS[0]} to {_EPOCHS[-1]}, {each}"


def _as_in_training(
    data: Labelled, shown: NDArray[np.int64], epoch: int, seed: int, policy: Augment
) -> NDArray[np.uint8]:
    """Return the images as a training batch has them, mixed with others of the data set."""
    from bcauto.augment.engine import Augmenter

    images, _ = Augmenter(policy, seed).augment_and_mix(data.images, shown, epoch)
    return images


def _settings_note(policy: Any) -> str:
    return ", ".join(filter(None, (_setting(name, value) for name, value in policy)))


def _setting(name: str, value: Any) -> str:
    """Return a setting without a space, so that no line breaks in it; empty for one that is off."""
    if value is None:
        return ""
    if isinstance(value, BaseModel):  # a group of the wide chain
        return ", ".join(_setting(f"{name}.{key}", inner) for key, inner in value)
    if isinstance(value, Mapping):
        return f"{name}={len(value)}"
    if isinstance(value, bool):
        return name if value else ""
    return f"{name}={value:.3g}"
