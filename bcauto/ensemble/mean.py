"""The mean of several models' probabilities, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

__all__ = ["mean_of"]


def mean_of(models: Sequence[Any], counts: Sequence[int]) -> Any:
    """Return a model that gives the weighted mean of models' probabilities.

    It is of Keras' own layers alone, and shares the models' weights.

    Args:
        models: different functional Keras classifiers of the same pictures and classes, one or
            more; a single one is given back.
        counts: how often each counts, 1 or more.
    """
    if len(models) == 1:
        return models[0]
    inputs = keras.Input(models[0].input_shape[1:], name="image")
    shares = []
    for number, (model, count) in enumerate(zip(models, counts, strict=True), 1):
        member = keras.Model(
            model.input, model.output, name=f"member_{number}"
        )  # names must differ
        weigh = keras.layers.Rescaling(count / sum(counts), dtype="float32")
        shares.append(weigh(member(inputs)))
    return keras.Model(inputs, keras.layers.Add(dtype="float32", name="probabilities")(shares))
