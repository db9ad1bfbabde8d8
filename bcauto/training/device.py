"""The device decides precision and compilation; Keras starts quietly and within its share."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import cv2

__all__ = ["Device", "detect_device", "quiet_stderr", "start_keras"]


@dataclass(frozen=True)
class Device:
    """Where a trial runs, in what precision, and whether XLA compiles it.

    On a CPU XLA is ten times slower than TensorFlow's own kernels on small networks, and
    reduced precision twice as slow; on a GPU both pay.
    """

    kind: str
    precision: str
    jit_compile: bool
    backend: str

    def as_dict(self) -> dict[str, Any]:
        """The device as plain values, as a trial records it."""
        return asdict(self)


def detect_device() -> Device:
    """The device that Keras' backend sees in this process."""
    keras = importlib.import_module("keras")
    backend = keras.backend.backend()
    if _sees_gpu(keras, backend):
        return Device("gpu", "mixed_float16", jit_compile=backend != "torch", backend=backend)
    return Device("cpu", "float32", jit_compile=False, backend=backend)


def _sees_gpu(keras: Any, backend: str) -> bool:
    if backend == "torch":  # of which Keras lists no devices
        return bool(importlib.import_module("torch").cuda.is_available())
    devices: list[str] = keras.distribution.list_devices()  # the GPUs, where there are any
    return devices[0].startswith("gpu")


def start_keras(threads: int) -> None:
    """Imports Keras without a word on the screen, with ``threads`` CPU threads to work with.

    Without effect on a TensorFlow that is imported already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[name] = str(threads)
    # These mostly wait for one another; with a single one tf.data can wait for itself.
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads + 1)
    cv2.setNumThreads(1)  # small images are not worth sharing out: it costs half as much again
    with quiet_stderr():
        importlib.import_module("keras")


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Sends file descriptor 2 nowhere for a while.

    TensorFlow's C++ writes there while it is imported, whatever its log level.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
