import math
import os
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bcauto.errors import BadInput
from bcauto.io.toml import Frozen, checked, parse, read_toml, to_toml


class Part(Frozen):
    width: int = 1
    sizes: tuple[int, ...] = ()


class Whole(Frozen):
    rate: float = 0.5
    count: int = 1
    name: str = "a"
    on: bool = False
    kind: Literal["adam", "lion"] = "adam"
    part: Part = Part()
    maybe: Part | None = None
    many: dict[str, Part] = {}
    any: dict[str, Any] = {}


class Needy(Frozen):
    needed: int
    other: int = 0


WHOLE = "Legal: any, count, kind, many, maybe, name, on, part, rate"
PART = "Legal: sizes, width"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rate": True}, "rate must be a number, got True"),
        ({"rate": "0.5"}, "rate must be a number, got '0.5'"),
        ({"rate": math.nan}, "rate must be a finite number, got nan"),
        ({"rate": math.inf}, "rate must be a finite number, got inf"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"count": 2.0}, "count must be a whole number, got 2.0"),
        ({"count": "2"}, "count must be a whole number, got '2'"),
        ({"name": 3}, "name must be a string, got 3"),
        ({"on": 1}, "on must be true or false, got 1"),
        ({"on": "yes"}, "on must be true or false, got 'yes'"),
        ({"kind": "sgd"}, "kind must be 'adam' or 'lion', got 'sgd'"),
        ({"part": 3}, "part must be a table, got 3"),
        ({"any": [1]}, "any must be a table, got [1]"),
        ({"part": {"sizes": 3}}, "part.sizes must be a list, got 3"),
        ({"part": {"sizes": [1, True]}}, "part.sizes.1 must be a whole number, got True"),
        ({"name": "\udcff"}, "every text must be UTF-8, and nothing nested 200 deep, got '{"),
    ],
)
def test_no_type_is_taken_for_another(data, message, refused):
    with refused(f"^src: {re.escape(message)}"):
        checked(Whole, data, "src")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nam": 1}, f"unknown key 'nam'; did you mean 'name'? {WHOLE}"),
        ({"zzz": 1}, f"unknown key 'zzz'; {WHOLE}"),
        ({"part": {"widht": 1}}, f"unknown key 'part.widht'; did you mean 'width'? {PART}"),
        ({"maybe": {"size": 1}}, f"unknown key 'maybe.size'; did you mean 'sizes'? {PART}"),
        ({"many": {"x": {"wdth": 1}}}, f"unknown key 'many.x.wdth'; did you mean 'width'? {PART}"),
        ({"a\nb": 1}, rf"unknown key 'a\nb'; {WHOLE}"),
        ({"many": {"a\nb": 1}}, r"many.a\nb must be a table, got 1"),
    ],
)
def test_an_unknown_key_is_named_with_the_legal_ones_of_its_table(data, message, refused):
    with refused(f"^src: {re.escape(message)}$"):
        checked(Whole, data, "src")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "needed is missing"),
        ({"other": True}, "other must be a whole number, got True"),
        ({"neded": 1}, "unknown key 'neded'; did you mean 'needed'? Legal: needed, other"),
    ],
)
def test_a_missing_key_comes_last_since_a_misspelt_one_may_be_meant(data, message, refused):
    with refused(f"^src: {re.escape(message)}$"):
        checked(Needy, data, "src")


def test_a_list_is_taken_for_a_tuple_and_a_whole_number_for_a_fraction():
    made = parse(Whole, {"rate": 1, "part": {"sizes": [1, 2]}, "many": {"x": {}}})
    assert made == Whole(rate=1.0, part=Part(sizes=(1, 2)), many={"x": Part()})
    assert isinstance(made.rate, float)
    assert isinstance(made.part.sizes, tuple)


def test_what_is_made_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Whole().count = 2


def test_none_is_left_out_of_toml():
    assert "maybe" not in to_toml(Whole())


@settings(max_examples=30)
@given(
    st.builds(
        Whole,
        rate=st.floats(allow_nan=False, allow_infinity=False),
        count=st.integers(-(2**63), 2**63 - 1),
        name=st.text(st.characters(exclude_categories=["Cs"])),
        on=st.booleans(),
        part=st.builds(Part, sizes=st.lists(st.integers(0, 99)).map(tuple)),
        maybe=st.none() | st.builds(Part),
        many=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.builds(Part)),
    )
)
def test_what_is_written_as_toml_is_read_back(tmp_path_factory, made):
    path = tmp_path_factory.getbasetemp() / "made.toml"
    path.write_text(to_toml(made), encoding="utf-8", newline="")
    assert checked(Whole, read_toml(path), path) == made


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb = \n", r"not valid TOML \(Invalid value \(at line 2, column 5\)\)"),
        (b"a = 1\na = 2", r"not valid TOML \(Cannot overwrite a value \(at .*\)\)"),
        (b"\x93NUMPY\x01\x00\xff", "not valid TOML .*utf-8.* byte 0x93 in position 0"),
        (b"PK\x03\x04\x00", r"not valid TOML \(.*line 1, column 3\)\)"),
        (b"a = " + b"9" * 5000, "not valid TOML .*4300 digits"),
        (b"a = " + b"[" * 5000, "not valid TOML .*(recursion|end of document)"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_place(content, message, tmp_path, refused):
    path = tmp_path / "space.toml"
    path.write_bytes(content)
    with refused(f"^{re.escape(str(path))}: {message}"):
        read_toml(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.toml", "No such file or directory"),
        (".", "Is a directory"),
        ("file/inside.toml", "Not a directory"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(path, reason, tmp_path, refused):
    (tmp_path / "file").touch()
    with refused(rf"^{re.escape(str(tmp_path / path))}: cannot be read \({reason}\)$"):
        read_toml(tmp_path / Path(path))


def test_a_file_that_would_be_read_for_ever_is_refused(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "pipe.toml", Path("/dev/zero")):
        with refused("cannot be read .not a regular file"):
            read_toml(path)


def test_a_file_of_megabytes_is_refused_unread(tmp_path, refused):
    (tmp_path / "long.toml").write_bytes(b"#" * (2**20 + 1))
    with refused("TOML may take at most 1,048,576 bytes, got 1,048,577"):
        read_toml(tmp_path / "long.toml")


def test_links_in_a_circle_are_refused(tmp_path, refused):
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    with refused("cannot be read .Too many levels of symbolic links"):
        read_toml(tmp_path / "loop.toml")


@pytest.mark.parametrize(
    "data", [{"rate": "x" * 10**6}, {"x" * 10**6: 1}, {"name": "\udcff" * 9999}]
)
def test_a_message_is_short_whatever_a_value_holds(data, refused):
    with pytest.raises(BadInput) as caught:
        checked(Whole, data, "src")
    assert len(str(caught.value)) < 2100


@pytest.mark.parametrize("mark", ["\n", "\r", "\x0b", "\x1e", "\x85", "\u2028"])
def test_a_message_is_one_line_whatever_a_key_holds(mark):
    with pytest.raises(BadInput) as caught:
        checked(Whole, {"many": {f"a{mark}b": 1}}, "src")
    assert len(str(caught.value).splitlines()) == 1


def test_keys_nested_without_brackets_are_refused(tmp_path, refused):
    (tmp_path / "deep.toml").write_text(f"any.{'.'.join('a' * 5000)} = 1")
    with refused("nothing may be nested deeper than 50"):
        read_toml(tmp_path / "deep.toml")
