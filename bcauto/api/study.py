"""``bcauto.open_study``: a study, read from its folder and its storage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import optuna

from bcauto.api.clean import clean_study
from bcauto.api.models import handed_out
from bcauto.api.read import read_study
from bcauto.api.settings import ExportKeywords
from bcauto.api.words import in_python
from bcauto.display.tables import open_console
from bcauto.errors import BadInput, NothingUsable
from bcauto.export.entry import Exported, ExportOptions, export_entry
from bcauto.prediction.source import ModelSource
from bcauto.results.cleanup import RemovableFiles
from bcauto.results.kept import kept_model
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy, find_storage
from bcauto.results.state import trials_left
from bcauto.study.folder import StudyFolder
from bcauto.study.trial_files import Keep
from bcauto.study.values import parse_keep
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
        with in_python():
            folder, _ = find_storage(self._studies, name, storage)
        self.name, self.folder = folder.name, folder.path

    def _read(self) -> AbstractContextManager[OpenStudy]:
        return read_study(self._studies, self.name, self._storage)

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
        progress: bool = True,
        **options: Unpack[ExportKeywords],
    ) -> Exported:
        """Write the model, its recipe and its manifest to a folder, and score it there again.

        Args:
            out: the folder. Default: ``best`` in the study's folder.
            formats: besides Keras' own: onnx, litert, litert-int8, savedmodel, codabench.
            trial: number of a trial. Default: the winner.
            progress: whether to say what takes long.
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
            say = open_console().print if progress else _say_nothing
            return export_entry(opened, entry, folder, wanted, say)

    def write_report(self) -> Path:
        """Write the report of the study as it is now, and return the page's file.

        A search writes it at its end, too.
        """
        from bcauto.report.page import report_path, write_report
        from bcauto.report.subject import Subject

        with self._read() as opened:
            write_report(Subject(opened))
            return report_path(opened)

    def clean(self, keep: Keep | None = None, *, dry_run: bool = False) -> list[RemovableFiles]:
        """Delete files that the study no longer needs.

        The best trials and the confirmed ones can still be exported, and the search can go on.

        Args:
            keep: best trials that keep their model, or "all". Default: as the search was told.
            dry_run: list what could be deleted; delete nothing.

        Returns:
            The ``files`` of each ``kind``, and how large they are together, in ``nbytes``.

        Raises:
            BadInput: the study is being searched.
        """
        try:
            checked = None if keep is None else parse_keep(str(keep))
        except ValueError as error:
            raise BadInput(f"keep {error}") from None
        with in_python():
            return clean_study(StudyFolder(self.folder), self._storage, checked, dry_run)

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


def _say_nothing(_line: str) -> None:
    """Take the place of ``print``."""
