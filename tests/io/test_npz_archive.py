"""Hostile zips: refused by what their headers say, before what they promise is unpacked."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from bcauto.io.npz_archive import open_archive


def header(shape, descr="|u1", version=(1, 0)):
    """An npy header that claims whatever it is told."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    width = 2 if version == (1, 0) else 4
    size = len(text).to_bytes(width, "little")
    return b"\x93NUMPY" + bytes(version) + size + text


@pytest.fixture
def zipped(tmp_path):
    """A zip of members by name."""

    def write(members, packed=zipfile.ZIP_DEFLATED):
        path = tmp_path / "a.npz"
        with zipfile.ZipFile(path, "w", packed) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    return write


def claiming(path, size, packed=None):
    """The zip, whose only member claims to unpack to ``size`` bytes, in both its headers."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 18), (b"PK\x01\x02", 20)):
        at = data.index(mark) + offset
        if packed is not None:
            data[at : at + 4] = packed.to_bytes(4, "little")
        data[at + 4 : at + 8] = size.to_bytes(4, "little")
    path.write_bytes(data)
    return path


@contextmanager
def little_memory():
    """The block must take less than 8 MiB."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**23


def test_arrays_of_any_kind_are_read_as_numpy_reads_them(tmp_path):
    arrays = {
        "number": np.array(3.5),
        "text": np.array("word"),
        "none": np.zeros((0, 3)),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    with open_archive(tmp_path / "a.npz") as archive:
        for key, array in arrays.items():
            read = archive.read(key)
            np.testing.assert_array_equal(read, array)
            assert (archive.header(key), read.flags.c_contiguous) == ((array.shape, array.dtype), 1)


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_is_refused_packed(zipped, refused, packed):
    size = 2**27
    path = zipped({"images.npy": header((size - 100,)) + bytes(size)}, packed)
    assert path.stat().st_size < 2**16
    said = r"'images': may unpack to at most 1100 times its packed size, got 134,217,801 bytes"
    with little_memory(), refused(said), open_archive(path) as archive:
        archive.header("images")


@pytest.mark.parametrize("packed", [None, 2**31])
def test_a_claim_of_more_than_the_file_can_hold_is_refused(zipped, refused, packed):
    start = header((2**32 - 200,))
    path = claiming(zipped({"images.npy": start + bytes(9)}), len(start) + 2**32 - 200, packed)
    with refused("at most 1100 times its packed size"), open_archive(path) as archive:
        archive.header("images")


def test_a_header_that_claims_too_many_elements_is_refused(zipped, refused):
    path = zipped({"images.npy": header((10**12,)) + bytes(9)})
    with refused(r"damaged, \(1000000000000,\) uint8 does not fill"), open_archive(path) as archive:
        archive.header("images")


@pytest.mark.parametrize(
    ("shape", "descr"),
    [((10**12,), "<U0"), ((10**12,), "|V0"), ((-3, -4), "|u1"), ((-12,), "|u1")],
)
def test_elements_of_no_size_and_sides_below_zero_are_refused(zipped, refused, shape, descr):
    filled = bytes(max(0, int(np.prod(shape))) if descr == "|u1" else 0)
    path = zipped({"names.npy": header(shape, descr) + filled})
    with refused("'names': damaged, no array is of "), open_archive(path) as archive:
        archive.header("names")


def test_a_header_of_gigabytes_is_not_read(zipped, refused):
    start = b"\x93NUMPY\x02\x00" + (2**26).to_bytes(4, "little")
    path = zipped({"images.npy": start + b" " * 2**26})
    with little_memory(), refused("its header cannot be read"), open_archive(path) as archive:
        archive.header("images")


def test_a_zip_of_too_many_members_is_refused_unread(tmp_path, refused):
    path = tmp_path / "many.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(zipfile.ZipInfo(f"{number:06}.npy"), b"")
    said = "a zip's list of members may take at most 1,048,576 bytes, got 1,120,000"
    with little_memory(), refused(said), open_archive(path):
        pass


def test_a_message_names_a_dozen_arrays_and_none_at_full_length(zipped, refused):
    path = zipped({f"{letter * 5000}.npy": b"" for letter in "abcdefghijklmnop"})
    with open_archive(path) as archive:
        assert len(archive.listed) < 1000
        assert archive.listed.endswith("l', ...")
        with refused(r"a\.npz: must hold 'images', got 'aaaa"):
            archive.header("images")


def test_an_array_that_leaves_its_folder_is_only_a_name(zipped, tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    with open_archive(zipped({"../../x.npy": stream.getvalue()})) as archive:
        assert archive.read("../../x").tolist() == [0, 1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
