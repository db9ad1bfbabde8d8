"""The calibration error and the temperature, against their definitions and scikit-learn's bins."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from bcauto.export.calibration import (
    Judged,
    expected_calibration_error,
    fit_temperature,
    measure_calibration,
    with_temperature,
)


def sampled(n, classes=4, temperature=1.0, seed=0):
    """Probabilities of a model that is right as often as it says at ``temperature``, and truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes))
    honest = softmax(logits / temperature)
    truth = np.array([rng.choice(classes, p=row) for row in honest])
    return softmax(logits), truth


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def by_definition(probabilities, truth, bins):
    """Guo et al.'s sum over bins, counted picture by picture."""
    total = 0.0
    for b in range(bins):
        inside = [
            (max(row), np.argmax(row) == label)
            for row, label in zip(probabilities, truth, strict=True)
            if b / bins < max(row) <= (b + 1) / bins
        ]
        if inside:
            confidence = sum(sure for sure, _ in inside) / len(inside)
            accuracy = sum(right for _, right in inside) / len(inside)
            total += len(inside) / len(truth) * abs(accuracy - confidence)
    return total


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 1000), st.sampled_from([1, 5, 15]))
def test_the_error_is_what_its_definition_says(n, classes, seed, bins):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.5), n)
    truth = rng.integers(0, classes, n)
    found = expected_calibration_error(probabilities, truth, bins)
    assert found == pytest.approx(by_definition(probabilities, truth, bins), abs=1e-9)


def test_the_error_agrees_with_scikit_learns_reliability_curve():
    probabilities, truth = sampled(3000, temperature=2)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    accuracy, confidence = calibration_curve(right, sure, n_bins=15)
    counts = np.histogram(sure, np.linspace(0, 1, 16))[0]
    expected = np.abs(accuracy - confidence) @ counts[counts > 0] / len(truth)
    assert expected_calibration_error(probabilities, truth) == pytest.approx(expected)


@pytest.mark.parametrize(("sure", "right", "error"), [(1.0, 10, 0), (1.0, 6, 0.4), (0.75, 5, 0.25)])
def test_errors_that_are_counted_by_hand(sure, right, error):
    probabilities = np.tile([sure, 1 - sure], (10, 1))
    truth = np.array([0] * right + [1] * (10 - right))
    assert expected_calibration_error(probabilities, truth) == pytest.approx(error)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_truth_is_found(temperature):
    probabilities, truth = sampled(8000, temperature=temperature)
    found = fit_temperature(probabilities.astype(np.float32), truth)
    assert found == pytest.approx(temperature, rel=0.06)
    before = expected_calibration_error(probabilities, truth)
    after = expected_calibration_error(with_temperature(probabilities, found), truth)
    assert after < 0.03
    assert after <= before + 0.005


def test_no_temperature_on_a_grid_has_a_larger_likelihood():
    probabilities, truth = sampled(300, temperature=1.7, seed=3)
    weights = np.random.default_rng(0).random(300)

    def loss(temperature):
        rows = with_temperature(probabilities, temperature)[np.arange(300), truth]
        return -np.sum(weights * np.log(rows))

    found = fit_temperature(probabilities, truth, weights)
    assert loss(found) <= min(map(loss, np.geomspace(0.05, 20, 400))) + 1e-6


def test_a_temperature_divides_logits_and_keeps_the_order():
    logits = np.random.default_rng(0).normal(0, 3, (50, 5))
    found = with_temperature(softmax(logits), 1.6)
    np.testing.assert_allclose(found, softmax(logits / 1.6), atol=1e-12)
    np.testing.assert_array_equal(found.argsort(axis=1), logits.argsort(axis=1))


@pytest.mark.parametrize("right", [True, False])
def test_probabilities_of_0_and_1_have_a_temperature(right):
    probabilities = np.tile(np.float32([1, 0, 0]), (20, 1))
    truth = np.full(20, 0 if right else 1)
    found = fit_temperature(probabilities, truth)
    assert 0.05 <= found <= 20
    assert np.isfinite(with_temperature(probabilities, found)).all()


def kinds(temperature, copies=3, n=400):
    """The same images, clean and in copies, of a model that is too sure of them."""
    clean, truth = sampled(n, temperature=temperature)
    rows = np.tile(np.arange(n), copies)
    corrupted, of_copies = sampled(n * copies, temperature=2 * temperature, seed=1)
    return {
        "clean": Judged(clean, truth, np.arange(n)),
        "corrupted": Judged(corrupted, of_copies, rows),
    }


def test_a_measured_calibration_is_plain_json_and_cross_fitted_errors_are_small():
    fitted = kinds(1.5)
    found = measure_calibration(fitted, {"held_out": fitted["corrupted"]}, seed=0)
    assert 1.5 < found.temperature < 3  # of the two kinds, which count the same
    assert set(found.before) == set(found.after) == {"clean", "corrupted", "held_out"}
    for name in ("clean", "corrupted"):
        kind = fitted[name]
        before = expected_calibration_error(kind.probabilities, kind.truth)
        assert found.before[name] == pytest.approx(before)
    assert found.after["corrupted"] < found.before["corrupted"] / 2
    assert found.after["held_out"] == found.after["corrupted"]
    assert json.loads(json.dumps(found.as_dict()))["temperature"] == found.temperature
    assert found == measure_calibration(fitted, {"held_out": fitted["corrupted"]}, seed=0)


def test_how_many_copies_there_are_does_not_matter():
    few, many = kinds(1.5), kinds(1.5)
    one = many["corrupted"]
    many["corrupted"] = Judged(*(np.concatenate([part] * 5) for part in vars(one).values()))
    found = [measure_calibration(each, {}, seed=0).temperature for each in (few, many)]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_the_temperature_of_a_picture_was_not_fitted_on_any_copy_of_it(monkeypatch):
    fitted = kinds(1.5, copies=4, n=50)
    image_of = {
        row.tobytes(): int(base)
        for kind in fitted.values()
        for row, base in zip(kind.probabilities, kind.base, strict=True)
    }
    calls = []

    def recorded(name, function):
        def call(probabilities, *rest):
            calls.append((name, {image_of[row.tobytes()] for row in probabilities}))
            return function(probabilities, *rest)

        monkeypatch.setattr(f"bcauto.export.calibration.{name}", call)

    recorded("fit_temperature", fit_temperature)
    recorded("with_temperature", with_temperature)
    measure_calibration(fitted, {}, seed=0)
    tempered = set()
    for name, images in calls[:-1]:  # the last is of all images, for the model itself
        if name == "fit_temperature":
            known = images
        else:
            assert not images & known
            assert images | known == set(range(50))
            tempered |= images
    assert tempered == calls[-1][1] == set(range(50))
