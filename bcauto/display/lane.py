"""A trial that is running, as a row of the screen."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bcauto.display.bars import Row
from bcauto.recipe.network import Hypermodel
from bcauto.trial import Job

__all__ = ["Lane", "clock", "recipe_line"]


@dataclass
class Lane:
    """A trial that is running, and what is known of it."""

    job: Job
    name: str
    epochs: int
    since: float
    epoch: int = 0
    score: float | None = None

    @property
    def share_done(self) -> float:
        """About how much of the trial is done, 0 to 1; its scoring counts as an epoch."""
        return self.epoch / (self.epochs + 1)

    def row(self, narrow: bool) -> Row:
        """Return the trial as a row; ``narrow`` leaves out the words beside its numbers."""
        epoch = f"{self.epoch}/{self.epochs}" if narrow else f"epoch {self.epoch} of {self.epochs}"
        score = "" if self.score is None else f"{'' if narrow else 'score '}{self.score:.3f}"
        took = clock(time.monotonic() - self.since)
        return Row(self.name, self.epoch, self.epochs, (epoch, score, took), recipe_line(self.job))


def recipe_line(job: Job) -> str:
    """Return the network and how it is trained, in a few words."""
    model, training = job.recipe.model, job.recipe.training
    if isinstance(model, Hypermodel):
        return f"{model.label} {' '.join(map(_short, model.values.values()))}"
    if training.stages:
        return f"{model.label} {training.optimizer} in {len(training.stages)} stages"
    frozen = f" frozen {model.frozen_layers}" if model.frozen_layers else ""
    rate = training.rate_factor * training.learning_rate
    return f"{model.label}{frozen} {training.optimizer} {rate:.1e}"


def _short(value: str | int | float | bool) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def clock(seconds: float) -> str:
    """Return a duration such as ``2h05m`` or ``1m07s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"
