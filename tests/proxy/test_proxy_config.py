import pytest
from pydantic import ValidationError

from bcauto.io.toml import checked
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import CORRUPTIONS, FAMILIES, HELD_OUT


def test_the_default_searches_on_every_family_but_the_held_out_ones():
    config = ProxyConfig()
    assert set(config.families) | set(config.held_out) == set(FAMILIES)
    assert config.held_out == HELD_OUT
    assert not {each.family for each in config.corruptions} & set(HELD_OUT)
    assert {each.family for each in config.held_out_corruptions} == set(HELD_OUT)
    assert {each.severity for each in config.corruptions} == set(config.severities)


def test_corruptions_come_in_the_same_order_whatever_the_order_of_the_families():
    one = ProxyConfig(families=("colour", "sensor"))
    other = ProxyConfig(families=("sensor", "colour"))
    assert one.corruptions == other.corruptions


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
    assert config.held_out_corruptions == ()
    assert len(config.corruptions) == len(CORRUPTIONS) * len(config.severities)


def test_the_default_is_scored_by_the_mean_accuracy_of_its_corruptions():
    assert (ProxyConfig().objective, ProxyConfig().metric) == ("mean_of_corruptions", "accuracy")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"objective": "worst"}, "proxy: objective must be 'mean_of_corruptions', .*, got 'worst'"),
        ({"metric": "f1"}, "proxy: metric must be 'accuracy', .* or 'auc', got 'f1'"),
        ({"metric": 3}, "proxy: metric must be 'accuracy', .* or 'auc', got 3"),
    ],
)
def test_an_objective_or_metric_that_is_none_is_refused_in_one_line(setting, message, refused):
    with refused(message):
        checked(ProxyConfig, setting, "proxy")


def test_the_old_word_of_an_objective_is_read_and_stored():
    """So the fingerprints of spaces and proxies made before the word changed stay the same."""
    old, new = (ProxyConfig(objective=word) for word in ("mean_of_cells", "mean_of_corruptions"))
    assert old == new == ProxyConfig()
    assert old.objective == "mean_of_corruptions"
    assert old.model_dump(mode="json")["objective"] == "mean_of_cells"
    assert old.model_dump()["objective"] == "mean_of_corruptions"
    assert checked(ProxyConfig, {"objective": "mean_of_cells"}, "proxy") == old
