"""Names, paths, the study written last, and the lock."""

import os
import subprocess
import sys

import pytest

from bcauto.errors import BadInput
from bcauto.study import StudyFolder, check_name, find_study, lock


@pytest.mark.parametrize("name", ["cells", "built-in-quick", "a", "2024.v1_x", "x" * 100])
def test_legal_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "-x", ".hidden", "a b", "a\n", "x" * 101]
)
def test_name_cannot_leave_its_folder(name):
    with pytest.raises(BadInput, match="study name must be"):
        check_name(name)


def written(studies, name, at):
    folder = StudyFolder(studies / name)
    folder.path.mkdir()
    folder.record.write_text("")
    os.utime(folder.record, (at, at))
    return folder


def test_without_a_name_the_study_written_last_is_found(tmp_path):
    written(tmp_path, "old", 100)
    new = written(tmp_path, "new", 200)
    (tmp_path / "no-study").mkdir()
    assert find_study(tmp_path, None) == new
    database = tmp_path / "old" / "study.db"
    database.write_text("")
    os.utime(database, (300, 300))
    assert find_study(tmp_path, None).name == "old"


def test_unknown_study_is_refused_with_the_nearest_name(tmp_path):
    written(tmp_path, "cells", 1)
    with pytest.raises(BadInput, match=r"no study 'cell' .* did you mean 'cells'"):
        find_study(tmp_path, "cell")


@pytest.mark.parametrize("name", [None, "cells"])
def test_no_study_at_all(tmp_path, name):
    with pytest.raises(BadInput, match="no study"):
        find_study(tmp_path / "nowhere", name)


def test_second_process_is_refused_and_told_of_the_first(tmp_path):
    folder = written(tmp_path, "cells", 1)
    with lock(folder), pytest.raises(BadInput, match=f"process {os.getpid()} on "), lock(folder):
        pass
    with lock(folder):
        pass


def test_lock_of_a_process_that_was_killed_is_free(tmp_path):
    folder = written(tmp_path, "cells", 1)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from bcauto.study import StudyFolder, lock\n"
        "with lock(StudyFolder(Path(sys.argv[1]))): os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", code, str(folder.path)], check=False)
    assert died.returncode == -9
    with lock(folder):
        pass
