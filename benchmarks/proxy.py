"""Whether the proxy ranks recipes as corruptions do that it holds out.

    python benchmarks/proxy.py --data blood_cells_96.npz --weights DIR --out results

Trains recipes that differ in everything (backbone, frozen layers and BatchNorm, rate, length,
augmentation from none to strong) on real cells, each scored as in a search. No sampler chose them
and none is pruned, so that poor ones count too. ``--out`` is a folder of models and scores: what is
there is neither trained again nor, on the same proxy, scored again. ``--jobs`` trainings run side
by side, with one thread each; all take an hour on two cores.

Printed are, over the recipes that start from ImageNet weights, Spearman's rank correlation of the
objective and of clean accuracy with the mean over the held-out families, and the regret of choosing
by each (the best held-out score minus that of the recipe chosen); the same with networks that train
from scratch among them; and the anchors of the severities.

Asked, of the former: a rank correlation of at least 0.9 and above clean accuracy's; a regret of at
most 1 point and not above clean accuracy's. Of the anchors: a small network without augmentation
between 0.15 and 0.45, a pretrained MobileNet without augmentation between 0.45 and 0.75.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from bcauto.data.dataset import load
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.pretrained import read_weights
from bcauto.recipe.recipe import Recipe
from bcauto.results.trials import CompletedTrial
from bcauto.results.validity import Worth, proxy_validity
from bcauto.seeds import derive
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job, RunRecord, Scores

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
    _second(_ALL, 8, 5e-4),
    _mobile(_ALL, 4, 5e-4),
    _mobile({**_WIDE, **_MIX}, 8, 2e-3),
    _mobile({"basic": {**_TURNS["basic"], **_LIGHT["basic"]}}, 8, 2e-3),
    _mobile(_RAND, 4, 5e-4, frozen_layers=30),
    _mobile(_STRONG, 3, 1e-3, alpha=0.75),
    _mobile(_STRONG, 5, 1e-3, frozen_layers=86),
    _second(_FLIP, 4, 1e-3, frozen_layers=154),
    _mobile(_MIX, 2, 1e-4),
    _mobile(_ALL, 6, 1e-3, alpha=0.75),
]

_trainer: list[Trainer] = []  # of a training process


def begin(data: Path, weights: str) -> None:
    """Makes a training process ready."""
    dataset = load(data, None, _SEED)
    val = dataset.val
    proxy = make_proxy(val.images, val.labels, ProxyConfig(), derive(_SEED, "proxy"))
    _trainer.append(Trainer(Payload(dataset, proxy, read_weights(weights)), threads=1))


def train(number: int, out: Path) -> CompletedTrial:
    """The result of a recipe, from ``out`` or into it."""
    given = json.dumps(RECIPES[number])
    name = hashlib.sha256(given.encode()).hexdigest()[:12]
    kept, model = out / f"{name}.json", out / f"{name}.keras"
    payload = _trainer[0].payload
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    recipe = Recipe.model_validate(RECIPES[number])
    if not model.exists():
        job = Job(number, recipe, derive(_SEED, "trial", given), model)
        result = _trainer[0].run(job, lambda _epoch, _score: None)
        known = {"given": RECIPES[number], "proxy": payload.proxy.fingerprint, **result.as_dict()}
    elif known.get("proxy") != payload.proxy.fingerprint:
        known |= {"proxy": payload.proxy.fingerprint, **_scored_again(model, payload)}
    kept.write_text(json.dumps(known) + "\n", encoding="utf-8")
    scores, run = Scores.model_validate(known["scores"]), RunRecord.model_validate(known["run"])
    return CompletedTrial(number, known["objective"], known["clean_accuracy"], scores, recipe, run)


def _scored_again(model: Path, payload: Payload) -> dict[str, Any]:
    """What a model that was trained earlier comes to on the payload's proxy."""
    from bcauto.export.load import load_model  # after the Trainer has made Keras' settings
    from bcauto.training.scoring import score_model

    objective, scores = score_model(load_model(model).model, payload.data, payload.proxy)
    return {
        "objective": objective,
        "clean_accuracy": scores.clean["accuracy"],
        "scores": scores.model_dump(mode="json"),
    }


def train_all(out: Path, data: Path, weights: str, jobs: int) -> list[CompletedTrial]:
    """Every recipe's result, printed when it is there."""
    out.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, begin, (data, weights)) as pool:
        futures = [pool.submit(train, number, out) for number in range(len(RECIPES))]
        for future in as_completed(futures):
            print(line_of(future.result()), flush=True)
    return [future.result() for future in futures]


def line_of(trial: CompletedTrial) -> str:
    """A recipe and its scores."""
    policies = ", ".join(trial.recipe.augment.model_dump(exclude_none=True, exclude_defaults=True))
    scores = f"{trial.objective:.3f} {trial.held_out:.3f} {trial.clean_accuracy:.3f}"
    about = f"{trial.recipe.model.label} {policies or 'no augmentation'}"
    return f"{trial.number:2} {scores} {trial.run.seconds:4.0f} s  {about}"


def verdicts(trials: list[CompletedTrial]) -> Iterator[tuple[str, bool]]:
    """What was asked, measured, and whether it holds."""
    pretrained = [trial for trial in trials if trial.recipe.model.entry.pretrained]
    found = proxy_validity(pretrained)
    rho, regret = _figures(found.objective)
    clean_rho, clean_regret = _figures(found.clean_accuracy)
    yield f"{len(pretrained)} pretrained recipes (asked: 24 or more)", len(pretrained) >= 24
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
    everything = proxy_validity(trials)
    rho, regret = _figures(everything.objective)
    clean_rho, clean_regret = _figures(everything.clean_accuracy)
    yield (
        f"with {len(trials) - len(pretrained)} from scratch: Spearman {rho:.3f}, clean "
        f"{clean_rho:.3f}; regret {regret:.4f}, clean {clean_regret:.4f} (for comparison)",
        True,
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


def is_plain(trial: CompletedTrial, label: str) -> bool:
    """Whether it is the network's recipe without augmentation."""
    return trial.recipe.model.label == label and RECIPES[trial.number]["augment"] == {}


def main() -> None:
    """Trains, prints every recipe and the verdicts, and fails where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of models and scores")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    trials = train_all(given.out, given.data, given.weights, given.jobs)
    print(" n proxy held  clean")
    for trial in sorted(trials, key=lambda each: -each.objective):
        print(line_of(trial))
    found = list(verdicts(trials))
    for words, _ in found:
        print(words)
    sys.exit(not all(holds for _, holds in found))


if __name__ == "__main__":
    main()
