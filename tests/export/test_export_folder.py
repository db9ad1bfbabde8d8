"""The folder of an export: what is in it already, and what may be replaced."""

import json

import pytest

from bcauto.errors import BadInput
from bcauto.export.folder import export_folder

EXPORT = {"class_names": ["a", "b"], "image_size": [8, 8], "input": "RGB"}


def written(out, name="model.keras"):
    with export_folder(out) as partial:
        (partial / name).write_text("new")
        (partial / "manifest.json").write_text(json.dumps(EXPORT))


@pytest.mark.parametrize("text", ["mine", "{}", "[1]", '{"class_names": []}', "\xff"])
def test_a_folder_with_another_programs_manifest_is_left_as_it_is(text, tmp_path):
    for name in ("manifest.json", "README.md", "model.keras"):
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match="must be an older export"):
        written(tmp_path)
    assert {file.read_text() for file in tmp_path.iterdir()} == {text}


def test_a_folder_called_as_the_manifest_is_left_as_it_is(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    (tmp_path / "manifest.json" / "precious").write_text("mine")
    with pytest.raises(BadInput, match="must be an older export"):
        written(tmp_path)
    assert (tmp_path / "manifest.json" / "precious").read_text() == "mine"


def test_an_older_export_is_replaced_and_other_files_stay(tmp_path):
    written(tmp_path)
    (tmp_path / "model.onnx").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    written(tmp_path)
    files = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert set(files) == {"model.keras", "manifest.json", "notes.txt"}


@pytest.mark.parametrize("name", ["n" * 300, "file/below"])
def test_what_cannot_be_a_folder_is_refused(name, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="a folder that can be written to"):
        written(tmp_path / name)
