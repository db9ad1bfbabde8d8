"""What a person sees of a search, without the search."""

import io
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import create_trial
from rich.console import Console
from study_fixtures import scores_of

from bcauto.display.search_screen import SearchScreen
from bcauto.driver.plan import plan_search
from bcauto.results.confirmation import confirmed
from bcauto.results.leaderboard import Entry, Leaderboard, RepeatsLeft
from bcauto.results.trials import CompletedTrial
from bcauto.space.space import Confirmation
from bcauto.trial import Job, RunRecord

WIDTH = 80


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
    return captured.get().splitlines()


def test_a_line_says_what_its_numbers_are_and_fits(screen, job):
    shown, _ = screen(terminal=True)
    assert drawn(shown)[0].strip() == "getting ready"
    shown.began(0, None)
    shown.started(job(12), None, None)
    assert "in its first epoch" in drawn(shown)[0]
    shown.reported(12, 1, 0.5123)
    line, total = drawn(shown)
    assert line.split()[:2] == ["trial", "12"]
    assert "epoch 1 of 3, score 0.512" in line
    assert total.startswith("0 of 5 trials  best none yet  about ")
    shown.ended(12, "complete", "0.6000")
    line, total = drawn(shown)
    assert line.strip() == "idle"
    assert total.startswith("1 of 5 trials  best 0.6000 (trial 12)")


def test_forty_columns_show_every_number_of_a_running_trial(screen, job):
    shown, _ = screen(terminal=True, width=40)
    shown.began(0, best_of(9, 0.1234))
    shown.started(job(12), None, None)
    shown.started(job(13), None, 5)
    shown.reported(12, 2, 0.8765)
    shown.reported(13, 1, 0.4321)
    lines = drawn(shown)
    assert max(map(len, lines)) <= 40
    text = " ".join(" ".join(lines).split())
    assert "trial 12 0m00s epoch 2 of 3, score 0.8" in text  # rounded to even
    assert "repeat of trial 5 0m00s epoch 1 of 3, score 0.432" in text
    assert "0 of 5 trials best 0.1234 (trial 9) about" in text
    assert "SmallCNN" not in text


def test_a_terminal_of_ascii_gets_no_letter_that_it_cannot_show(screen, job):
    shown, _ = screen(terminal=True, width=64, encoding="ascii")
    shown.started(job(12), None, None)
    lines = drawn(shown)
    assert all(line.isascii() and len(line) <= 64 for line in lines)
    assert len(lines) == 2
    wide, _ = screen(terminal=True, width=64)
    wide.started(job(12), None, None)
    assert drawn(wide)[0].endswith("…")


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
    assert said[3].startswith("trial 4 complete: 0.6000    3 of 5 trials  best 0.6000 (trial 4)")
    assert said[8].startswith("repeat of trial 4 complete: 0.5500    1 of 2 repeats")


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
    assert drawn(shown)[-1].endswith("about 15m00s left, 6 repeats included")
    shown.started(job(2), None, None)
    passing(6)
    shown.ended(2, "pruned", "behind the median")
    # Two trials are left at 42 s each; repeats, which are not pruned, take as long as whole trials.
    assert drawn(shown)[-1].endswith("about 13m24s left, 6 repeats included")
    for number in (3, 4):
        shown.started(job(number), None, None)
        passing(60)
        shown.ended(number, "complete", "0.5000")
    shown.confirming([0, 1], confirming_plan.confirmation, 6)
    shown.began(0, None)
    assert drawn(shown)[-1] == "0 of 6 repeats  best none yet  about 12m00s left"
    shown.started(job(0), None, 0)
    passing(90)
    shown.ended(0, "complete", "0.5500")
    assert drawn(shown)[-1].endswith(
        "1 of 6 repeats  best 0.5500 (repeat of trial 0)  about 7m30s left"
    )


def test_a_timeout_bounds_the_time_left(confirming_plan, job, passing):
    settings = confirming_plan.settings.model_copy(update={"timeout": 300.0})
    plan = replace(confirming_plan, settings=settings)
    shown = SearchScreen(plan, Console(file=io.StringIO(), width=100))
    shown.began(0, None)
    shown.started(job(0), None, None)
    passing(60)
    shown.ended(0, "complete", "0.6000")
    assert "about 4m00s left" in drawn(shown)[-1]


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
