"""What every executor is given, and what it must do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from bcauto.errors import BadInput
from bcauto.execute.faults import failure_of
from bcauto.hardware import count_cores, count_gpus
from bcauto.study.ledger import Ledger
from bcauto.trial import Job, Outcome, Report, TrialResult, TrialStopped

__all__ = ["Executor", "Node", "Runner", "Slots", "Work", "attempt"]


class Runner(Protocol):
    """Runs trials in the process that trains, one after another."""

    def run(self, job: Job, report: Report) -> TrialResult:
        """Run one trial; it may raise TrialFailed, and lets TrialStopped pass."""
        ...


@dataclass
class Work:
    """What trials need besides their job.

    Attributes:
        payload: large read-only data, which is sent to a machine once.
        nbytes: its size in bytes.
        make_runner: an importable function of (payload, CPU threads) that returns a Runner; it is
            called in the process that trains, and may take seconds.
        epoch_timeout: seconds that a trial may take from one report to the next; None for no limit.
    """

    payload: Any
    nbytes: int
    make_runner: Callable[[Any, int], Runner]
    epoch_timeout: float | None = None


@dataclass(frozen=True)
class Node:
    """A machine that trials may run on: its CPU cores and GPUs."""

    cores: int
    gpus: float = 0.0

    @classmethod
    def here(cls) -> Node:
        """Return this machine."""
        return cls(count_cores(), count_gpus())


@dataclass(frozen=True)
class Slots:
    """How many trials run at a time, and what each gets: CPU threads, share of GPUs."""

    workers: int
    threads: int
    gpus: float = 0.0

    @classmethod
    def on(cls, nodes: Sequence[Node], workers: int | None, gpus_per_trial: float) -> Slots:
        """The slots of some machines: by GPUs where there are any, else one a core up to two.

        Args:
            nodes: one or more.
            workers: trials at a time over all nodes; None for as many as fit.
            gpus_per_trial: share of a GPU for each trial, in (0, 1]; without GPUs it means nothing.

        Raises:
            BadInput: there is neither a core nor a GPU, as in a cluster that has no workers yet.
        """
        share = gpus_per_trial if any(node.gpus for node in nodes) else 0.0
        room = [_room(node, share) for node in nodes]
        if not any(room):
            rule = "a cluster must have a CPU core or a GPU when a search starts"
            raise BadInput(f"{rule}, got {len(nodes)} machine(s) without")
        wanted = workers or sum(room)
        crowded = max(1.0, wanted / sum(room))
        limits = [
            (ceil(crowded * fitting), node.cores) for fitting, node in zip(room, nodes, strict=True)
        ]

        def all_fit(threads: int) -> bool:
            return sum(min(trials, cores // threads) for trials, cores in limits) >= wanted

        every = range(max(node.cores for node in nodes), 0, -1)
        return cls(wanted, next(filter(all_fit, every), 1), share)

    @property
    def whole_gpus(self) -> int:
        """The number of GPUs that hold these slots; no slot lies on two GPUs."""
        return ceil(self.workers / _on_one(self.gpus)) if self.gpus else 0


def _room(node: Node, share: float) -> int:
    """Return how many trials fit on a machine at a time."""
    if not share:
        return min(2, node.cores)
    return int(node.gpus) * _on_one(share)


def _on_one(share: float) -> int:
    """Return how many slots of this share, at most 1, fit on one GPU."""
    return int(1 / share + 1e-9)  # 1 / 0.1 may be a little less than 10


class Executor(Protocol):
    """Runs jobs until the ledger is over.

    It closes every job that it took, whatever happens, and raises ``ledger.broken`` where that is
    set. It calls ``check`` often, which may raise to end the search: then live jobs are released.
    """

    def run(self, ledger: Ledger, work: Work, check: Callable[[], None]) -> None:
        """Take jobs from the ledger until there are no more."""
        ...


def attempt(runner: Runner, job: Job, report: Report) -> Outcome:
    """Run one job; an exception becomes a Failure, and only TrialStopped passes."""
    try:
        return runner.run(job, report)
    except TrialStopped:
        raise
    except Exception as error:  # whatever a trial does, the search goes on
        return failure_of(error)
