"""What a person sees of a search, without the search."""

import io
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import create_trial
from rich.console import Console
from rich.text import Text
from study_fixtures import scores_of

from bcauto.display.bars import Row, bar_table
from bcauto.display.search_screen import SearchScreen
from bcauto.driver.plan import plan_search
from bcauto.results.confirmation import confirmed
from bcauto.results.leaderboard import Entry, Leaderboard, RepeatsLeft
from bcauto.results.trials import CompletedTrial
from bcauto.space.space import Confirmation
from bcauto.trial import Job, RunRecord

WIDTH = 80
DUMB = {"TERM": "dumb"}


@pytest.fixture
def plan(tiny_npz, tiny_space, tmp_path):
    given = {"data": str(tiny_npz), "space": str(tiny_space), "executor": "inline", "trials": 5}
    return plan_search(given, tmp_path / "a-folder-of-studies", None)


@pytest.fixture
def screen(plan):
    """Makes a screen on a terminal, or on a file; gives it with what is written there."""

    def make(terminal, width=WIDTH, encoding="utf-8"):
        written = io.TextIOWrapper(io.BytesIO(), encoding) if encoding != "utf-8" else io.StringIO()
        size = {"width": width, "height": 25} if terminal else {"width": 1000}
        console = Console(file=written, force_terminal=terminal, highlight=False, **size)
        return SearchScreen(plan, console), written

    return make


@pytest.fixture
def job(plan):
    return lambda number: Job(number, plan.space.edge_recipes[0], number, Path("model.keras"))


def best_of(number, objective):
    """A trial of an earlier run, in the storage."""
    trial = create_trial(value=objective)
    trial.number = number
    return trial


def drawn(screen):
    """The live part, line by line."""
    with screen.console.capture() as captured:
        screen.console.print(screen)
    return Text.from_ansi(captured.get()).plain.splitlines()


def test_a_row_says_what_its_numbers_are(screen, job):
    shown, _ = screen(terminal=True)
    assert drawn(shown)[-1].strip() == "getting ready"
    shown.began(0, None)
    shown.started(job(12), None, None)
    assert "epoch 0 of 3" in drawn(shown)[-1]
    shown.reported(12, 1, 0.5123)
    outlook, trials, *_, lane = drawn(shown)
    assert outlook.startswith("best none yet  about ")
    assert trials.split()[0] == "trials"
    assert trials.split()[-1] == "0/5"
    assert lane.split()[:2] == ["trial", "12"]
    assert "epoch 1 of 3  score 0.512" in lane
    assert "SmallCNN" in lane
    shown.ended(12, "complete", "0.6000")
    outlook, trials, *_, lane = drawn(shown)
    assert lane.strip() == "idle"
    assert trials.split()[-1] == "1/5"
    assert outlook.startswith("best 0.6000 (trial 12)  about ")


def test_bars_have_the_length_of_what_is_done(plan, job):
    shown = SearchScreen(plan, Console(file=io.StringIO(), width=80, force_terminal=True))
    shown.began(2, best_of(1, 0.25))
    shown.started(job(3), None, None)
    shown.reported(3, 1, 0.5)
    rows = shown.console.render_lines(shown, pad=False)[1:]
    bars = [[each for each in row if "━" in each.text] for row in rows]
    shares = [len(bar[0].text) / sum(len(each.text) for each in bar) for bar in bars]
    assert shares == pytest.approx([2 / 5, 1 / 3], abs=0.05)


def test_repeats_have_a_bar_of_their_own(confirming_plan, job):
    shown = SearchScreen(confirming_plan, Console(file=io.StringIO(), width=80))

    def totals():
        rows = map(str.split, drawn(shown)[1:])
        return {row[0]: row[-1] for row in rows if row[0] in ("trials", "repeats")}

    shown.began(4, best_of(1, 0.25))
    assert totals() == {"trials": "4/5", "repeats": "0/6"}  # 2 trials, 3 times each
    shown.exhausted()
    shown.confirming([1], confirming_plan.confirmation, 3)
    shown.began(1, None)
    assert totals() == {"trials": "4/4", "repeats": "1/3"}


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_number_is_cut_and_no_row_folds_at_any_width(screen, job, width, encoding):
    shown, _ = screen(terminal=True, width=width, encoding=encoding)
    shown.began(3, best_of(9, 0.1234))
    for number, of_trial in ((12, None), (13, 125), (14, None)):
        shown.started(job(number), None, of_trial)
    shown.lanes[1].epochs = 100
    shown.reported(12, 2, 0.8765)
    shown.reported(13, 99, 0.4321)
    outlook = [line for line in drawn(shown) if line.startswith(("best", "about"))]
    rows = drawn(shown)[-4:]
    assert all(len(line) <= width for line in drawn(shown))
    assert "best 0.1234 (trial 9)" in outlook[0]
    words = ("3/5", "2/3", "99/100", "0/3"), ("3/5", "2 of 3", "99 of 100", "0 of 3")
    for row, count in zip(rows, words[width >= 60], strict=True):
        assert f" {count} " in f"{row} "
    names = ("trials", "trial 12", "repeat of trial 125", "trial 14")
    assert all(map(str.startswith, rows, names))
    assert ["0.876" in row for row in rows] == [False, True, False, False]
    assert ["0.432" in row for row in rows] == [False, False, True, False]
    assert [row.count("0m00s") for row in rows] == [0, 1, 1, 1]
    assert any("SmallCNN" in row for row in rows) == (width >= 120)
    assert encoding == "utf-8" or all(map(str.isascii, rows))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_text_is_cut_between_words(encoding):
    whole = "SmallCNN frozen 3 adam 1.0e-03"
    seen = set()
    for width in range(60, 130):
        written = io.TextIOWrapper(io.BytesIO(), encoding)
        console = Console(file=written, width=width)
        with console.capture() as captured:
            console.print(bar_table([Row("trial 1", 1, 2, ("0.5",), whole)], console))
        seen.add(captured.get().partition("0.5")[2].strip())
    mark = "…" if encoding == "utf-8" else ""
    assert seen == {whole, f"SmallCNN frozen 3 adam{mark}", f"SmallCNN frozen 3{mark}"}


def test_a_low_terminal_counts_the_trials_that_it_has_no_room_for(plan, job):
    console = Console(file=io.StringIO(), width=80, height=10, force_terminal=True)
    shown = SearchScreen(plan, console)
    for number in range(20):
        shown.started(job(number), None, None)
    assert [line[:10].strip() for line in drawn(shown)[1:]] == [
        "trials",
        *("trial 0", "trial 1", "trial 2"),
        "and 17 mor",
    ]


def test_a_terminal_of_another_width_is_drawn_anew_with_the_last_lines(plan):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=25)
    shown = SearchScreen(plan, console)
    with shown:
        for number in range(12):
            shown.notice(f"line {number}")
        before = len(console.file.getvalue())
        shown.live.refresh()
        assert "\x1b[2J" not in console.file.getvalue()[before:]
        console.width = 50
        before = len(console.file.getvalue())
        shown.live.refresh()
    written = console.file.getvalue()[before:]
    assert written.startswith("\x1b[2J\x1b[Hline 4\n")
    assert [f"line {n}\n" in written for n in (3, 4, 11)] == [False, True, True]
    assert written.index("line 11") < written.index("best none yet")
    assert written.count("\x1b[2J") == 1


@pytest.mark.parametrize("options", [{"width": 1000}, {"force_terminal": True, "_environ": DUMB}])
def test_what_is_no_screen_gets_no_bar_and_no_control_character(plan, job, options):
    console = Console(file=io.StringIO(), highlight=False, color_system=None, **options)
    shown = SearchScreen(plan, console)
    with shown:
        shown.began(0, None)
        shown.started(job(12), None, None)
        shown.reported(12, 1, 0.5)
        shown.ended(12, "complete", "0.6000")
    text = console.file.getvalue()
    assert all(each.isprintable() or each == "\n" for each in text)
    assert "━" not in text
    assert "epoch 1" not in text
    assert "trial 12 complete: 0.6000, the best so far    1 of 5 trials" in text


def test_a_narrow_terminal_folds_the_first_lines_between_words(screen, plan):
    shown, written = screen(terminal=True)
    with shown:
        lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(" ".join(line.split()) for line in lines)
    assert f"{plan.record.data.train} images to train on, " in text
    assert [line.split()[0] for line in lines if line[0].isalpha()] == [
        "study",
        "data",
        "cleaned",
        "space",
        "proxy",
        "workers",
    ]


def test_a_file_gets_a_line_for_each_event(screen, job):
    shown, written = screen(terminal=False)
    with shown:
        head = len(written.getvalue().splitlines())
        shown.began(2, best_of(1, 0.25))
        shown.started(job(3), None, None)
        shown.ended(3, "interrupted", "the time was up; it is tried again")
        shown.started(job(4), 3, None)
        shown.ended(4, "complete", "0.6000")
        shown.confirming([4], Confirmation(top=1, repeats=2, length=3), 2)
        shown.began(0, None)
        shown.started(job(0), None, 4)
        shown.ended(0, "failed", "the training process died; it is tried again")
        shown.started(job(1), 0, 4)
        shown.ended(1, "complete", "0.5500")
    going_on, *said = written.getvalue().splitlines()[head:]
    assert going_on == "going on: 2 trials are finished, best 0.2500 (trial 1)"
    recipe = said[0].partition(": ")[2]
    assert recipe.startswith("SmallCNN adam ")
    assert said == [
        f"trial 3 started: {recipe}",
        "trial 3 interrupted: the time was up; it is tried again",
        f"trial 4 started: {recipe}, trial 3 again",
        said[3],
        "confirming: trial 4 trains twice more and 3 times as long, scored on new corruptions",
        f"repeat of trial 4 started: {recipe}",
        "repeat of trial 4 failed: the training process died; it is tried again",
        f"repeat of trial 4 started: {recipe}, once more",
        said[8],
    ]
    better = ", the best so far    "
    assert said[3].startswith(
        f"trial 4 complete: 0.6000{better}3 of 5 trials  best 0.6000 (trial 4)"
    )
    assert said[8].startswith(f"repeat of trial 4 complete: 0.5500{better}1 of 2 repeats")


@pytest.fixture
def passing(monkeypatch):
    """Lets seconds pass on the clock of the screen."""
    now = [1000.0]
    monkeypatch.setattr("bcauto.display.search_screen.time.monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


@pytest.fixture
def confirming_plan(plan):
    return replace(plan, settings=plan.settings.model_copy(update=CONFIRMED))


CONFIRMED = {"confirm": 2, "confirm_repeats": 3, "confirm_length": 2.0}


def test_the_time_left_covers_the_confirmation(confirming_plan, job, passing):
    """Trials of 60 s, one at a time: of 5 trials, and of 6 repeats that are twice as long."""
    shown = SearchScreen(confirming_plan, Console(file=io.StringIO(), width=100))
    shown.began(0, None)
    for number in range(2):
        shown.started(job(number), None, None)
        passing(60)
        shown.ended(number, "complete", "0.6000")
    assert drawn(shown)[0].endswith("about 15m00s left, 6 repeats included")
    shown.started(job(2), None, None)
    passing(6)
    shown.ended(2, "pruned", "behind the median")
    # Two trials are left at 42 s each; repeats, which are not pruned, take as long as whole trials.
    assert drawn(shown)[0].endswith("about 13m24s left, 6 repeats included")
    for number in (3, 4):
        shown.started(job(number), None, None)
        passing(60)
        shown.ended(number, "complete", "0.5000")
    shown.confirming([0, 1], confirming_plan.confirmation, 6)
    shown.began(0, None)
    assert drawn(shown)[0] == "best none yet  about 12m00s left"
    shown.started(job(0), None, 0)
    passing(90)
    shown.ended(0, "complete", "0.5500")
    assert drawn(shown)[0] == "best 0.5500 (repeat of trial 0)  about 7m30s left"
    assert drawn(shown)[2].split()[-1] == "1/6"


def test_a_timeout_bounds_the_time_left(confirming_plan, job, passing):
    settings = confirming_plan.settings.model_copy(update={"timeout": 300.0})
    plan = replace(confirming_plan, settings=settings)
    shown = SearchScreen(plan, Console(file=io.StringIO(), width=100))
    shown.began(0, None)
    shown.started(job(0), None, None)
    passing(60)
    shown.ended(0, "complete", "0.6000")
    assert "about 4m00s left" in drawn(shown)[0]


def test_the_end_says_whose_each_number_is_and_what_is_not_finished(confirming_plan, study):
    written = io.StringIO()
    shown = SearchScreen(confirming_plan, Console(file=written, width=1000, highlight=False))
    recipe = confirming_plan.space.edge_recipes[0]
    trials = [
        CompletedTrial(number, objective, 0.95, scores_of(), recipe, RunRecord())
        for number, objective in ((4, 0.9), (2, 0.8))
    ]
    run = replace(trials[1], number=0, of_trial=2, objective=0.5)
    [again] = confirmed(trials, [run])
    entries = (Entry(trials[0]), Entry(trials[1], again))
    board = Leaderboard("cells", entries, confirming_plan.confirmation, RepeatsLeft(5, 6))
    shown.conclude(study, board)
    best, confirming, following = written.getvalue().splitlines()[1:]
    assert (
        best
        == "best of the search: trial 4, 0.9000 on the proxy, 0.9500 on clean validation images"
    )
    assert confirming.startswith(
        "confirming: 1 of 6 repeats are done, and another trial may still win"
    )
    assert "so far trial 2, 0.5000" in confirming
    studies = str(confirming_plan.folder.path.parent)
    assert shlex.split(following.removeprefix("next: "))[-2:] == ["--studies-dir", studies]


def test_a_password_is_not_shown_in_the_next_command_but_asked_for(plan, study):
    plan = replace(plan, url="postgresql://me:secret@host/studies")
    written = io.StringIO()
    recipe = plan.space.edge_recipes[0]
    best = Entry(CompletedTrial(0, 0.9, 0.95, scores_of(), recipe, RunRecord()))
    board = Leaderboard("cells", (best,), plan.confirmation, RepeatsLeft(0, 0))
    SearchScreen(plan, Console(file=written, width=1000)).conclude(study, board)
    assert "next: bcauto best " in written.getvalue()
    assert written.getvalue().endswith("with --storage as here, since no password is kept\n")
    assert "secret" not in written.getvalue()
