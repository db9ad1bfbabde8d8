"""A storage that is used over broken connections: nothing is lost, and nothing is done twice."""

import random
import shutil
import sqlite3
import time

import optuna
import psycopg
import pytest
import sqlalchemy
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import InMemoryStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import TrialState, create_trial
from sqlalchemy.exc import OperationalError
from study_fixtures import scores_of

from bcauto.storage.outage import RetryPolicy
from bcauto.storage.retrying import MADE_TWICE, RetryingStorage
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.pruning import make_pruner
from bcauto.study.source import SpaceSource
from bcauto.trial import TrialResult


def connection_lost():
    words = "server closed the connection unexpectedly"
    return OperationalError("SELECT 1", {}, psycopg.OperationalError(words))


class FlakyStorage:
    """Another storage, of which a third of the calls fail, half of them after they are done."""

    def __init__(self, storage, seed=0):
        self.storage, self.rng, self.failures = storage, random.Random(seed), 0

    def __getattr__(self, name):
        if name.startswith("_"):  # of pickle
            raise AttributeError(name)

        def call(*args):
            when = self.rng.random()
            if when < 1 / 6:
                self.failures += 1
                raise connection_lost()
            result = getattr(self.storage, name)(*args)
            if when < 1 / 3:
                self.failures += 1
                raise connection_lost()
            return result

        return call


def sqlite(path):
    return get_storage(RDBStorage(f"sqlite:///{path}"))


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """A database with Optuna's tables, to copy: making them takes half a second."""
    path = tmp_path_factory.mktemp("empty") / "study.db"
    sqlite(path).remove_session()
    return path


class TestStorage(StorageTestCase):
    """What Optuna asks of any storage."""

    @pytest.fixture(params=["memory", "sqlite"])
    def storage(self, request, tmp_path, empty_database):
        if request.param == "memory":
            return RetryingStorage(InMemoryStorage(), RetryPolicy())
        path = shutil.copy(empty_database, tmp_path)
        rdb = RDBStorage(f"sqlite:///{path}", skip_compatibility_check=True)
        return RetryingStorage(get_storage(rdb), RetryPolicy())


class TestStorageOverBrokenConnections(StorageTestCase):
    """What Optuna asks of any storage, although a third of the calls fail."""

    @pytest.fixture(params=range(3))
    def storage(self, request, policy):
        policy.say = str  # the fixture's could not be pickled
        return RetryingStorage(FlakyStorage(InMemoryStorage(), request.param), policy)

    def test_set_trial_state_values_for_state(self):
        """Not held to: one who closes a closed trial with the same result may get no error."""


# --- whole searches ---


def result(job):
    return TrialResult(0.5 + job.seed % 1000 / 2000, 0.9, scores_of({"blur": 0.5}))


def search(storage, space, folder):
    """Six trials that train nothing, one of them killed and run again; the study, its recipes."""
    study = optuna.create_study(
        study_name="cells", storage=storage, direction="maximize", pruner=make_pruner()
    )
    ledger = Ledger(study, SpaceSource(space, 0), Limits(6), folder.model)
    recipes, killed = [], False
    while (job := ledger.next_job()) is not None:
        recipes.append(job.recipe)
        ledger.report(job.number, 1, 0.5)
        if len(recipes) == 4 and not killed:
            killed = True
            ledger.release("killed")
        else:
            ledger.close(job.number, result(job))
    return study, recipes


def written(study):
    """All that the trials of a study hold, apart from times; those made twice left out."""
    return [
        (trial.state, trial.values, trial.params, trial.intermediate_values, trial.user_attrs)
        for trial in study.get_trials()
        if trial.user_attrs.get("error") != MADE_TWICE
    ]


def without_numbers(trials):
    """What the trials hold, apart from the numbers of others."""
    return [
        (*rest, {key: value for key, value in attrs.items() if key != "retry_of"})
        for *rest, attrs in trials
    ]


@pytest.mark.parametrize("seed", range(8))
def test_a_search_over_broken_connections_writes_what_an_undisturbed_one_does(
    seed, policy, space, folder
):
    flaky = FlakyStorage(InMemoryStorage(), seed)
    study, recipes = search(RetryingStorage(flaky, policy), space, folder)
    calm, calm_recipes = search(InMemoryStorage(), space, folder)
    assert flaky.failures > 80
    assert recipes == calm_recipes
    assert written(study) == written(calm)
    assert [trial.number for trial in study.get_trials()] == list(range(7))


def lose_answers(rdb, turns):
    """Has the connection break right after the commits of these turns, counted from one."""
    commit, commits = rdb.engine.dialect.do_commit, [0]

    def commit_unanswered(connection):
        commit(connection)
        commits[0] += 1
        if commits[0] in turns:
            raise sqlite3.OperationalError("database is locked")

    rdb.engine.dialect.do_commit = commit_unanswered
    return commits


@pytest.mark.parametrize("turn", range(3))
def test_a_database_that_does_not_answer_after_a_commit_changes_no_result(
    turn, policy, space, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # Optuna's own, between its tries
    rdb = RDBStorage(f"sqlite:///{tmp_path}/study.db")
    commits = lose_answers(rdb, range(1 + turn, 10**6, 3))
    study, recipes = search(RetryingStorage(get_storage(rdb), policy), space, folder)
    calm, calm_recipes = search(InMemoryStorage(), space, folder)
    assert commits[0] > 100
    assert recipes == calm_recipes
    assert without_numbers(written(study)) == without_numbers(written(calm))
    made_twice = len(study.trials) - len(calm.trials)
    assert made_twice > 0  # by Optuna's own tries
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.FAIL}


# --- single calls ---


class Stuttering(InMemoryStorage):
    """Makes every trial twice, as Optuna does in a database whose answer is lost."""

    def create_new_trial(self, study_id, template_trial=None):
        super().create_new_trial(study_id, template_trial)
        return super().create_new_trial(study_id, template_trial)


class LosesAnswers(InMemoryStorage):
    """Does a call and says that it failed, once for each call in ``lost``."""

    def __init__(self, *lost):
        super().__init__()
        self.lost = [*lost]

    def _answer(self, name, answer):
        if name in self.lost:
            self.lost.remove(name)
            raise connection_lost()
        return answer

    def create_new_study(self, *args):
        return self._answer("create_new_study", super().create_new_study(*args))

    def create_new_trial(self, *args):
        return self._answer("create_new_trial", super().create_new_trial(*args))

    def set_trial_state_values(self, *args):
        return self._answer("set_trial_state_values", super().set_trial_state_values(*args))


@pytest.fixture
def stuttering(policy):
    return optuna.create_study(storage=RetryingStorage(Stuttering(), policy))


def test_a_trial_that_was_made_twice_is_closed_with_the_reason(stuttering):
    trial = stuttering.ask()
    assert trial.number == 1
    first, second = stuttering.trials
    assert (first.state, first.user_attrs) == (TrialState.FAIL, {"error": MADE_TWICE})
    assert second.state == TrialState.RUNNING


def test_a_trial_that_was_queued_twice_is_taken_once(stuttering):
    stuttering.enqueue_trial({"x": 1.0}, user_attrs={"start": "a"})
    assert [t.state for t in stuttering.trials] == [TrialState.FAIL, TrialState.WAITING]
    trial = stuttering.ask()
    assert trial.suggest_float("x", 0.0, 2.0) == 1.0
    assert stuttering.trials[0].user_attrs == {"start": "a", "error": MADE_TWICE}
    assert stuttering.get_trials(states=[TrialState.WAITING]) == []


def test_a_trial_that_was_added_finished_twice_stays(stuttering):
    stuttering.add_trial(create_trial(value=1.0))
    assert [t.state for t in stuttering.trials] == [TrialState.COMPLETE] * 2


def test_a_trial_whose_answer_is_lost_several_times_is_made_once(policy, said):
    storage = RetryingStorage(LosesAnswers(*["create_new_trial"] * 3), policy)
    study = optuna.create_study(storage=storage)
    assert [study.ask().number for _ in range(2)] == [0, 1]
    assert len(study.trials) == 2
    assert len(said) == 4


def test_a_study_whose_answer_is_lost_is_found_by_its_name(policy):
    storage = RetryingStorage(LosesAnswers("create_new_study"), policy)
    made = storage.create_new_study([StudyDirection.MAXIMIZE], "cells")
    assert storage.get_study_id_from_name("cells") == made
    assert len(storage.get_all_studies()) == 1


def test_a_study_that_was_there_before_an_outage_is_still_a_duplicate(policy):
    inner = InMemoryStorage()
    inner.create_new_study([StudyDirection.MAXIMIZE], "cells")
    for seed in range(20):
        with pytest.raises(DuplicatedStudyError):
            RetryingStorage(FlakyStorage(inner, seed), policy).create_new_study(
                [StudyDirection.MAXIMIZE], "cells"
            )


def test_a_queued_trial_whose_taking_is_not_answered_is_taken(policy, said):
    storage = RetryingStorage(LosesAnswers("set_trial_state_values"), policy)
    study = optuna.create_study(storage=storage)
    study.enqueue_trial({"x": 1.0})
    assert study.ask().number == 0
    assert (len(study.trials), len(said)) == (1, 2)


def test_a_trial_that_another_took_is_not_taken(policy, said):
    study = optuna.create_study(storage=RetryingStorage(InMemoryStorage(), policy))
    trial = study.ask()
    assert study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING) is False
    assert said == []


def test_a_result_whose_answer_is_lost_is_written(policy):
    storage = RetryingStorage(LosesAnswers("set_trial_state_values"), policy)
    study = optuna.create_study(storage=storage)
    study.tell(study.ask(), 1.0)
    assert study.best_value == 1.0
    with pytest.raises(UpdateFinishedTrialError):
        storage.set_trial_state_values(0, TrialState.COMPLETE, [1.0])


# --- speed ---


def test_optunas_cache_reads_a_finished_trial_once(tmp_path):
    """Of ``get_storage``, which Optuna documents as internal."""
    rdb = RDBStorage(f"sqlite:///{tmp_path}/study.db")
    study_id = rdb.create_new_study([StudyDirection.MAXIMIZE])
    rdb.create_new_trial(study_id, create_trial(value=1.0))

    def is_kept(storage):
        first, second = (storage.get_all_trials(study_id, deepcopy=False) for _ in range(2))
        return first[0] is second[0]

    assert (is_kept(get_storage(rdb)), is_kept(rdb)) == (True, False)


def statements_per_trial(storage, trials=20):
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
    counted = []

    def count(*_):
        counted.append(1)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
    try:
        for _ in range(trials):
            trial = study.ask()
            x = trial.suggest_float("x", 0.0, 1.0)
            for epoch in range(10):
                trial.report(x, epoch)
            study.tell(trial, x)
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", count)
    return len(counted) / trials


def test_a_trial_takes_hardly_more_statements_than_with_optunas_own_storage(policy, tmp_path):
    own = statements_per_trial(f"sqlite:///{tmp_path}/own.db")
    ours = statements_per_trial(RetryingStorage(sqlite(tmp_path / "ours.db"), policy))
    assert own < ours < 1.1 * own
