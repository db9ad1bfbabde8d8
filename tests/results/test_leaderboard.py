"""The leaderboard of a study: each number under the training that it is of, and who wins."""

import json

import optuna
import pytest
from study_fixtures import scores_of

from bcauto.errors import NothingUsable
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.results.leaderboard import Leaderboard, RepeatsLeft
from bcauto.results.trials import CompletedTrial
from bcauto.space.space import Confirmation
from bcauto.study.attributes import store
from bcauto.study.repeats import RepeatSource
from bcauto.trial import RunRecord, TrialAttributes

SEARCHED = {3: 0.9, 1: 0.8, 7: 0.7}
AGAIN = {3: [0.30, 0.34], 1: [0.50, 0.58]}
"""The repeats' objectives by trial: in the order in which a confirmation trains them, 30 comes
first, then 50, 34, 58."""


def trial(number, objective, parameters=10):
    recipe = Recipe(model=Network(backbone="SmallCNN", dropout=number / 10))
    run = RunRecord(parameters=parameters, seconds=60.0)
    return CompletedTrial(
        number, objective, objective - 0.05, scores_of(standard_error=0.01), recipe, run
    )


@pytest.fixture
def repeats():
    return optuna.create_study(direction="maximize")


@pytest.fixture
def board(repeats):
    """Makes the leaderboard after so many repeats; in all there are four."""

    def make(done=4, prefer="best", again=AGAIN, **parameters):
        trials = [
            trial(number, value, parameters.get(f"of_{number}", 10))
            for number, value in SEARCHED.items()
        ]
        wanted = Confirmation(top=2, repeats=2, prefer=prefer)
        source = RepeatSource({each.number: each.recipe for each in trials}, wanted, 0)
        for _ in range(done):
            asked = source.ask(repeats)
            number, repeat = asked.trial.params["trial"], asked.trial.params["repeat"]
            value = again[number][repeat - 1]
            found = {"clean_accuracy": value + 0.01, "scores": scores_of(standard_error=0.01)}
            recipe = asked.recipe.model_dump(mode="json")
            store(asked.trial, TrialAttributes(recipe=recipe, run=RunRecord(), **found))
            repeats.tell(asked.trial, value)
        return Leaderboard.of("cells", trials, repeats if done else None, wanted, 0)

    return make


def test_each_number_stands_under_the_training_it_is_of(board):
    shown = board().find(1).as_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["trial"] == 1
    assert shown["search"]["objective"] == 0.8
    assert shown["search"]["clean_accuracy"] == 0.75
    told = shown["confirmation"]
    assert [each["repeat"] for each in told["repeats"]] == [1, 3]
    assert [each["objective"] for each in told["repeats"]] == AGAIN[1]
    assert [each["clean_accuracy"] for each in told["repeats"]] == [0.51, 0.59]
    assert told["mean"] == pytest.approx(0.54)
    assert 0.43 < told["estimate"] < 0.54  # moved towards the mean of all, which is 0.43
    assert told["optimism"] == pytest.approx(0.8 - told["estimate"])
    assert board(0).find(7).as_dict()["confirmation"] is None


def test_the_best_mean_wins_or_the_best_of_the_search_before_there_is_one(board):
    assert board(0).winner.number == 3
    assert board(0).winner.score == 0.9
    won = board().winner
    assert won.number == 1
    assert won.score == won.confirmed.score
    assert won.interval == won.confirmed.interval
    assert [each.candidate.number for each in board(0).confirmed] == []


def test_the_smallest_may_win(board):
    close = {3: [0.50, 0.50], 1: [0.505, 0.505]}
    assert board(again=close, prefer="small", of_1=500).winner.number == 3


@pytest.mark.parametrize("done", range(5))
def test_what_is_left_of_the_confirmation(done, board):
    found = board(done)
    assert found.repeats == RepeatsLeft(4 - done, 4)
    assert found.repeats.done == done
    told = found.as_dict()
    assert told["repeats"] == {"left": 4 - done, "wanted": 4}
    assert (told["confirmed"] is None) == (done == 0)
    assert found.estimates()["repeats"] == f"{done} of 4 are done"


def test_a_dashboard_sees_every_score_under_its_trial(board):
    found = board()
    told = found.estimates()
    assert told.keys() == {"repeats", "trial 1", "trial 3"}
    assert told["trial 3"]["search"] == 0.9
    assert told["trial 3"]["repeats"] == AGAIN[3]
    assert told["trial 3"]["estimate"] == found.find(3).score
    assert told["trial 3"]["interval"] == list(found.find(3).interval)
    assert json.loads(json.dumps(told)) == told


def test_a_trial_is_found_by_its_number(board, refused):
    found = board(2)
    assert found.find(7).number == 7
    assert found.find() == found.winner
    with refused(r"^--trial must be a complete trial \(1, 3, 7\), got 2$"):
        found.find(2)
    empty = Leaderboard.of("cells", [], None, Confirmation(), 0)
    assert (empty.winner, empty.repeats) == (None, RepeatsLeft(0, 0))
    with pytest.raises(NothingUsable, match="no trial of study 'cells' is complete yet"):
        empty.find()
