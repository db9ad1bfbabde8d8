"""A process that is the user's own, such as a notebook's: what bcauto sets in it is set back."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import cv2
import numpy as np

from bcauto.training.keras_settings import settings_kept

__all__ = ["process_kept"]

_VARIABLES = (
    "KERAS_BACKEND",
    "KERAS_MAX_EPOCHS",
    "KERAS_MAX_STEPS_PER_EPOCH",
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""Those that ``start_keras`` sets."""


@contextmanager
def process_kept() -> Iterator[None]:
    """Set back what training, scoring and loading models here changes for the whole process.

    These are Keras' settings where it was imported before, variables of the environment, random
    numbers of Python and NumPy, OpenCV's threads, and what garbage collections leave out. Keras'
    own random numbers are seeded by a training, and stay so.
    """
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  the global one
    threads, frozen = cv2.getNumThreads(), gc.get_freeze_count()
    try:
        with settings_kept() if "keras" in sys.modules else nullcontext():
            yield
    finally:
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        cv2.setNumThreads(threads)
        if not frozen:
            gc.unfreeze()
