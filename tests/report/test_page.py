"""The report of a study, whatever state it is in, agrees with what the study stores."""

import pytest
from optuna.trial import TrialState
from report_studies import HYPERMODEL, MadeUp, whole_subject

from bcauto.page.parts import Figure, Table, Text
from bcauto.page.render import render
from bcauto.report.page import make_page, report_path, write_report
from bcauto.report.subject import Subject
from bcauto.results.left_out import leave_one_family_out


def page_of(opened):
    return make_page(Subject(opened))


def blocks(page, kind, key=None):
    found = [s for s in page.sections if key in (None, s.key)]
    return [block for section in found for block in section.blocks if isinstance(block, kind)]


def test_the_winner_and_its_estimate_come_first(made_up):
    opened = made_up("ccccpf", repeats=4)
    won = opened.leaderboard.winner
    lead = next(each for each in blocks(page_of(opened), Text, "came-out") if each.tone == "lead")
    assert lead.text.startswith(f"Trial {won.number} (SmallCNN) wins with {won.score:.4f} ")
    assert "trained twice more on fresh seeds" in lead.text


def test_the_leaderboard_has_every_complete_trial_with_its_numbers(made_up):
    opened = made_up("cccpcf", repeats=4)
    board = next(t for t in blocks(page_of(opened), Table) if t.caption.startswith("Leaderboard"))
    titles = [column.title for column in board.columns]
    entries = {entry.number: entry for entry in opened.leaderboard.entries}
    assert {row[0] for row in board.rows} == set(entries) == {0, 1, 2, 4}
    for row in board.rows:
        cells, entry = dict(zip(titles, row, strict=True)), entries[row[0]]
        assert cells["search score"] == entry.trial.objective
        assert cells["clean"] == entry.trial.clean_accuracy
        assert cells["estimate"] == (entry.confirmed.score if entry.confirmed else None)
    (marked,) = board.marked
    assert board.rows[marked][0] == opened.leaderboard.winner.number


def test_the_families_are_those_of_the_winner_and_the_first_starting_point(made_up):
    opened = made_up("cccc", repeats=4)
    drawn = next(f for f in blocks(page_of(opened), Figure) if f.name == "families").drawn
    won = opened.leaderboard.winner.trial
    scores = {**won.scores.families, **won.scores.held_out}
    assert list(drawn.data[0].y) == list(scores.values())
    names = [trace.name for trace in drawn.data]
    assert names[0] == f"trial {won.number}, the winner"
    assert won.number == 0 or "trial 0, the first starting point" in names


@pytest.mark.parametrize("states", ["", "f", "ffff", "r", "c", "cf", "p"])
def test_a_study_that_has_little_says_what_is_missing(made_up, states):
    opened = made_up(states, wanted=10)
    page = page_of(opened)
    assert page.sections[0].key == "came-out"
    notes = [each.text for each in blocks(page, Text, "came-out") if each.tone == "note"]
    assert f"{sum(s in 'cp' for s in states)} of 10 trials have ended" in notes[0]
    assert any("no winner" in note for note in notes) == ("c" not in states)
    assert "<html" in render(page)


def test_a_hypermodel_has_a_report(made_up):
    opened = made_up("cc", recipe=HYPERMODEL)
    text = render(page_of(opened))
    assert "KerasTuner hypermodel" in text


def test_the_report_lies_in_the_folder_of_the_study_and_changes_nothing_else(made_up):
    opened = made_up("ccp")
    before = {file: file.read_bytes() for file in opened.folder.path.rglob("*") if file.is_file()}
    assert write_report(Subject(opened)).title == "Study cells"
    path = report_path(opened)
    assert path == opened.folder.path / "report" / "index.html"
    after = {file: file.read_bytes() for file in opened.folder.path.rglob("*") if file.is_file()}
    assert {file: data for file, data in after.items() if file != path} == before


def figure(page, name):
    return next(each for each in blocks(page, Figure) if each.name == name).drawn


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A study of 30 trials, and its page."""
    opened = MadeUp(tmp_path_factory.mktemp("many"))("ccpcfcccrc" * 3, repeats=4)
    return opened, page_of(opened)


def test_points_are_the_scores_of_complete_trials(many):
    opened, page = many
    by_number = sorted(opened.complete(), key=lambda trial: trial.number)
    for name, get in (("objective", "objective"), ("clean", "clean_accuracy")):
        points = figure(page, f"held-out-over-{name}").data[0]
        assert list(points.x) == [getattr(trial, get) for trial in by_number]
        assert list(points.y) == [trial.held_out for trial in by_number]
        assert points.text[3].startswith(f"trial {by_number[3].number},")
    bars = figure(page, "held-out-over-objective").data[0].error_x
    low, high = by_number[0].scores.interval
    assert by_number[0].objective + bars.array[0] == pytest.approx(high)
    assert by_number[0].objective - bars.arrayminus[0] == pytest.approx(low)


def test_the_optimism_is_that_of_the_repeats(many):
    opened, page = many
    again = opened.leaderboard.confirmed
    searched, repeats, estimates = figure(page, "optimism").data
    assert list(searched.x) == [each.candidate.objective for each in again]
    assert list(repeats.x) == [run.objective for each in again for run in each.runs]
    assert list(estimates.x) == [each.score for each in again]


def test_left_out_families_and_importances_agree_with_what_other_commands_say(many):
    opened, page = many
    found = leave_one_family_out(opened.complete())
    assert list(figure(page, "left-out").data[0].x) == [each.rho for each in found.values()]
    importances = opened.importances()
    assert dict(zip(*(figure(page, "importance").data[0][k] for k in "yx"), strict=True)) == (
        importances
    )


def test_every_trial_has_its_curve_in_the_colour_of_its_state(many):
    opened, page = many
    trials = [trial for trial in opened.study.get_trials() if trial.state != TrialState.FAIL]
    drawn = figure(page, "curves").data  # Optuna draws none of a trial that failed
    assert [list(trace.y) for trace in drawn] == [
        list(trial.intermediate_values.values()) for trial in trials
    ]
    words = {"COMPLETE": "complete", "PRUNED": "pruned", "RUNNING": "running"}
    assert [trace.name for trace in drawn] == [words[trial.state.name] for trial in trials]
    thick = [trials[at].number for at, trace in enumerate(drawn) if trace.line.width > 2]
    assert thick == [opened.leaderboard.winner.number]


def test_failures_are_told_with_their_reason(many):
    opened, page = many
    table = next(t for t in blocks(page, Table) if "failed" in t.caption)
    failed = {trial.number: trial for trial in opened.study.get_trials(states=(TrialState.FAIL,))}
    assert sum(row[1] for row in table.rows) == len(failed) == 3
    for reason, _, _, such in table.rows:
        assert failed[int(such.split(",")[0])].user_attrs["error"] == reason


def test_five_hundred_trials_of_a_hundred_classes_fit_a_page(tmp_path):
    names = tuple(f"class {number}" for number in range(100))
    page = make_page(whole_subject(tmp_path, "cccpcfccpc" * 50, names))
    assert len(render(page).encode()) < 8e6
    board = next(t for t in blocks(page, Table) if t.caption.startswith("Leaderboard"))
    assert len(board.rows) == 50
    assert "the best 50 of 350 complete trials" in board.caption
    assert len(figure(page, "curves").data) == 450
    assert len(figure(page, "confusion-clean").data[0].z) == 100
