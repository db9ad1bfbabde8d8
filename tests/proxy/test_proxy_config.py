import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bcauto.errors import BadInput
from bcauto.io.toml import checked
from bcauto.proxy.config import CorruptionAtSeverity, ProxyConfig
from bcauto.proxy.corruptions import CORRUPTIONS, FAMILIES, HELD_OUT, SEVERITIES


@given(st.sampled_from(list(CORRUPTIONS)), st.sampled_from(SEVERITIES))
def test_a_cell_is_found_by_its_name(corruption, severity):
    cell = CorruptionAtSeverity(corruption, severity)
    assert cell.name == f"{corruption}/{severity}"
    assert CorruptionAtSeverity.named(cell.name) == cell
    assert cell.family == CORRUPTIONS[corruption].family


def test_a_cell_corrupts_as_its_corruption_does():
    image = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    expected = CORRUPTIONS["jpeg"].function(image, 4, again)
    assert np.array_equal(CorruptionAtSeverity("jpeg", 4).corrupt(image, rng), expected)


def test_an_unknown_corruption_is_refused_with_the_nearest_one():
    with pytest.raises(BadInput, match=r"got 'defocuss'; did you mean 'defocus'\? Legal: air"):
        CorruptionAtSeverity("defocuss", 1)


@pytest.mark.parametrize("severity", [0, 6])
def test_an_unknown_severity_is_refused(severity):
    with pytest.raises(BadInput, match=rf"one of \(1, 2, 3, 4, 5\), got {severity}"):
        CorruptionAtSeverity("defocus", severity)


@pytest.mark.parametrize("name", ["defocus", "defocus/", "defocus/x", "/3", "defocus/3/3", ""])
def test_a_name_of_no_cell_is_refused(name):
    with pytest.raises(BadInput):
        CorruptionAtSeverity.named(name)


def test_the_default_searches_on_every_family_but_the_held_out_ones():
    config = ProxyConfig()
    assert set(config.families) | set(config.held_out) == set(FAMILIES)
    assert config.held_out == HELD_OUT
    assert not {cell.family for cell in config.cells} & set(HELD_OUT)
    assert {cell.family for cell in config.held_out_cells} == set(HELD_OUT)
    assert {cell.severity for cell in config.cells} == set(config.severities)


def test_cells_come_in_the_same_order_whatever_the_order_of_the_families():
    one = ProxyConfig(families=("colour", "sensor"))
    other = ProxyConfig(families=("sensor", "colour"))
    assert one.cells == other.cells


def test_the_settings_cannot_be_changed_and_take_lists_as_toml_gives_them():
    config = ProxyConfig.model_validate({"severities": [1, 5], "families": ["colour"], "copies": 2})
    assert config.severities == (1, 5)
    with pytest.raises(ValidationError):
        config.copies = 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"familes": ("colour",)}, "Extra inputs are not permitted"),
        ({"families": ("color",)}, "got 'color'; did you mean 'colour'"),
        ({"families": ()}, "families must name at least one family; Legal: blur"),
        ({"families": ("colour", "colour")}, "only once"),
        ({"held_out": ("microscope",)}, "did you mean 'microscopy'"),
        ({"families": ("blur",)}, r"searched on or held out, not both: got \['blur'\]"),
        ({"severities": ()}, r"among \(1, 2, 3, 4, 5\), got \(\)"),
        ({"severities": (0, 1)}, "severities must rise"),
        ({"severities": (3, 1)}, "severities must rise"),
        ({"severities": (3, 3)}, "severities must rise"),
        ({"severities": (3, 6)}, r"got \(3, 6\)"),
        ({"severities": (True,)}, "valid integer"),
        ({"copies": 0}, "copies must be 1 to 45, got 0"),
        ({"copies": 46}, "copies must be 1 to 45, got 46"),
        ({"copies": 2.5}, "valid integer"),
        ({"held_out_copies": 19}, "held_out_copies must be 1 to 18, got 19"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(setting, message):
    with pytest.raises(ValidationError, match=message):
        ProxyConfig(**setting)


def test_nothing_has_to_be_held_out():
    config = ProxyConfig(families=FAMILIES, held_out=())
    assert config.held_out_cells == ()
    assert len(config.cells) == len(CORRUPTIONS) * len(config.severities)


def test_the_default_is_scored_by_the_mean_accuracy_of_its_cells():
    assert (ProxyConfig().objective, ProxyConfig().metric) == ("mean_of_cells", "accuracy")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"objective": "worst"}, "proxy: objective must be 'mean_of_cells', .*, got 'worst'"),
        ({"metric": "f1"}, "proxy: metric must be 'accuracy', .* or 'auc', got 'f1'"),
        ({"metric": 3}, "proxy: metric must be 'accuracy', .* or 'auc', got 3"),
    ],
)
def test_an_objective_or_metric_that_is_none_is_refused_in_one_line(setting, message, refused):
    with refused(message):
        checked(ProxyConfig, setting, "proxy")
