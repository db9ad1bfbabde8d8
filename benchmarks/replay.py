r"""What a sampler, a pruner and the length of trials are worth, by replay of a table of trainings.

    python benchmarks/replay.py --plot replay.png

No network is trained: a surrogate of the table that ``replay_table.py`` made says what each
training scores, after each epoch and at its end, and what CPU time it costs. A search goes on until
its CPU seconds are spent, one trial after another; what it would hand over is judged by the score
on held-out families that its recipe has on average. Printed is the mean over ``--seeds`` searches
at parts of the budget, and its standard error at the end: for samplers, for starting points, for
pruners and for lengths, each with the default in all else. KerasTuner's Bayesian and Hyperband
tuners search the same space by way of ``as_hypermodel``.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import optuna
from near_best import NearBestSampler
from optuna.pruners import BasePruner, MedianPruner, NopPruner, PercentilePruner
from optuna.pruners import SuccessiveHalvingPruner as HalvingPruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from surrogate import Surrogate, Training

import bcauto
from bcauto.data.synthetic.cells import paint_cells
from bcauto.space.files import read_space
from bcauto.study.pruning import make_pruner
from bcauto.study.sampling import make_sampler, sample_recipe

_HERE = Path(__file__).parent
_PARTS = (0.25, 0.5, 0.75, 1.0)  # of the budget, at which the table has a column
_FINALISTS, _LONG = 3, 3


@dataclass
class Spent:
    """The CPU seconds of a search, and what it would hand over as they pass.

    Attributes:
        seconds: spent so far.
        curve: seconds spent, and the held-out score of what would be handed over then.
    """

    budget: float
    seconds: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)

    def at(self, seconds: float) -> float:
        """Return the score of what would be handed over at a time; 0 before there is a model."""
        return next((score for when, score in reversed(self.curve) if when <= seconds), 0.0)


Search = Callable[[Surrogate, int, Spent], None]


@dataclass(frozen=True)
class Scheme:
    """A search by Optuna, as bcauto runs it.

    Attributes:
        sampler: made for a seed.
        pruner: Optuna's; it is not asked about starting points.
        starts: how many of the space's starting points are tried first.
        lengths: "short" or "long" for trials of that length only; "both" for short ones, and at the
            end the best three of them at full length, of which the best is handed over.
    """

    sampler: Callable[[int], BaseSampler]
    pruner: BasePruner
    starts: int = 5
    lengths: str = "both"

    def __call__(self, surrogate: Surrogate, seed: int, spent: Spent) -> None:
        """Search until the budget is spent."""
        random = np.random.default_rng(seed)
        study = optuna.create_study(
            direction="maximize", sampler=self.sampler(seed), pruner=self.pruner
        )
        for start in surrogate.space.start[: self.starts]:
            study.enqueue_trial(surrogate.space.options(start))
        expected: dict[int, float] = {}
        kept = 0.0  # for the trainings at full length
        while spent.seconds + kept < spent.budget:
            trial = study.ask()
            sample_recipe(surrogate.space, trial)
            length = _LONG if self.lengths == "long" else 1
            training = surrogate.train(trial.params, length, random)
            expected[trial.number] = training.held_out
            _report(study, trial, training, spent, trial.number >= self.starts)
            if best := _best_first(study):
                spent.curve.append((spent.seconds, expected[best[0].number]))
            if self.lengths == "both":
                kept = _FINALISTS * _LONG * training.cpu_seconds
        if self.lengths == "both":
            _train_long(surrogate, _best_first(study)[:_FINALISTS], random, spent)


def _report(
    study: optuna.Study, trial: optuna.Trial, training: Training, spent: Spent, may_prune: bool
) -> None:
    """Tell a study what a training comes to, epoch by epoch, until it is pruned."""
    for epoch, score in enumerate(training.epochs, 1):
        trial.report(float(score), epoch)
        if may_prune and trial.should_prune():
            spent.seconds += training.cpu_seconds * epoch / len(training.epochs)
            study.tell(trial, state=TrialState.PRUNED)
            return
    spent.seconds += training.cpu_seconds
    study.tell(trial, training.objective)


def _best_first(study: optuna.Study) -> list[FrozenTrial]:
    done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return sorted(done, key=lambda trial: -(trial.value or 0.0))


def _train_long(
    surrogate: Surrogate, best: list[FrozenTrial], random: np.random.Generator, spent: Spent
) -> None:
    """Train the best trials at full length; the one with the best score is handed over."""
    handed_over = (-1.0, 0.0)
    for trial in best:
        training = surrogate.train(trial.params, _LONG, random)
        spent.seconds += training.cpu_seconds
        handed_over = max(handed_over, (training.objective, training.held_out))
        spent.curve.append((spent.seconds, handed_over[1]))


def start_alone(surrogate: Surrogate, seed: int, spent: Spent) -> None:
    """Train the first starting point, at full length, once."""
    random = np.random.default_rng(seed)
    point = surrogate.space.options(surrogate.space.start[0])
    training = surrogate.train(point, _LONG, random)
    spent.seconds = training.cpu_seconds
    spent.curve.append((spent.seconds, training.held_out))


@dataclass(frozen=True)
class KerasTuner:
    """A search by a tuner of KerasTuner's, with trials of the short length.

    Attributes:
        oracle: the class of what chooses its trials.
        settings: of the oracle.
    """

    oracle: Any
    settings: dict[str, Any]

    def __call__(self, surrogate: Surrogate, seed: int, spent: Spent) -> None:
        """Search until the budget is spent."""
        random = np.random.default_rng(seed)
        hypermodel = _hypermodel(surrogate)
        hyperparameters = keras_tuner.HyperParameters()
        hypermodel.recipe(hyperparameters)
        goal = keras_tuner.Objective("objective", "max")
        oracle = self.oracle(
            objective=goal, seed=seed, hyperparameters=hyperparameters, **self.settings
        )
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(None):
            oracle._set_project_dir(folder, "replay")  # what a Tuner does first
            best = -1.0, 0.0
            while spent.seconds < spent.budget:
                trial = oracle.create_trial("tuner0")
                if trial.status == "STOPPED":
                    break
                values = trial.hyperparameters.values
                training = surrogate.train(values, 1, random)
                share, score = _part(values, training)
                spent.seconds += share * training.cpu_seconds
                oracle.update_trial(trial.trial_id, {"objective": score})
                trial.status = "COMPLETED"
                oracle.end_trial(trial)
                best = max(best, (score, training.held_out))
                spent.curve.append((spent.seconds, best[1]))


def _part(values: dict[str, Any], training: Training) -> tuple[float, float]:
    """Return which share of a training Hyperband asks for, and the score that it ends with."""
    epochs = len(training.epochs)
    end = values.get("tuner/epochs", epochs)
    share = (end - values.get("tuner/initial_epoch", 0)) / epochs
    score = training.objective if end >= epochs else training.epochs[end - 1]
    return share, float(score)


_hypermodels: dict[int, Any] = {}


def _hypermodel(surrogate: Surrogate) -> Any:
    """Return the space as a hypermodel; of its data nothing is used."""
    if id(surrogate) not in _hypermodels:
        with tempfile.TemporaryDirectory() as folder:
            images, labels = paint_cells(64)
            path = Path(folder) / "cells.npz"
            np.savez(path, images=images[:, ::3, ::3], labels=labels)
            made = bcauto.as_hypermodel(surrogate.space, path, "none")
        _hypermodels[id(surrogate)] = made
    return _hypermodels[id(surrogate)]


def _near_best(seed: int) -> BaseSampler:
    return NearBestSampler(make_sampler("tpe", seed), seed)


def _tpe(**settings: Any) -> Callable[[int], BaseSampler]:
    return lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, **settings)


def sections() -> dict[str, dict[str, Search]]:
    """Return what is compared with what, by title and name."""
    bayesian, hyperband = (
        keras_tuner.oracles.BayesianOptimizationOracle,
        keras_tuner.oracles.HyperbandOracle,
    )
    usual = Scheme(lambda seed: make_sampler("tpe", seed), make_pruner())
    samplers: dict[str, Search] = {
        "first starting point alone, long": start_alone,
        "random": replace(usual, sampler=lambda seed: make_sampler("random", seed)),
        "TPE": usual,
        "TPE, five random trials": replace(usual, sampler=_tpe(n_startup_trials=5)),
        "CMA-ES": replace(usual, sampler=lambda seed: make_sampler("cmaes", seed)),
        "half near the best, half TPE": replace(usual, sampler=_near_best),
        "KerasTuner, Bayesian": KerasTuner(bayesian, {"max_trials": 500}),
        "KerasTuner, Hyperband": KerasTuner(
            hyperband, {"max_epochs": 12, "factor": 3, "hyperband_iterations": 20}
        ),
    }
    best = replace(usual, sampler=_near_best)
    return {
        "samplers": samplers,
        "starting points": {f"{n} of them": replace(best, starts=n) for n in (0, 1, 5, 10)},
        "pruners": {
            "none": replace(best, pruner=NopPruner()),
            "median, gentle (default)": best,
            "median": replace(best, pruner=MedianPruner(5, 2)),
            "worst quarter": replace(best, pruner=PercentilePruner(75, 5, 4)),
            "successive halving": replace(best, pruner=HalvingPruner(2, 2)),
        },
        "lengths": {name: replace(best, lengths=name) for name in ("short", "both", "long")},
    }


def main() -> None:
    """Print the tables, and draw the samplers' curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=_HERE / "results" / "replay.jsonl")
    parser.add_argument("--budget", type=float, default=3600.0, help="CPU seconds of a search")
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    surrogate = Surrogate(read_space(_HERE / "replay.toml"), given.table)
    for length, (rows, objective, held_out) in surrogate.quality().items():
        print(f"length {length}: {rows} trainings; the surrogate ranks unseen ones with Spearman")
        print(f"  {objective:.2f} by objective, {held_out:.2f} by held-out families")
    drawn: dict[str, list[Spent]] = {}
    for title, schemes in sections().items():
        print(f"\n{title:34}", *(f"{part:7.0%}" for part in _PARTS), "     se")
        for name, scheme in schemes.items():
            runs = [Spent(given.budget) for _ in range(given.seeds)]
            for seed, spent in enumerate(runs):
                scheme(surrogate, seed, spent)
            print(f"{name:34}", *_cells(runs, given.budget), flush=True)
            if title == "samplers":
                drawn[name] = runs
    if given.plot:
        draw(drawn, given.budget, given.plot)


def _cells(runs: list[Spent], budget: float) -> list[str]:
    """Return the mean score at parts of the budget, the last after all that was begun."""
    times = [part * budget for part in _PARTS[:-1]] + [np.inf]
    scores = np.array([[run.at(time) for time in times] for run in runs])
    error = scores[:, -1].std(ddof=1) / np.sqrt(len(runs))
    return [*(f"{mean:7.4f}" for mean in scores.mean(axis=0)), f"{error:7.4f}"]


def draw(drawn: dict[str, list[Spent]], budget: float, path: Path) -> None:
    """Draw the mean held-out score of each scheme against CPU seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    times = np.linspace(0, 1.2 * budget, 200)
    for name, runs in drawn.items():
        means = [np.mean([run.at(time) for run in runs]) for time in times]
        axes.plot(times, [mean or np.nan for mean in means], label=name)
    axes.set_xlabel("CPU seconds")
    axes.set_ylabel("accuracy on held-out families, expected")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
