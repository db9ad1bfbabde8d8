"""Commands to go on with: a shell takes them as they stand, in the folder where they were shown."""

import shlex

import pytest

from bcauto.display.next_command import next_command
from bcauto.study.folder import StudyFolder


@pytest.mark.parametrize(
    ("studies", "expected"),
    [
        ("studies", ["bcauto", "best", "cells", "--export"]),
        ("mine", ["bcauto", "best", "cells", "--export", "--studies-dir", "mine"]),
        ("two words", ["bcauto", "best", "cells", "--export", "--studies-dir", "two words"]),
        ("it's $HOME", ["bcauto", "best", "cells", "--export", "--studies-dir", "it's $HOME"]),
        ("deep/studies", ["bcauto", "best", "cells", "--export", "--studies-dir", "deep/studies"]),
    ],
)
def test_the_folder_of_studies_is_named_where_it_is_another(
    studies, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / studies / "cells", (tmp_path / studies / "cells").resolve()):
        assert shlex.split(next_command("best", StudyFolder(folder), "--export")) == expected


def test_a_folder_elsewhere_is_named_in_full(tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    command = next_command("status", StudyFolder(tmp_path / "studies" / "cells"))
    expected = ["bcauto", "status", "cells", "--studies-dir", str(tmp_path / "studies")]
    assert shlex.split(command) == expected
