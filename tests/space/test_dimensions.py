import re
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.space.dimensions import Choices, Range, alternatives, escaped, read_dimension


def refused_as(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize(
    ("entry", "dimension"),
    [
        ([1, 2], Choices(values=(1, 2))),
        ({"values": ["a"]}, Choices(values=("a",))),
        ([[], [64]], Choices(values=((), (64,)))),
        (
            {"values": [True, False], "when": {"a": [1, 2]}},
            Choices(values=(True, False), when={"a": [1, 2]}),
        ),
        ({"low": 1, "high": 3}, Range(low=1, high=3)),
        ({"low": 0.5, "high": 2.5, "log": True}, Range(low=0.5, high=2.5, log=True)),
        ({"low": 0, "high": 9, "step": 3, "when": {}}, Range(low=0, high=9, step=3)),
        (Range(low=0, high=1), Range(low=0, high=1)),
    ],
)
def test_a_list_is_choices_and_a_table_is_what_its_keys_say(entry, dimension):
    assert read_dimension(entry) == dimension


@pytest.mark.parametrize("entry", [3, "adam", True, None])
def test_what_is_neither_list_nor_table_is_refused(entry):
    with refused_as(
        f"must be a list of choices or a table with low and high, got {entry!r}; "
        "a constant belongs to [recipe]"
    ):
        read_dimension(entry)


KEYS = "Legal: high, log, low, reverse_log, step, values, when"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "low is missing"),
        ({"low": 1}, "high is missing"),
        ({"lo": 1, "high": 2}, f"unknown key 'lo'; did you mean 'low'? {KEYS}"),
        ({"low": 1, "high": 2, "lg": True}, f"unknown key 'lg'; did you mean 'log'? {KEYS}"),
        ({"value": [1]}, f"unknown key 'value'; did you mean 'values'? {KEYS}"),
        ({"values": [1], "wen": {}}, f"unknown key 'wen'; did you mean 'when'? {KEYS}"),
        ({"dropout": {"low": 1}}, f"unknown key 'dropout'; {KEYS}; a dotted name needs quotes"),
        ({"values": [1], "low": 1}, "values and low exclude each other"),
        ({"values": [1], "step": 1}, "values and step exclude each other"),
        ({"low": 1, "high": 2, "when": 3}, "when must be a table, got 3"),
        ({"values": [1], "when": ["a"]}, "when must be a table, got ['a']"),
    ],
)
def test_keys_that_make_no_dimension_are_refused(entry, message):
    with refused_as(message):
        read_dimension(entry)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"low": 3, "high": 2}, "low must not be above high, got low 3, high 2"),
        ({"low": 0, "high": 2, "log": True}, "a log range must begin above 0, got low 0"),
        ({"low": -1.0, "high": 2.0, "log": True}, "a log range must begin above 0, got low -1.0"),
        (
            {"low": 1, "high": 3, "log": True, "step": 1},
            "log and step exclude each other, got step 1",
        ),
        ({"low": 0, "high": 9, "step": 4}, "high must be low plus whole steps of 4, got 9"),
        (
            {"low": 0.0, "high": 1.0, "step": 0.3},
            "high must be low plus whole steps of 0.3, got 1.0",
        ),
        (
            {"low": 0, "high": 2, "step": 1.0},
            "the step of a whole-number range must be whole, got 1",
        ),
        ({"low": 0, "high": 2, "step": 0}, "step must be greater than 0, got 0"),
        ({"low": 0, "high": 2, "step": -1}, "step must be greater than 0, got -1"),
        ({"low": 0, "high": 2, "step": True}, "step must be a number, got True"),
        ({"low": True, "high": 2}, "low must be a number, got True"),
        ({"low": 0, "high": True}, "high must be a number, got True"),
        ({"low": "0", "high": 2}, "low must be a number, got '0'"),
        ({"low": [0], "high": 2}, "low must be a number, got [0]"),
        ({"low": float("nan"), "high": 2}, "low must be a number from -2**53 to 2**53, got nan"),
        ({"low": 0, "high": float("inf")}, "high must be a number from -2**53 to 2**53, got inf"),
        ({"low": 0, "high": 10**400}, "high must be a number from -2**53 to 2**53, got 1000"),
        ({"low": 0, "high": 2, "log": 1}, "log must be true or false, got 1"),
        ({"low": 0, "high": 2, "log": "yes"}, "log must be true or false, got 'yes'"),
    ],
)
def test_a_range_that_is_impossible_is_refused(bounds, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read_dimension(bounds)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "values must be a list of one choice or more, got []"),
        (3, "values must be a list of one choice or more, got 3"),
        ("adam", "values must be a list of one choice or more, got 'adam'"),
        ([1, 2, 1], "the choices must differ, got 1, 2, 1"),
        ([1, 1.0], "the choices must differ, got 1, 1.0"),
        ([1, True], "the choices must differ, got 1, True"),
        ([[64], [], [64]], "the choices must differ, got [64], [], [64]"),
        ([[64], "[64]"], "the choices must differ, got [64], '[64]'"),
    ],
)
def test_choices_that_leave_no_choice_are_refused(values, message):
    with refused_as(message):
        read_dimension({"values": values})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}])
def test_a_choice_that_is_no_value_is_refused(value):
    rule = "a choice must be a string, a finite number, true, false or a list"
    with refused_as(f"values: {rule}, got {value!r}"):
        read_dimension([1, value])


@pytest.mark.parametrize(
    ("bounds", "legal"),
    [
        ({"low": 1, "high": 9}, {1: 1, 9: 9, 5.0: 5}),
        ({"low": 1, "high": 9, "step": 4}, {1: 1, 5: 5, 9: 9}),
        ({"low": 0.0, "high": 0.5}, {0: 0.0, 0.5: 0.5, 0.123: 0.123}),
        ({"low": 0.0, "high": 0.5, "step": 0.1}, {0: 0.0, 0.3: 0.3, 0.1 + 0.2: 0.1 + 0.2}),
        ({"low": 1e-6, "high": 1e-4, "log": True}, {1e-6: 1e-6, 1e-4: 1e-4}),
    ],
)
def test_a_range_takes_what_lies_in_it_in_its_own_type(bounds, legal):
    dimension = Range(**bounds)
    for value, option in legal.items():
        assert dimension.option(value) == option
        assert isinstance(dimension.option(value), int if dimension.integer else float)


@pytest.mark.parametrize(
    ("bounds", "value", "message"),
    [
        ({"low": 1, "high": 9}, 0, "must be a whole number from 1 to 9; got 0"),
        ({"low": 1, "high": 9}, 10, "must be a whole number from 1 to 9; got 10"),
        ({"low": 1, "high": 9}, 1.5, "must be a whole number from 1 to 9; got 1.5"),
        ({"low": 1, "high": 9}, float("nan"), "must be a whole number from 1 to 9; got nan"),
        ({"low": 1, "high": 9}, float("inf"), "must be a whole number from 1 to 9; got inf"),
        (
            {"low": 1, "high": 9, "step": 4},
            3,
            "must be a whole number from 1 to 9 in steps of 4; got 3",
        ),
        ({"low": 0.0, "high": 0.5}, 0.51, "must be a number from 0.0 to 0.5; got 0.51"),
        ({"low": 0.0, "high": 0.5}, float("nan"), "must be a number from 0.0 to 0.5; got nan"),
        (
            {"low": 0.0, "high": 0.5, "step": 0.1},
            0.25,
            "must be a number from 0.0 to 0.5 in steps of 0.1; got 0.25",
        ),
        ({"low": 0, "high": 1}, True, "must be a number; got True"),
        ({"low": 0, "high": 1}, "1", "must be a number; got '1'"),
        ({"low": 0, "high": 1}, [1], "must be a number; got [1]"),
    ],
)
def test_a_range_refuses_what_lies_outside(bounds, value, message):
    with refused_as(message):
        Range(**bounds).option(value)


@given(st.integers(-50, 50), st.integers(1, 9), st.integers(0, 20), st.integers(-100, 300))
def test_a_whole_range_takes_just_what_counting_from_low_reaches(low, step, steps, value):
    dimension = Range(low=low, high=low + steps * step, step=step)
    if value in range(low, low + steps * step + 1, step):
        assert dimension.option(value) == value
    else:
        with pytest.raises(ValueError, match="must be a whole number from"):
            dimension.option(value)


CHOICES = Choices(values=("adam", 1, 0.5, (), (64, 2)))


@pytest.mark.parametrize(
    ("value", "option"),
    [("adam", "adam"), (1, 1), (1.0, 1), (0.5, 0.5), ([], "[]"), ([64, 2], "[64, 2]"), ((), "[]")],
)
def test_choices_tell_a_sampler_of_a_list_by_its_label(value, option):
    assert CHOICES.option(value) == option
    assert option in CHOICES.options


@pytest.mark.parametrize("value", ["Adam", 2, True, [64], "[]", None])
def test_choices_refuse_what_is_not_among_them(value):
    with refused_as(f"must be one of 'adam', 1, 0.5, [], [64, 2]; got {value!r}"):
        CHOICES.option(value)


@pytest.mark.parametrize(
    ("values", "value"), [((True, False), 1), ((True, False), 0.0), ((0, 1), True), ((0, 1), False)]
)
def test_true_is_not_1(values, value):
    with pytest.raises(ValueError, match="must be one of"):
        Choices(values=values).option(value)


@pytest.mark.parametrize(
    ("when", "sampled", "active"),
    [
        ({}, {}, True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"a": [1, 2]}, {"a": 2}, True),
        ({"a": [1, 2]}, {"a": 3}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, True),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        ({"a": [[64]]}, {"a": (64,)}, True),
        ({"a": [[64]]}, {"a": 64}, False),
    ],
)
def test_a_dimension_is_active_where_all_its_conditions_hold(when, sampled, active):
    assert Range(low=0, high=1, when=when).active(sampled) is active


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [(1, (1,)), ("ab", ("ab",)), ([1, 2], (1, 2)), ([], ()), ([[64], []], ((64,), ()))],
)
def test_a_condition_accepts_a_value_or_any_of_a_list(wanted, accepted):
    assert alternatives(wanted) == accepted


def test_edges_are_every_choice_and_both_bounds():
    assert Choices(values=("a", (1,))).edges == ("a", (1,))
    assert Range(low=1, high=5, step=2).edges == (1, 5)


def test_what_is_sampled_is_the_value_behind_the_label(random_suggester):
    suggest = random_suggester(0)
    sampled = {Choices(values=((), (64,), 3)).sample("a", suggest) for _ in range(50)}
    assert sampled == {(), (64,), 3}
    assert Range(low=2, high=4).sample("b", suggest) in (2, 3, 4)


def test_a_reversed_log_range_mirrors_a_log_range():
    plain = Range(low=1, high=100, log=True)
    mirrored = Range(low=1, high=100, reverse_log=True)
    suggest = SimpleNamespace(number=lambda name, bounds: 3)
    assert plain.sample("x", suggest) == 3
    assert mirrored.sample("x", suggest) == 98
    assert mirrored.option(98) == 3
    with pytest.raises(ValueError, match="exclude each other"):
        Range(low=1, high=2, log=True, reverse_log=True)


@pytest.mark.parametrize("high", [0.65, 0.85, 0.95, 1e-3, 7.3])
def test_a_reversed_range_ends_at_its_bounds(high):
    mirrored = Range(low=high / 9.5, high=high, reverse_log=True)
    for bound in (mirrored.low, mirrored.high):
        assert mirrored.low <= mirrored.option(bound) <= mirrored.high
    suggest = SimpleNamespace(number=lambda name, bounds: bounds.low)
    assert mirrored.sample("x", suggest) <= high


@pytest.mark.parametrize("key", ["units", "a.b", "a@b", "50%", "a%2Eb", "conv/units 1"])
def test_an_escaped_key_is_one_part_of_a_dimensions_name(key):
    assert unquote(escaped(key)) == key
    assert not {".", "@"} & set(escaped(key))
