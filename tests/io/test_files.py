import os
import subprocess
import sys
from pathlib import Path

import pytest

from bcauto.io.files import LocalFileStore, temporary_folder


def test_a_file_appears_whole_with_its_suffix(tmp_path):
    path = tmp_path / "new" / "1.keras"
    with LocalFileStore().atomic_write(path) as partial:
        partial.write_bytes(b"half")
        assert partial.suffix == ".keras"
        assert not path.exists()
    assert LocalFileStore().read(path) == b"half"
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "1.keras"
    path.write_bytes(b"old")

    def fail():
        with LocalFileStore().atomic_write(path) as partial:
            partial.write_bytes(b"half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_reads_as_none():
    assert LocalFileStore().read(Path("/no/such/file")) is None


def test_a_temporary_folder_is_deleted_and_so_are_those_of_killed_processes():
    code = "import os, sys\nfrom bcauto.io.files import temporary_folder\n"
    code += "with temporary_folder('test') as folder:\n"
    code += "    print(folder, flush=True)\n    os.kill(os.getpid(), 9)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = Path(ran.stdout.strip())
    assert left.is_dir()
    with temporary_folder("test") as first, temporary_folder("test") as second:
        assert not left.exists()
        assert first.is_dir()
        assert second.is_dir()
        assert str(os.getpid()) in first.name
    assert not first.exists()


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen = []
    at = "/proc/self/fd/{}".format
    monkeypatch.setattr(os, "fsync", lambda file: seen.append(Path(at(file)).readlink()))
    path = tmp_path / "1.keras"
    with LocalFileStore().atomic_write(path) as partial:
        partial.write_bytes(b"whole")
    assert seen == [partial, tmp_path]
