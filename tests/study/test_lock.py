"""Those who search a study: alone, together, and after one was killed."""

import os
import socket
import subprocess
import sys

import optuna
import pytest

from bcauto.errors import BadInput
from bcauto.storage.connect import connect
from bcauto.study import lock as module
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import driving, living_drivers

CHILD = """
import os, signal, sys
from pathlib import Path
from bcauto.study import StudyFolder, driving
with driving(StudyFolder(Path(sys.argv[1]))) as drivers:
    print(drivers.own, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def other(folder):
    """Another process that searches the study, until a line is written to it: then it is killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child.name = child.stdout.readline().strip()
    yield child
    child.kill()
    child.wait()


def kill(child):
    child.stdin.write("now\n")
    child.stdin.flush()
    assert child.wait(timeout=20) == -9


def open_study(folder):
    return optuna.create_study(
        study_name=folder.name, storage=connect(folder.default_storage), load_if_exists=True
    )


def test_a_second_driver_is_refused_and_told_of_the_first(folder, other):
    who = f"process {other.pid} on {socket.gethostname()}"
    with pytest.raises(BadInput, match=f"is being searched by {who}; --join"), driving(folder):
        pass


def test_a_folder_that_cannot_hold_locks_is_refused_in_one_line(folder):
    folder.drivers.write_text("a file, where the folder of the locks should be")
    line = rf"can be locked, got {folder.path} \(File exists\)"
    with pytest.raises(BadInput, match=line), driving(folder):
        pass


def test_the_lock_of_a_killed_driver_is_free(folder, other):
    kill(other)
    with driving(folder) as drivers:
        assert living_drivers(folder) == [drivers.own]
        assert not drivers.joined
    assert living_drivers(folder) == []


def test_a_driver_that_joins_sees_the_other_live_and_die(folder, other):
    with driving(folder, join=True) as drivers:
        drivers.open(open_study(folder), join=True)
        assert drivers.joined
        assert drivers.alive(other.name)
        assert drivers.alive(None)
        kill(other)
        assert not drivers.alive(other.name)
        assert not drivers.alive(None)
        assert drivers.alive(drivers.own)


def test_joining_a_study_that_nobody_searches_is_searching_it(folder):
    with driving(folder, join=True) as drivers:
        drivers.open(open_study(folder), join=True)
        assert not drivers.joined


class TestElsewhere:
    """Machines with folders of their own, which share the storage alone."""

    @pytest.fixture
    def here(self, folder):
        return folder

    @pytest.fixture
    def there(self, tmp_path):
        folder = StudyFolder(tmp_path / "elsewhere" / "cells")
        folder.path.mkdir(parents=True)
        return folder

    def test_a_driver_is_refused_while_another_shows_that_it_is_alive(self, here, there):
        study = open_study(here)
        with driving(here) as first:
            first.open(study, join=False)
            with driving(there) as second, pytest.raises(BadInput, match=f"process {os.getpid()}"):
                second.open(open_study(here), join=False)
        with driving(there) as second:
            second.open(open_study(here), join=False)
            assert not second.joined

    def test_a_driver_joins_and_counts_the_other_as_dead_once_it_is_silent(
        self, here, there, monkeypatch
    ):
        with driving(here) as first, driving(there, join=True) as second:
            first.open(open_study(here), join=False)
            second.open(open_study(here), join=True)
            assert second.joined
            assert second.alive(first.own)
            monkeypatch.setattr(module, "_SILENCE", -1.0)
            assert not second.alive(first.own)

    def test_a_driver_killed_in_the_same_folder_is_gone_at_once(self, here, other):
        study = open_study(here)
        study.set_user_attr(f"driver {other.name}", 4e9)  # shows that it is alive, for ever
        kill(other)
        with driving(here) as drivers:
            drivers.open(study, join=False)
            assert not drivers.joined
