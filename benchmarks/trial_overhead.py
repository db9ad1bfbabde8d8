"""What a trial costs besides its training, beside Ray Tune with OptunaSearch as they come.

    python benchmarks/trial_overhead.py

A trial that trains nothing (five reports, then its result) runs through bcauto's Ray executor, with
a study on SQLite, and through Ray Tune's own OptunaSearch with default settings, which starts a
process for each trial (``tune_peer.py``). Keras and TensorFlow are imported wherever a trial runs,
and two trials run at a time. The first four to finish are left out, and the start of Ray with them;
seconds per trial are those between the fourth and the last finish, over the number of trials since.

Asked: at most a twelfth of the peer's seconds per trial. Takes three minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from no_op import keras_runner, new_ledger

from bcauto.execute.contract import Slots, Work
from bcauto.execute.ray_tune.executor import RayExecutor
from bcauto.study.monitor import Monitor

_HERE = Path(__file__).resolve().parent
_AIM = 1 / 12
_LEFT_OUT = 4
_SLOTS = Slots(workers=2, threads=1)


class FinishTimes(Monitor):
    """Notes in the driver when each trial was complete."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def ended(self, number: int, state: str, detail: str) -> None:
        """One more, if it is complete; no trial here may be anything else."""
        if state != "complete":
            raise RuntimeError(f"trial {number} {state}: {detail}")
        self.seconds.append(time.monotonic())


def our_finish_times(trials: int) -> list[float]:
    """When each trial finished that the Ray executor ran."""
    os.environ["PYTHONPATH"] = str(_HERE)  # Ray's processes import no_op
    times = FinishTimes()
    with tempfile.TemporaryDirectory() as studies:
        ledger = new_ledger(Path(studies), trials, times)
        executor = RayExecutor(lambda _: _SLOTS)
        executor.run(ledger, Work(None, 0, keras_runner), check=lambda: None)
    return times.seconds


def peer_finish_times(trials: int) -> list[float]:
    """When each trial finished that Tune ran with OptunaSearch."""
    command = [sys.executable, str(_HERE / "tune_peer.py"), str(trials)]
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        if done.returncode:
            errors.seek(0)
            sys.exit(f"tune_peer.py failed:\n{errors.read()}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def seconds_per_trial(finished: list[float]) -> float:
    """The pace of the trials after the first few."""
    later = finished[_LEFT_OUT - 1 :]
    return (later[-1] - later[0]) / (len(later) - 1)


def main() -> None:
    """Measures both, prints the ratio, and fails where it misses the aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40, help="through bcauto")
    parser.add_argument("--peer-trials", type=int, default=12, help="through OptunaSearch")
    given = parser.parse_args()
    ours = seconds_per_trial(our_finish_times(given.trials))
    theirs = seconds_per_trial(peer_finish_times(given.peer_trials))
    ratio = ours / theirs
    print(f"seconds per no-op trial: bcauto {ours:.3f}, OptunaSearch {theirs:.3f}")
    print(f"asked: a ratio of at most {_AIM:.3f}")
    print(f"no-op trial {ratio:.3f}")
    sys.exit(ratio > _AIM)


if __name__ == "__main__":
    main()
