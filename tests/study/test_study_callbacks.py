"""Callbacks in Optuna's form, around another monitor."""

import pytest
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from bcauto.study.callbacks import SearchStopped, WithCallbacks
from bcauto.study.monitor import Monitor


class Listening(Monitor):
    """Remembers what it was told."""

    def __init__(self):
        self.told = []

    def ended(self, number, state, detail):
        self.told.append((number, state, detail))

    def notice(self, line):
        self.told.append(line)


def test_another_monitor_is_told_first_and_all(study):
    told, calls = Listening(), []
    monitor = WithCallbacks(told, study, [lambda *given: calls.append((len(told.told), *given))])
    study.tell(study.ask(), 0.5)
    monitor.notice("the storage is away")
    monitor.ended(0, "complete", "0.5")
    assert told.told == ["the storage is away", (0, "complete", "0.5")]
    [(before, of, trial)] = calls
    assert (before, of, trial.number, trial.state) == (2, study, 0, TrialState.COMPLETE)


def test_every_method_of_a_monitor_is_passed_on():
    assert {*vars(Monitor)} & {*vars(WithCallbacks)} >= {
        name for name in vars(Monitor) if not name.startswith("_")
    }


def test_a_trial_is_a_copy(study):
    study.tell(study.ask(), 0.5)

    def change(_, trial):
        trial.value = 0.0

    WithCallbacks(Monitor(), study, [change]).ended(0, "complete", "0.5")
    assert study.trials[0].value == 0.5


def test_after_one_has_raised_none_is_called_any_more(study):
    calls = []

    def stop(_, trial):
        calls.append(trial.number)
        raise RuntimeError("enough")

    monitor = WithCallbacks(Monitor(), study, [stop])
    for _ in range(2):
        study.tell(study.ask(), 0.5)
    with pytest.raises(RuntimeError, match="enough"):
        monitor.ended(0, "complete", "0.5")
    monitor.ended(1, "complete", "0.5")
    assert calls == [0]


def test_optunas_own_callback_stops_after_all_were_called_and_then_none_is(study):
    calls = []
    enough = MaxTrialsCallback(2, states=(TrialState.COMPLETE,))
    monitor = WithCallbacks(Monitor(), study, [enough, lambda _, trial: calls.append(trial.number)])
    study.tell(study.ask(), 0.5)
    monitor.ended(0, "complete", "0.5")
    study.tell(study.ask(), 0.5)
    with pytest.raises(SearchStopped):
        monitor.ended(1, "complete", "0.5")
    study.tell(study.ask(), state=TrialState.FAIL)
    monitor.ended(2, "interrupted", "the search was stopped while it ran")
    assert calls == [0, 1]
