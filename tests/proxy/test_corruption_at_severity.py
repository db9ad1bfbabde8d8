import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.errors import BadInput
from bcauto.proxy.corruptions import CORRUPTIONS, SEVERITIES, CorruptionAtSeverity


@given(st.sampled_from(list(CORRUPTIONS)), st.sampled_from(SEVERITIES))
def test_it_is_found_by_its_name(corruption, severity):
    made = CorruptionAtSeverity(corruption, severity)
    assert made.name == f"{corruption}/{severity}"
    assert CorruptionAtSeverity.named(made.name) == made
    assert made.family == CORRUPTIONS[corruption].family


def test_it_corrupts_as_its_corruption_does():
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
def test_any_other_name_is_refused(name):
    with pytest.raises(BadInput):
        CorruptionAtSeverity.named(name)
