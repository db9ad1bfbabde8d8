"""KerasTuner's hypermodels run here, and our spaces in its tuners; the one place that imports it.

``discover`` asks a child process for a hypermodel's space, ``build`` makes its models and ``fit``
trains them in a training process; ``tuner`` is the other way.
"""

from __future__ import annotations

from importlib.util import find_spec

from bcauto.errors import BadInput

__all__ = ["check_keras_tuner"]


def check_keras_tuner(user: str) -> None:
    """Makes sure that KerasTuner is installed, which ``user`` needs; nothing is imported.

    Raises:
        BadInput: it is not.
    """
    if find_spec("keras_tuner") is None:
        raise BadInput(
            f'{user} needs keras-tuner, which is not installed: pip install "bcauto[keras-tuner]"'
        )
