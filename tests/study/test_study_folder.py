"""Names, paths, and the study written last."""

import os

import pytest

from bcauto.errors import BadInput
from bcauto.study.folder import StudyFolder, check_name, find_study


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
