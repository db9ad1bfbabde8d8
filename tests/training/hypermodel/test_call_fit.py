"""What a hypermodel's own ``fit`` is given, by the parameters that it has."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytestmark = pytest.mark.keras

OURS = "our callback"


class Model:
    """Remembers how it was fitted; parameters as Keras' own."""

    def fit(
        self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None,
        validation_split=0.0, validation_data=None,
    ):  # fmt: skip
        self.got = dict(locals())
        return "history"


@pytest.fixture
def fitted():
    """Fits ``Model`` by a ``fit``; gives what reached it, and what the fit was called with."""
    from bcauto.training.hypermodel.fit import AugmentedBatches, FitData, call_fit

    def make(epoch, index, size):
        return np.full((size, 2), epoch), np.full(size, index)

    def run(fit, ours=OURS):
        train = AugmentedBatches(make, lambda size: 24 // size, 8)
        model = Model()
        call_fit(SimpleNamespace(fit=fit), "hp", model, FitData(train, ("vx", "vy"), 5), [ours])
        return model.got

    return run


def test_a_fit_that_hands_on_gets_batches_that_change_each_epoch(fitted):
    got = fitted(lambda hp, model, *args, **kwargs: model.fit(*args, **kwargs))
    assert got["epochs"] == 5
    assert got["verbose"] == 0
    assert got["callbacks"] == [OURS]
    assert got["validation_data"] == ("vx", "vy")
    assert got["y"] is None
    batches = got["x"]
    assert len(batches) == 3
    assert batches[2][0].shape == (8, 2)
    assert batches[2][1].tolist() == [2] * 8
    first = batches[0][0].max()
    batches.on_epoch_end()
    assert batches[0][0].max() == first + 1


def test_an_epoch_that_one_fit_has_met_no_other_meets(fitted):
    epochs = []

    def fit(hp, model, train):
        for size in (8, 8, 12):
            model.fit(train, batch_size=size)
            for _ in range(2):
                epochs.append(model.got["x"][0][0].max())
                model.got["x"].on_epoch_end()
        for _ in range(2):
            met = [images.max() for images, _ in train]
            assert len(met) == 3
            epochs.extend(set(met))
        model.fit(train)

    got = fitted(fit)
    epochs.append(got["x"][0][0].max())
    assert epochs == list(range(1, 10))


def test_its_own_batch_size_and_epochs_hold(fitted):
    def fit(hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=12, epochs=2, validation_split=0.1, **kwargs)

    got = fitted(fit)
    assert (got["batch_size"], got["epochs"], got["validation_split"]) == (None, 2, 0.0)
    assert len(got["x"]) == 2
    assert got["x"][0][0].shape == (12, 2)


def test_a_fit_of_x_and_y_gets_arrays(fitted):
    def fit(hp, model, x, y, validation_data=None, callbacks=None, epochs=1):
        assert (epochs, callbacks, validation_data) == (5, [OURS], ("vx", "vy"))
        return model.fit(x, y, callbacks=["theirs"])

    got = fitted(fit)
    assert (got["x"].shape, got["y"].shape) == ((24, 2), (24,))
    assert got["y"].tolist() == [0] * 24  # one batch: none is left over
    assert (got["batch_size"], got["epochs"]) == (8, 5)
    assert got["callbacks"] == ["theirs", OURS]


def test_a_fit_without_any_of_our_names_is_told_nothing_else(fitted):
    got = fitted(lambda hp, model, train: model.fit(train))
    assert len(got["x"]) == 3
    assert got["validation_data"] is None
    assert got["callbacks"] == [OURS]


def test_a_fit_that_tries_again_after_it_was_stopped_meets_the_same_error(fitted):
    got = []

    def fit(hp, model, train, callbacks):
        model.fit(train)
        callbacks[0].error = stopped
        for _ in range(2):
            model.got = None
            with pytest.raises(InterruptedError) as raised:
                model.fit(train)
            got.append((raised.value, model.got))

    ours, stopped = SimpleNamespace(error=None), InterruptedError()
    fitted(fit, ours)
    assert got == [(stopped, None)] * 2
