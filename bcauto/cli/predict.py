"""``bcauto predict``: classes and probabilities of pictures without labels."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, ModelArgument, StorageOption, StudiesDir
from bcauto.interrupts import interrupted_with

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from rich.console import Console

    from bcauto.data.unlabelled import Pictures
    from bcauto.export.load import LoadedModel
    from bcauto.prediction.output import Write
    from bcauto.prediction.predict import Predicted
    from bcauto.prediction.source import ModelSource

__all__ = ["predict"]

_NAMED = 40  # damaged pictures that are named on a screen; --json names all


def predict(
    model: ModelArgument,
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURES", help="Pictures, folders of them at any depth, zips, and .npz files."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="New file for the predictions: .csv, .npz or .parquet.",
            show_default="printed, a line for each picture",
        ),
    ] = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Predict the classes of pictures, with the probability of each class.

    Pictures that cannot be read are named and left out; then the exit code is 1.
    """
    from bcauto.data.unlabelled import open_pictures
    from bcauto.display.waiting import waiting
    from bcauto.prediction.output import check_output, open_output
    from bcauto.prediction.source import find_source, load_source

    if out:
        check_output(out)
    source = find_source(model, studies_dir, storage)
    with interrupted_with("nothing was written"), open_pictures(pictures) as found:
        with waiting("loading Keras and the model", silent=as_json):
            loaded = load_source(source)
        tally = _Tally(loaded.class_names, keep=as_json and out is None)
        output = open_output(out, loaded.class_names) if out else nullcontext(None)
        with output as write:
            _predict_all(loaded, found, tally, write, silent=as_json)
    typer.echo(json.dumps(tally.as_dict(source, out))) if as_json else tally.show(source, out)
    if tally.damaged:
        raise typer.Exit(1)


def _predict_all(
    loaded: LoadedModel, pictures: Pictures, tally: _Tally, write: Write | None, silent: bool
) -> None:
    """Predict all pictures, write or print each batch, and count it.

    Raises:
        NothingUsable: no picture can be read.
    """
    from bcauto.prediction.predict import check_any, predict_batches  # imports Keras

    with _screen(pictures.count, silent) as advance:
        for batch in predict_batches(loaded, pictures):
            tally.add(batch)
            if write:
                write(batch.names, batch.probabilities)
            lines = "" if write else _lines(batch, loaded)
            advance(len(batch.names) + len(batch.damaged), lines)
    check_any(tally.read, tally.damaged)


@contextmanager
def _screen(count: int, silent: bool) -> Iterator[Callable[[int, str], None]]:
    """Yield what is told of each batch: how many pictures are done, and the lines to print.

    In a terminal, a bar shows how many of ``count`` pictures are done.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from bcauto.display.tables import open_console

    console = open_console()
    shown = console.is_terminal and not silent
    columns = (BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        "predicting", *columns, console=console, transient=True, expand=True, disable=not shown
    ) as bar:
        task = bar.add_task("", total=count)

        def advance(done: int, lines: str) -> None:
            if lines and not silent:
                _print(console, lines)
            bar.advance(task, done)

        yield advance


def _print(console: Console, lines: str) -> None:
    """Print lines; Rich is slow where there is no bar to be kept below them."""
    if console.is_terminal:
        console.print(lines, soft_wrap=True)
    else:
        console.file.write(f"{lines}\n")


def _lines(batch: Predicted, loaded: LoadedModel) -> str:
    """Return class, its probability and the file of each picture, a line each."""
    width = max(map(len, loaded.class_names))
    labels = batch.probabilities.argmax(axis=1)
    found = zip(batch.names, labels, batch.probabilities.max(axis=1), strict=True)
    return "\n".join(
        f"{loaded.class_names[label]:{width}}  {most:.4f}  {name}" for name, label, most in found
    )


@dataclass
class _Tally:
    """What is known of all batches so far; ``keep`` keeps every prediction, for --json."""

    class_names: tuple[str, ...]
    keep: bool
    read: int = 0
    resized: int = 0
    started: float = field(default_factory=time.monotonic)
    of_class: Counter[str] = field(default_factory=Counter)
    damaged: dict[str, str] = field(default_factory=dict)
    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(self, batch: Predicted) -> None:
        """Count a batch."""
        self.read += len(batch.names)
        self.resized += batch.resized
        self.damaged |= batch.damaged
        classes = [self.class_names[label] for label in batch.probabilities.argmax(axis=1)]
        self.of_class.update(classes)
        if self.keep:
            rows = zip(batch.names, classes, batch.probabilities.tolist(), strict=True)
            self.kept += [
                {"file": file, "class": name, "probabilities": row} for file, name, row in rows
            ]

    def as_dict(self, source: ModelSource, out: Path | None) -> dict[str, Any]:
        """Return the object that --json prints."""
        return {
            "model": str(source.file),
            "study": source.study,
            "class_names": list(self.class_names),
            "pictures": self.read,
            "resized": self.resized,
            "seconds": round(time.monotonic() - self.started, 3),
            "of_class": {name: self.of_class[name] for name in self.class_names},
            "damaged": self.damaged,
            "out": str(out) if out else None,
            **({"predictions": self.kept} if self.keep else {}),
        }

    def show(self, source: ModelSource, out: Path | None) -> None:
        """Print a summary, and name damaged pictures."""
        from bcauto.display.tables import counted, open_console, print_facts

        seconds = time.monotonic() - self.started
        pace = f" in {seconds:.1f} s, {self.read / seconds:.0f} a second"
        sizes = f"; {self.resized} had another size" if self.resized else ""
        counts = [(name, self.of_class[name]) for name in self.class_names]
        shown = [f"{name}: {count}" for name, count in counts if count]
        facts = {
            "model": source.origin,
            "pictures": f"{counted(self.read, 'picture')}{pace}{sizes}",
            "classes": ", ".join(shown),
            "written": str(out) if out else "",
            "left out": self._left_out(),
        }
        console = open_console()
        if not out:
            console.print()
        print_facts(console, {title: text for title, text in facts.items() if text})

    def _left_out(self) -> str:
        """Return a line for each damaged picture."""
        lines = [f"{name}: {why}" for name, why in self.damaged.items()]
        more = len(lines) - _NAMED
        rest = [f"and {more} more, which --json names"] if more > 0 else []
        return "\n".join([*lines[:_NAMED], *rest])
