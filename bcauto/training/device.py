"""The device of a training process, which decides precision and compilation; Keras' start."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import cv2

from bcauto.training.keras_settings import check_settings, pin_settings, pin_variables

__all__ = ["Device", "detect_device", "quiet_stderr", "spare_imports", "start_keras"]


@dataclass(frozen=True)
class Device:
    """Where a trial runs, in which precision, and whether XLA compiles its model.

    On a CPU, XLA is ten times slower than TensorFlow's own kernels for small networks, and reduced
    precision twice as slow; on a GPU both make training faster.

    Attributes:
        kind: "cpu" or "gpu".
        precision: a Keras dtype policy.
        jit_compile: whether XLA compiles the model.
        backend: Keras' backend.
    """

    kind: str
    precision: str
    jit_compile: bool
    backend: str

    def as_dict(self) -> dict[str, Any]:
        """Return the device as a trial records it."""
        return asdict(self)


def detect_device() -> Device:
    """Return the device that Keras' backend sees in this process."""
    keras = importlib.import_module("keras")
    backend = keras.backend.backend()
    if _sees_gpu(keras, backend):
        return Device("gpu", "mixed_float16", jit_compile=backend != "torch", backend=backend)
    return Device("cpu", "float32", jit_compile=False, backend=backend)


def _sees_gpu(keras: Any, backend: str) -> bool:
    if backend == "torch":  # Keras lists no devices of it
        return bool(importlib.import_module("torch").cuda.is_available())
    devices: list[str] = keras.distribution.list_devices()  # only GPUs, if there are any
    return devices[0].startswith("gpu")


def start_keras(threads: int) -> None:
    """Import Keras without output on the screen, to work with ``threads`` CPU threads.

    Its settings have no effect on a TensorFlow that is imported already.

    Raises:
        BadInput: Keras cannot be imported with its configuration.
    """
    check_settings()
    pin_variables()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[name] = str(threads)
    # These threads mostly wait for one another; with only one, tf.data can deadlock.
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads + 1)
    cv2.setNumThreads(1)  # on small images, more threads take half as much time again
    with quiet_stderr():
        importlib.import_module("keras")
    pin_settings()


@cache
def spare_imports() -> None:
    """Keep garbage collections from ever looking at what this process holds now; only once.

    They would look at all that TensorFlow consists of, between trials and while a step is traced,
    which takes a third of the time of a trial of seconds. For processes that train and nothing
    else: what they hold now is never freed if it becomes a cycle.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to the null device while the context is open.

    TensorFlow's C++ code writes to it while it is imported, whatever its log level.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
