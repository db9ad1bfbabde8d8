import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from bcauto.export.evaluation import class_table, evaluate_labels

NAMES = ("a", "b", "c", "d", "e")


@st.composite
def labellings(draw):
    """True and predicted labels among two to five classes, of which any may be absent."""
    classes = draw(st.integers(2, 5))
    label = st.integers(0, classes - 1)
    pairs = draw(st.lists(st.tuples(label, label), min_size=1, max_size=40))
    truth, predicted = np.array(pairs, np.int64).T
    return truth, predicted, NAMES[:classes]


def counted(truth, predicted, classes):
    matrix = [[0] * classes for _ in range(classes)]
    for true, guess in zip(truth, predicted, strict=True):
        matrix[true][guess] += 1
    return matrix


def f1(matrix, label):
    hits = matrix[label][label]
    return 2 * hits / (sum(matrix[label]) + sum(row[label] for row in matrix))


@settings(max_examples=60)
@given(labellings())
def test_scores_are_what_their_definitions_say(labelling):
    truth, predicted, names = labelling
    scores = evaluate_labels(truth, predicted, names)
    matrix = counted(truth, predicted, len(names))
    present = [label for label in range(len(names)) if sum(matrix[label])]
    recalls = {label: matrix[label][label] / sum(matrix[label]) for label in present}
    assert scores["n"] == len(truth)
    assert scores["confusion_matrix"] == matrix
    assert scores["per_class_recall"] == pytest.approx(
        {name: recalls.get(label) for label, name in enumerate(names)}
    )
    assert scores["accuracy"] == pytest.approx(sum(matrix[i][i] for i in present) / len(truth))
    assert scores["balanced_accuracy"] == pytest.approx(sum(recalls.values()) / len(present))
    assert scores["macro_f1"] == pytest.approx(sum(f1(matrix, i) for i in present) / len(present))


@settings(max_examples=30)
@given(labellings())
def test_scores_are_scikit_learns(labelling):
    truth, predicted, names = labelling
    scores = evaluate_labels(truth, predicted, names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are only predicted
        balanced = metrics.balanced_accuracy_score(truth, predicted)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores["balanced_accuracy"] == pytest.approx(balanced)
    if set(predicted) <= set(truth):
        macro = metrics.f1_score(truth, predicted, average="macro")
        assert scores["macro_f1"] == pytest.approx(macro)


@settings(max_examples=30)
@given(labellings())
def test_scores_are_plain_json_and_come_without_a_warning(labelling):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = evaluate_labels(*labelling)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_an_absent_class_has_no_recall_and_is_left_out_of_the_means():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    scores = evaluate_labels(truth, predicted, ("a", "b", "c"))
    assert scores == {
        "n": 4,
        "accuracy": 0.75,
        "balanced_accuracy": 0.75,
        "macro_f1": pytest.approx((2 / 3 + 1) / 2),
        "per_class_recall": {"a": 0.5, "b": 1.0, "c": None},
        "confusion_matrix": [[1, 0, 1], [0, 2, 0], [0, 0, 0]],
    }


def test_rows_of_the_confusion_matrix_are_true_classes():
    scores = evaluate_labels(np.array([0, 0]), np.array([1, 1]), ("a", "b"))
    assert scores["confusion_matrix"] == [[0, 2], [0, 0]]
    assert (scores["accuracy"], scores["macro_f1"]) == (0.0, 0.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_whole_number_type_is_taken_for_labels(dtype):
    labels = np.array([0, 1, 1], dtype)
    assert evaluate_labels(labels, labels, ("a", "b"))["macro_f1"] == 1.0


@settings(max_examples=60)
@given(labellings(), st.randoms(use_true_random=False))
def test_the_table_of_classes_is_what_its_definitions_say(labelling, random):
    truth, predicted, names = labelling
    probabilities = np.array([[random.random() for _ in names] for _ in truth])
    probabilities[np.arange(len(truth)), predicted] += 1  # the most probable class
    table = class_table(truth, probabilities, names)
    matrix = counted(truth, predicted, len(names))
    assert [row["class"] for row in table] == list(names)
    for label, row in enumerate(table):
        hits, of_class = matrix[label][label], sum(matrix[label])
        said = sum(line[label] for line in matrix)
        assert row["support"] == of_class
        assert row["precision"] == (pytest.approx(hits / said) if said else None)
        assert row["recall"] == (pytest.approx(hits / of_class) if of_class else None)
        assert row["f1"] == (pytest.approx(f1(matrix, label)) if said + of_class else None)
        assert row["roc_auc"] == share_of_pairs(probabilities[:, label], truth == label)
    assert json.loads(json.dumps(table, allow_nan=False)) == table


def share_of_pairs(scores, positive):
    """How often a picture of the class scores higher than another one; a tie counts half."""
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    return pytest.approx(np.mean(pairs)) if pairs else None
