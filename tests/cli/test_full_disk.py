"""A search whose disk fills up, and has room again."""

import os
import subprocess
from contextlib import suppress

import pytest
from optuna.trial import TrialState
from test_kill import check_ledger, count, finished, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.chaos]

SIZE = 560 * 2**20  # bytes: the room that a search asks for, and some more


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        message = f"needs root, to mount a small disk: {mounted.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def read_only(tmp_path):
    """Gives a folder once more, as on a share that may only be read."""
    share = tmp_path / "share"

    def make(folder):
        if not share.exists():
            share.mkdir()
            subprocess.run(["mount", "--bind", folder, share], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", share], check=True)
        return share

    yield make
    if share.exists():
        subprocess.run(["umount", "--lazy", share], check=True)


def fill(path):
    """Takes all the room that is left, but for a page or so."""
    with path.open("wb", buffering=0) as file:
        with suppress(OSError):  # the search writes, too, so nobody knows how much there is
            while file.write(bytes(4096)) == 4096:
                pass
        file.truncate(file.tell() - 4096)


def test_a_full_disk_ends_the_search_which_goes_on_once_there_is_room(
    process, command, tiny_npz, tiny_space, small_disk, read_only
):
    storage = f"sqlite:///{small_disk / 'tiny-tiny' / 'study.db'}"
    data = ("--data", tiny_npz, "--space", tiny_space, "--trials", "5")
    given = ("search", *data, "--studies-dir", small_disk)
    running = process(*given, "--workers", "1")
    wait_for(lambda: finished(storage) >= 1, running)
    fill(small_disk / "filler")
    _, err = running.communicate(timeout=300)
    assert running.returncode == 1
    (line,) = err.splitlines()
    assert line.startswith("bcauto: the disk is full: a search needs 512 MiB free in ")
    assert line.endswith("once there is room the same command goes on")

    refused = command(*given)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "a search needs 512 MiB of free disk" in refused.err

    (small_disk / "filler").unlink()
    again = command(*given, "--executor", "inline")
    assert again.code == 0, again.err
    check_ledger(storage)
    assert count(storage, TrialState.RUNNING, TrialState.WAITING) == 0

    for look in ("status", "best", "studies"):
        looked = command(look, "--studies-dir", read_only(small_disk))
        assert looked.code == 0, looked.err
        assert "tiny-tiny" in looked.out or look == "best"
