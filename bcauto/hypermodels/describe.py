"""Describes the search space of a hypermodel: ``python -m bcauto.hypermodels.describe FILE``.

It runs as a process of its own, because it imports the user's module. It reads a request as JSON
from standard input and writes its answer as JSON to FILE; what the module prints is ignored.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.errors import BadInput
from bcauto.training.device import spare_imports, start_keras

__all__ = ["describe"]

_IMAGES = 8  # for the trial run of a fit
_MOST_FITS = 100  # calls of model.fit in it: a loop may wait for scores that get better


class _TooManyFits(Exception):
    """A ``fit`` calls ``model.fit`` again and again."""


def describe(reference: str, image_size: tuple[int, int], classes: int, input_scale: int) -> Any:
    """Return the dimensions and the starting point of a hypermodel's space, as tables.

    ``faults`` in the result has the values that cannot be built or trained here, with the reason.

    Args:
        reference: ``package.module:Name``.
        image_size: (height, width) in px.
        classes: number of classes.
        input_scale: 1 or 255; what the model's pixel values go up to.

    Raises:
        BadInput: there is no such hypermodel, or what it builds by default cannot be trained here.
    """
    import keras  # after start_keras
    from keras_tuner.errors import FailedTrialError

    from bcauto.hypermodels.explore import explore
    from bcauto.hypermodels.hyperparameters import as_table
    from bcauto.training.hypermodel.build import check_loss, wrap_model
    from bcauto.training.hypermodel.contained import contained
    from bcauto.training.hypermodel.load import in_one_line, load_hypermodel, overrides_fit
    from bcauto.training.hypermodel.plain_keras import LoadCheck

    hypermodel = load_hypermodel(reference, image_size, classes)
    own_fit = overrides_fit(hypermodel)
    load_check = LoadCheck()

    def build(hp: Any) -> Any:
        keras.backend.clear_session()
        try:
            with contained():
                model = hypermodel.build(hp)
        except FailedTrialError:
            raise
        except Exception as error:
            raise BadInput(f"build failed ({in_one_line(error)})") from error
        built = wrap_model(model, image_size, classes, input_scale, own_fit)
        if not own_fit:  # it may convert the labels
            check_loss(built, classes)
        load_check.check(built.classifier)
        return built

    try:
        explored = explore(hypermodel, build)
    except FailedTrialError as error:
        failed = f"build failed with its defaults ({in_one_line(error)})"
        raise BadInput(f"--hypermodel {reference}: {failed}") from None
    except BadInput as error:
        raise BadInput(f"--hypermodel {reference}: {error}") from None
    known = explored.known
    if own_fit:
        known.merge(_used_by_fit(hypermodel, known, build, image_size, classes), overwrite=False)
    return {**as_table(known), "faults": explored.faults}


def _used_by_fit(
    hypermodel: Any, known: Any, build: Any, image_size: tuple[int, int], classes: int
) -> Any:
    """Return the hyperparameters that ``fit`` uses, by a call in which nothing is trained.

    What it raises is ignored: a trial will show it.
    """
    from bcauto.training.hypermodel.fit import AugmentedBatches, FitData, call_fit

    hp = known.copy()
    built = build(hp)
    images = built.images(np.zeros((_IMAGES, *image_size, 3), np.uint8))
    targets = built.targets(np.eye(classes, dtype=np.float32)[np.arange(_IMAGES) % classes])
    train = AugmentedBatches(lambda *_: (images, targets), lambda _: 1, _IMAGES)
    kind = type(built.model)
    real_fit = kind.fit
    kind.fit = _dummy_fit(real_fit)
    with suppress(Exception):
        call_fit(hypermodel, hp, built.model, FitData(train, (images, targets), 1), [])
    kind.fit = real_fit
    return hp


def _dummy_fit(real_fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a ``model.fit`` that trains nothing and returns the history of one epoch."""
    import keras

    calls = itertools.count()

    @wraps(real_fit)  # call_fit reads the parameters
    def dummy_fit(model: Any, *_: Any, **__: Any) -> Any:
        if next(calls) >= _MOST_FITS:
            raise _TooManyFits
        history = keras.callbacks.History()
        history.set_model(model)
        history.epoch = [0]
        history.history = defaultdict(lambda: [0.5], loss=[0.5], val_loss=[0.5])  # of any metric
        return history

    return dummy_fit


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    sys.path.insert(0, request.pop("folder"))
    start_keras(1)
    spare_imports()
    try:
        answer = {"table": describe(**{**request, "image_size": tuple(request["image_size"])})}
    except BadInput as error:
        answer = {"refused": str(error)}
    Path(sys.argv[1]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
