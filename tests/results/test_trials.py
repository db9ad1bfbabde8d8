"""Counts and winners."""

import optuna
import pytest
from optuna.trial import TrialState
from study_fixtures import scores_of

from bcauto.results.trials import completed_trials, load_study, status
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.source import SpaceSource
from bcauto.trial import Failure, Retry, RunRecord, TrialResult


@pytest.fixture
def searched(study, space, folder):
    ledger = Ledger(study, SpaceSource(space, 0), Limits(9), folder.model)
    for objective in (0.5, 0.8, 0.8, 0.2):
        scored = TrialResult(objective, 0.9, scores_of(), RunRecord(seconds=3.0))
        ledger.close(ledger.next_job().number, scored)
    ledger.close(ledger.next_job().number, Failure("ValueError: no"))
    ledger.next_job()
    return study


def test_status_counts_every_state(searched):
    found = status(searched, "cells", 9).as_dict()
    assert found == {
        "study": "cells",
        "target": 9,
        "trials": {"complete": 4, "pruned": 0, "failed": 1, "running": 1, "waiting": 0},
        "failures": {"ValueError: no": 1},
        "retries": {},
        "best": {"number": 1, "objective": 0.8},
    }
    assert sum(found["trials"].values()) == len(searched.get_trials())


def test_status_tells_how_far_trials_are_and_which_failures_were_queued_again(study, space, folder):
    ledger = Ledger(study, SpaceSource(space, 0), Limits(9), folder.model)
    first, second = ledger.next_job(), ledger.next_job()
    for epoch, score in enumerate((0.3, 0.5), 1):
        ledger.report(first.number, epoch, score)
    ledger.close(second.number, Failure("its process died", retry=Retry.LIMITED))
    found = status(study, "cells", 9)
    assert (found.failures, found.retries, found.failed) == ({}, {"its process died": 1}, 0)
    again = ledger.next_job()
    running = status(study, "cells", 9).running
    assert [(r.number, r.epoch, r.score) for r in running] == [(0, 2, 0.5), (again.number, 0, None)]


def test_status_of_a_study_without_trials():
    assert status(None, "cells", 9).as_dict()["best"] is None


def test_best_comes_first_and_of_equals_the_earlier(searched):
    assert [best.number for best in completed_trials(searched)] == [1, 2, 0, 3]
    assert completed_trials(searched)[0].recipe.training.optimizer == "adam"
    assert completed_trials(searched)[0].run.seconds == 3.0


def test_best_agrees_with_optuna(searched):
    assert completed_trials(searched)[0].objective == searched.best_value
    assert all(t.state is TrialState.COMPLETE for t in searched.best_trials)


def test_unknown_study_in_a_storage_is_none():
    assert load_study("nobody", optuna.storages.InMemoryStorage()) is None
