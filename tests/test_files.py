from pathlib import Path

import pytest

from bcauto.files import LocalFiles


def test_a_file_appears_whole_with_its_suffix(tmp_path):
    path = tmp_path / "new" / "1.keras"
    with LocalFiles().writing(path) as partial:
        partial.write_bytes(b"half")
        assert partial.suffix == ".keras"
        assert not path.exists()
    assert LocalFiles().read(path) == b"half"
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "1.keras"
    path.write_bytes(b"old")

    def fail():
        with LocalFiles().writing(path) as partial:
            partial.write_bytes(b"half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_reads_as_none():
    assert LocalFiles().read(Path("/no/such/file")) is None
