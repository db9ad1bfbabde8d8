"""The model that a study hands over for a trial, and the proxy that it was scored on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.results.confirmation import Confirmed
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder

__all__ = ["Kept", "kept_model"]


@dataclass(frozen=True)
class Kept:
    """A trial or repeat, the ``file`` of its model, and that of the ``proxy`` that scored it."""

    run: CompletedTrial
    file: Path
    proxy: Path


def kept_model(
    folder: StudyFolder, best: CompletedTrial, confirmed: Confirmed | None = None
) -> Kept:
    """The model that stands for a trial.

    Of a trial that was confirmed it is that of the kept repeat nearest to the mean of all repeats,
    since the model of the search itself was chosen for its luck.

    Raises:
        BadInput: the trial's model is no longer kept.
    """
    if confirmed:
        run = confirmed.kept(folder)
        kept = Kept(run, folder.confirm_model(run.number), folder.confirm_proxy)
    else:
        kept = Kept(best, folder.model(best.number), folder.proxy)
    if not kept.file.exists():
        numbers = sorted(int(file.stem) for file in folder.models.glob("[0-9]*.keras"))
        raise BadInput(f"trial {best.number} has no model any more; kept are those of {numbers}")
    return kept
