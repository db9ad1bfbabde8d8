"""The long run: searches killed at random, memory over many trials, damaged files by the thousand.

    pytest tests/reliability -m reliability -s                    # all of it: two hours
    pytest tests/reliability -m reliability -s -k kills --kills 20

Each test prints its figures as a line of JSON; ``README.md`` beside this file has those that were
measured. What was searched is left in pytest's temporary folder for a look.
"""

import json
import os
import signal
import time

import numpy as np
import pytest
from fuzz import fuzz
from kills import Toll, kill_searches
from memory import watch_memory
from repeat import repeat_search
from searches import noisy_bars

pytestmark = pytest.mark.reliability

AT_A_TIME = 2  # searches to kill
MINUTES = 240  # for the kills, at most
REPEAT_KILLS = 8


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """Ctrl-C is ignored in a background job of a script, and would be so in what is started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def seed(request):
    return request.config.getoption("--seed", 0)


@pytest.fixture
def images(tmp_path):
    """Writes synthetic pictures of a size, and gives the file."""

    def write(side):
        path = tmp_path / "images.npz"
        np.savez(path, **noisy_bars(60, side, seed=0))
        return path

    return write


@pytest.fixture
def tell(request):
    """Prints figures with the minutes that they took and the load of the last quarter hour."""
    began = time.monotonic()

    def show(figures):
        minutes = round((time.monotonic() - began) / 60, 1)
        load = round(os.getloadavg()[2], 1)
        print(f"{request.node.name}: {json.dumps({**figures, 'minutes': minutes, 'load': load})}")

    return show


def test_random_kills_lose_nothing_and_leave_nothing(request, tmp_path, images, seed, tell):
    """Strikes a driver, a training process or a raylet at random moments, until searches end.

    Real ``bcauto search`` processes under Ray, two at a time. The driver gets SIGKILL, SIGINT or
    SIGTERM, the others SIGKILL, from the first millisecond to the end of the confirmation. What
    ended is started again at once, beside what is still ending. Afterwards the number of trials
    asked for must stand, nothing be RUNNING or WAITING, no recipe be lost or trained twice to the
    end, no process, lock, checkpoint, half-written or superfluous file be left, and no traceback
    have been shown.
    """
    toll = Toll(request.config.getoption("--kills", 100), time.monotonic() + 60 * MINUTES)
    kill_searches(tmp_path, images(32), toll, seed, AT_A_TIME)
    tell(toll.figures())
    assert toll.wrong == []


def test_a_killed_search_comes_to_what_an_undisturbed_one_does(tmp_path, images, seed, tell):
    """Kills a search with ``--executor inline`` on one core at random moments.

    Recipes, their order, every epoch's score and the best must be those of the same search
    undisturbed; what a retry does is counted where its first try was.
    """
    figures, wrong = repeat_search(tmp_path, images(32), REPEAT_KILLS, seed)
    tell(figures)
    assert wrong == []


def test_a_training_process_does_not_grow_over_sixty_trials(request, tmp_path, images, tell):
    """Trains MobileNet 0.25 sixty times on one worker.

    What its training process takes at the end of the last trial must be at most 1.3 times what it
    took after ten; and the most that it took after any later trial 1.3 times the most after any of
    those ten, since it goes up and down as the process is replaced.
    """
    weights = request.config.getoption("--weights", "none")
    figures, wrong = watch_memory(tmp_path / "study", images(96), weights)
    tell(figures)
    assert wrong == []


def test_damaged_files_bring_out_none_but_our_own_errors(request, seed, tell):
    seconds = request.config.getoption("--fuzz-seconds", 600.0)
    figures = fuzz(seconds=seconds, start=seed)
    tell(
        {
            "files": sum(each["files"] for each in figures.values()),
            "taken": sum(each["taken"] for each in figures.values()),
            "slowest_s": max(each["slowest_s"] for each in figures.values()),
            "grown_mb": max(each["grown_mb"] for each in figures.values()),
        }
    )
