"""How far probabilities are from how often a model is right, and the temperature that mends it.

Guo et al. 2017, "On Calibration of Modern Neural Networks": one number T divides the logits, so
that the most probable class stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from bcauto.seeds import generator

__all__ = [
    "Calibration",
    "Judged",
    "expected_calibration_error",
    "fit_temperature",
    "measure_calibration",
    "with_temperature",
]

_BINS = 15
_FOLDS = 5
_COLDEST, _HOTTEST = 0.05, 20.0  # temperatures that may come out
_TINY = float(np.finfo(np.float32).tiny)  # a softmax may round to 0, whose log is infinite

Probabilities = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """Predicted probabilities (n, classes) of pictures, and their true classes (n,).

    Attributes:
        probabilities: rows sum to 1.
        truth: class indices.
        base: (n,) the validation image that each picture is, or is a corrupted copy of.
    """

    probabilities: Probabilities
    truth: NDArray[np.integer[Any]]
    base: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it does to the expected calibration error (0..1, 0 is best).

    Attributes:
        temperature: fitted on all pictures; above 1 it makes a model less sure.
        before: the error by kind of pictures, without it.
        after: the same with a temperature that was fitted on other pictures.
    """

    temperature: float
    before: dict[str, float]
    after: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return {**asdict(self), "bins": _BINS, "folds": _FOLDS}

    def summary(self) -> str:
        """Return a sentence: the temperature, and the calibration errors without it and with it."""
        errors = [
            f"{before:.3f} to {self.after[kind]:.3f} on {kind.replace('_', '-')} pictures"
            for kind, before in self.before.items()
        ]
        worse = [
            kind.replace("_", "-") for kind in self.before if self.after[kind] > self.before[kind]
        ]
        warning = f" On {' and '.join(worse)} pictures it does harm." if worse else ""
        return (
            f"Its softmax has a temperature of {self.temperature:.2f}, which changes the expected "
            f"calibration error from {', '.join(errors)} (cross-fitted), and no class.{warning}"
        )


def expected_calibration_error(
    probabilities: Probabilities, truth: NDArray[np.integer[Any]], bins: int = _BINS
) -> float:
    """Return the mean gap, over pictures, between how sure a model is and how often it is right.

    Pictures are sorted by the probability of the class that is said into bins of equal width,
    ((b - 1) / bins, b / bins]. A bin's gap is that between its mean probability and its accuracy.

    Args:
        probabilities: (n, classes), n at least 1.
        truth: (n,) class indices.
        bins: how many.
    """
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    place = np.digitize(sure, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    excess = np.bincount(place, sure - right, bins)  # a bin's pictures times its gap
    return float(np.abs(excess).sum() / len(truth))


def with_temperature(probabilities: Probabilities, temperature: float) -> Floats:
    """Return the probabilities of a softmax whose logits are divided by a temperature."""
    logits = _logits(probabilities) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


def fit_temperature(
    probabilities: Probabilities, truth: NDArray[np.integer[Any]], weights: Floats | None = None
) -> float:
    """Return the temperature of the largest likelihood of the true classes, in 0.05..20.

    Args:
        probabilities: (n, classes).
        truth: (n,) class indices.
        weights: (n,) how much each picture counts; all the same by default.
    """
    logits, rows = _logits(probabilities), np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(np.average(total - scaled[rows, truth], weights=weights))

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))  # the loss has one minimum: convex in 1 / T
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def measure_calibration(
    fitted: Mapping[str, Judged], others: Mapping[str, Judged], seed: int
) -> Calibration:
    """Return the temperature for a model, and what it does to the calibration error.

    Each kind of pictures in ``fitted`` counts as much as another, however many there are. The error
    after is cross-fitted: a fifth of the validation images, with all copies, gets the temperature
    of the other four.

    Args:
        fitted: pictures by kind, which the temperature is fitted on.
        others: more kinds, whose error is measured as well.
        seed: divides the validation images.
    """
    every = {**fitted, **others}
    images = 1 + max(int(kind.base.max()) for kind in every.values())
    folds = generator(seed, "calibration").permutation(images) % _FOLDS
    after = {name: np.empty(kind.probabilities.shape) for name, kind in every.items()}
    for fold in range(_FOLDS):
        temperature = _fit({n: _only(k, folds[k.base] != fold) for n, k in fitted.items()})
        for name, kind in every.items():
            there = folds[kind.base] == fold
            after[name][there] = with_temperature(kind.probabilities[there], temperature)
    return Calibration(
        _fit(fitted),
        dict(_errors({name: kind.probabilities for name, kind in every.items()}, every)),
        dict(_errors(after, every)),
    )


def _fit(kinds: Mapping[str, Judged]) -> float:
    used = [kind for kind in kinds.values() if len(kind.truth)]
    return fit_temperature(
        np.concatenate([kind.probabilities for kind in used]),
        np.concatenate([kind.truth for kind in used]),
        np.concatenate([np.full(len(kind.truth), 1 / len(kind.truth)) for kind in used]),
    )


def _errors(
    probabilities: Mapping[str, Probabilities], kinds: Mapping[str, Judged]
) -> Iterator[tuple[str, float]]:
    for name, kind in kinds.items():
        yield name, expected_calibration_error(probabilities[name], kind.truth)


def _only(kind: Judged, kept: NDArray[np.bool_]) -> Judged:
    return Judged(kind.probabilities[kept], kind.truth[kept], kind.base[kept])


def _logits(probabilities: Probabilities) -> Floats:
    """Return logits of which a softmax makes these probabilities."""
    return np.log(np.maximum(probabilities.astype(np.float64), _TINY))
