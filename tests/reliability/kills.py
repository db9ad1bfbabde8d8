"""Searches that are killed at random and started again until they end, and what must hold then."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState
from searches import DONE, RECIPES, TRAINER, Search, roots, wait_until

from bcauto.study.folder import StudyFolder
from bcauto.study.lock import searching_process

__all__ = ["Toll", "kill_searches"]

_LONGEST = 45.0  # seconds from one kill to the next, at most
_TIMEOUT = 180.0  # seconds until a search that was struck has ended
_LEFT_OVER = 90.0  # seconds until its processes are gone, too: two agents of Ray stay for 65
_WHOLE_SEARCH = 1200.0  # seconds that an undisturbed search may take
_DEATHS = 2  # times that a recipe whose process died is tried again
_DEATH = ("the training process died", "Ray lost the trial", "no epoch ended")
_ENOUGH = 10  # breaches after which no other study is begun
_KEPT = 5  # models of the search's best


class _Kind(NamedTuple):
    """What is struck, with what signal, and what the search may then exit with."""

    victim: str
    signum: int
    codes: tuple[int, ...] = ()  # none: anything but 0


_KINDS = {
    "driver SIGKILL": _Kind("", signal.SIGKILL, (-signal.SIGKILL,)),
    "driver SIGINT": _Kind("", signal.SIGINT, (130, -signal.SIGINT)),
    "driver SIGTERM": _Kind("", signal.SIGTERM, (143, -signal.SIGTERM)),
    "trainer SIGKILL": _Kind(TRAINER, signal.SIGKILL),
    "raylet SIGKILL": _Kind("/raylet/raylet ", signal.SIGKILL),
}


@dataclass
class Toll:
    """What kills have been made and what they came to, over all studies."""

    wanted: int
    end: float
    kinds: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    trials: int = 0
    retries: int = 0
    lost: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    _given: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def free(self) -> bool:
        """Whether there is a kill left to make, and time for it."""
        over = time.monotonic() > self.end or len(self.wrong) >= _ENOUGH
        return self._given < self.wanted and not over

    def take(self) -> bool:
        """Whether one more kill may be made; one that was not made is given back."""
        with self._lock:
            free = self.free
            self._given += free
            return free

    def give_back(self) -> None:
        """The kill that was taken was not made."""
        with self._lock:
            self._given -= 1

    def note(self, line: str, kind: str, state: str) -> None:
        """A kill was made."""
        with self._lock:
            self.kinds[kind] += 1
            self.states[state] += 1
            print(f"kill {self.kinds.total()}: {line}", flush=True)

    def breach(self, line: str) -> None:
        """Something did not hold."""
        with self._lock:
            self.wrong.append(line)
            print(f"BREACH: {line}", flush=True)

    def figures(self) -> dict[str, object]:
        """The figures."""
        return {
            "made": self.kinds.total(),
            **dict(sorted(self.kinds.items())),
            "when": dict(sorted(self.states.items())),
            "studies": self.studies,
            "trials": self.trials,
            "retries": self.retries,
            "lost": self.lost,
            "twice": self.twice,
            "breaches": len(self.wrong),
        }


def kill_searches(folder: Path, data: Path, toll: Toll, seed: int, at_a_time: int) -> None:
    """Kills searches, some at a time, until as many kills are made as wanted or the time is up.

    What was begun then is left to end undisturbed, and checked like the others.
    """
    numbers = iter(range(10**6))
    lock = threading.Lock()

    def work() -> None:
        while toll.free:
            with lock:
                number = next(numbers)
            _Study(folder / str(number), data, random.Random(f"{seed}/{number}"), toll).run()

    with ThreadPoolExecutor(at_a_time) as pool:
        for worker in [pool.submit(work) for _ in range(at_a_time)]:
            worker.result()
    for left in _folders_of(toll.pids):
        toll.breach(f"{left} is left of a process that is dead")


class _Study:
    """One study, killed again and again."""

    def __init__(self, folder: Path, data: Path, rng: random.Random, toll: Toll) -> None:
        self.name, self.rng, self.toll = f"study {folder.name}", rng, toll
        self.trials = rng.randint(8, 14)
        given = ["--trials", str(self.trials), "--workers", str(rng.choice((1, 2)))]
        given += ["--seed", folder.name, "--weights", "none"]
        self.search = Search(folder, data, RECIPES, given)

    def run(self) -> None:
        """Start the command until the search ends by itself, then looks at what there is."""
        try:
            while not self._run_once():
                pass
        except _Stuck as stuck:
            self._breach(str(stuck))
        else:
            self._check()
        finally:
            self.toll.pids |= {run.pid for run in self.search.runs}
            self.search.end()

    def _run_once(self) -> bool:
        """One process, to the kill that ends it or to its own end; whether it was the latter."""
        process = self.search.start()
        struck = None
        while self.toll.take():
            struck = self._strike(process)
            if struck is None:
                self.toll.give_back()
                break
            if struck.victim != TRAINER:
                break
        if not wait_until(lambda: process.poll() is not None, self._timeout(struck)):
            raise _Stuck(f"does not end: {self.search.state()}\n{self.search.said()[-2000:]}")
        self._check_words(struck)
        return process.returncode == 0

    def _timeout(self, struck: _Kind | None) -> float:
        ends = struck is not None and struck.victim != TRAINER
        return _TIMEOUT if ends else _WHOLE_SEARCH

    def _strike(self, process: subprocess.Popen[bytes]) -> _Kind | None:
        """Waits for a moment, and strikes; None where the process has ended before.

        The moment is sampled from when this is called, or from when a training process is there.
        """
        name = self.rng.choice(sorted(_KINDS))
        after, kind = self.rng.uniform(0.0, _LONGEST), _KINDS[name]
        began = time.monotonic()
        if self.rng.random() < 0.5:  # or a slow machine would come to no training at all
            self._victim(_KINDS["trainer SIGKILL"], process)
        if wait_until(lambda: process.poll() is not None, after):
            return None
        victim = self._victim(kind, process)
        state = self.search.state()
        if victim is None or process.poll() is not None:
            return None
        try:
            os.kill(victim, kind.signum)
        except ProcessLookupError:
            return None
        waited = time.monotonic() - began
        line = f"{self.name}, run {len(self.search.runs)}: {name} after {waited:.1f} s ({state})"
        self.toll.note(line, name, _phase(state))
        return kind

    def _victim(self, kind: _Kind, process: subprocess.Popen[bytes]) -> int | None:
        """The process to strike, waited for; None where the search ends before there is one."""
        if not kind.victim:
            return process.pid
        found: list[int] = []

        def there() -> bool:
            own = self.search.family(process.pid).items()
            found[:] = sorted(pid for pid, words in own if kind.victim in words)
            return bool(found) or process.poll() is not None

        wait_until(there, _WHOLE_SEARCH, pause=0.3)
        return self.rng.choice(found) if found else None

    # --- what must hold --------------------------------------------------------------------

    def _check_words(self, struck: _Kind | None) -> None:
        """What a search that ended may say and exit with."""
        code, said = self.search.running.returncode, self.search.said()
        if "Traceback" in said and not _while_python_starts(said):
            self._breach(f"a traceback (exit {code}): {said[-3000:]}")
        ended = struck is not None and struck.victim != TRAINER
        if code and not ended:
            raise _Stuck(f"exit {code} although nothing ended it: {said[-2000:]}")
        if code and struck and struck.codes and code not in struck.codes:
            self._breach(f"exit {code}, not one of {struck.codes}: {said[-2000:]}")

    def _check(self) -> None:
        search, confirm = self.search.search_trials(), self.search.confirm_trials()
        complete = sum(trial.state is TrialState.COMPLETE for trial in search)
        wrong = [
            *self._check_trials(search, self.trials, "the search"),
            *self._check_trials(confirm, min(2, complete) - _given_up(confirm), "the confirmation"),
            *self._check_files(search),
        ]
        if not wait_until(lambda: not self.search.family(), _LEFT_OVER, pause=1.0):
            wrong.append(f"left over: {self.search.family()}")
        for line in wrong:
            self._breach(line)
        self.toll.studies += 1
        failed = sum(trial.state is TrialState.FAIL for trial in (*search, *confirm))
        print(
            f"{self.name}: {len(self.search.runs)} runs, {self.trials} trials, {failed} failed,"
            f" {len(wrong)} wrong",
            flush=True,
        )

    def _check_trials(self, trials: list[FrozenTrial], asked: int, what: str) -> Iterator[str]:
        done = [trial for trial in trials if trial.state in DONE]
        if len(done) != asked:
            yield f"{what} has {len(done)} trials, not {asked}"
        for state in (TrialState.RUNNING, TrialState.WAITING):
            if numbers := [trial.number for trial in trials if trial.state is state]:
                yield f"{what} has trials {numbers} {state.name}"
        lost = [number for number, tries in roots(trials).items() if _is_lost(tries)]
        for number in lost:
            errors = [trial.user_attrs.get("error") for trial in roots(trials)[number]]
            yield f"{what} lost trial {number}: {errors}"
        trained = Counter(trial.user_attrs["seed"] for trial in done)
        twice = [seed for seed, times in trained.items() if times > 1]
        if twice:
            yield f"{what} trained {len(twice)} recipes twice to the end"
        self.toll.trials += len(done)
        self.toll.retries += sum("retry_of" in trial.user_attrs for trial in trials)
        self.toll.lost += len(lost)
        self.toll.twice += len(twice)

    def _check_files(self, trials: list[FrozenTrial]) -> Iterator[str]:
        study = self.search.study
        if holder := searching_process(StudyFolder(study)):
            yield f"the lock is held by {holder}"
        for pattern in (".*.partial*", "*.checkpoint.npz"):
            if found := [str(path.relative_to(study)) for path in study.rglob(pattern)]:
                yield f"files are left: {found}"
        complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        best = sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))[:_KEPT]
        wanted = {f"{trial.number}.keras" for trial in best}
        there = {path.name for path in (study / "models").iterdir()}
        if there != wanted:
            yield f"models/ has {sorted(there)}, not {sorted(wanted)}"

    def _breach(self, line: str) -> None:
        self.toll.breach(f"{self.name}, run {len(self.search.runs)}: {line}")


class _Stuck(Exception):
    """A search that does not end, or ended without reason."""


def _is_lost(tries: Sequence[FrozenTrial]) -> bool:
    """Whether a recipe was sampled and never finished, though it did not die too often.

    The space's recipes are sound, so an exception of one's own is no excuse.
    """
    sampled = any("seed" in t.user_attrs or "fixed_params" in t.system_attrs for t in tries)
    return sampled and not _died_too_often(tries) and not any(t.state in DONE for t in tries)


def _given_up(repeats: Sequence[FrozenTrial]) -> int:
    """Repeats that died too often; a search samples another recipe then, a confirmation none."""
    return sum(map(_died_too_often, roots(repeats).values()))


def _died_too_often(tries: Sequence[FrozenTrial]) -> bool:
    """Whether a recipe was tried again as often as it may be, and its process died once more."""
    return sum(t.user_attrs.get("error", "").startswith(_DEATH) for t in tries) > _DEATHS


def _while_python_starts(said: str) -> bool:
    """Whether a traceback is that of Ctrl-C before the first line of ours was run."""
    return said.rstrip().endswith("KeyboardInterrupt") and "/bcauto/" not in said


def _phase(state: str) -> str:
    if "confirmation" in state:
        return "confirming"
    return "training" if "running" in state else "starting"


def _folders_of(pids: set[int]) -> list[Path]:
    """What is left in ``/tmp`` of these processes, all of them dead."""
    named = {path: re.fullmatch(r"bcauto-\w+-(\d+)-\w+", path.name) for path in _scratch()}
    return [path for path, match in named.items() if match and int(match[1]) in pids]


def _scratch() -> list[Path]:
    return sorted(Path("/tmp").glob("bcauto-*"))
