"""Real ``bcauto search`` processes on tiny data: started, looked at from outside, and ended."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

__all__ = [
    "DONE",
    "RECIPES",
    "TRAINER",
    "Search",
    "noisy_bars",
    "roots",
    "trials_of",
    "wait_until",
]

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
TRAINER = "ray::TrainerProcess"

RECIPES = """
[recipe.model]
backbone = "SmallCNN"

[recipe.training]
batch_size = 16
stages = [{ epochs = 1 }, { epochs = 3 }]

[search]
"training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
"training.optimizer" = ["adam", "lion"]
"model.dropout" = { low = 0.0, high = 0.5, when = { "training.optimizer" = "adam" } }
"augment.basic.flip" = [true, false]

[[start]]
"training.learning_rate" = 5e-3

[proxy]
severities = [3]
copies = 5
held_out_copies = 2

[confirm]
top = 2
repeats = 1
"""
"""A space of small trials, in two stages so that there are checkpoints, and a confirmation."""

_STUDY = "chaos"


def noisy_bars(count: int, side: int, seed: int) -> dict[str, np.ndarray]:
    """Paint noise with one of three bars a little brighter: no trial gets them all right."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 190, (count, side, side, 3), dtype=np.uint8)
    width = side // 3
    for image, label in zip(images, labels, strict=True):
        image[:, width * label : width * (label + 1)] += np.uint8(30)
    return {"images": images, "labels": labels}


class Search:
    """One study in a folder of its own, and the process that searches it at the moment.

    Args:
        folder: made where it is missing; what the processes say is kept there, too.
        data: an .npz file, or a folder of class folders.
        space: the text of a space.
        given: more options of ``bcauto search``.
        cores: the cores that it may use; None for all.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        space: str,
        given: Sequence[str],
        cores: set[int] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.cores = folder, cores
        self.study = folder / "studies" / _STUDY
        self.database = self.study / "study.db"
        (folder / "space.toml").write_text(space, encoding="utf-8")
        self._command = [sys.executable, "-m", "bcauto", "search", "--study", _STUDY]
        self._command += ["--data", str(data.resolve()), "--space", "space.toml", *given]
        self.runs: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Start the command, for the first time or again."""
        number = len(self.runs)
        with self._said(number, "out").open("wb") as out, self._said(number, "err").open("wb") as e:
            begun = subprocess.Popen(
                self._command, cwd=self.folder, stdout=out, stderr=e, start_new_session=True
            )
        if self.cores is not None:
            os.sched_setaffinity(begun.pid, self.cores)
        self.runs.append(begun)
        return begun

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        return self.runs[-1]

    def said(self, stream: str = "err") -> str:
        """What the last process wrote to ``out`` or ``err``."""
        path = self._said(len(self.runs) - 1, stream)
        return path.read_text(encoding="utf-8", errors="replace")

    def _said(self, number: int, stream: str) -> Path:
        return self.folder / f"{number}.{stream}"

    def family(self, leader: int | None = None) -> dict[int, str]:
        """Process ids and command lines of what its processes (or one) started, and is alive."""
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,sid=,stat=,args="], capture_output=True, text=True
        )
        rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
        leaders = {run.pid for run in self.runs} if leader is None else {leader}
        return {
            int(pid): words[0] if words else ""
            for pid, session, state, *words in rows
            if int(session) in leaders and int(pid) not in leaders and state[0] != "Z"
        }

    def trainers(self) -> list[int]:
        """The processes that train."""
        return [pid for pid, words in self.family().items() if words.startswith(TRAINER)]

    def state(self) -> str:
        """How far it is, such as ``3 complete, 1 running``, without touching its storage."""
        found = self._query(
            "SELECT study_name, trials.state, count(*) FROM trials JOIN studies USING (study_id)"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        if not found:
            return "no trial yet"
        names = {_STUDY: "", f"{_STUDY}.confirm": "confirmation: "}
        counts = [f"{names[name]}{count} {state.lower()}" for name, state, count in found]
        return ", ".join(counts)

    def finished(self) -> int:
        """Trials COMPLETE or PRUNED, those of the confirmation included."""
        states = ("COMPLETE", "PRUNED")
        found = self._query("SELECT state, count(*) FROM trials GROUP BY 1")
        return sum(count for state, count in found if state in states)

    def _query(self, query: str) -> list[tuple]:
        """Rows of the storage; none where it has no tables yet.

        Optuna would make them, which is what the search may be about.
        """
        try:
            with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10) as database:
                return database.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def search_trials(self) -> list[FrozenTrial]:
        """The trials of the search; only once no process is at work on it."""
        return trials_of(self.database, _STUDY)

    def confirm_trials(self) -> list[FrozenTrial]:
        """The repeats of the confirmation; none where there is none."""
        return trials_of(self.database, f"{_STUDY}.confirm")

    def end(self) -> None:
        """Kills what is left of it."""
        for pid in [run.pid for run in self.runs if run.poll() is None] + [*self.family()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for run in self.runs:
            run.wait()


def trials_of(database: Path, study: str) -> list[FrozenTrial]:
    """The trials of a study in an SQLite file; none where it has no such study."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{database}")
    try:
        return optuna.load_study(study_name=study, storage=storage).get_trials(deepcopy=False)
    except KeyError:
        return []
    finally:
        storage.remove_session()
        storage.engine.dispose()


def roots(trials: Sequence[FrozenTrial]) -> dict[int, list[FrozenTrial]]:
    """All tries of each recipe, by the number of its first one; samples of a known one left out."""
    first: dict[int, int] = {}
    tries: dict[int, list[FrozenTrial]] = {}
    for trial in trials:
        before = trial.user_attrs.get("retry_of")
        first[trial.number] = trial.number if before is None else first[before]
        if "duplicate_of" not in trial.user_attrs:
            tries.setdefault(first[trial.number], []).append(trial)
    return tries


def wait_until(condition: Callable[[], object], timeout: float, pause: float = 0.1) -> bool:
    """Whether something came true within so many seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
