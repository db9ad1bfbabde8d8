"""Whether a study is being searched, is finished, or was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from optuna.trial import FrozenTrial

from bcauto.results.open_study import OpenStudy
from bcauto.space.files import read_space
from bcauto.study.attributes import read_attributes
from bcauto.study.ledger import DONE
from bcauto.study.lock import searching_process
from bcauto.trial import trial_seed

__all__ = ["State", "is_finished", "study_state", "trials_left"]


class State(Enum):
    """What is going on with a study."""

    SEARCHING = "searching"
    """A process holds the lock of its folder."""
    FINISHED = "finished"
    """The same command again would train nothing."""
    INTERRUPTED = "interrupted"
    """The same command goes on."""


def study_state(opened: OpenStudy) -> State:
    """The state of a study, by its lock and its trials.

    Raises:
        BadInput: the study's space is damaged.
        NothingUsable: a trial is.
    """
    if searching_process(opened.folder):
        return State.SEARCHING
    return State.FINISHED if is_finished(opened) else State.INTERRUPTED


def is_finished(opened: OpenStudy) -> bool:
    """Whether the trials asked for and their confirmation are done.

    Raises:
        BadInput: the study's space is damaged.
        NothingUsable: a trial is.
    """
    begun = opened.study is not None
    return begun and not trials_left(opened) and not opened.leaderboard.repeats.left


def trials_left(opened: OpenStudy) -> int:
    """How many trials are still to finish; 0 also where every recipe of the space is trained.

    Raises:
        BadInput: the study's space is damaged.
        NothingUsable: a trial is.
    """
    target = opened.record.settings.trials
    if opened.study is None:
        return target
    trials = opened.study.get_trials(deepcopy=False)
    left = target - sum(trial.state in DONE for trial in trials)
    return 0 if left <= 0 or _is_exhausted(opened, trials) else left


def _is_exhausted(opened: OpenStudy, trials: Sequence[FrozenTrial]) -> bool:
    """Whether every recipe of the study's space has a trial that has ended."""
    space = read_space(opened.folder.space)
    if space.size is None or not all(trial.state.is_finished() for trial in trials):
        return False
    known = {read_attributes(trial).seed for trial in trials}
    seed = opened.record.settings.seed
    return all(trial_seed(seed, space.at(point)) in known for point in space.points())
