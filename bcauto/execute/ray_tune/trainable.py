"""A reused Tune trainable, and the training process that it owns.

The trainable is light and Tune keeps it; the process is replaced when it dies or has grown, which
Tune does not notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import ray
from ray import tune

from bcauto.execute.contract import Runner, Slots
from bcauto.execute.faults import OUT_OF_MEMORY
from bcauto.execute.ray_tune.process import EpochReport, TrainerProcess
from bcauto.trial import Failure, Outcome, Retry

__all__ = ["TuneTrial", "death"]

_GROWTH = 1.25  # a training process may grow to so many times its size after its first job
_LOW_MEMORY = "running low on memory"  # Ray's memory monitor says so of a process that it ended


class TuneTrial(tune.Trainable):  # type: ignore[misc]  # Ray has no type information
    """A trial as Tune sees it: each ``step`` returns a report, the last one the outcome."""

    def setup(
        self,
        config: dict[str, Any],
        payload: list[ray.ObjectRef] | None = None,
        make_runner: Callable[[Any, int], Runner] | None = None,
        slots: Slots | None = None,
        epoch_timeout: float | None = None,
    ) -> None:
        """Prepare an actor, which Tune then reuses for one job after another."""
        self._arguments, self._slots = (payload, make_runner), slots
        self._epoch_timeout = epoch_timeout
        self._process: Any = None
        self._sizes: list[int] = []  # of the training process, in bytes, after each job
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next job."""
        self.config = new_config
        self._begun = False
        return True

    def step(self) -> dict[str, Any]:
        """Return the job's next message, as a Tune result."""
        message = self._next_message()
        return {"message": message, "done": not isinstance(message, EpochReport)}

    def cleanup(self) -> None:
        """End the training process."""
        if self._process is not None:
            ray.kill(self._process)
            self._process = None

    def _next_message(self) -> EpochReport | Outcome:
        """Return the next message of the training process, or a Failure where it has died."""
        try:
            message = self._ask_process()
        except ray.exceptions.GetTimeoutError:
            reason = f"no epoch ended within {self._epoch_timeout:g} s"
            message = Failure(reason, retry=Retry.LIMITED)
        except ray.exceptions.OutOfMemoryError:
            message = _without_memory("Ray ended the training process")
        except ray.exceptions.RayActorError as error:
            message = self._death(error)
        if isinstance(message, Failure) and message.retry is not Retry.NEVER:
            self.cleanup()  # it may be short of memory, or hang
        return message

    def _ask_process(self) -> EpochReport | Outcome:
        if not self._begun:
            self._renew()
            self._oom_kills = _oom_kills()
            self._begun, waiting = True, self._process.begin.remote(self.config["job"])
        else:
            waiting = self._process.advance.remote()
        message: EpochReport | Outcome = ray.get(waiting, timeout=self._epoch_timeout)
        return message

    def _renew(self) -> None:
        """Start the training process, or replace one that would grow too large."""
        if self._process is not None:
            self._sizes.append(ray.get(self._process.memory.remote(), timeout=self._epoch_timeout))
            if _expected(self._sizes) <= _GROWTH * self._sizes[0]:
                return
            self.cleanup()
        assert self._slots is not None  # Tune calls setup first
        actor = ray.remote(num_cpus=self._slots.threads, num_gpus=self._slots.gpus)(TrainerProcess)
        self._process = actor.remote(*self._arguments, self._slots.threads)
        self._sizes = []

    def _death(self, error: ray.exceptions.RayActorError) -> Failure:
        """Return why the training process died; Ray does not know of the system's memory kills."""
        if _oom_kills() > self._oom_kills:
            return _without_memory("the system ended the training process")
        return death("the training process died", str(getattr(error, "cause", None) or error))


def _expected(sizes: list[int]) -> int:
    """Return the size after one more job that grows it by as much as any job before."""
    return sizes[-1] + max((b - a for a, b in pairwise(sizes)), default=0)


def death(what: str, text: str) -> Failure:
    """Return why one of Ray's processes died, ``what (reason)``, from Ray's long text on it."""
    if _LOW_MEMORY in text:
        return _without_memory("Ray ended the training process")
    kind = re.search(r"exit type: (\w+)|RPC error: ([\w ]+)", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = kind.group(kind.lastindex or 0) if kind else (lines or ["no reason given"])[-1][:200]
    return Failure(f"{what} ({reason})", retry=Retry.LIMITED)


def _without_memory(said: str) -> Failure:
    return Failure(OUT_OF_MEMORY, said, Retry.SMALLER)


def _oom_kills() -> int:
    """Return how many processes Linux has ended since it started because memory had run out."""
    with suppress(OSError):
        counts = dict(map(str.split, Path("/proc/vmstat").read_text(encoding="ascii").splitlines()))
        return int(counts.get("oom_kill", 0))
    return 0
