"""Outputs: what is there already, what appears, what an error or a kill leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bcauto.errors import BadInput
from bcauto.io.new_output import new_folder, output_folder

RULE = "--out must be a folder"


def write(out: Path, *names: str) -> None:
    with output_folder(out, RULE) as partial:
        for name in names:
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_text("new")


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def fail(open_folder) -> None:
    with open_folder as partial:
        (partial / "a").write_text("half")
        raise RuntimeError("no")


def test_files_and_folders_of_the_same_names_are_replaced_and_others_stay(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("old")
    (tmp_path / "notes").write_text("mine")
    write(tmp_path, "model/part", "card")
    assert files(tmp_path) == {"model/part": "new", "card": "new", "notes": "mine"}


def test_a_link_to_a_folder_is_replaced_and_not_what_it_leads_to(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "precious").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "model").symlink_to(theirs)
    write(out, "model/part")
    assert files(theirs) == {"precious": "mine"}
    assert files(out) == {"model/part": "new"}


@pytest.mark.parametrize("there", [True, False])
def test_an_error_leaves_all_as_it_was(there, tmp_path):
    out = tmp_path / "above" / "out"
    if there:
        out.mkdir(parents=True)
        (out / "a").write_text("old")
    with pytest.raises(RuntimeError, match="no"):
        fail(output_folder(out, RULE))
    assert files(tmp_path) == ({"above/out/a": "old"} if there else {})
    assert (tmp_path / "above").exists() is there


@pytest.mark.parametrize("opened", [new_folder, lambda path: output_folder(path, RULE)])
def test_what_a_killed_process_was_writing_is_deleted_and_in_nobodys_way(opened, tmp_path):
    out = tmp_path / "out"
    code = (
        f"import os; from pathlib import Path; from bcauto.io.new_output import new_folder\n"
        f"with new_folder(Path({str(out)!r})) as folder:\n"
        "    (folder / 'a').write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(out.iterdir())) == 1
    with opened(out) as partial:
        (partial / "b").write_text("whole")
        assert f"-{os.getpid()}-" in partial.name
    assert files(out) == {"b": "whole"}


def test_a_folder_with_something_in_it_is_not_new(tmp_path):
    (tmp_path / "a").write_text("mine")
    with (
        pytest.raises(BadInput, match="must be an empty folder or a new one, got"),
        new_folder(tmp_path),
    ):
        pass
    assert files(tmp_path) == {"a": "mine"}


@pytest.mark.parametrize("name", ["n" * 300, "file/below", "n" * 200 + "/" + "m" * 300])
def test_what_cannot_be_a_folder_is_refused(name, tmp_path):
    (tmp_path / "file").write_text("x")
    for opened in (new_folder(tmp_path / name), output_folder(tmp_path / name, RULE)):
        with pytest.raises(BadInput, match="that can be written to, got"), opened:
            pass
    assert files(tmp_path) == {"file": "x"}
