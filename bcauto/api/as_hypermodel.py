"""``bcauto.as_hypermodel``: a space for KerasTuner's tuners."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bcauto.data.dataset import Dataset
    from bcauto.space.space import Space

__all__ = ["as_hypermodel"]


def as_hypermodel(
    space: Space | str | os.PathLike[str],
    data: Dataset | str | Path,
    weights: str = "imagenet",
    seed: int = 0,
) -> Any:
    """A space as a ``keras_tuner.HyperModel``, for KerasTuner's tuners to search.

    ``build(hp)`` gives a recipe's compiled classifier of 0-255 RGB. ``tuner.search()``, without
    data, trains and scores each recipe as ``bcauto search`` does: objectives are ``objective``
    (the proxy's), ``clean_accuracy`` and ``held_out``, each with direction ``max``.

    Args:
        space: one, its name, or a ``.toml`` file.
        data: a dataset, an ``.npz`` file, or a folder of class folders.
        weights: ``imagenet``, ``none``, or a folder of weights.
        seed: of split, proxy and training; 0 to 2**63 - 1.

    Raises:
        BadInput: KerasTuner is missing, an argument breaks a rule, or they do not go together.
    """
    from bcauto.hypermodels.discover import check_keras_tuner

    check_keras_tuner("as_hypermodel")
    from bcauto.hypermodels.as_hypermodel import space_hypermodel  # imports Keras

    file = Path(space) if isinstance(space, os.PathLike) else space
    return space_hypermodel(file, data, weights, seed)
