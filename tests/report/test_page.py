"""The report of a study, whatever state it is in, agrees with what the study stores."""

import pytest
from report_studies import HYPERMODEL

from bcauto.page.parts import Figure, Table, Text
from bcauto.page.render import render
from bcauto.report.page import make_page, write_report
from bcauto.report.subject import Subject


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
    path = write_report(opened)
    assert path == opened.folder.path / "report" / "index.html"
    after = {file: file.read_bytes() for file in opened.folder.path.rglob("*") if file.is_file()}
    assert {file: data for file, data in after.items() if file != path} == before
