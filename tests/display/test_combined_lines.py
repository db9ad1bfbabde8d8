"""What `bcauto best --export --views --ensemble` says of what it exported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bcauto.display.combined_lines import combined_lines
from bcauto.ensemble.choose import Chosen, Combination, Step


def made(*steps: Step) -> Any:
    """A combination with scores and costs that can be told apart."""
    best = steps[-1].proposed if steps[-1].taken else Combination((1, 0, 0))
    runs = [SimpleNamespace(number=number, of_trial=10 * number) for number in (4, 6, 7)]
    held_out = {"blur": 0.5, "sensor": 0.6}
    return SimpleNamespace(
        members=[(run, count) for run, count in zip(runs, best.counts, strict=True) if count],
        own=SimpleNamespace(name="repeat 4 of trial 40"),
        chosen=Chosen(best, "these", "those", steps),
        single=SimpleNamespace(objective=0.7, held_out=held_out, parameters=1000, milliseconds=1.5),
        combined=SimpleNamespace(
            objective=0.8, held_out={"blur": 0.7, "sensor": 0.8}, parameters=2000, milliseconds=24.0
        ),
        distilled=None,
    )


def test_gain_and_cost_stand_beside_the_single_models():
    step = Step("views", Combination((1, 0, 2), "turns"), 0.9, before=0.7, after=0.8)
    said = combined_lines(made(step))
    assert said[:3] == [
        "combined: 1 x trial 40 (repeat 4) + 2 x trial 70 (repeat 7), over eight turns and "
        "mirrors of the picture",
        "  objective 0.8000, beside 0.7000 of the single model (repeat 4 of trial 40); "
        "held out 0.7500, beside 0.5500",
        "  2,000 parameters, beside 1,000; 24.00 ms a picture, beside 1.50",
    ]
    assert "proposed on these and taken by a part of those" in said[3]
    assert "the held-out families chose nothing" in said[3]


def test_where_nothing_is_better_that_is_all_that_is_said():
    step = Step("uniform", Combination((1, 1, 0)), 0.9, before=0.7, after=0.7)
    [said] = combined_lines(made(step))
    assert said == "no views or ensemble scored clearly better; the single model was exported"


def test_of_a_distilled_network_its_own_scores_are_last():
    step = Step("views", Combination((1, 0, 2), "turns"), 0.9, before=0.7, after=0.8)
    taught = made(step)
    taught.distilled = SimpleNamespace(
        objective=0.75, held_out={"blur": 0.6, "sensor": 0.7}, parameters=1000, milliseconds=1.5
    )
    assert combined_lines(taught) == [
        *combined_lines(made(step)),
        "exported is one network that was trained on what the combined model says:",
        "  objective 0.7500; held out 0.6500; 1,000 parameters; 1.50 ms a picture",
    ]
