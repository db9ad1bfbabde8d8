r"""A table of trainings, on which samplers, pruners and lengths can be compared without training.

    python benchmarks/replay_table.py --data blood_cells_96.npz --weights DIR

Trains the starting points of ``replay.toml`` and recipes sampled at random from it, each for as
many epochs as the space says, and every third also for three times as many. Half of the training
pictures at 48 px make that a minute or two of CPU time each. Every line of
``benchmarks/results/replay.jsonl`` is one training: its point in the space, the score after each
epoch, what it came to, and its CPU seconds on one core. The same command goes on where it stopped;
lines that are there are not trained again. ``--jobs`` trainings run side by side.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna

from bcauto.data.dataset import load
from bcauto.data.labelled import Labelled
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.pretrained import read_weights
from bcauto.seeds import derive, generator
from bcauto.space.files import read_space
from bcauto.study.sampling import sample_recipe
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job

_SEED, _SIDE = 0, 48
_LONG, _LONG_EVERY = 3, 3  # times the epochs, and for which recipes
_HERE = Path(__file__).parent

_trainer: list[Trainer] = []  # of a training process


def points(count: int) -> list[dict[str, Any]]:
    """Return the space's starting points, then random ones, the same for the same seed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = read_space(_HERE / "replay.toml")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=_SEED))
    for start in space.start:
        study.enqueue_trial(space.options(start))
    trials = [study.ask() for _ in range(count)]
    for trial in trials:
        sample_recipe(space, trial)
    return [trial.params for trial in trials]


def begin(data: Path, weights: str) -> None:
    """Make a training process ready."""
    whole = load(data, _SIDE, _SEED)
    half = generator(_SEED, "half").permutation(len(whole.train))[::2]
    dataset = replace(whole, train=Labelled(whole.train.images[half], whole.train.labels[half]))
    val = dataset.val
    proxy = make_proxy(val.images, val.labels, ProxyConfig(), derive(_SEED, "proxy"))
    _trainer.append(Trainer(Payload(dataset, proxy, read_weights(weights)), threads=1))


def train(number: int, point: dict[str, Any], length: int) -> dict[str, Any]:
    """Train a point at a length; return its line of the table."""
    space = read_space(_HERE / "replay.toml")
    study = optuna.create_study()
    study.enqueue_trial(point)
    recipe = sample_recipe(space, study.ask()).longer(length)
    epochs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        seed = derive(_SEED, "trial", recipe.fingerprint)
        job = Job(number, recipe, seed, Path(folder) / "model.keras")
        began = time.process_time()
        result = _trainer[0].run(job, lambda _epoch, score: epochs.append(round(score, 5)))
    held_out = result.scores.mean_held_out
    assert held_out is not None
    return {
        "number": number,
        "length": length,
        "point": point,
        "epochs": epochs,
        "objective": round(result.objective, 5),
        "held_out": round(held_out, 5),
        "clean": round(result.clean_accuracy, 5),
        "families": {k: round(v, 5) for k, v in result.scores.families.items()},
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def main() -> None:
    """Train what the table lacks, recipe by recipe, and append each line when it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path, default=_HERE / "results" / "replay.jsonl")
    parser.add_argument("--recipes", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    lines = given.out.read_text(encoding="utf-8").splitlines() if given.out.exists() else []
    known = {(row["number"], row["length"]) for row in map(json.loads, lines)}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.jobs, context, begin, (given.data, given.weights)) as pool:
        missing = [
            pool.submit(train, number, point, length)
            for number, point in enumerate(points(given.recipes))
            for length in ((1,) if number % _LONG_EVERY else (1, _LONG))
            if (number, length) not in known
        ]
        for done in as_completed(missing):
            row = done.result()
            with given.out.open("a", encoding="utf-8") as table:
                table.write(json.dumps(row) + "\n")
            took = f"{row['cpu_seconds']:.0f} s"
            print(row["number"], row["length"], row["objective"], row["held_out"], took, flush=True)


if __name__ == "__main__":
    main()
