"""What the weights in a ``.keras`` file may be; tests/export/test_load_model.py has the rest."""

import io
import re
import resource
import struct
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from bcauto.errors import BadInput
from bcauto.io import model_file
from bcauto.io.model_file import read_description

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)
TEXT = h5py.string_dtype()


@pytest.fixture
def keras_file(tmp_path):
    """Writes a model of no layers with the given bytes as its weights."""

    def write(weights):
        file = tmp_path / "model.keras"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", weights)
        return file

    return write


def hdf5(fill, **settings):
    stream = io.BytesIO()
    with h5py.File(stream, "w", **settings) as stored:
        fill(stored)
    return stream.getvalue()


def as_keras_does(stored):
    """Two arrays of 48 and 2 bytes."""
    stored["layers/dense/vars/0"] = ARRAY
    stored["layers/dense"].attrs["name"] = "dense"
    brief = stored["layers/dense/vars"].create_dataset("1", data=np.zeros(1, "V2"))
    brief.attrs["dtype"] = "bfloat16"


def nothing(stored):
    pass


@pytest.mark.parametrize("settings", [{}, {"libver": "latest"}])
@pytest.mark.parametrize(
    ("fill", "taken"),
    [
        (as_keras_does, 50),
        (nothing, 0),
        (lambda stored: stored.create_dataset("a", data=np.int64(3)), 8),
        (lambda stored: stored.create_dataset("a", (0, 3)), 0),
    ],
)
def test_the_bytes_of_its_weights_are_counted(fill, taken, settings, keras_file):
    described = read_description(keras_file(hdf5(fill, **settings)))
    assert described == ({}, taken)


def compact(stored):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((3,))
    h5py.h5d.create(stored.id, b"a", h5py.h5t.NATIVE_INT32, space, plan)


def virtual(stored):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource("/other.h5", "there", (3, 4))
    stored.create_virtual_dataset("a", layout)


def large_chunk(stored):
    """One number, of which a reader unpacks half a gigabyte."""
    stored.create_dataset("a", (1,), maxshape=(None,), chunks=(2**27,), compression="gzip")


@pytest.mark.parametrize(
    "fill",
    [
        lambda stored: stored.create_dataset("a", data=ARRAY, chunks=(1, 4)),
        lambda stored: stored.create_dataset("a", data=ARRAY, compression="gzip"),
        lambda stored: stored.create_dataset("a", (2**62, 4), chunks=(1, 4)),
        compact,
        virtual,
        large_chunk,
    ],
)
def test_arrays_stored_in_another_way_are_refused(fill, keras_file, refused):
    rule = r"stored as they are \(contiguous\), got another layout of '/a'"
    with refused(rf"model\.weights\.h5: .* {rule}\)$"):
        read_description(keras_file(hdf5(fill)))


def test_a_packed_array_larger_than_the_memory_is_refused_at_once(keras_file, refused):
    shape, chunks = (200_000_000, 3), (100_000, 3)
    file = keras_file(
        hdf5(lambda stored: stored.create_dataset("a", shape, chunks=chunks, compression="gzip"))
    )
    before = resource.getrusage(resource.RUSAGE_SELF)
    with refused("got another layout of '/a'"):
        read_description(file)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < 1
    assert after.ru_maxrss < before.ru_maxrss + 2**15  # KiB


@pytest.mark.parametrize(
    ("fill", "taken"),
    [
        (lambda stored: stored.create_dataset("a", (200_000_000, 3)), "2,400,000,000"),
        (lambda stored: stored.create_dataset("a", (2,), "S2000000000"), "4,000,000,000"),
        (lambda stored: stored.create_dataset("a", (2,), ("f4", (1000, 1000))), "8,000,000"),
        (lambda stored: [stored.create_dataset(name, (300,)) for name in "ab"], "2,400"),
    ],
)
def test_arrays_that_are_not_in_the_file_are_refused(fill, taken, keras_file, refused):
    with refused(rf"its arrays must be in it, got {taken} bytes up to '/[ab]' and .* in all"):
        read_description(keras_file(hdf5(fill)))


@pytest.mark.parametrize(
    "kind",
    [
        TEXT,
        h5py.ref_dtype,
        h5py.vlen_dtype("f4"),
        np.dtype([("a", "f4"), ("b", h5py.vlen_dtype("f4"))]),
    ],
)
def test_arrays_of_what_has_no_fixed_length_are_refused(kind, keras_file, refused):
    with refused("its arrays must be of numbers, got .* '/a'"):
        read_description(keras_file(hdf5(lambda stored: stored.create_dataset("a", (3,), kind))))


@pytest.mark.parametrize("at", ["/", "a", "a/b", "a/b/0"])
def test_what_has_two_names_is_counted_once_even_where_it_goes_in_a_circle(at, keras_file):
    def fill(stored):
        stored["a/b/0"] = ARRAY
        stored["a/b/again"] = stored[at]

    assert read_description(keras_file(hdf5(fill))).weights == 48


def test_a_circle_that_hdf5_takes_for_a_tree_ends(keras_file):
    """The group's count of names says one, though it contains itself."""

    def fill(stored):
        stored["a/b"] = stored.create_group("a")

    content = bytearray(hdf5(fill))
    header = struct.pack("<BxHI", 1, 1, 2)  # of version 1, with one message and two names
    content[content.index(header) + 4] = 1
    assert read_description(keras_file(bytes(content))).weights == 0


def attribute_of_many_texts(array):
    """One value by its shape, and thirty by its type."""
    kind = h5py.h5t.array_create(h5py.h5t.py_create(TEXT, logical=True), (30,))
    h5py.h5a.create(array.id, b"dtype", kind, h5py.h5s.create(h5py.h5s.SCALAR))


@pytest.mark.parametrize(
    "give",
    [
        lambda array: array.attrs.create("dtype", np.zeros(2**16)),
        lambda array: array.attrs.create("dtype", ["x"] * 500, dtype=TEXT),
        lambda array: array.attrs.create("dtype", 3),
        lambda array: array.attrs.create("dtype", h5py.Empty("f4")),
        attribute_of_many_texts,
    ],
)
def test_an_attribute_that_is_read_must_be_one_text(give, keras_file, refused):
    def fill(stored):
        stored["a"] = ARRAY
        give(stored["a"])

    with refused("an array's 'dtype' must be one text, got another '/a'"):
        read_description(keras_file(hdf5(fill, libver="latest")))


def test_attributes_that_are_not_read_may_be_large(keras_file):
    def fill(stored):
        as_keras_does(stored)
        stored["layers/dense/vars/0"].attrs["mine"] = np.zeros(2**16)

    assert read_description(keras_file(hdf5(fill, libver="latest"))).weights == 50


@pytest.mark.parametrize("path", ["n" * 60_000, "d/" * 600])
def test_a_long_path_is_refused_in_a_short_line(path, keras_file, refused):
    with refused("a path may take 1,000 bytes, got .*: '.{100}'"):
        read_description(keras_file(hdf5(lambda stored: stored.create_group(path))))


def test_too_many_parts_are_refused(keras_file, refused, monkeypatch):
    monkeypatch.setattr(model_file, "_PARTS", 20)

    def fill(stored):
        for name in range(21):
            stored.create_group(f"{name % 3}/{name}")

    with refused("may hold 20 groups and arrays, got more"):
        read_description(keras_file(hdf5(fill)))


def test_a_table_that_holds_its_page_a_billion_times_is_refused(keras_file, refused):
    content = bytearray(hdf5(lambda stored: stored.create_group("a")))
    top = content.index(b"TREE")
    page = content[top + 32 : top + 40]
    for level in range(6):
        table = b"TREE" + struct.pack("<BBH", 0, level, 32) + b"\xff" * 16
        table += (bytes(8) + page) * 32 + content[top + 40 : top + 48]
        page = struct.pack("<Q", len(content))
        content += table
    content[top : top + len(table)] = table
    content[40:48] = struct.pack("<Q", len(content))
    with refused("may hold 32,768 groups and arrays, got more"):
        read_description(keras_file(bytes(content)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"hello\n" * 100,
        lambda content: content[:-900],
        lambda content: content.replace(b"TREE", b"TRIE"),
        lambda content: content.replace(b"HEAP", b"HELP"),
        lambda content: content.replace(b"SNOD\1", b"SNOD\7"),
    ],
)
def test_damaged_weights_are_refused(damage, keras_file, refused):
    with refused(r"not a Keras model that can be loaded \(model\.weights\.h5: .* \(.*\)\)"):
        read_description(keras_file(damage(hdf5(as_keras_does))))


def test_no_changed_byte_makes_more_weights_than_the_file_holds(keras_file):
    content, refusals = hdf5(as_keras_does), []
    for at in range(0, len(content), 97):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        try:
            assert read_description(keras_file(bytes(changed))).weights <= len(content)
        except BadInput as error:
            refusals.append(str(error))
    assert refusals
    assert not [line for line in refusals if len(line) > 600 or "\n" in line]


@pytest.mark.parametrize("member", ["model.weights.npz", "assets/model.weights.h5"])
def test_a_model_without_weights_is_refused(member, tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr(member, b"")
    with refused(rf"^{re.escape(str(tmp_path))}.* be loaded \(no model\.weights\.h5\)$"):
        read_description(tmp_path / "model.keras")


def test_looking_into_a_file_needs_neither_keras_nor_tensorflow():
    code = "import sys, bcauto.io.model_file; assert not {'keras', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
