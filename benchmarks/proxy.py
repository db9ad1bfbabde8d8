"""Whether the proxy ranks recipes as corruptions do that it holds out.

    python benchmarks/proxy.py --data blood_cells_96.npz --weights DIR --out results.jsonl

Trains 24 recipes that differ in everything (backbone, frozen layers and BatchNorm, rate, length,
augmentation from none to strong), on real cells, each scored as in a search. No sampler chose them
and none is pruned, so that poor ones count too. A result is written to ``--out`` as soon as it is
there, and what is there is not trained again; ``--jobs`` trainings run side by side, with one
thread each.

Printed are, over the recipes, Spearman's rank correlation of the objective and of clean accuracy
with the mean over the held-out families; the regret of choosing by each (the best held-out score
minus that of the recipe chosen); and the anchors of the severities.

Asked: a rank correlation of at least 0.9 and above clean accuracy's; a regret of at most 1 point
and not above clean accuracy's; a small network without augmentation between 0.15 and 0.45, a
pretrained MobileNet without augmentation between 0.45 and 0.75. Takes 40 minutes on two cores.
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

from bcauto.data import load
from bcauto.proxy import ProxyConfig, make_proxy
from bcauto.recipe import Recipe
from bcauto.seeds import derive
from bcauto.study import Best, Worth, proxy_validity
from bcauto.training import Payload, Trainer
from bcauto.trial import Job
from bcauto.weights import read_weights

_SEED = 0
_FLIP = {"basic": {"flip": True}}
_TURNS = {"basic": {"flip": True, "rotation": 180, "translation": 0.2, "zoom": 0.2}}
_LIGHT = {"basic": {"flip": True, "brightness": 0.3, "contrast": 0.5}}
_WEAK = {**_FLIP, "randaugment": {"magnitude": 0.2}, "augmix": {"severity": 0.1}}
_RAND = {**_FLIP, "randaugment": {"ops": 3, "magnitude": 0.6}}
_MIX = {**_FLIP, "augmix": {"severity": 0.6}}
_STRONG = {**_FLIP, "randaugment": {"magnitude": 0.5}, "augmix": {"severity": 0.3}}
_WIDE = {**_FLIP, "wide": {}}
_ALL = {**_WIDE, "randaugment": {"magnitude": 0.5, "probability": 0.4}, "augmix": {"severity": 0.3}}
_CUTMIX = {**_STRONG, "cutmix": {}}
_MIXUP = {**_WIDE, "mixup": {"alpha": 0.4}}


def _small(augment: dict[str, Any], epochs: int, rate: float, **more: Any) -> dict[str, Any]:
    return _recipe({"backbone": "SmallCNN", **more}, augment, epochs, rate)


def _mobile(augment: dict[str, Any], epochs: int, rate: float, **more: Any) -> dict[str, Any]:
    model = {"backbone": "MobileNet", "alpha": 0.25, "frozen_batch_norm": False, **more}
    return _recipe(model, augment, epochs, rate)


def _second(augment: dict[str, Any], epochs: int, rate: float, **more: Any) -> dict[str, Any]:
    model = {"backbone": "MobileNetV2", "alpha": 0.35, "frozen_batch_norm": False, **more}
    return _recipe(model, augment, epochs, rate)


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
    _mobile({}, 6, 1e-3),
    _mobile(_FLIP, 4, 3e-4),
    _mobile(_FLIP, 3, 1e-4, frozen_layers=60, frozen_batch_norm=True),
    _mobile(_TURNS, 6, 1e-3),
    _mobile(_LIGHT, 6, 1e-3),
    _mobile(_WEAK, 5, 1e-3, dropout=0.1),
    _mobile(_RAND, 8, 1e-3),
    _mobile(_MIX, 8, 1e-3),
    _mobile(_STRONG, 8, 1e-3),
    _mobile(_STRONG, 5, 4e-4, frozen_layers=48, head_units=[128], frozen_batch_norm=True),
    _mobile(_STRONG, 12, 2e-3),
    _mobile(_WIDE, 9, 1e-3),
    _mobile(_ALL, 12, 1e-3),
    _mobile(_CUTMIX, 8, 1e-3),
    _mobile(_MIXUP, 8, 1e-3),
    _second({}, 5, 1e-3),
    _second(_WEAK, 5, 4e-4, frozen_layers=80, frozen_batch_norm=True),
    _second(_STRONG, 7, 1e-3),
    _second(_WIDE, 8, 2e-3, head_units=[64]),
]

_trainer: list[Trainer] = []  # of a training process


def begin(data: Path, weights: str) -> None:
    """Makes a training process ready."""
    dataset = load(data, None, _SEED)
    proxy = make_proxy(
        dataset.val.images, dataset.val.labels, ProxyConfig(), derive(_SEED, "proxy")
    )
    _trainer.append(Trainer(Payload(dataset, proxy, read_weights(weights)), threads=1))


def train(number: int) -> dict[str, Any]:
    """The result of a recipe, as plain values."""
    given = json.dumps(RECIPES[number])
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe.model_validate(RECIPES[number])
        job = Job(number, recipe, derive(_SEED, "trial", given), Path(folder) / "model.keras")
        result = _trainer[0].run(job, lambda _epoch, _score: None)
    return {"given": given, "number": number, **asdict(result)}


def read_results(path: Path) -> list[dict[str, Any]]:
    """Results of the recipes as they are given now."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = {json.dumps(recipe) for recipe in RECIPES}
    return [result for result in map(json.loads, lines) if result["given"] in known]


def train_missing(out: Path, data: Path, weights: str, jobs: int) -> None:
    """Trains what has no result yet, the next recipe whenever one is done."""
    done = {result["number"] for result in read_results(out)}
    missing = [number for number in range(len(RECIPES)) if number not in done]
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, begin, (data, weights)) as pool:
        for result in pool.map(train, missing):
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(line_of(as_best(result)), flush=True)


def as_best(result: dict[str, Any]) -> Best:
    """A result as a study gives it."""
    recipe = Recipe.model_validate(RECIPES[result["number"]])
    fields = (result[key] for key in ("number", "objective", "clean_accuracy", "scores"))
    return Best(*fields, recipe=recipe, run={"seconds": result["seconds"]})


def line_of(trial: Best) -> str:
    """A recipe and its scores."""
    policies = ", ".join(trial.recipe.augment.model_dump(exclude_none=True, exclude_defaults=True))
    scores = f"{trial.objective:.3f} {trial.held_out:.3f} {trial.clean_accuracy:.3f}"
    about = f"{trial.recipe.model.label} {policies or 'no augmentation'}"
    return f"{trial.number:2} {scores} {trial.run['seconds']:4.0f} s  {about}"


def verdicts(trials: list[Best]) -> Iterator[tuple[str, bool]]:
    """What was asked, measured, and whether it holds."""
    found = proxy_validity(trials)
    (rho, regret), (clean_rho, clean_regret) = map(
        _figures, (found.objective, found.clean_accuracy)
    )
    yield (
        f"Spearman with held out: objective {rho:.3f}, clean {clean_rho:.3f} "
        "(asked: 0.9, and above clean)",
        rho >= max(0.9, clean_rho),
    )
    yield (
        f"regret: objective {regret:.4f}, clean {clean_regret:.4f} "
        "(asked: 0.01 at most, and not above clean)",
        regret <= min(0.01, clean_regret),
    )
    for label, (low, high) in NO_AUGMENTATION.items():
        score = next(trial.objective for trial in trials if is_plain(trial, label))
        words = f"{label} without augmentation: {score:.3f} (asked: {low} to {high})"
        yield words, low <= score <= high


def _figures(worth: Worth) -> tuple[float, float]:
    """Spearman's rho, and the regret."""
    assert worth.rho
    assert worth.choice
    return worth.rho.value, worth.choice.regret


def is_plain(trial: Best, label: str) -> bool:
    """Whether it is the network's recipe without augmentation."""
    return trial.recipe.model.label == label and RECIPES[trial.number]["augment"] == {}


def main() -> None:
    """Trains, prints every recipe and the verdicts, and fails where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path, required=True, help="results, a line each")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    train_missing(given.out, given.data, given.weights, given.jobs)
    trials = [as_best(result) for result in read_results(given.out)]
    print(" n proxy held  clean")
    for trial in sorted(trials, key=lambda each: -each.objective):
        print(line_of(trial))
    found = list(verdicts(trials))
    for words, _ in found:
        print(words)
    sys.exit(not all(holds for _, holds in found))


if __name__ == "__main__":
    main()
