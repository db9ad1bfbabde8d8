"""``bcauto proxy``: draws the proxy, and compares its scores with those that it lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    import numpy as np
    from numpy.typing import NDArray

    from bcauto.plots.grid import Picture, Row
    from bcauto.proxy.proxy import Proxy
    from bcauto.results.left_out import LeftOut
    from bcauto.results.rank_correlation import Correlation
    from bcauto.results.trials import CompletedTrial
    from bcauto.results.validity import Choice, Validity, Worth

__all__ = ["proxy"]


def proxy(
    study: StudyArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures.", show_default="report in the study's folder"),
    ] = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Draw the proxy, and show how well it predicts.

    Compares its scores with those on corruptions that were held out. Writes proxy.png, an image
    of every corruption at each severity, and validity.png, a point for every complete trial.
    """
    from bcauto.plots.grid import draw_grid, write_picture
    from bcauto.proxy.proxy import Proxy
    from bcauto.results.left_out import leave_one_family_out
    from bcauto.results.open_study import open_study
    from bcauto.results.validity import proxy_validity
    from bcauto.storage.connect import storage_failures_in_one_line

    with storage_failures_in_one_line():
        opened = open_study(studies_dir, study, storage)
        folder, trials = opened.folder, opened.complete()
    stored = Proxy.load(folder.proxy)
    report = _make_folder(out or folder.report)
    found, left_out = proxy_validity(trials), leave_one_family_out(trials)
    pictures = {"proxy": report / "proxy.png", "validity": report / "validity.png"}
    write_picture(pictures["proxy"], draw_grid(_rows(stored)))
    write_picture(pictures["validity"], _draw_validity(trials, found, _why_unknown(stored)))
    if as_json:
        typer.echo(json.dumps(_as_object(folder.name, stored, found, left_out, pictures)))
    else:
        _show(folder.name, stored, found)
        _show_left_out(left_out)
        for path in pictures.values():
            typer.echo(path)


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
    pictures: dict[str, Path],
) -> dict[str, Any]:
    return {
        "study": name,
        "held_out": list(stored.held_out),
        **found.as_dict(),
        "left_out": {family: asdict(each) for family, each in left_out.items()},
        "pictures": {what: str(path) for what, path in pictures.items()},
    }


def _show(name: str, stored: Proxy, found: Validity) -> None:
    from bcauto.cli.tables import open_console, print_rows

    console = open_console()
    held_out = ", ".join(stored.held_out) or "nothing"
    console.print(f"{name}: {found.trials} complete trials compared; held out: {held_out}")
    if found.best is None:
        console.print(f"{_why_unknown(stored)}: how well the proxy predicts is not known")
        return
    worths = {"objective": found.objective, "clean": found.clean_accuracy, **found.families}
    print_rows(console, [_table_row(score, worth) for score, worth in worths.items()])
    console.print("rank correlations with the held-out score; top 10: of the 10 best by objective")
    console.print(f"best held out: trial {found.best.trial}, {found.best.held_out:.4f}")
    for score, worth in (("objective", found.objective), ("clean", found.clean_accuracy)):
        if worth.choice:
            console.print(f"best {score}: {_outcome(worth.choice)}")


def _show_left_out(left_out: Mapping[str, LeftOut]) -> None:
    """Print how well the rest ranks the trials on each family, where anything is known of it."""
    from bcauto.cli.tables import open_console, print_rows

    if all(each.rho is None for each in left_out.values()):
        return
    console = open_console()
    console.print()
    print_rows(
        console, [_left_out_row(*each) for each in left_out.items()], text=("compared with",)
    )
    console.print("leave one family out: rank correlation of the trials' scores on a family with")
    console.print("the mean over the other families; of one that is held out, with the objective")


def _left_out_row(family: str, found: LeftOut) -> dict[str, str]:
    interval = (
        "too few trials" if found.interval is None else "{:.2f}, {:.2f}".format(*found.interval)
    )
    return {
        "left out": family,
        "compared with": "objective" if found.held_out else "other families",
        "trials": str(found.trials),
        "rho (95 %)": "-" if found.rho is None else f"{found.rho:.2f} ({interval})",
    }


def _table_row(score: str, worth: Worth) -> dict[str, str]:
    return {
        "score": score,
        "rho (95 %)": _figure(worth.rho),
        "tau (95 %)": _figure(worth.tau),
        "top 10 (95 %)": _figure(worth.top_10),
    }


def _why_unknown(stored: Proxy) -> str:
    return "too few trials" if stored.held_out else "no held-out family"


def _figure(found: Correlation | None) -> str:
    if found is None:
        return "-"
    low, high = found.interval
    return f"{found.value:.2f} ({low:.2f}, {high:.2f})"


def _outcome(choice: Choice) -> str:
    return f"trial {choice.trial}, {choice.held_out:.4f} held out, a regret of {choice.regret:.4f}"


# --- the picture of the set --------------------------------------------------------------------


def _rows(stored: Proxy) -> list[Row]:
    """Return a row for each corruption, with a tile for each of its severities."""
    by_corruption = groupby(enumerate(stored.corruptions), key=lambda each: each[1].corruption)
    places = [[place for place, _ in each] for _, each in by_corruption]
    return [_row(stored, each, turn) for turn, each in enumerate(places)]


def _row(stored: Proxy, places: Sequence[int], turn: int) -> Row:
    """Return the same image at all severities where there is one; classes take turns."""
    import numpy as np

    from bcauto.plots.grid import Row

    classes = np.unique(stored.labels)
    tiles = _tiles(stored, places, classes[turn % len(classes)])
    shown = [stored.corruptions[place] for place in places]
    corruption, family = shown[0].corruption, shown[0].family
    held_out = " (held out)" if family in stored.held_out else ""
    severities = " ".join(str(each.severity) for each in shown)
    note = f"{family}, severity {severities}"
    return Row(f"{corruption}{held_out}", tiles, note)


def _tiles(stored: Proxy, places: Sequence[int], label: int) -> NDArray[np.uint8]:
    """Return an image at each severity, of one validation image and of the class if possible."""
    import numpy as np

    copies = [np.flatnonzero(stored.corruption == place) for place in places]
    shared = set.intersection(*({*stored.base[each].tolist()} for each in copies))

    def rank(copy: int) -> tuple[bool, bool, int]:
        base = int(stored.base[copy])
        return base not in shared, stored.labels[copy] != label, base

    return stored.images[[min(each.tolist(), key=rank) for each in copies]]


# --- the picture of the trials -----------------------------------------------------------------


def _draw_validity(trials: Sequence[CompletedTrial], found: Validity, unknown: str) -> Picture:
    """Return two panels: held-out score over the objective, and over clean accuracy.

    ``unknown`` says why there are too few scores to conclude from, where that is so.
    """
    import numpy as np

    from bcauto.plots.scatter import Panel, draw_panel
    from bcauto.results.validity import comparable

    compared = comparable(trials)
    scores = {
        "objective": (found.objective, [trial.objective for trial in compared]),
        "clean accuracy": (found.clean_accuracy, [trial.clean_accuracy for trial in compared]),
    }
    held_out = [trial.held_out or 0.0 for trial in compared]
    numbers = [trial.number for trial in compared]
    panels = [
        Panel(
            title=f"{label}: {_rho(worth) if worth.choice else unknown}",
            note=f"orange: {_outcome(worth.choice)}" if worth.choice else "",
            label=label,
            side="held-out score",
            x=values,
            y=held_out,
            marked=numbers.index(worth.choice.trial) if worth.choice else None,
        )
        for label, (worth, values) in scores.items()
    ]
    return np.concatenate([draw_panel(panel) for panel in panels], axis=1)


def _rho(worth: Worth) -> str:
    if worth.rho is None:
        return "equal scores, no rho"
    low, high = worth.rho.interval
    return f"rho {worth.rho.value:.2f} ({low:.2f} to {high:.2f})"
