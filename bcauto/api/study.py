"""``bcauto.open_study``: a study, read from its folder and its storage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import optuna

from bcauto.api.models import handed_out
from bcauto.api.settings import ExportKeywords
from bcauto.api.words import in_python
from bcauto.errors import NothingUsable
from bcauto.export.entry import Exported, ExportOptions, export_entry
from bcauto.prediction.source import ModelSource
from bcauto.results.kept import kept_model
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.results.open_study import open_study as open_stored
from bcauto.results.state import trials_left
from bcauto.storage.connect import storage_failures_in_one_line
from bcauto.training.shared_process import process_kept

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Study", "open_study"]

AnyPath = str | os.PathLike[str]
_SHOWN = 10  # trials in a notebook


def open_study(
    name: str | None = None, *, studies_dir: AnyPath = "studies", storage: str | None = None
) -> Study:
    """Open a study to read it.

    Args:
        name: of the study. Default: the one written last.
        studies_dir: folder of the studies.
        storage: Optuna storage URL. Default: the study's own.

    Raises:
        BadInput: there is no such study, or its storage is missing.
    """
    return Study(name, studies_dir, storage)


class Study:
    """A study as it is now: it is read anew whenever something is asked of it.

    Attributes:
        name: of the study.
        folder: where its files are.
    """

    def __init__(
        self,
        name: str | None = None,
        studies_dir: AnyPath = "studies",
        storage: str | None = None,
    ) -> None:
        self._studies, self._storage = Path(studies_dir).resolve(), storage
        self.name = name or ""
        with in_python(), storage_failures_in_one_line():
            opened = open_stored(self._studies, name, storage)
        self.name, self.folder = opened.folder.name, opened.folder.path

    @contextmanager
    def _read(self) -> Iterator[OpenStudy]:
        with in_python(), storage_failures_in_one_line():
            yield open_stored(self._studies, self.name, self._storage)

    def trials(self) -> pd.DataFrame:
        """Return a row for each trial of the search: state, scores, times, values of the space.

        Scores are in 0..1; ``low`` and ``high`` are the 95 % interval of ``objective``.
        ``estimate`` is what is known best of a trial that was trained again.
        """
        from bcauto.results.frame import trials_frame  # pandas, which a search has no use for

        with self._read() as opened:
            return trials_frame(opened)

    @property
    def best(self) -> Entry:
        """The winner: the best of those that were trained again, or else of the search.

        It has ``number``, ``recipe``, ``score``, ``interval`` (95 %), ``scores`` and ``confirmed``.

        Raises:
            NothingUsable: no trial is complete yet.
        """
        with self._read() as opened:
            return opened.leaderboard.find()

    @property
    def optuna(self) -> optuna.Study:
        """The Optuna study itself, to look at; only a search may write it.

        Raises:
            NothingUsable: no search has written it yet.
        """
        with self._read() as opened:
            if opened.study is None:
                raise NothingUsable(f"no trial of study {self.name!r} is complete yet")
            return opened.study

    def importances(self) -> dict[str, float]:
        """Return how much each dimension matters, as shares of 1, the largest first."""
        with self._read() as opened:
            return opened.importances()

    def load_model(self, trial: int | None = None) -> Any:
        """Return the Keras model that stands for a recipe: it takes 0-255 RGB, gives probabilities.

        Args:
            trial: number of a trial. Default: the winner.

        Raises:
            BadInput: no complete trial has that number, or its model is no longer kept.
            NothingUsable: no trial is complete yet.
        """
        with self._read() as opened, process_kept():
            entry, record = opened.leaderboard.find(trial), opened.record
            kept, resize = kept_model(opened.folder, entry), record.settings.resize
            names, bits = record.data.class_names, record.data.bits
            source = ModelSource(kept.file, kept.run.name, self.name, names, resize, bits)
            return handed_out(source)

    def export(
        self,
        out: AnyPath | None = None,
        *,
        formats: Sequence[str] = (),
        trial: int | None = None,
        **options: Unpack[ExportKeywords],
    ) -> Exported:
        """Write the model, its recipe and its manifest to a folder, and score it there again.

        Args:
            out: the folder. Default: ``best`` in the study's folder.
            formats: besides Keras' own: onnx, litert, litert-int8, savedmodel, codabench.
            trial: number of a trial. Default: the winner.
            options: ``views``, ``ensemble``, ``distil``, ``calibrate``, as ``bcauto best`` has
                them.

        Raises:
            BadInput: the trial, its model or a format is not there, or ``out`` cannot be written.
            NothingUsable: no trial is complete, or the model does not score again what it did.
        """
        with self._read() as opened, process_kept():
            entry = opened.leaderboard.find(trial)
            wanted = ExportOptions(formats=tuple(formats), **options)
            folder = opened.folder.best if out is None else Path(out)
            return export_entry(opened, entry, folder, wanted)

    def __repr__(self) -> str:
        with self._read() as opened:
            target = opened.record.settings.trials
            done, best = target - trials_left(opened), opened.leaderboard.winner
        found = f"best {best.score:.4f} (trial {best.number})" if best else "no trial complete yet"
        return f"<bcauto study {self.name!r}: {done} of {target} trials, {found}>"

    def _repr_html_(self) -> str:
        frame = self.trials()
        shown = (
            frame.sort_values("objective", ascending=False).head(_SHOWN).dropna(axis=1, how="all")
        )
        text = repr(self).replace("<", "&lt;").replace(">", "&gt;")
        return f"<p>{text}</p>{shown.to_html(index=False, float_format='{:.4f}'.format)}"
