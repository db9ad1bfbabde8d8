"""The model that a study hands over for a trial, and the proxy that it was scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.results.confirmation import Confirmed
from bcauto.results.leaderboard import Entry
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder

__all__ = ["Kept", "kept_model", "kept_repeats"]


@dataclass(frozen=True)
class Kept:
    """A trial or repeat, the ``file`` of its model, and that of the ``proxy`` that scored it."""

    run: CompletedTrial
    file: Path
    proxy: Path


def kept_model(folder: StudyFolder, entry: Entry) -> Kept:
    """The model that stands for a recipe.

    Of a trial that was confirmed it is that of the kept repeat nearest to the mean of all repeats,
    since the model of the search itself was chosen for its luck.

    Raises:
        BadInput: the trial's model is no longer kept.
    """
    if entry.confirmed:
        run = entry.confirmed.kept(folder)
        kept = Kept(run, folder.confirm_model(run.number), folder.confirm_proxy)
    else:
        kept = Kept(entry.trial, folder.model(entry.number), folder.proxy)
    if not kept.file.exists():
        numbers = sorted(int(file.stem) for file in folder.models.glob("[0-9]*.keras"))
        raise BadInput(f"trial {entry.number} has no model any more; kept are those of {numbers}")
    return kept


def kept_repeats(folder: StudyFolder, won: Confirmed, confirmed: Sequence[Confirmed]) -> list[Kept]:
    """The repeats whose models are kept, in the order in which they join an ensemble.

    The one that stands for ``won`` comes first, then that of each other trial, the best mean first,
    then the other repeats in the same order. Models of the search itself are left out: they were
    chosen for their luck on the very proxy that proposes an ensemble.

    Raises:
        BadInput: the model of ``won`` is no longer kept.
    """
    first = kept_model(folder, Entry(won.candidate, won)).run
    trials = [won, *(each for each in confirmed if each.candidate != won.candidate)]
    typical = [each.kept(folder) for each in trials]
    numbers = dict.fromkeys(run.number for run in [first, *typical])
    runs = {run.number: run for each in trials for run in each.runs}
    kept = [
        Kept(runs[number], folder.confirm_model(number), folder.confirm_proxy)
        for number in [*numbers, *(number for number in runs if number not in numbers)]
    ]
    return [each for each in kept if each.file.exists()]
