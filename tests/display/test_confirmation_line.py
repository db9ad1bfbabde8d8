"""What is said of a confirmation: the estimate, why its winner wins, and how far it is."""

from dataclasses import replace

import pytest
from study_fixtures import scores_of

from bcauto.display.confirmation_line import confirmation_line
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.results.confirmation import confirmed
from bcauto.results.leaderboard import Entry, Leaderboard, RepeatsLeft
from bcauto.results.trials import CompletedTrial
from bcauto.space.space import Confirmation
from bcauto.trial import RunRecord


def board(again, left=0, prefer="best", parameters=(10, 10, 10)):
    """A leaderboard of trials 0, 1 and 2, which the search scored 0.9, 0.8 and 0.7."""
    recipe = Recipe(model=Network(backbone="SmallCNN"))
    trials = [
        CompletedTrial(number, 0.9 - number / 10, 0.95, scores_of(), recipe, RunRecord())
        for number in range(3)
    ]
    trials = [
        replace(each, run=RunRecord(parameters=count))
        for each, count in zip(trials, parameters, strict=True)
    ]
    runs = [
        replace(trials[number], number=10 * number + place, objective=value, of_trial=number)
        for number, values in again.items()
        for place, value in enumerate(values)
    ]
    found = {each.candidate.number: each for each in confirmed(trials, runs)}
    entries = tuple(Entry(each, found.get(each.number)) for each in trials)
    return Leaderboard("cells", entries, Confirmation(prefer=prefer), RepeatsLeft(left, 6))


def test_the_estimate_stands_beside_its_trial():
    title, text = confirmation_line(board({0: [0.60, 0.62], 1: [0.40, 0.42]}))
    assert title == "confirmed"
    assert text.startswith("trial 0, 0.60")
    assert "trained twice more; the search was 0.29" in text
    assert text.endswith("too optimistic about it")


@pytest.mark.parametrize(
    ("again", "more", "reason"),
    [
        (
            {0: [0.40, 0.42], 1: [0.60, 0.62]},
            {},
            "the mean of its repeats is 0.6100, beside 0.4100",
        ),
        (
            {0: [0.50, 0.70], 1: [0.51, 0.71]},
            {},
            "the mean of its repeats is 0.6100, beside 0.6000, which other seeds may well turn "
            "round: both have the same estimate",
        ),
        ({1: [0.6, 0.6]}, {}, "that has no repeat yet"),
        ({0: [0.7], 1: [0.6, 0.6]}, {}, "that has fewer repeats, 1 beside 2"),
        (
            {0: [0.600, 0.602], 1: [0.599, 0.601]},
            {"prefer": "small", "parameters": (50, 10, 10)},
            "it is smaller, and no worse by more than a standard error",
        ),
    ],
)
def test_why_another_than_the_best_of_the_search_wins(again, more, reason):
    _, text = confirmation_line(board(again, **more))
    assert text.startswith("trial 1, ")
    assert text.endswith(f". It wins over trial 0, the best of the search: {reason}")


def test_a_trial_that_is_asked_for_is_not_said_to_win():
    found = board({0: [0.40, 0.42], 1: [0.60, 0.62]})
    title, text = confirmation_line(found, found.find(0))
    assert (title, text.partition(",")[0]) == ("confirmed", "trial 0")
    assert "wins" not in text
    assert confirmation_line(found, found.find(2)) == ("confirmed", "")


def test_what_is_not_finished_is_said_to_be():
    title, text = confirmation_line(board({0: [0.6]}, left=5))
    assert title == "confirming"
    start = "1 of 6 repeats are done, and another trial may still win; so far trial 0, 0.6000 "
    assert text.startswith(start)
    assert confirmation_line(board({}, left=6)) == (
        "confirming",
        "none of 6 repeats is done yet, and another trial may still win",
    )
