"""Combinations chosen from given predictions, where the best is known or found by trying."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import pytest

from bcauto.ensemble.choose import (
    VIEWS_OF,
    Combination,
    Predictions,
    best_uniform,
    best_views,
    choose,
    greedy,
    legal_views,
)

N, CLASSES = 400, 4
ALL = tuple(VIEWS_OF)


def made(
    models: list[float], views: Sequence[float] = (1.0,), seed: int = 0, name: str = "search"
) -> Predictions:
    """Predictions of models whose logits of the true class are so strong, beside noise.

    The strength of a view multiplies that of the model.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, N)
    strength = np.outer(views, models)
    logits = rng.normal(size=(len(views), len(models), N, CLASSES))
    logits += strength[:, :, None, None] * np.eye(CLASSES)[labels]
    likely = np.exp(logits)
    likely /= likely.sum(axis=-1, keepdims=True)
    return Predictions(
        name, likely, labels, lambda given: float(np.mean(given.argmax(axis=1) == labels))
    )


def accuracy(on: Predictions, members: list[int], views: int = 1) -> float:
    """The score of the mean of these members, one of which may come twice, summed in a loop."""
    total = np.zeros((N, CLASSES))
    for view in range(views):
        for member in members:
            total += on.by_view[view, member]
    return on.score(total)


def test_the_score_of_a_combination_is_that_of_the_mean_of_its_members_and_views():
    on = made([1.0, 0.8, 0.5], views=[1.0, 0.9])
    combination = Combination((1, 0, 2), "mirror")
    assert combination.members == (0, 2)
    assert on.score_of(combination) == accuracy(on, [0, 2, 2], views=2)


def test_the_uniform_mean_is_the_best_of_the_first_models():
    on = made([1.0, 0.9, 0.9, -3.0, 1.0, 5.0])
    scores = [accuracy(on, list(range(size))) for size in range(1, 6)]
    found = best_uniform(on)
    assert found.members == tuple(range(1 + int(np.argmax(scores))))
    assert set(found.counts) == {0, 1}
    assert on.score_of(found) == max(scores)


def test_at_most_five_models_count():
    equals = made([0.5] * 8)
    assert len(best_uniform(equals).members) <= 5
    assert len(greedy(equals).members) <= 5


def test_greedy_selection_adds_the_model_that_helps_most():
    """Its first two are the best model, and the best beside that; both found by trying all."""
    on = made([0.6, 1.2, 1.1, 0.2])
    first = max(range(4), key=lambda one: accuracy(on, [one]))
    second = max(range(4), key=lambda one: accuracy(on, [first, one]))
    counts = np.array(greedy(on).counts)
    assert counts[first]
    assert counts[second] or accuracy(on, [first]) >= on.score_of(greedy(on))
    every = (
        list(some) for size in (1, 2, 3) for some in combinations_with_replacement(range(4), size)
    )
    assert on.score_of(greedy(on)) >= accuracy(on, [first, second])
    assert on.score_of(greedy(on)) >= max(accuracy(on, some) for some in every) - 0.02


def test_greedy_selection_leaves_out_a_model_that_harms():
    assert greedy(made([1.5, -4.0, 1.4])).counts[1] == 0


def test_the_views_are_those_that_score_best():
    on = made([1.0], views=[1.0, 1.0, -2.0, -2.0] + [0.0] * 4)
    assert best_views(on, Combination((1,)), ALL).views == "mirror"
    assert best_views(on, Combination((1,)), ("none",)).views == "none"


def test_what_wins_on_both_is_taken_and_says_its_scores():
    models, views = [0.8, 0.8, 0.7], [1.0] * 8
    propose, decide = made(models, views), made(models, views, seed=1, name="confirmation")
    found = choose(propose, decide, ALL, ensemble=True)
    assert (found.proposed_on, found.decided_on) == ("search", "confirmation")
    assert [step.what for step in found.steps] == ["uniform", "greedy", "views"]
    uniform, _, seen = found.steps
    assert uniform.taken
    assert seen.taken
    assert uniform.before == accuracy(decide, [0])
    assert uniform.after == accuracy(decide, list(uniform.proposed.members))
    assert uniform.proposed_score == accuracy(propose, list(uniform.proposed.members))
    assert found.combination.views == "turns"
    assert len(found.combination.members) > 1


def test_what_wins_on_the_pictures_that_proposed_it_alone_is_not_taken():
    propose = made([0.8, 0.9, 0.9], [1.0, 1.0])
    decide = made([3.0, -3.0, -3.0], [1.0, -9.0], seed=1)
    found = choose(propose, decide, ("none", "mirror"), ensemble=True)
    assert found.combination == Combination((1, 0, 0))
    assert len(found.steps) == 3
    assert not any(step.taken for step in found.steps)


@pytest.mark.parametrize(
    ("views", "ensemble", "steps"),
    [(("none",), True, ["uniform", "greedy"]), (ALL, False, ["views"]), (("none",), False, [])],
)
def test_only_what_was_asked_for_is_proposed(views, ensemble, steps):
    on = made([1.0, 1.0], [1.0] * 8)
    found = choose(on, on, views, ensemble)
    assert [step.what for step in found.steps] == steps
    assert (len(found.combination.members) == 1) or ensemble


def test_one_model_is_no_ensemble():
    on = made([1.0])
    assert choose(on, on, ("none",), ensemble=True).steps == ()


def test_turns_need_square_pictures_and_a_space_that_allows_them():
    assert legal_views("turns", (8, 8)) == ALL
    assert legal_views("turns", (8, 9)) == ("none", "mirror", "mirrors")
    assert legal_views("mirror", (8, 8)) == ("none", "mirror")
    assert legal_views("none", (8, 8)) == ("none",)


def test_the_noise_of_a_difference_is_that_of_paired_pictures():
    on = made([1.0, 0.8])
    one, other = Combination((1, 0)), Combination((0, 1))
    right = [on.by_view[0, at].argmax(axis=1) == on.labels for at in (0, 1)]
    gained, lost = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    discordant = (gained + lost) / N  # McNemar 1947
    expected = ((discordant - ((gained - lost) / N) ** 2) / (N - 1)) ** 0.5
    assert on.noise_between(one, other) == pytest.approx(expected)
    assert on.noise_between(one, one) == 0


def test_what_wins_by_less_than_the_noise_is_not_taken():
    for seed in range(20):
        propose, decide = (made([1.0, 1.0], seed=each) for each in (seed, 100 + seed))
        for step in choose(propose, decide, ("none",), ensemble=True).steps:
            ahead = step.after - step.before
            assert step.taken == (ahead > step.noise)
