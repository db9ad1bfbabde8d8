"""What is said of a disk that is full."""

import errno

import pytest

from bcauto.errors import NothingUsable
from bcauto.io.disk import check_room, disk_failures_in_one_line


@pytest.fixture
def free(monkeypatch):
    """Says how many MiB are free, whatever the disk."""

    def say(mebibytes):
        monkeypatch.setattr("bcauto.io.disk._free", lambda _: mebibytes * 2**20)

    return say


def fail(folder, error, unwritten=0):
    with disk_failures_in_one_line(folder, lambda: unwritten):
        raise error


def test_room_for_what_is_still_to_be_written_is_asked_for(tmp_path, free, refused):
    free(600)
    check_room(tmp_path / "cells", 80 * 2**20)
    with refused("needs 612 MiB of free disk in .*cells, got 600 MiB"):
        check_room(tmp_path / "cells", 100 * 2**20)


def test_a_full_disk_is_told_with_the_room_that_is_needed(tmp_path, free):
    free(0)
    said = f"the disk is full: a search needs 612 MiB free in {tmp_path}, got 0 MiB; all trials"
    with pytest.raises(NothingUsable, match=said):
        fail(tmp_path, OSError(errno.ENOSPC, "No space left on device"), 100 * 2**20)


def test_a_full_folder_elsewhere_is_named(tmp_path, free):
    free(5000)
    error = OSError(errno.ENOSPC, "No space left on device", "/tmp/bcauto-files-1")
    with pytest.raises(NothingUsable, match=r"the disk is full \(.*/tmp/bcauto-files-1.*\); all"):
        fail(tmp_path, error)


def test_a_databases_disk_is_told_as_the_database_says_it(tmp_path, free):
    free(5000)
    error = NothingUsable("the storage failed (could not extend file: No space left on device)")
    with pytest.raises(NothingUsable) as raised:
        fail(tmp_path, error)
    assert raised.value is error


def test_other_errors_pass(tmp_path):
    with pytest.raises(ValueError, match="no such thing"):
        fail(tmp_path, ValueError("no such thing"))
