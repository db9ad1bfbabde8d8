"""A temperature in a model: of every form, saved, loaded, and the same class as before."""

from __future__ import annotations

import numpy as np
import pytest
from study_fixtures import scores_of

from bcauto.data.labelled import Labelled
from bcauto.errors import NothingUsable
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.proxy.score import score

pytestmark = pytest.mark.keras


@pytest.fixture
def models(keras, make_model):
    """Classifiers that end in each way that an export may end in."""
    from bcauto.ensemble.mean import mean_of
    from bcauto.ensemble.views import with_views

    plain = make_model()
    logits = keras.layers.Dense(3)(plain.layers[-2].output)
    return {
        "dense": plain,
        "activation": keras.Model(plain.input, keras.layers.Activation("softmax")(logits)),
        "mean": mean_of([make_model(1), make_model(2)], [1, 2]),
        "views": with_views(make_model(3), "mirror"),
    }


@pytest.mark.parametrize("form", ["dense", "activation", "mean", "views"])
@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_probabilities_have_the_temperature_after_loading(
    form, temperature, models, pictures, load_model, tmp_path
):
    from bcauto.export.calibrate import calibrate_model

    model = models[form]
    before = model.predict(pictures, verbose=0).astype(np.float64)
    layers, weights = len(model.layers), model.count_params()
    made = calibrate_model(model, temperature)
    made.save(tmp_path / "model.keras")
    after = load_model(tmp_path / "model.keras").model.predict(pictures, verbose=0)
    expected = before ** (1 / temperature)  # which is what dividing the logits comes to
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert made.count_params() == weights
    if form == "dense":
        assert len(made.layers) == layers


@pytest.fixture
def calibrated(make_model, pictures, tmp_path):
    """Writes a model that is too sure, and calibrates it; its folder, the truth and the proxy."""
    from bcauto.export.calibrate import calibrate_model, write_calibrated
    from bcauto.export.model import ExportedModel

    labels = np.arange(30) % 3
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=3)
    proxy = make_proxy(pictures, labels, config, seed=1)

    def run(metric="accuracy"):
        calibrate_model(make_model(), 0.1).save(tmp_path / "model.keras")
        known = ExportedModel("trial 1", "search", 0.5, 0.4, scores_of({"colour": 0.5}), (1.0,) * 3)
        val = Labelled(pictures, labels.astype(np.int64))
        return write_calibrated(tmp_path, known, proxy, val, seed=0)

    run.proxy, run.labels = proxy, labels
    return run


def test_a_calibrated_model_is_scored_again_and_less_sure(
    calibrated, load_model, pictures, tmp_path
):
    model, found = calibrated()
    loaded = load_model(tmp_path / "model.keras")
    assert found.temperature > 1
    assert found.after["corrupted"] < found.before["corrupted"]
    assert set(found.before) == {"clean", "corrupted", "held_out"}
    expected = score(calibrated.proxy, loaded.predict_probabilities(calibrated.proxy.images))
    assert (model.objective, model.scores.interval) == (expected.objective, expected.interval)
    right = loaded.predict(pictures) == calibrated.labels
    assert model.scores.clean == {"accuracy": pytest.approx(right.mean())}


def test_a_model_that_says_something_else_after_loading_is_refused(calibrated, monkeypatch):
    from bcauto.export import calibrate

    monkeypatch.setattr(
        calibrate, "calibrate_model", lambda model, _: calibrate.keras.Model(model.inputs, [
            calibrate.keras.ops.flip(model.output, 1)
        ])
    )  # fmt: skip
    with pytest.raises(NothingUsable):
        calibrated()
