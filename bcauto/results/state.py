"""Whether a study is being searched, is finished, or was interrupted."""

from __future__ import annotations

from enum import Enum

import optuna

from bcauto.io.toml import checked, read_toml
from bcauto.results.trials import completed_trials
from bcauto.space.files import read_space
from bcauto.space.space import Confirmation
from bcauto.study.attributes import read_attributes
from bcauto.study.folder import StudyFolder
from bcauto.study.ledger import DONE
from bcauto.study.lock import searching_process
from bcauto.study.repeats import RepeatSource
from bcauto.study.settings import StudyRecord
from bcauto.trial import trial_seed

__all__ = ["State", "is_finished", "study_state"]


class State(Enum):
    """What is going on with a study."""

    SEARCHING = "searching"
    """A process holds the lock of its folder."""
    FINISHED = "finished"
    """The same command again would train nothing."""
    INTERRUPTED = "interrupted"
    """The same command goes on."""


def study_state(
    folder: StudyFolder,
    record: StudyRecord,
    study: optuna.Study | None,
    repeats: optuna.Study | None,
) -> State:
    """The state of a study, by its lock and its trials.

    Raises:
        BadInput: the study's space is damaged.
        NothingUsable: a trial is.
    """
    if searching_process(folder):
        return State.SEARCHING
    return State.FINISHED if is_finished(folder, record, study, repeats) else State.INTERRUPTED


def is_finished(
    folder: StudyFolder,
    record: StudyRecord,
    study: optuna.Study | None,
    repeats: optuna.Study | None,
) -> bool:
    """Whether the trials asked for and their confirmation are done.

    Raises:
        BadInput: the study's space is damaged.
        NothingUsable: a trial is.
    """
    if study is None:
        return False
    finished = len(study.get_trials(deepcopy=False, states=DONE))
    enough = finished >= record.settings.trials or _is_exhausted(folder, record, study)
    return enough and not _repeats_left(folder, record, study, repeats)


def _is_exhausted(folder: StudyFolder, record: StudyRecord, study: optuna.Study) -> bool:
    """Whether every recipe of the study's space has a trial that has ended."""
    trials = study.get_trials(deepcopy=False)
    space = read_space(folder.space)
    if space.size is None or not all(trial.state.is_finished() for trial in trials):
        return False
    known = {read_attributes(trial).seed for trial in trials}
    seed = record.settings.seed
    return all(trial_seed(seed, space.at(point)) in known for point in space.points())


def _repeats_left(
    folder: StudyFolder, record: StudyRecord, study: optuna.Study, repeats: optuna.Study | None
) -> int:
    """How many repeats of the confirmation are still to be trained."""
    table = read_toml(folder.space).get("confirm", {})
    wanted = record.settings.confirmation(checked(Confirmation, table, folder.space))
    recipes = {best.number: best.recipe for best in completed_trials(study)}
    leaders = list(recipes)[: wanted.top]
    if repeats is None:
        return len(leaders) * wanted.repeats
    source = RepeatSource(recipes, leaders, wanted.repeats, record.settings.seed)
    return source.left(repeats) if leaders else 0
