import numpy as np
import pytest
from sklearn import metrics as sk

from bcauto.proxy.metrics import METRICS, mean_of_defined, measure


def f1_of_present(truth, probabilities):
    present, predicted = np.unique(truth), probabilities.argmax(1)
    return sk.f1_score(truth, predicted, labels=present, average="macro", zero_division=0)


def balanced(truth, probabilities):
    present, predicted = np.unique(truth), probabilities.argmax(1)
    return sk.recall_score(truth, predicted, labels=present, average="macro")


def auc_of_present(truth, probabilities):
    return np.mean([sk.roc_auc_score(truth == c, probabilities[:, c]) for c in np.unique(truth)])


BY_SKLEARN = {
    "accuracy": lambda truth, probabilities: sk.accuracy_score(truth, probabilities.argmax(1)),
    "balanced_accuracy": balanced,
    "macro_f1": f1_of_present,
    "auc": auc_of_present,
}


def guesses(seed, images=40, classes=5, present=None):
    """Classes, and probabilities that favour them, rounded so that some are equal."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, present or classes, images)
    truth[:2] = 0, 1  # never one class alone
    probabilities = rng.dirichlet(np.ones(classes), images)
    probabilities[np.arange(images), truth] += 0.2 * rng.random(images)
    return truth, np.round(probabilities, 2)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("present", [5, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_metric_is_scikit_learns(metric, present, seed):
    truth, probabilities = guesses(seed, present=present)
    expected = BY_SKLEARN[metric](truth, probabilities)
    assert 0.1 < expected < 0.95
    assert measure(metric, truth, probabilities) == pytest.approx(expected)


def test_balanced_accuracy_and_auc_agree_with_scikit_learns_own_averages():
    truth, probabilities = guesses(3, images=60)
    probabilities = probabilities / probabilities.sum(1, keepdims=True)
    own = sk.balanced_accuracy_score(truth, probabilities.argmax(1))
    assert measure("balanced_accuracy", truth, probabilities) == pytest.approx(own)
    own = sk.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert measure("auc", truth, probabilities) == pytest.approx(own)


@pytest.mark.parametrize("metric", METRICS)
def test_a_weight_counts_an_image_as_often(metric):
    truth, probabilities = guesses(7)
    weights = np.random.default_rng(1).integers(0, 4, (6, len(truth)))
    weights[:, :2] += 1
    weights[0] = np.isin(truth, (0, 2)) * weights[0]  # a weighting without some of the classes
    values = METRICS[metric](weights.astype(np.float64), truth, probabilities)
    drawn = [np.repeat(np.arange(len(truth)), row) for row in weights]
    expected = [BY_SKLEARN[metric](truth[i], probabilities[i]) for i in drawn]
    assert values == pytest.approx(np.array(expected))


@pytest.mark.parametrize("metric", METRICS)
def test_no_images_have_no_value_and_leave_the_others_theirs(metric):
    truth, probabilities = guesses(2)
    weights = np.stack([np.zeros(len(truth)), np.ones(len(truth))])
    values = METRICS[metric](weights, truth, probabilities)
    assert np.isnan(values[0])
    assert values[1] == measure(metric, truth, probabilities)


def test_a_class_alone_has_no_auc():
    assert np.isnan(measure("auc", np.zeros(4, np.int64), np.eye(4)))


@pytest.mark.parametrize("metric", METRICS)
def test_right_predictions_are_worth_one(metric):
    truth = np.arange(12) % 4
    assert measure(metric, truth, np.eye(5)[truth]) == 1


def test_equal_scores_everywhere_are_an_auc_of_one_half():
    assert measure("auc", np.arange(9) % 3, np.full((9, 3), 1 / 3)) == 0.5


def test_a_mean_leaves_out_what_is_not_defined():
    values = np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, 0.25], [np.nan] * 3])
    assert np.array_equal(mean_of_defined(values), [0.5, 0.25, np.nan], equal_nan=True)
