"""Files that are nearly right, for fuzzing: valid ones that hypothesis changes.

Every strategy makes a case: the files of a folder by their relative names.
"""

from __future__ import annotations

import copy
import io
import json
import re
import zipfile
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import h5py
import numpy as np
from hypothesis import strategies as st

__all__ = ["Case", "Link", "folders", "models", "proxies", "single", "tables", "training_sets"]


class Link(str):
    """A symbolic link in the place of a file's content."""

    __slots__ = ()


Case = dict[str, bytes | Link]
Arrays = dict[str, Any]

_IMAGES = 10  # images of a valid file
_NUMBERS = (-(2**63), -1, 0, 1, 2, 3, 7, 8, 255, 2**16, 2**31, 2**32 - 1, 10**12, 2**63, 10**30)
_TYPES = (
    "|u1",
    "<f8",
    "<i8",
    ">i2",
    "|b1",
    "<U3",
    "|S5",
    "<U0",
    "|V4",
    "|O",
    "<M8[s]",
    "<c16",
    "x",
)
_PLACES = ("../x", "/etc/passwd", "a\0b", "n" * 5000, "\u202e\ud800", "", ".", "con", "~")
_PACKING = (*[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED] * 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def single(name: str, contents: st.SearchStrategy[bytes]) -> st.SearchStrategy[Case]:
    """Cases of one file."""
    return contents.map(lambda content: {name: content})


@st.composite
def _damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes after some bit flips, cuts, insertions and splices; or others altogether."""
    if draw(st.integers(0, 40)) == 40:
        return draw(st.binary(max_size=200))
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "cut", "set", "insert", "remove", "splice"])):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:]
            case "set":
                value = draw(st.sampled_from(_NUMBERS)) % 2**32
                data[at : at + 4] = value.to_bytes(4, draw(st.sampled_from(["little", "big"])))
            case "insert":
                data[at:at] = draw(st.binary(max_size=64))
            case "remove":
                del data[at : at + length]
            case "splice":
                there = draw(st.integers(0, len(data)))
                data[there:there] = data[at : at + length]
    return bytes(data)


def _maybe(content: bytes) -> st.SearchStrategy[bytes]:
    """The bytes as they are, or damaged."""
    return st.one_of(st.just(content), _damaged(content))


def training_sets(prefixes: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Files near the layout of ``prefixes`` (``""``, or ``train_`` and ``val_``)."""
    rng = np.random.default_rng(0)
    arrays: Arrays = {"class_names": np.array(["a", "b"])}
    for prefix in prefixes:
        arrays[f"{prefix}images"] = rng.integers(0, 256, (_IMAGES, 9, 8, 3), np.uint8)
        arrays[f"{prefix}labels"] = np.arange(_IMAGES) % 2
    return _archives(arrays)


def proxies(saved: bytes) -> st.SearchStrategy[bytes]:
    """Files near a saved proxy."""
    with np.load(io.BytesIO(saved)) as stored:
        return _archives(dict(stored))


@st.composite
def _archives(draw: st.DrawFn, arrays: Arrays) -> bytes:
    """Files near one of ``arrays``: changed arrays, headers, members, bytes."""
    members = [(f"{name}.npy", _npy(array)) for name, array in arrays.items()]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(members) - 1))
        name, content = members[at]
        array = arrays.get(name.removesuffix(".npy"))
        match draw(st.sampled_from(["drop", "repeat", "rename", "array", "header", "bytes"])):
            case "drop" if len(members) > 1:
                del members[at]
            case "repeat":
                members.append((name, content))
            case "rename":
                others = [*(name for name, _ in members), "test_images.npy", "x", "val_labels.npy"]
                members[at] = (draw(st.sampled_from([*others, *_PLACES[:2]])), content)
            case "array" if array is not None:
                members[at] = (name, _npy(draw(_changed(array))))
            case "header" if array is not None:
                members[at] = (name, draw(_headers(array)) + array.tobytes())
            case "bytes":
                members[at] = (name, draw(_damaged(content)))
    return draw(_maybe(_zip(members, draw(st.sampled_from(_PACKING)))))


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=True)
    return stream.getvalue()


def _zip(members: Sequence[tuple[str, bytes]], packing: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)  # so that no name twice is warned of
            info.compress_type = packing
            archive.filelist = [each for each in archive.filelist if each.filename != name]
            archive.NameToInfo.pop(name, None)
            archive.writestr(info, content)
    return stream.getvalue()


@st.composite
def _changed(draw: st.DrawFn, array: Any) -> Any:
    """The array with other values, of another type or of another shape."""
    match draw(st.sampled_from(["value", "type", "shape", "object"])):
        case "value":
            values = [np.nan, np.inf, -np.inf, 1e308, 0.5, -1, 2.0**62]
            if array.dtype.kind not in "biuf":
                return array[::-1] if array.ndim else array
            changed = np.array(array, np.float64).reshape(-1)
            if changed.size:
                changed[draw(st.integers(0, changed.size - 1))] = draw(st.sampled_from(values))
            with np.errstate(all="ignore"):
                kind = draw(st.sampled_from(["<f8", "<f4", "<f2", "<i8", "|u1"]))
                return changed.reshape(array.shape).astype(kind)
        case "type":
            kinds = ["u1", "i1", ">i8", "f2", "c16", "U2", "S2", "O", "?", "M8[s]", "i4,f4"]
            try:
                return array.astype(draw(st.sampled_from(kinds)))
            except (ValueError, TypeError):
                return array
        case "shape":
            cut = array[tuple(slice(draw(st.integers(0, 9))) for _ in range(array.ndim))]
            return draw(st.sampled_from([cut, array[None], array.reshape(-1), array[..., None]]))
        case _:
            return np.array([{"a": 1}, None, [1]], dtype=object)


@st.composite
def _headers(draw: st.DrawFn, array: Any) -> bytes:
    """A header that need not fit the data behind it."""
    sides = st.one_of(st.sampled_from(_NUMBERS), st.integers(0, 20))
    fitting = st.sampled_from(
        [array.shape, (array.nbytes,), (1, array.nbytes), (-1, -array.nbytes)]
    )
    shapes = st.one_of(st.lists(sides, max_size=40).map(tuple), fitting)
    table = {
        "descr": draw(st.one_of(st.sampled_from(_TYPES), st.just(array.dtype.str))),
        "fortran_order": draw(st.sampled_from([False, True, 1, None])),
        "shape": draw(st.one_of(shapes, st.sampled_from([3, None, "abc", (1.5,), (True,)]))),
    }
    other = ["{" * 5000, "(" * 900, "__import__('os')", "9" * 9000, "{'descr': [('a', '|O')]}"]
    text = draw(st.one_of(st.just(repr(table)), st.sampled_from(other))).encode() + b"\n"
    version = draw(st.sampled_from([1, 2, 3, 9]))
    length = draw(st.one_of(st.just(len(text)), st.sampled_from([0, 1, 2**16 - 1, 2**32 - 1])))
    width = 2 if version == 1 else 4
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + (length % 2 ** (8 * width)).to_bytes(width, "little")
        + text
    )


@st.composite
def folders(draw: st.DrawFn) -> Case:
    """Class folders with pictures, some of them damaged, misnamed or looped."""
    valid = _pictures()
    kept = [f"{name}/{number}.png" for name in "ab" for number in "xy"]
    case: Case = dict.fromkeys(kept[: draw(st.sampled_from([4, 4, 4, 3, 2, 0]))], valid[0])
    names = st.one_of(
        st.sampled_from(
            ["a", "b", "c", "\udcff", "x\ny", "..x", ".hidden", "d" * 255, "\u202e", "ä"]
        ),
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=9),
    )
    for number in range(draw(st.integers(0, 3))):
        inside = draw(st.sampled_from(["a", "b"]))
        where = inside if draw(st.booleans()) else draw(names) or "e"
        if len(where.encode(errors="surrogateescape")) > 255 or where in (".", ".."):
            continue
        suffix = draw(st.sampled_from([".png", ".jpg", ".JPEG", ".tif", "", ".png/deeper.png"]))
        picture = draw(_maybe(draw(st.sampled_from(valid))))
        if f"{where}/{number}{suffix}".startswith(tuple(f"{path}/" for path in case)):
            continue
        link = Link(
            draw(st.sampled_from(["loop.png", "..", "/etc/passwd", "/dev/zero", "x" * 255]))
        )
        case[f"{where}/{number}{suffix}"] = link if draw(st.integers(0, 9)) == 9 else picture
    return case


@cache
def _pictures() -> list[bytes]:
    """PNG and JPEG of several kinds."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (10, 9, 4), np.uint8)
    kinds = [image, image[..., :3], image[..., 0], image.astype(np.uint16) * 257]
    pictures = [cv2.imencode(".png", kind)[1].tobytes() for kind in kinds]
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    return [
        *pictures,
        cv2.imencode(".jpg", image[..., :3])[1].tobytes(),
        cv2.imencode(".jpg", image[..., :3], progressive)[1].tobytes(),
    ]


_TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|\n|[ \t]+|.')
_STRANGE = (
    *map(str, _NUMBERS),
    *("nan", "-inf", "1e400", "-0.0", "5e-324", "0x7fffffffffffffff", "9" * 5000, "true", "false"),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "[]", "{}", '""', "[[]]", "'''", '"""'),
    *('"\\u0000"', '"\\U0010FFFF"', '"a\\nb"', '"../x.toml"', '"/dev/zero"', '"a\\u0000.toml"'),
    *('extends = "space.toml"\n', 'extends = "quick"\n', 'extends = ""\n', '"@"', '"."', '"a.b"'),
    *("[" * 600, "{a=" * 90, ".".join("a" * 900) + " = 1\n", "[a.b]\n", "[[start]]\n", "low = 1"),
    *("[search]\n", "[recipe]\n", "step = 0", "log = true", "values = []", "when = {}", "=", "#"),
    *('"training.epochs" = { low = 1, high = 1000000000000 }\n', '"model.alpha" = [0, 1]\n'),
    *("\ud7ff", "\N{RIGHT-TO-LEFT OVERRIDE}", "\r", "\x00", "x" * 5000, "," * 50),
)


@st.composite
def tables(draw: st.DrawFn, texts: Sequence[str]) -> bytes:
    """TOML near that of ``texts``, word by word."""
    split = [_TOKEN.findall(text) for text in texts]
    words = list(draw(st.sampled_from(split)))
    for _ in range(draw(st.integers(0, 5))):
        at, length = draw(st.integers(0, max(0, len(words) - 1))), draw(st.integers(1, 12))
        other = draw(st.sampled_from(split))
        new = draw(
            st.one_of(st.sampled_from(_STRANGE), st.sampled_from(other), st.text(max_size=4))
        )
        match draw(st.sampled_from(["set", "insert", "remove", "repeat", "value"])):
            case "set":
                words[at : at + 1] = [new]
            case "insert":
                words.insert(at, new)
            case "remove":
                del words[at : at + length]
            case "repeat":
                words[at:at] = words[at : at + length]
            case "value":
                values = [i for i, word in enumerate(words) if word == "="]
                if values:
                    words[draw(st.sampled_from(values)) + 2 :][:1] = [new]
    content = "".join(words).encode(errors="surrogatepass")
    return draw(_maybe(content)) if draw(st.integers(0, 5)) == 5 else content


@st.composite
def models(draw: st.DrawFn, saved: bytes) -> Case:
    """Files near a saved Keras model, mostly with another architecture written in them."""
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    for at, (name, content) in enumerate(members):
        if name == "config.json" and draw(st.integers(0, 4)):
            members[at] = (name, draw(_changed_json(json.loads(content))))
        elif name == "model.weights.h5" and draw(st.integers(0, 4)) == 4:
            members[at] = (name, draw(_changed_weights(content)))
        elif draw(st.integers(0, 9)) == 9:
            members[at] = (name, draw(_damaged(content)))
    if draw(st.integers(0, 9)) == 9:
        del members[draw(st.integers(0, len(members) - 1))]
    content = _zip(members, draw(st.sampled_from(_PACKING)))
    case: Case = {
        "model.keras": draw(_damaged(content)) if draw(st.integers(0, 5)) == 5 else content
    }
    if draw(st.integers(0, 4)) == 4:
        manifest = {"class_names": ["a", "b", "c"], "image_size": [10, 12]}
        case["manifest.json"] = draw(_changed_json(manifest))
    return case


@st.composite
def _changed_weights(draw: st.DrawFn, content: bytes) -> bytes:
    """HDF5 with one of its arrays of another size, packed, elsewhere or in a circle."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as stored:
        paths: list[str] = []
        stored.visit(paths.append)
        path = draw(st.sampled_from(sorted(paths)))
        group, _, name = path.rpartition("/")
        holder = stored[group or "/"]
        given = stored[path][()] if isinstance(stored[path], h5py.Dataset) else np.zeros(3)
        del stored[path]
        shape = draw(st.sampled_from([given.shape, (10**9, 3), (2**40,), (0,), ()]))
        match draw(st.sampled_from(["packed", "sparse", "elsewhere", "link", "circle", "texts"])):
            case "packed" if shape:
                holder.create_dataset(name, shape, "f4", chunks=True, compression="gzip")
            case "packed" | "sparse":
                holder.create_dataset(name, shape, draw(st.sampled_from(["f2", "f4", "S9999"])))
            case "elsewhere":
                there = [(draw(st.sampled_from(["/etc/passwd", "/dev/zero"])), 0, given.nbytes)]
                holder.create_dataset(name, given.shape, given.dtype, external=there)
            case "link":
                soft, outer = h5py.SoftLink(f"/{path}"), h5py.ExternalLink("/dev/zero", "/a")
                holder[name] = draw(st.sampled_from([soft, outer]))
            case "circle":
                holder[name] = draw(st.sampled_from([holder, stored["/"]]))
            case "texts":
                holder.create_dataset(name, data=["x" * 5000] * 9, dtype=h5py.string_dtype())
                holder[name].attrs["dtype"] = draw(st.sampled_from(["bfloat16", ["x"] * 99]))
    return stream.getvalue()


_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        "",
        "x",
        "linear",
        "softmax",
        [],
        {},
        0.5,
        -1.5,
        1e308,
        "float16",
        "int8",
        *_NUMBERS,
    ),
    *([None, 10, 12, 3], [10**9, 10**9, 3], [[[[]]]], "__main__", "builtins", "keras.layers", "os"),
    *("Lambda", "Dense", "TFSMLayer", "StringLookup", "TorchModuleWrapper", "Sequential", "system"),
    {
        "class_name": "__lambda__",
        "config": {"value": "4wAAAA==", "defaults": None, "closure": None},
    },
    {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"},
    {
        "class_name": "StringLookup",
        "module": "keras.layers",
        "config": {"vocabulary": "/etc/passwd"},
    },
)


@st.composite
def _changed_json(draw: st.DrawFn, tree: Any) -> bytes:
    """A JSON text with some of its values exchanged, moved or lost."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.integers(0, 4)) == 0:
            del holder[key]
            continue
        other, there = draw(st.sampled_from(places))
        moved = st.just(copy.deepcopy(other[there])) if _has(other, there) else st.none()
        value = draw(st.one_of(st.sampled_from(_VALUES), moved, st.integers(0, 64)))
        holder[key] = copy.deepcopy(value)
    text = json.dumps(tree)
    deep = "[" * 5000
    return text.replace('""', deep, 1).encode() if draw(st.integers(0, 60)) == 60 else text.encode()


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree of tables and lists, as what holds it and its key there."""
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    )
    return [place for key in keys for place in [(tree, key), *_places(tree[key])]]
