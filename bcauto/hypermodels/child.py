"""The child process that imports a user's module: ``python -m bcauto.hypermodels.child FILE``.

It reads a request as JSON from standard input and writes its answer as JSON to FILE: what is
printed meanwhile is the module's own.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import defaultdict
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.errors import BadInput
from bcauto.training.device import start_keras

__all__ = ["answer"]

_IMAGES = 8  # that a fit is tried on
_MOST_FITS = 100  # that one may ask of model.fit: it may wait for scores that get better


class _Endless(Exception):
    """A ``fit`` calls ``model.fit`` again and again."""


def answer(reference: str, image_size: tuple[int, int], classes: int, input_scale: int) -> Any:
    """The dimensions and starting point of a hypermodel that builds classifiers for such images.

    With them go ``faults``: what values cannot be built and trained here, each with its reason.

    Raises:
        BadInput: there is no such hypermodel, or what it builds by default cannot be trained here.
    """
    import keras  # after start_keras
    from keras_tuner.errors import FailedTrialError

    from bcauto.hypermodels.explore import as_table, explore
    from bcauto.training.hypermodel.build import check_loss, wrapped
    from bcauto.training.hypermodel.load import in_one_line, load_hypermodel, overrides_fit
    from bcauto.training.hypermodel.plain_keras import Loading

    hypermodel = load_hypermodel(reference, image_size, classes)
    own_fit = overrides_fit(hypermodel)
    loading = Loading()

    def build(hp: Any) -> Any:
        keras.backend.clear_session()
        try:
            model = hypermodel.build(hp)
        except FailedTrialError:
            raise
        except Exception as error:
            raise BadInput(f"build failed ({in_one_line(error)})") from error
        built = wrapped(model, image_size, classes, input_scale, own_fit)
        if not own_fit:  # which may make other labels of ours
            check_loss(built, classes)
        loading.check(built.classifier)
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
        known.merge(_asked_by_fit(hypermodel, known, build, image_size, classes), overwrite=False)
    return {**as_table(known), "faults": explored.faults}


def _asked_by_fit(
    hypermodel: Any, known: Any, build: Any, image_size: tuple[int, int], classes: int
) -> Any:
    """The hyperparameters that ``fit`` asks for, while ``model.fit`` only pretends to train.

    What it raises will be seen when it trains.
    """
    from bcauto.training.hypermodel.fit import AugmentedBatches, FitData, call_fit

    hp = known.copy()
    built = build(hp)
    images = built.images(np.zeros((_IMAGES, *image_size, 3), np.uint8))
    targets = built.targets(np.eye(classes, dtype=np.float32)[np.arange(_IMAGES) % classes])

    train = AugmentedBatches(lambda *_: (images, targets), lambda _: 1, _IMAGES)
    kind = type(built.model)
    plain = kind.fit
    kind.fit = _pretended(plain)
    with suppress(Exception):
        call_fit(hypermodel, hp, built.model, FitData(train, (images, targets), 1), [])
    kind.fit = plain
    return hp


def _pretended(fit: Any) -> Any:
    """``model.fit`` with its parameters, which has trained for one epoch at once."""
    import keras

    calls = itertools.count()

    @wraps(fit)
    def pretended(model: Any, *_: Any, **__: Any) -> Any:
        if next(calls) >= _MOST_FITS:
            raise _Endless
        history = keras.callbacks.History()
        history.set_model(model)
        history.epoch = [0]
        history.history = defaultdict(lambda: [0.5], loss=[0.5], val_loss=[0.5])  # of any metric
        return history

    return pretended


def main() -> None:
    """Answers the request on standard input."""
    request = json.load(sys.stdin)
    sys.path.insert(0, request.pop("folder"))
    start_keras(1)
    try:
        told = {"table": answer(**{**request, "image_size": tuple(request["image_size"])})}
    except BadInput as error:
        told = {"refused": str(error)}
    Path(sys.argv[1]).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
