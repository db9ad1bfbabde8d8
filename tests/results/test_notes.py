"""What optuna-dashboard shows beside a study and its trials, of studies that were made up."""

from __future__ import annotations

import optuna
import pytest
from optuna_dashboard import get_note

from bcauto.results.notes import repeats_note, study_note, trial_note
from bcauto.study.attributes import name_value, read_attributes, store_note, store_result, writable
from bcauto.trial import RunRecord, Scores, TrialResult

pytest_plugins = ["report_studies"]


def note_of(opened):
    return study_note(opened.folder, opened.record, opened.leaderboard)


def test_a_study_is_told_with_its_winner_and_what_is_missing(made_up):
    assert "No trial is complete yet." in note_of(made_up("f", name="cells"))
    searched = made_up("cc", name="searched")
    best = searched.leaderboard.winner
    assert f"**Best so far: trial {best.number}**, {best.score:.4f} by" in note_of(searched)
    told = note_of(confirmed := made_up("ccc", repeats=3, name="confirmed"))
    won = confirmed.leaderboard.winner
    assert f"**The winner is trial {won.number}**, {won.score:.4f} when trained again" in told
    repeats = confirmed.leaderboard.repeats
    missing = f"{repeats.done} of {repeats.wanted} repeats are done."
    assert f"{won.trial.objective:.4f} by the search; {missing}" in told
    assert "`bcauto search --study confirmed`" in told


def test_a_complete_trial_is_told_with_each_score_and_its_recipe(made_up):
    opened = made_up("cc", repeats=2)
    trial = opened.study.trials[1]
    scores, again = read_attributes(trial).scores, opened.leaderboard.find(1).confirmed
    told = trial_note(trial, "none", again)
    low, high = scores.interval
    assert f"| corrupted (the value) | {trial.value:.4f} (95 %: {low:.4f} to {high:.4f}) |" in told
    for family, value in scores.held_out.items():
        assert f"| on {family} (held out) | {value:.4f} |" in told
    assert f"**Trained again:** {again.runs[0].objective:.4f}; " in told
    assert "- SmallCNN, from random weights." in told


def test_the_others_are_told_with_what_became_of_them(made_up):
    started, pruned, failed = made_up("cpf").study.trials
    assert trial_note(started, "none").startswith("A starting point of the space.")
    last = max(pruned.intermediate_values)
    assert f"**Pruned** after epoch {last}: " in trial_note(pruned, "none")
    assert f"**Failed:** {failed.user_attrs['error']}" in trial_note(failed, "none")


def test_a_repeat_says_of_which_trial(made_up):
    repeat = made_up("cc", repeats=1).repeats.trials[0]
    of = read_attributes(repeat).of_trial
    assert trial_note(repeat, "none").startswith(f"A repeat of trial {of} of the search.")
    assert "study `cells`, trained again" in repeats_note("cells")


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize")


def test_numbers_are_stored_by_name_and_what_is_long_is_not_shown(study):
    trial = study.ask()
    scores = Scores(
        interval=(0.4, 0.6),
        standard_error=0.05,
        corruptions={"defocus/3": 0.25, "grain/1": 0.5},
        families={"sensor": 0.5},
        held_out={"blur": 0.25},
        clean={"accuracy": 0.9},
    )
    result = TrialResult(0.5, 0.9, scores, RunRecord(seconds=61.23, parameters=1234))
    store_result(trial, result)
    study.tell(trial, 0.5)
    assert study.trials[0].user_attrs == {
        "clean_accuracy": 0.9,
        "held out": 0.25,
        "on sensor": 0.5,
        "on blur": 0.25,
        "seconds": 61.2,
        "parameters": 1234,
    }
    assert read_attributes(study.trials[0]).scores == scores
    assert read_attributes(study.trials[0]).run == result.run


def test_notes_are_those_of_the_dashboard_and_are_written_once(study):
    trial = study.ask()
    study.tell(trial, 0.5)
    frozen = study.trials[0]
    for note in ("one", "two", "two"):
        store_note(study, note)
        store_note(study, f"{note} of a trial", frozen)
    assert (get_note(study), get_note(writable(study, frozen))) == ("two", "two of a trial")
    storage, id_ = writable(study, frozen).storage, writable(study, frozen).study._study_id
    assert storage.get_study_system_attrs(id_)["dashboard:note_ver"] == 2


def test_the_value_has_a_name_and_no_warning_says_that_this_is_new(study, recwarn):
    name_value(study, "objective")
    name_value(study, "objective")
    assert study.metric_names == ["objective"]
    assert [each for each in recwarn if "experimental" in str(each.message)] == []
