"""Whether the proxy ranks recipes as corruptions do that it holds out.

    python benchmarks/proxy.py --data blood_cells_96.npz --weights DIR --out results.jsonl

Trains 24 recipes that differ in everything (backbone, frozen layers, rate, length, augmentation
from none to strong), on real cells, each scored as in a search. No sampler chose them and none is
pruned, so that poor ones count too. A result is written to ``--out`` as soon as it is there, and
what is there is not trained again; ``--jobs`` trainings run side by side, with one thread each.

Printed are, over the recipes, Spearman's rank correlation of the objective and of clean accuracy
with the mean over the held-out families; the regret of choosing by each (the best held-out score
minus that of the recipe chosen); and the anchors of the severities.

Asked: a rank correlation of at least 0.9 and above clean accuracy's; a regret of at most 1 point
and not above clean accuracy's; a small network without augmentation between 0.15 and 0.45, a
pretrained MobileNet without augmentation between 0.45 and 0.75. Takes half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from bcauto.data import load
from bcauto.proxy import ProxyConfig, make_proxy
from bcauto.recipe import Recipe
from bcauto.seeds import derive
from bcauto.training import Payload, Trainer
from bcauto.trial import Job
from bcauto.weights import read_weights

_SEED = 0
_FLIP = {"basic": {"flip": True}}
_WEAK = {**_FLIP, "randaugment": {"magnitude": 0.2}, "augmix": {"severity": 0.1}}
_RAND = {**_FLIP, "randaugment": {"ops": 3, "magnitude": 0.6}}
_MIX = {**_FLIP, "augmix": {"severity": 0.6}}
_STRONG = {**_FLIP, "randaugment": {"magnitude": 0.5}, "augmix": {"severity": 0.3}}
_WIDE = {**_FLIP, "wide": {}}
_TURNS = {"basic": {"flip": True, "rotation": 180, "translation": 0.2, "zoom": 0.2}}
_LIGHT = {"basic": {"flip": True, "brightness": 0.3, "contrast": 0.5}}
_CUTMIX = {**_STRONG, "cutmix": {}}
_MIXUP = {**_WIDE, "mixup": {"alpha": 0.4}}


def _small(augment: dict[str, Any], epochs: int, rate: float, **more: Any) -> dict[str, Any]:
    return _recipe({"backbone": "SmallCNN", **more}, augment, epochs, rate)


def _mobile(augment: dict[str, Any], epochs: int, rate: float, **more: Any) -> dict[str, Any]:
    return _recipe({"backbone": "MobileNet", "alpha": 0.25, **more}, augment, epochs, rate)


def _second(augment: dict[str, Any], epochs: int, rate: float, **more: Any) -> dict[str, Any]:
    return _recipe({"backbone": "MobileNetV2", "alpha": 0.35, **more}, augment, epochs, rate)


def _recipe(
    model: dict[str, Any], augment: dict[str, Any], epochs: int, rate: float
) -> dict[str, Any]:
    training = {"epochs": epochs, "learning_rate": rate, "head_epochs": 1}
    return {"model": model, "training": training, "augment": augment}


NO_AUGMENTATION = {"SmallCNN": (0.15, 0.45), "MobileNet-0.25": (0.45, 0.75)}
"""The anchors: between what a network trained without augmentation is to score."""

RECIPES = [
    _small({}, 8, 3e-3),
    _small(_FLIP, 8, 3e-3, dropout=0.1),
    _small(_WEAK, 6, 1e-3),
    _small(_STRONG, 10, 3e-3),
    _small(_WIDE, 10, 3e-3),
    _mobile({}, 6, 4e-4),
    _mobile(_FLIP, 6, 4e-4),
    _mobile(_FLIP, 2, 1e-4, frozen_layers=60),
    _mobile(_TURNS, 6, 4e-4),
    _mobile(_LIGHT, 6, 4e-4),
    _mobile(_WEAK, 5, 2e-4, dropout=0.1),
    _mobile(_RAND, 7, 4e-4),
    _mobile(_MIX, 7, 4e-4),
    _mobile(_STRONG, 7, 4e-4),
    _mobile(_STRONG, 3, 1e-4, frozen_layers=48, head_units=[128]),
    _mobile(_STRONG, 5, 1.5e-3),
    _mobile(_WIDE, 8, 4e-4),
    _mobile(_CUTMIX, 7, 4e-4),
    _mobile(_MIXUP, 7, 4e-4),
    _second({}, 4, 4e-4),
    _second(_WEAK, 4, 4e-4, frozen_layers=80),
    _second(_STRONG, 5, 4e-4),
    _second(_RAND, 4, 1e-4, head_units=[64]),
    _second(_WIDE, 5, 6e-4),
]

_trainer: list[Trainer] = []  # of a training process


def begin(data: Path, weights: str) -> None:
    """Makes a training process ready."""
    dataset = load(data, None, _SEED, leaks="drop")
    proxy = make_proxy(
        dataset.val.images, dataset.val.labels, ProxyConfig(), derive(_SEED, "proxy")
    )
    _trainer.append(Trainer(Payload(dataset, proxy, read_weights(weights)), threads=1))


def train(number: int) -> dict[str, Any]:
    """The result of a recipe, as plain values."""
    recipe = Recipe.model_validate(RECIPES[number])
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            number, recipe, derive(_SEED, "trial", recipe.fingerprint), Path(folder) / "m.keras"
        )
        result = _trainer[0].run(job, lambda _epoch, _score: None)
    return {"fingerprint": recipe.fingerprint, "number": number, **asdict(result)}


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Results by fingerprint, of the recipes as they are now."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    results = {each["fingerprint"]: each for each in map(json.loads, lines)}
    known = {recipe.fingerprint for recipe in map(Recipe.model_validate, RECIPES)}
    return {name: result for name, result in results.items() if name in known}


def train_missing(out: Path, data: Path, weights: str, jobs: int) -> None:
    """Trains what has no result yet, the next recipe whenever one is done."""
    done = {result["number"] for result in read_results(out).values()}
    missing = [number for number in range(len(RECIPES)) if number not in done]
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, begin, (data, weights)) as pool:
        for result in pool.map(train, missing):
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(line_of(result), flush=True)


def line_of(result: dict[str, Any]) -> str:
    """A recipe and its scores."""
    recipe = Recipe.model_validate(RECIPES[result["number"]])
    policies = ", ".join(recipe.augment.model_dump(exclude_none=True, exclude_defaults=True))
    scores = f"{result['objective']:.3f} {held_out(result):.3f} {result['clean_accuracy']:.3f}"
    about = f"{recipe.model.label} {policies or 'no augmentation'}"
    return f"{result['number']:2} {scores} {result['seconds']:4.0f} s  {about}"


def held_out(result: dict[str, Any]) -> float:
    """The mean over the held-out families."""
    return float(np.mean(list(result["scores"]["held_out"].values())))


def verdicts(results: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """What was asked, measured, and whether it holds."""
    truth = np.array([held_out(result) for result in results])
    by = {
        "objective": np.array([result["objective"] for result in results]),
        "clean": np.array([result["clean_accuracy"] for result in results]),
    }
    rho = {name: float(spearmanr(values, truth).statistic) for name, values in by.items()}
    regret = {name: float(truth.max() - truth[values.argmax()]) for name, values in by.items()}
    yield (
        f"Spearman with held out: objective {rho['objective']:.3f}, clean {rho['clean']:.3f} "
        "(asked: 0.9, and above clean)",
        rho["objective"] >= max(0.9, rho["clean"]),
    )
    yield (
        f"regret: objective {regret['objective']:.4f}, clean {regret['clean']:.4f} "
        "(asked: 0.01 at most, and not above clean)",
        regret["objective"] <= min(0.01, regret["clean"]),
    )
    for label, (low, high) in NO_AUGMENTATION.items():
        score = next(r["objective"] for r in results if is_plain(r["number"], label))
        words = f"{label} without augmentation: {score:.3f} (asked: {low} to {high})"
        yield words, low <= score <= high
    yield f"best objective: {by['objective'].max():.3f}", True


def is_plain(number: int, label: str) -> bool:
    """Whether it is the network's recipe without augmentation."""
    recipe = Recipe.model_validate(RECIPES[number])
    return recipe.model.label == label and RECIPES[number]["augment"] == {}


def main() -> None:
    """Trains, prints every recipe and the verdicts, and fails where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path, required=True, help="results, a line each")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    train_missing(given.out, given.data, given.weights, given.jobs)
    results = list(read_results(given.out).values())
    print(" n proxy held  clean")
    for result in sorted(results, key=lambda each: -each["objective"]):
        print(line_of(result))
    found = list(verdicts(results))
    for words, _ in found:
        print(words)
    sys.exit(not all(holds for _, holds in found))


if __name__ == "__main__":
    main()
