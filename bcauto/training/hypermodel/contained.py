"""A user's code run without lasting effects on the process that runs it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import keras

__all__ = ["contained"]


@contextmanager
def contained() -> Iterator[None]:
    """Run a hypermodel's code; what it sets for the whole process is set back afterwards.

    These are Keras' float type, epsilon, image data format and dtype policy, whether TensorFlow
    runs step by step, filters of warnings, and the root logger. Meanwhile ``sys.argv`` has no
    arguments, which would be bcauto's. Random numbers are seeded anew before a trial, see
    ``bcauto.training.run``.
    """
    config, root = keras.config, logging.root
    settings = config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy()
    arguments, level, handlers = sys.argv, root.level, root.handlers[:]
    disabled = logging.root.manager.disable
    tf_config = sys.modules["tensorflow"].config if config.backend() == "tensorflow" else None
    eagerly = tf_config and tf_config.functions_run_eagerly()
    sys.argv = sys.argv[:1]
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.argv = arguments
        root.setLevel(level)
        root.handlers[:] = handlers
        logging.disable(disabled)
        floatx, epsilon, image_data_format, policy = settings
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_image_data_format(image_data_format)
        config.set_dtype_policy(policy)
        if tf_config and tf_config.functions_run_eagerly() != eagerly:
            tf_config.run_functions_eagerly(eagerly)
