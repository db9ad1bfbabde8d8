"""Tables and facts: whatever the width, every value is there."""

import io

import pytest
from rich.console import Console

from bcauto.display.tables import open_console, print_facts, print_rows

WORDS = ["a", "network", "of", "some", "name"]
ROWS = [
    {"trial": "7", "score": "0.8125", "95 %": "0.790-0.834", "what": " ".join(WORDS)},
    {"trial": "12", "score": "0.5", "95 %": "-", "what": ""},
]


@pytest.fixture
def printed():
    """Prints rows in a terminal of a width; gives the lines without the spaces behind them."""

    def run(width, **how):
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, width=width, color_system=None)
        print_rows(console, ROWS, **how)
        return [line.rstrip() for line in file.getvalue().splitlines()]

    return run


@pytest.mark.parametrize("width", range(20, 100, 4))
def test_no_value_is_cut_and_no_line_is_wider_than_the_terminal(printed, width):
    lines = printed(width, text=("what",))
    assert max(map(len, lines)) <= width
    values = [value for row in ROWS for name, value in row.items() if name != "what" and value]
    assert all(any(value in line.split() for line in lines) for value in values)
    assert [word for line in lines for word in line.split() if word in WORDS] == WORDS
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("width", range(30, 90, 2))
def test_a_value_with_a_space_counts_whole_and_no_word_is_parted(width):
    row = {"size": "86.8 MB", "written": "2026-11-30 19:28", "best": "0.5755 confirmed (trial 1)"}
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    print_rows(console, [row], text=("written", "best"), numbers=("size",))
    words = file.getvalue().split()
    assert {"2026-11-30", "19:28", "0.5755", "confirmed", "(trial", "1)"} <= set(words)
    assert any("86.8 MB" in line for line in file.getvalue().splitlines())


@pytest.mark.parametrize("width", [50, 60, 70, 80, 100])
def test_two_columns_that_fold_keep_their_words(width):
    row = {
        "dimension": "training.learning_rate@adam",
        "values": "0.0005 to 0.01, log",
        "when": "training.optimizer = adam",
    }
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    print_rows(console, [row], text=("values", "when"))
    assert {word for value in row.values() for word in value.split()} <= {*file.getvalue().split()}
    assert max(map(len, file.getvalue().splitlines())) <= width


def test_a_wide_terminal_shows_columns_with_numbers_to_the_right(printed):
    head, rule, first, second = printed(80, numbers=("trial",))
    assert head.split() == ["trial", "score", "95", "%", "what"]
    assert set(rule) == {"─"}
    assert (first[:6], second[:6]) == ("    7 ", "   12 ")


def test_a_narrow_terminal_shows_a_block_for_each_row(printed):
    assert printed(26) == [
        "trial 7",
        "score 0.8125",
        "95 %  0.790-0.834",
        "what  a network of some",
        "      name",
        "",
        "trial 12",
        "score 0.5",
        "95 %  -",
    ]


def test_a_pipe_gets_lines_as_long_as_they_are(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    console, long = open_console(), "a reason with [brackets], " * 20
    print_rows(console, [{"study": "cells", "problem": long}], text=("problem",))
    print_facts(console, {"failed": long})
    lines = capsys.readouterr().out.splitlines()
    assert [long.strip() in line for line in lines] == [False, False, True, True]
    assert lines == [line.rstrip() for line in lines]
