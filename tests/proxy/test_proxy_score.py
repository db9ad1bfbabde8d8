import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from bcauto.proxy import CORRUPTIONS, ProxyConfig, make_proxy, score, score_probe

CONFIG = ProxyConfig(copies=3, held_out_copies=2)


@pytest.fixture(scope="module")
def proxy():
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    return make_proxy(images, rng.integers(0, 5, 40), CONFIG, 3)


@pytest.fixture(scope="module")
def guessed(proxy):
    """Predictions that are right about six times in ten."""
    rng = np.random.default_rng(8)
    wrong = (proxy.labels + 1) % 5
    return np.where(rng.random(len(proxy.labels)) < 0.6, proxy.labels, wrong)


def accuracy_in(proxy, guessed, cell):
    inside = [index for index, place in enumerate(proxy.cell) if proxy.cells[place] == cell]
    return accuracy_score(proxy.labels[inside], guessed[inside])


def test_the_score_agrees_with_a_plain_definition(proxy, guessed):
    result = score(proxy, guessed)
    cells = {cell: accuracy_in(proxy, guessed, cell) for cell in proxy.cells}
    assert result.cells == pytest.approx({cell.name: value for cell, value in cells.items()})
    assert result.objective == pytest.approx(np.mean([cells[cell] for cell in CONFIG.cells]))
    for families, group in ((CONFIG.families, "families"), (CONFIG.held_out, "held_out")):
        expected = {
            family: np.mean([value for cell, value in cells.items() if cell.family == family])
            for family in families
        }
        assert getattr(result, group) == pytest.approx(expected)


def test_everything_right_is_one_and_everything_wrong_is_zero(proxy):
    right, wrong = score(proxy, proxy.labels), score(proxy, proxy.labels + 1)
    assert (right.objective, wrong.objective) == (1, 0)
    assert set(right.cells.values()) == set(right.families.values()) == {1}
    assert set(wrong.held_out.values()) == {0}


def test_held_out_cells_are_reported_but_do_not_move_the_objective(proxy, guessed):
    held_out = np.array([cell.family in CONFIG.held_out for cell in proxy.cells])[proxy.cell]
    spoilt = np.where(held_out, -1, guessed)
    assert score(proxy, spoilt).objective == score(proxy, guessed).objective
    assert set(score(proxy, spoilt).held_out.values()) == {0}
    assert not held_out[proxy.probe].any()


def test_the_values_are_plain_floats_in_zero_to_one(proxy, guessed):
    result = score(proxy, guessed)
    for value in [result.objective, *result.cells.values(), *result.families.values()]:
        assert type(value) is float
        assert 0 <= value <= 1
    assert len(result.cells) == len(CORRUPTIONS) * len(CONFIG.severities)


def test_the_probe_score_is_the_accuracy_on_the_probe(proxy, guessed):
    probed = guessed[proxy.probe]
    expected = accuracy_score(proxy.labels[proxy.probe], probed)
    assert score_probe(proxy, probed) == pytest.approx(expected)


@pytest.mark.parametrize("function", [score, score_probe])
def test_predictions_of_another_shape_are_refused(proxy, function):
    with pytest.raises(ValueError, match=r"must have shape \(\d+,\), got \(3,\)"):
        function(proxy, np.zeros(3, np.int64))
