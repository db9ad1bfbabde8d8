"""A training process: it starts Keras once, and runs trials on the same data and proxy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bcauto.data.dataset import Dataset
from bcauto.proxy.proxy import Proxy
from bcauto.recipe.pretrained import Weights, unpack_weights
from bcauto.training.device import spare_imports, start_keras
from bcauto.trial import Job, Report, TrialResult

__all__ = ["Payload", "Trainer"]


@dataclass(frozen=True, eq=False)
class Payload:
    """The data, the proxy and the pretrained weights of every trial of a study; read-only.

    Attributes:
        data: the training and validation images.
        proxy: what models are scored on.
        weights: where pretrained weights come from.
        modules: a folder to import a hypermodel's module from.
        weight_files: the bytes of the weights' files by name, for machines that do not share the
            driver's disk.
    """

    data: Dataset
    proxy: Proxy
    weights: Weights
    modules: str | None = None
    weight_files: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


class Trainer:
    """Runs trials one after another on the same payload.

    Making one imports Keras and its backend, which takes seconds; they use ``threads`` CPU threads.
    """

    def __init__(self, payload: Payload, threads: int) -> None:
        start_keras(threads)
        spare_imports()
        if payload.modules and payload.modules not in sys.path:
            sys.path.insert(0, payload.modules)
        self.payload, self.threads = payload, threads
        files = payload.weight_files
        self.weights = unpack_weights(files) if files else payload.weights

    def run(self, job: Job, report: Report) -> TrialResult:
        """Train and score one recipe, and save its model at ``job.model_path``.

        Raises:
            TrialFailed: the loss is no longer a number.
            TrialStopped: ``report`` asked for it.
        """
        from bcauto.training.run import run_trial  # after start_keras

        payload = self.payload
        return run_trial(job, payload.data, payload.proxy, self.weights, report, self.threads)
