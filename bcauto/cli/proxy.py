"""``bcauto proxy``: draws the proxy, and compares its scores with those that it lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.driver.distance import MeasuredDistances
    from bcauto.plots.grid import Row
    from bcauto.proxy.distance import Distance
    from bcauto.proxy.proxy import Proxy
    from bcauto.results.left_out import LeftOut
    from bcauto.results.open_study import OpenStudy
    from bcauto.results.rank_correlation import Correlation
    from bcauto.results.validity import Validity

__all__ = ["proxy"]

_LEFT_OUT = """\
leave one family out: rank correlation of the trials' scores on a family with
the mean over the other families; of one that is held out, with the objective"""
_DISTANCE = """\
distance: from the nearest of what training samples to a family's corruptions;
clean: from the images as they are. Where the first is small, training is near"""


def proxy(
    study: StudyArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the picture.", show_default="report in the study's folder"),
    ] = None,
    distance: Annotated[
        bool,
        typer.Option("--distance", help="Also measure how near training comes to each family."),
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Pretrained weights for --distance: imagenet, or a folder of .weights.h5 files.",
            metavar="imagenet|DIR",
            show_default="the study's folder, or else its best model",
        ),
    ] = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Draw the proxy, and show how well it predicts.

    Compares its scores with those on corruptions that were held out. Writes proxy.png, a validation
    picture beside its corruptions by severity. bcauto report draws the scores.
    """
    if weights is not None and not distance:
        raise BadInput(f"--weights goes with --distance, got --weights {weights} alone")
    from bcauto.api.read import read_study
    from bcauto.plots.grid import draw_grid, write_picture
    from bcauto.proxy.proxy import Proxy
    from bcauto.results.left_out import leave_one_family_out
    from bcauto.results.validity import proxy_validity

    with read_study(studies_dir, study, storage) as opened:
        folder, trials = opened.folder, opened.complete()
    stored = Proxy.load(folder.proxy)
    report = _make_folder(out or folder.report)
    near = _measure(opened, stored, weights) if distance else None
    found, left_out = proxy_validity(trials), leave_one_family_out(trials)
    picture = report / "proxy.png"
    write_picture(picture, draw_grid(_rows(opened, stored)))
    if as_json:
        typer.echo(json.dumps(_as_object(folder.name, stored, found, left_out, near, picture)))
    else:
        _show(folder.name, stored, found)
        _show_families(left_out, near)
        typer.echo(picture)


def _measure(opened: OpenStudy, stored: Proxy, weights: str | None) -> MeasuredDistances:
    from bcauto.driver.distance import measure_distances

    typer.echo("bcauto: measuring distances, which takes about a minute", err=True)
    return measure_distances(opened, stored.corruptions, weights)


def _rows(opened: OpenStudy, stored: Proxy) -> list[Row]:
    """Return the rows of the picture: of one original where the study's data can be read."""
    from bcauto.plots.corruptions import copied_rows, corrupted_rows
    from bcauto.report.missing import Missing
    from bcauto.report.pictures import pictures_of

    pictures = pictures_of(opened)
    rows = []
    if not isinstance(pictures, Missing):
        rows = corrupted_rows(stored, pictures.val.images[0])
    return rows or copied_rows(stored)


def _make_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        rule = "--out must be a folder that is there or can be made"
        raise BadInput(f"{rule}, got {path} ({(error.strerror or str(error)).lower()})") from None
    return path


# --- the text ---------------------------------------------------------------------------------


def _as_object(
    name: str,
    stored: Proxy,
    found: Validity,
    left_out: Mapping[str, LeftOut],
    near: MeasuredDistances | None,
    picture: Path,
) -> dict[str, Any]:
    return {
        "study": name,
        "held_out": list(stored.held_out),
        **found.as_dict(),
        "left_out": {family: asdict(each) for family, each in left_out.items()},
        **({"distance": near.as_dict()} if near else {}),
        "pictures": {"proxy": str(picture)},
    }


def _show(name: str, stored: Proxy, found: Validity) -> None:
    from bcauto.display.tables import open_console, print_rows

    console = open_console()
    held_out = ", ".join(stored.held_out) or "nothing"
    console.print(f"{name}: {found.trials} complete trials compared; held out: {held_out}")
    if found.best is None:
        why = "too few trials" if stored.held_out else "no held-out family"
        console.print(f"{why}: how well the proxy predicts is not known")
        return
    worths = {"objective": found.objective, "clean": found.clean_accuracy, **found.families}
    rows = [
        {
            "score": score,
            "rho (95 %)": _figure(worth.rho),
            "tau (95 %)": _figure(worth.tau),
            "top 10 (95 %)": _figure(worth.top_10),
        }
        for score, worth in worths.items()
    ]
    print_rows(console, rows)
    console.print("rank correlations with the held-out score; top 10: of the 10 best by objective")
    console.print(f"best held out: trial {found.best.trial}, {found.best.held_out:.4f}")
    for score, worth in (("objective", found.objective), ("clean", found.clean_accuracy)):
        if choice := worth.choice:
            lost = f"{choice.held_out:.4f} held out, a regret of {choice.regret:.4f}"
            console.print(f"best {score}: trial {choice.trial}, {lost}")


def _show_families(left_out: Mapping[str, LeftOut], near: MeasuredDistances | None) -> None:
    """Print how well the rest ranks the trials on each family, and how near training is to it."""
    from bcauto.display.tables import open_console, print_rows

    ranked = any(each.rho is not None for each in left_out.values())
    distances = near.families if near else {}
    rows = [
        {
            "family": family,
            **(_left_out_columns(left_out[family]) if ranked else {}),
            **(_distance_columns(distances.get(family)) if near else {}),
        }
        for family in left_out or distances
    ]
    if not (ranked or near):
        return
    console = open_console()
    console.print()
    print_rows(console, rows, text=("compared with",))
    if ranked:
        console.print(_LEFT_OUT)
    if near:
        by = f"{near.images} images, {near.samples} samples by {near.recipe}"
        console.print(f"{_DISTANCE}\nin the features of {near.features}; {by}")


def _left_out_columns(found: LeftOut) -> dict[str, str]:
    known = "too few trials" if found.interval is None else _interval(found.interval)
    return {
        "compared with": "objective" if found.held_out else "other families",
        "trials": str(found.trials),
        "rho (95 %)": "-" if found.rho is None else f"{found.rho:.2f} ({known})",
    }


def _distance_columns(found: Distance | None) -> dict[str, str]:
    if found is None:  # the user's own images are no corruption of others
        return {"distance": "-", "clean": "-"}
    return {"distance": f"{found.training:.2f}", "clean": f"{found.clean:.2f}"}


def _figure(found: Correlation | None) -> str:
    if found is None:
        return "-"
    return f"{found.value:.2f} ({_interval(found.interval)})"


def _interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.2f}, {high:.2f}"
