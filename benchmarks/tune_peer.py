"""The peer of ``trial_overhead.py``: no-op trials through Ray Tune and OptunaSearch as they come.

    python benchmarks/tune_peer.py 10

runs ten of them, two at a time, each in a process that imports Keras and TensorFlow, and prints as
its last line, in JSON, when each finished, in seconds on a clock of its own. No benchmark itself: a
process of its own keeps bcauto's settings of Ray away from it. Takes two minutes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import ray
from no_op import REPORTS, SCORE
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from bcauto.training.device import start_keras

_WORKERS = 2


def train(config: dict[str, float]) -> None:
    """Imports what trainings need, then reports five epochs at once."""
    del config
    start_keras(1)
    for _ in range(REPORTS):
        tune.report({"score": SCORE})


class FinishTimes(tune.Callback):
    """Notes in the driver when each trial was complete."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_trial_complete(self, **_info: Any) -> None:
        """One more."""
        self.seconds.append(time.monotonic())


def finish_times(trials: int, scratch: str) -> list[float]:
    """When each of the trials finished, in the order of finishing."""
    times = FinishTimes()
    tuner = tune.Tuner(
        train,
        param_space={"learning_rate": tune.loguniform(1e-4, 1e-2)},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=OptunaSearch(),
            num_samples=trials,
            max_concurrent_trials=_WORKERS,
        ),
        run_config=tune.RunConfig(storage_path=scratch, callbacks=[times]),
    )
    tuner.fit()
    return times.seconds


def main() -> None:
    """Runs as many trials as the command line says."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=_WORKERS, include_dashboard=False)
    with tempfile.TemporaryDirectory() as scratch:
        seconds = finish_times(int(sys.argv[1]), scratch)
    ray.shutdown()
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
