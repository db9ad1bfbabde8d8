"""One process searches a study at a time, and a dead one does not keep the next from it."""

import os
import signal
import socket
import subprocess
import sys

import optuna
import pytest

from bcauto.errors import BadInput
from bcauto.storage.connect import connect
from bcauto.study import lock as module
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked, searching_process

CHILD = """
import sys
from pathlib import Path
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked
folder = StudyFolder(Path(sys.argv[1]))
with locked(folder) as lock:
    if len(sys.argv) > 2:
        import optuna
        from bcauto.storage.connect import connect
        lock.claim(optuna.load_study(study_name=folder.name, storage=connect(sys.argv[2])))
    print(lock.name, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start(folder):
    """Starts processes that lock the study, and claim it where they are given its storage.

    Each ends when it is killed, when a line is written to it, or with the test.
    """
    children = []

    def begin(*storage):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder.path), *storage],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        child.name = child.stdout.readline().strip()
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
def other(start):
    return start()


def kill(child):
    child.kill()
    assert child.wait(timeout=20) == -signal.SIGKILL


def study_of(folder):
    return optuna.create_study(
        study_name=folder.name, storage=connect(folder.default_storage), load_if_exists=True
    )


def test_a_second_process_is_refused_and_told_of_the_first(folder, other):
    who = f"process {other.pid} on {socket.gethostname()}"
    assert searching_process(folder) == who
    line = f"study 'cells' is being searched by {who}; wait until it has ended"
    with pytest.raises(BadInput, match=line), locked(folder):
        pass
    with pytest.raises(BadInput, match=f"{who}; try later"), locked(folder, advice="try later"):
        pass


def test_a_refusal_takes_nothing_from_the_first(folder, other):
    for _ in range(2):
        with pytest.raises(BadInput, match=f"process {other.pid}"), locked(folder):
            pass
    assert searching_process(folder) == f"process {other.pid} on {socket.gethostname()}"


def test_a_process_that_ends_or_is_killed_leaves_the_lock(folder, other):
    kill(other)
    assert searching_process(folder) is None
    with locked(folder):
        assert searching_process(folder) == f"process {os.getpid()} on {socket.gethostname()}"
    assert searching_process(folder) is None


def test_a_process_that_only_looks_keeps_nobody_from_searching(folder):
    with locked(folder):
        pass
    look = f"""
import sys
from pathlib import Path
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import searching_process
print(flush=True)
while True:
    searching_process(StudyFolder(Path({str(folder.path)!r})))
"""
    looking = subprocess.Popen([sys.executable, "-c", look], stdout=subprocess.PIPE)
    looking.stdout.readline()
    try:
        for _ in range(50):
            with locked(folder):
                pass
    finally:
        looking.kill()
        looking.communicate()


def test_a_folder_that_was_never_searched(tmp_path):
    folder = StudyFolder(tmp_path / "new" / "cells")
    assert searching_process(folder) is None
    with locked(folder):
        assert searching_process(folder)


def test_a_folder_that_cannot_hold_a_lock_is_refused_in_one_line(tmp_path):
    (tmp_path / "cells").write_text("a file, where the folder should be")
    folder = StudyFolder(tmp_path / "cells")
    with pytest.raises(BadInput, match=rf"can be locked, got {folder.path} \(File exists\)"):
        locked(folder).__enter__()


class TestSharedStorage:
    """Machines with folders of their own share a storage: the study has a sign of life."""

    @pytest.fixture
    def there(self, tmp_path):
        folder = StudyFolder(tmp_path / "elsewhere" / "cells")
        folder.path.mkdir(parents=True)
        return folder

    def test_a_second_machine_is_refused_while_the_first_is_alive(self, folder, there):
        study = study_of(folder)
        with locked(folder) as first:
            first.claim(study)
            line = rf"searched by process {os.getpid()} on .*; a killed one counts as gone after"
            with locked(there) as second, pytest.raises(BadInput, match=line):
                second.claim(study_of(folder))
        with locked(there) as second:
            second.claim(study_of(folder))

    def test_a_silent_machine_counts_as_gone(self, folder, there, monkeypatch):
        with locked(folder) as first, locked(there) as second:
            first.claim(study_of(folder))
            monkeypatch.setattr(module, "_SILENCE", -1.0)
            second.claim(study_of(folder))

    @pytest.mark.parametrize("holders_since", [0, 1, 2])
    def test_a_killed_process_of_the_same_folder_is_gone_at_once(
        self, folder, start, holders_since
    ):
        study = study_of(folder)
        killed = start(folder.default_storage)
        assert study.user_attrs["searched_by"]["name"] == killed.name
        kill(killed)
        for _ in range(holders_since):  # processes that never came to claim it
            kill(start())
        with locked(folder) as lock:
            lock.claim(study)
        assert study.user_attrs["searched_by"]["name"] == lock.name

    def test_the_sign_of_life_is_renewed_when_it_is_due(self, folder, monkeypatch):
        study = study_of(folder)
        with locked(folder) as lock:
            lock.claim(study)
            first = study.user_attrs["searched_by"]
            lock.beat()
            assert study.user_attrs["searched_by"] == first
            monkeypatch.setattr(module, "_BEAT", 0.0)
            lock.beat()
            assert study.user_attrs["searched_by"]["seen"] > first["seen"]
        assert study.user_attrs["searched_by"]["seen"] == 0.0

    def test_a_storage_that_is_gone_at_the_end_is_no_error(self, folder, monkeypatch):
        study = study_of(folder)
        with locked(folder) as lock:
            lock.claim(study)
            monkeypatch.setattr(study, "set_user_attr", lambda *_: 1 / 0)
