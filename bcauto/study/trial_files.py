"""The files of a study's trials: the models of the best, and what a retry goes on from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bcauto.io.files import abandoned_files
from bcauto.trial import checkpoint_path

__all__ = ["Keep", "TrialFiles"]

Keep = int | Literal["all"]


@dataclass(frozen=True)
class TrialFiles:
    """Deletes what is no longer needed, as the study goes.

    Attributes:
        model_path: gives the path of a trial's model, by its number.
        keep: how many of the best trials keep theirs.
    """

    model_path: Callable[[int], Path]
    keep: Keep

    def drop_checkpoint(self, number: int, seed: int) -> None:
        """Delete what a retry of a trial would have gone on from."""
        checkpoint_path(self.model_path(number), seed).unlink(missing_ok=True)

    def drop_models(self, ranked: Sequence[int], running: Iterable[int]) -> None:
        """Delete all models but those of the best trials, who come first, and of those that run."""
        if self.keep == "all":
            return
        names = {self.model_path(number).name for number in (*ranked[: self.keep], *running)}
        for path in self._folder.glob("*.keras"):
            if path.name not in names and not path.name.startswith("."):  # half written
                path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what a killed search left half written."""
        for path in abandoned_files(self._folder):
            path.unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return self.model_path(0).parent
