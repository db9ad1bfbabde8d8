"""Kills searches at random, and looks whether anything is lost.

    python benchmarks/chaos.py                           # 100 kills and the other parts: two hours
    python benchmarks/chaos.py --only kills --kills 20
    python benchmarks/chaos.py --minutes 30 --weights DIR

kills: real ``bcauto search`` processes under Ray, two at a time, on images that draw themselves.
Their driver (SIGKILL, SIGINT, SIGTERM), a training process or a raylet (SIGKILL) is struck at
random moments, from the first millisecond to the end of the confirmation; what ended is typed again
at once, beside what is still dying, until it ends by itself. Afterwards the asked total must stand,
nothing be RUNNING or WAITING, no recipe be lost or trained twice to the end, no process, lock,
checkpoint, half-written or superfluous file be left, and no traceback have been shown.

repeat: a search with ``--executor inline`` on one core is killed at random moments. Recipes, their
order, every epoch's score and the best must be those of the same search undisturbed; what a retry
does is counted where its first try was.

memory: sixty trials of MobileNet 0.25 on one worker. What its training process takes at the end of
the last trial must be at most 1.3 times what it took after ten; and the most that it took after any
later trial 1.3 times the most after any of those ten, since it goes up and down as the process is
replaced.

fuzz: ten minutes of ``fuzz.py``.

The last line has the figures, as JSON. Exit code 1 where anything did not hold; the folder of what
was searched is then left for a look.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz import Finding, fuzz
from kills import Toll, kill_searches
from memory import watch_memory
from repeat import repeat_search
from searches import draw_bars

Judged = tuple[dict[str, Any], list[str]]


def kills(given: argparse.Namespace, folder: Path) -> Judged:
    """Searches killed at random."""
    data = _drawn(folder / "small.npz", 60, 32)
    toll = Toll(given.kills, time.monotonic() + 60 * given.minutes)
    kill_searches(folder, data, toll, given.seed, given.at_a_time)
    return toll.figures(), toll.wrong


def repeat(given: argparse.Namespace, folder: Path) -> Judged:
    """A search killed, beside one undisturbed."""
    return repeat_search(
        folder, _drawn(folder / "small.npz", 60, 32), given.repeat_kills, given.seed
    )


def memory(given: argparse.Namespace, folder: Path) -> Judged:
    """A worker's memory."""
    data = given.data or _drawn(folder / "large.npz", 60, 96)
    return watch_memory(folder / "study", data, given.weights)


def damaged(given: argparse.Namespace, folder: Path) -> Judged:
    """Damaged files for every reader."""
    del folder
    try:
        figures = fuzz(given.fuzz_seconds, given.seed)
    except Finding as finding:
        return {}, [f"fuzz: {finding}"]
    return {
        "files": sum(each["files"] for each in figures.values()),
        "taken": sum(each["taken"] for each in figures.values()),
        "slowest_s": max(each["slowest_s"] for each in figures.values()),
        "grown_mb": max(each["grown_mb"] for each in figures.values()),
    }, []


PARTS: dict[str, Callable[[argparse.Namespace, Path], Judged]] = {
    "kills": kills,
    "repeat": repeat,
    "memory": memory,
    "fuzz": damaged,
}


def _drawn(path: Path, count: int, side: int) -> Path:
    np.savez(path, **draw_bars(count, side, seed=0))
    return path


def _run(name: str, given: argparse.Namespace, folder: Path) -> Judged:
    """A part's figures with the time that it took, and what did not hold."""
    (folder / name).mkdir()
    began = time.monotonic()
    figures, wrong = PARTS[name](given, folder / name)
    load = round(os.getloadavg()[2], 1)  # of the last quarter of an hour
    return {**figures, "minutes": round((time.monotonic() - began) / 60, 1), "load": load}, wrong


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", did_you_mean=PARTS, action="append", help="parts; default: all")
    parser.add_argument("--kills", type=int, default=100, help="random kills to make")
    parser.add_argument("--minutes", type=float, default=240, help="for the kills, at most")
    parser.add_argument("--at-a-time", type=int, default=2, help="searches to kill")
    parser.add_argument("--repeat-kills", type=int, default=8, help="of the search to repeat")
    parser.add_argument("--data", type=Path, help="a few dozen images for the memory; or drawn")
    parser.add_argument("--weights", default="none", help="folder of MobileNet's; default: none")
    parser.add_argument("--fuzz-seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    """The command line."""
    given = _options()
    # Ignored in a background job of a script, it would be so in what is started here, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    all_figures, all_wrong = {}, []
    for name in given.only or PARTS:
        all_figures[name], wrong = _run(name, given, folder)
        all_wrong += wrong
        print(f"{name}: {json.dumps(all_figures[name])}", flush=True)
    print("\n".join(all_wrong) or "nothing did not hold")
    print(f"see {folder}" if all_wrong else "nothing is left")
    if not all_wrong:
        shutil.rmtree(folder)
    print(json.dumps(all_figures))
    return bool(all_wrong)


if __name__ == "__main__":
    sys.exit(main())
