"""Which model predicts, by what the user gave."""

from __future__ import annotations

import pytest

from bcauto.errors import BadInput
from bcauto.prediction.source import find_source


def test_a_file_and_a_folder_with_a_model(tmp_path):
    (tmp_path / "model.keras").touch()
    for given in (tmp_path, tmp_path / "model.keras"):
        source = find_source(str(given), tmp_path / "studies", None)
        assert (source.file, source.study) == (tmp_path / "model.keras", None)


@pytest.mark.parametrize("given", ["nothing", "studies", "../x"])
def test_what_is_neither_a_model_nor_a_study_is_refused(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "studies" / "nothin"
    study.mkdir(parents=True)
    (study / "study.toml").touch()
    with pytest.raises(BadInput, match=r"must be a .keras file, .* or a study in .*Legal: nothin"):
        find_source(given, tmp_path / "studies", None)
