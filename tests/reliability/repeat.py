"""A search that is killed and goes on, beside the same one undisturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from searches import DONE, RECIPES, Search, roots, wait_until

from bcauto.study.attributes import read_attributes

__all__ = ["repeat_search"]

_TRIALS = 12  # the sampler is random for the first ten
_SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


def repeat_search(
    folder: Path, data: Path, kills: int, seed: int
) -> tuple[dict[str, Any], list[str]]:
    """Searches twice under one seed, once undisturbed; gives figures, and what differs."""
    given = ["--trials", str(_TRIALS), "--executor", "inline", "--seed", str(seed)]
    given += ["--weights", "none"]
    core = {min(os.sched_getaffinity(0))}  # one thread
    calm, struck = (Search(folder / n, data, RECIPES, given, core) for n in ("calm", "killed"))
    try:
        began = time.monotonic()
        _finish(calm)
        made = _kill(struck, kills, time.monotonic() - began, random.Random(seed))
        _finish(struck)
        wrong = [*_differences(calm, struck)]
    except RuntimeError as error:
        made, wrong = 0, [str(error)]
    finally:
        calm.end()
        struck.end()
    figures = {
        "kills": made,
        "trials": len(_outcomes(calm.search_trials())),
        "repeats": len(_outcomes(calm.confirm_trials())),
        "retries": sum("retry_of" in t.user_attrs for t in struck.search_trials()),
        "differences": len(wrong),
    }
    return figures, [f"repeat: {line}" for line in wrong]


def _kill(search: Search, kills: int, seconds: float, rng: random.Random) -> int:
    """Kills a search at random moments; gives how often, since it may end before."""
    for made in range(kills):
        process, signum = search.start(), rng.choice(_SIGNALS)
        began = time.monotonic()
        if wait_until(lambda p=process: p.poll() is not None, rng.uniform(0.0, seconds / 4)):
            return made
        print(f"repeat: {signum.name} after {time.monotonic() - began:.1f} s ({search.state()})")
        process.send_signal(signum)
        if not wait_until(lambda p=process: p.poll() is not None, 180.0):
            raise RuntimeError(f"a search does not end after {signum.name}")
        if "Traceback" in search.said():
            raise RuntimeError(f"a traceback after {signum.name}: {search.said()[-3000:]}")
    return kills


def _finish(search: Search) -> None:
    code = search.start().wait()
    if code:
        raise RuntimeError(f"a search ended with {code}: {search.said()[-2000:]}")


def _differences(calm: Search, struck: Search) -> list[str]:
    """Where two searches differ, in a line each."""
    return [
        *_differing("trial", calm.search_trials(), struck.search_trials()),
        *_differing("repeat", calm.confirm_trials(), struck.confirm_trials()),
        *_differing_best(calm, struck),
    ]


def _differing(what: str, calm: list[FrozenTrial], struck: list[FrozenTrial]) -> list[str]:
    ours, theirs = _outcomes(calm), _outcomes(struck)
    lines = [
        f"{what} {place} is {a} undisturbed, {b} killed"
        for place, (a, b) in enumerate(zip(ours, theirs, strict=False))
        if a != b
    ]
    return lines + [f"{len(ours)} and {len(theirs)} {what}s"] * (len(ours) != len(theirs))


def _outcomes(trials: list[FrozenTrial]) -> list[tuple[str, ...]]:
    """What became of every recipe, in the order of the first tries: recipe, state, scores."""
    outcomes = []
    for tries in roots(trials).values():
        sampled = [trial for trial in tries if read_attributes(trial).recipe]
        if sampled:  # one killed while it was sampled is sampled anew
            last = sampled[-1]
            recipe = json.dumps(read_attributes(last).recipe, sort_keys=True)
            scores = f"{last.value!r} after {last.intermediate_values}"
            outcomes.append((recipe, last.state.name, scores))
    return outcomes


def _differing_best(calm: Search, struck: Search) -> list[str]:
    ours, theirs = _best(calm.search_trials()), _best(struck.search_trials())
    return [] if ours == theirs else [f"the best is {ours} undisturbed, {theirs} killed"]


def _best(trials: list[FrozenTrial]) -> tuple[float, int]:
    """The best objective, and the place of its recipe in the order of the first tries."""
    tries = [
        each for each in roots(trials).values() if any(read_attributes(t).recipe for t in each)
    ]
    values = [
        (trial.value, -place)
        for place, each in enumerate(tries)
        for trial in each
        if trial.state in DONE and trial.state.name == "COMPLETE" and trial.value is not None
    ]
    return max(values)
