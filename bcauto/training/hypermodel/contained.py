"""A user's code run without lasting effects on the process that runs it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from bcauto.training.keras_settings import settings_kept

__all__ = ["contained"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def contained() -> Iterator[None]:
    """Run a hypermodel's code; what it sets for the whole process is set back afterwards.

    These are Keras' float type, epsilon, image data format and dtype policy, whether TensorFlow
    runs step by step, filters of warnings, the root logger, and what ``_python_as_it_was`` lists.
    Meanwhile ``sys.argv`` has no arguments, which would be bcauto's. Random numbers are seeded anew
    before a trial, see ``bcauto.training.run``.
    """
    config, root = keras.config, logging.root
    arguments, level, handlers = sys.argv, root.level, root.handlers[:]
    disabled = logging.root.manager.disable
    tf_config = sys.modules["tensorflow"].config if config.backend() == "tensorflow" else None
    eagerly = tf_config and tf_config.functions_run_eagerly()
    sys.argv = sys.argv[:1]
    try:
        with settings_kept(), warnings.catch_warnings(), _python_as_it_was():
            yield
    finally:
        sys.argv = arguments
        root.setLevel(level)
        root.handlers[:] = handlers
        logging.disable(disabled)
        if tf_config and tf_config.functions_run_eagerly() != eagerly:
            tf_config.run_functions_eagerly(eagerly)


@contextmanager
def _python_as_it_was() -> Iterator[None]:
    """Set back the current folder, standard streams, signals, NumPy's errors and the like.

    ``KERAS_BACKEND`` is one of them, since processes that are started later would take it.
    """
    folder, streams, limit = Path.cwd(), (sys.stdout, sys.stderr), sys.getrecursionlimit()
    backend = os.environ.get("KERAS_BACKEND")
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    main = threading.current_thread() is threading.main_thread()
    try:
        with np.errstate():
            yield
    finally:
        os.chdir(folder)
        sys.stdout, sys.stderr = streams
        sys.setrecursionlimit(limit)
        if backend is None:
            os.environ.pop("KERAS_BACKEND", None)
        else:
            os.environ["KERAS_BACKEND"] = backend
        for number, handler in handlers.items():
            if main and handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
