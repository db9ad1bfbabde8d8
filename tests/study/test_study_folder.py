"""Names, paths, and the study written last."""

import os
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.errors import BadInput
from bcauto.study.folder import StudyFolder, check_name, find_study, make_name


@pytest.mark.parametrize("name", ["cells", "built-in-quick", "a", "2024.v1_x", "x" * 100])
def test_legal_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "-x", ".hidden", "a b", "a\n", "x" * 101]
)
def test_name_cannot_leave_its_folder(name):
    with pytest.raises(BadInput, match="study name must be"):
        check_name(name)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("cells", "quick"), "cells-quick"),
        (("2024.v1_x", "mobilenet_0.25"), "2024.v1_x-mobilenet_0.25"),
        (("Blood smear (2) {new}, 40×", "full"), "Blood_smear_2_new_40-full"),
        (("Zellkörper à Ångström", "mine"), "Zellkorper_a_Angstrom-mine"),
        (("..", "quick"), "data-*-quick"),
        (("", "quick"), "data-*-quick"),
        (("血球", "quick"), "data-*-quick"),
        (("\udcff", "quick"), "data-*-quick"),
        (("-_.x", "Größe"), "x-Gro_e"),
        (("cells", "x.confirm"), "cells-x_confirm"),
        (("n" * 49, "m" * 255), f"{'n' * 41}-*-{'m' * 41}-*"),
    ],
)
def test_names_that_are_made_are_legal(parts, name):
    made = make_name(*parts)
    assert check_name(made) == made == make_name(*parts)
    assert fnmatchcase(made, name)


@given(st.lists(st.text(max_size=300), min_size=2, max_size=2))
def test_a_name_is_legal_whatever_it_is_made_of(parts):
    check_name(make_name(*parts))


def test_texts_without_a_latin_letter_have_names_of_their_own():
    assert len({make_name(text, "quick") for text in ("血球", "細胞", "клетки", "")}) == 4


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
