"""What a worker's memory comes to over many trials, seen from outside."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from searches import Search

__all__ = ["watch_memory"]

_AIM = 1.3  # times what the worker took after its tenth trial
_EARLY = 10
_EVERY = 0.2  # seconds between two looks

_SPACE = """
[recipe.model]
backbone = "MobileNet"
alpha = 0.25
frozen_batch_norm = false

[recipe.training]
batch_size = 16
head_epochs = 0
epochs = 1

[recipe.augment.basic]
flip = true

[search]
"training.learning_rate" = { low = 1e-4, high = 3e-3, log = true }
"model.head_units" = [[], [64], [128]]
"model.dropout" = { low = 0.1, high = 0.5 }

[proxy]
severities = [3]
copies = 5
held_out_copies = 2
"""


@dataclass
class _Watch:
    """The memory of the processes that train, as it goes.

    Attributes:
        seen: (time, process, bytes of resident memory), several a second.
    """

    search: Search
    seen: list[tuple[datetime, int, int]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Looks until it is over; it lists the processes once a second only."""
        pids, listed = [], 0.0
        while not self.over.wait(_EVERY):
            if time.monotonic() - listed > 1.0:
                pids, listed = self.search.trainers(), time.monotonic()
            found = {pid: _resident(pid) for pid in pids}
            self.seen += [(datetime.now(), pid, size) for pid, size in found.items() if size]

    def size_at(self, moment: datetime) -> int:
        """Bytes that the worker took when it was last looked at before a moment."""
        return max((when, size) for when, _, size in self.seen if when <= moment)[1]


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def watch_memory(
    folder: Path, data: Path, weights: str, trials: int = 60
) -> tuple[dict[str, Any], list[str]]:
    """Searches MobileNet 0.25 with one worker; gives the figures, and what is wrong with them."""
    given = ["--trials", str(trials), "--workers", "1", "--confirm", "0", "--weights", weights]
    search = Search(folder, data, _SPACE, given)
    watch = _Watch(search)
    search.start()
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        code = search.running.wait()
    finally:
        watch.over.set()
        thread.join()
        search.end()
    if code:
        return {}, [f"memory: the search ended with {code}: {search.said()[-500:]}"]
    return _judged(search, watch)


def _judged(search: Search, watch: _Watch) -> tuple[dict[str, Any], list[str]]:
    ends = [t.datetime_complete for t in search.search_trials() if t.state.is_finished()]
    sizes = [watch.size_at(end) / 2**20 for end in sorted(end for end in ends if end)]
    print("memory: MB at the end of each trial:", *(f"{size:.0f}" for size in sizes))
    early, late = sizes[:_EARLY], sizes[_EARLY:]
    figures = {
        "trials": len(sizes),
        "mb_after_10": round(early[-1]),
        "mb_at_the_end": round(late[-1]),
        "ratio": round(late[-1] / early[-1], 3),
        "ratio_of_the_most": round(max(late) / max(early), 3),
        "mb_at_most": round(max(size for *_, size in watch.seen) / 2**20),
        "processes": len({pid for _, pid, _ in watch.seen}),
    }
    ratios = {name: figures[name] for name in ("ratio", "ratio_of_the_most")}
    return figures, [f"memory: {name} is {r}" for name, r in ratios.items() if r > _AIM]
