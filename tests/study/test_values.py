import re

import pytest

from bcauto.study.values import parse_duration, parse_keep


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("0.5", 0.5),
        ("40m", 2400),
        ("2h", 7200),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1h90s", 3690),
        ("1h2m3s", 3723),
        ("0h1s", 1),
        ("2H", 7200),
        (" 2h ", 7200),
    ],
)
def test_durations_are_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0s",
        "0h0m0s",
        "-1h",
        "+1h",
        "2x",
        "h",
        "1m2h",
        "1h1h",
        "1h30",
        "1h 30m",
        "1,5h",
        ".5h",
        "1e3",
        "inf",
        "nan",
        "9" * 400,
        "2h\n2h",
    ],
)
def test_what_is_no_duration_is_refused_with_examples(text):
    rule = "must be a time such as 2h, 1h30m, 40m or 90s"
    with pytest.raises(ValueError, match=f"^{rule}, got {re.escape(repr(text))}$"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "kept"), [("1", 1), ("12", 12), ("007", 7), ("all", "all")])
def test_models_are_kept_by_number_or_all(text, kept):
    assert parse_keep(text) == kept


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", "1.0", "2x", "ALL", "none", "²", " 1", "9" * 5000]
)
def test_what_is_no_number_of_models_is_refused(text):
    rule = "must be a whole number above 0, or all"
    with pytest.raises(ValueError, match=f"^{rule}, got '{re.escape(text)}'$"):
        parse_keep(text)
