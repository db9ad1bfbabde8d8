"""``bcauto train``: trains and scores one recipe as a search would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bcauto.cli.options import JsonFlag, takes_settings
from bcauto.io.files import temporary_folder
from bcauto.io.new_output import new_folder
from bcauto.io.toml import checked
from bcauto.study.settings import DataSettings

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.driver.train import TrainedRecipe
    from bcauto.recipe.recipe import Recipe
    from bcauto.trial import TrialResult

__all__ = ["train"]


@takes_settings(DataSettings)
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Name of a recipe, or a .toml file.")
    ],
    scale: Annotated[
        Literal["full", "small"],
        typer.Option(help="small: on a small backbone, in minutes on two cores."),
    ] = "full",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for model, recipe and manifest.", show_default="none is kept"),
    ] = None,
    as_json: JsonFlag = False,
    given: dict[str, Any] | None = None,
) -> None:
    """Train one recipe and score it as a search would."""
    settings = checked(DataSettings, given or {}, "train")
    from bcauto.recipe.recipe import find_recipe, read_recipe
    from bcauto.recipe.scale import scaled_small

    chosen = read_recipe(find_recipe(recipe))
    chosen = scaled_small(chosen) if scale == "small" else chosen
    with new_folder(out) if out else temporary_folder("train") as folder:
        from bcauto.display.tables import epoch_printer
        from bcauto.driver.train import train_recipe
        from bcauto.recipe.pretrained import read_weights

        epochs = chosen.all_epochs(read_weights(settings.weights).pretrains(chosen.model))
        if not as_json:
            where = settings.data or "built-in cells"
            _say(f"training {chosen.model.label} on {where}; the first epoch takes longest")
        report = epoch_printer(silent=as_json, epochs=epochs)
        trained = train_recipe(chosen, settings, folder / "model.keras", report)
        found = _as_object(recipe, trained.result)
        (folder / "recipe.toml").write_text(chosen.to_toml(), encoding="utf-8")
        manifest = json.dumps(_manifest(recipe, trained, settings), indent=2)
        (folder / "manifest.json").write_text(manifest + "\n", encoding="utf-8")
    typer.echo(json.dumps(found)) if as_json else _say(_line(chosen, found))


def _say(line: str) -> None:
    from bcauto.display.tables import open_console

    open_console().print(line)


def _as_object(name: str, result: TrialResult) -> dict[str, Any]:
    return {
        "recipe": name,
        "objective": result.objective,
        "clean_accuracy": result.clean_accuracy,
        "held_out": result.scores.mean_held_out,
        "seconds": result.run.seconds,
    }


def _manifest(name: str, trained: TrainedRecipe, settings: DataSettings) -> dict[str, Any]:
    """Return what a user of the model must know, by the names that an export uses."""
    from bcauto.io.model_file import INPUT  # h5py, which --help would wait for

    scores = trained.result.scores
    return {
        "recipe": name,
        "class_names": list(trained.class_names),
        "image_size": list(trained.image_size),
        "resize": settings.resize,
        **({"bits": trained.bits} if trained.bits else {}),
        "input": INPUT,
        "model": {
            **trained.result.as_dict(),
            "interval": list(scores.interval),
            "held_out": scores.mean_held_out,
        },
    }


def _line(chosen: Recipe, found: dict[str, Any]) -> str:
    scores = ", ".join(
        f"{name.replace('_', ' ')} {found[name]:.4f}"
        for name in ("objective", "held_out", "clean_accuracy")
        if found[name] is not None
    )
    return f"{found['recipe']} ({chosen.model.label}): {scores}, {found['seconds']:.0f} s"
