"""Views and means as plain Keras, against means that NumPy makes of what the models predict."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from bcauto.io.model_file import foreign_class, read_description

pytestmark = pytest.mark.keras

SEEN = {
    "none": [lambda x: x],
    "mirror": [lambda x: x, np.fliplr],
    "mirrors": [lambda x: x, np.fliplr, np.flipud, lambda x: np.rot90(x, 2)],
    "turns": [
        *(lambda x, k=k: np.rot90(x, k) for k in range(4)),
        *(lambda x, k=k: np.fliplr(np.rot90(x, k)) for k in range(4)),
    ],
}
"""What is done to a picture (h, w, 3), by the word for the views."""

LOAD = """
import sys
import numpy as np
import keras
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
assert "bcauto" not in sys.modules
"""


def pictures(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, *size, 3), np.uint8)


def probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_on_batch(images))


def by_numpy(model: Any, images: np.ndarray, views: str) -> np.ndarray:
    seen = [np.stack([look(image) for image in images]) for look in SEEN[views]]
    return np.mean([probabilities(model, each) for each in seen], axis=0)


@pytest.mark.parametrize(
    ("views", "size"),
    [("mirror", (6, 8)), ("mirrors", (6, 8)), ("turns", (8, 8))],
)
def test_views_give_the_mean_of_what_the_model_gives_for_each(views, size, make_model):
    from bcauto.ensemble.views import with_views

    model, images = make_model(size=size), pictures(size)
    found = probabilities(with_views(model, views), images)
    assert found == pytest.approx(by_numpy(model, images, views), abs=1e-6)
    assert np.abs(found - probabilities(model, images)).max() > 0.01
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_without_views_the_model_is_the_same(make_model):
    from bcauto.ensemble.views import with_views

    model = make_model()
    assert with_views(model, "none") is model


def test_a_mean_weighs_models_by_their_counts(make_model):
    from bcauto.ensemble.mean import mean_of

    models, images = [make_model(seed) for seed in (0, 1, 2)], pictures((8, 8))
    found = probabilities(mean_of(models, (1, 3, 1)), images)
    each = [probabilities(model, images) for model in models]
    assert found == pytest.approx((each[0] + 3 * each[1] + each[2]) / 5, abs=1e-6)
    assert mean_of(models[:1], (2,)) is models[0]


def test_a_mean_over_views_loads_as_plain_keras_where_there_is_no_bcauto(make_model, tmp_path):
    from bcauto.ensemble.mean import mean_of
    from bcauto.ensemble.views import with_views
    from bcauto.export.load import load_model

    models, images = [make_model(seed) for seed in (0, 1)], pictures((8, 8))
    expected = np.mean([by_numpy(model, images, "turns") for model in models], axis=0)
    file, given, found = (tmp_path / name for name in ("m.keras", "given.npy", "found.npy"))
    with_views(mean_of(models, (1, 1)), "turns").save(file)
    assert foreign_class(read_description(file).config) is None
    assert load_model(file).predict_probabilities(images) == pytest.approx(expected, abs=1e-5)
    np.save(given, images)
    home = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    code = [sys.executable, "-c", LOAD, str(file), str(given), str(found)]
    subprocess.run(code, check=True, cwd=tmp_path, env=home, capture_output=True)
    assert np.load(found) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_a_hypermodels_classifier_has_views_of_its_probabilities(activation, keras, tmp_path):
    """One of a single output, which is a probability or a logit."""
    from bcauto.ensemble.mean import mean_of
    from bcauto.ensemble.views import with_views
    from bcauto.training.hypermodel.build import wrap_model

    def make(seed):
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Flatten(), keras.layers.Dense(1, activation)]
        core = keras.Sequential([keras.Input((8, 8, 3)), *layers])
        core.compile(loss=keras.losses.BinaryCrossentropy(from_logits=activation == "linear"))
        return wrap_model(core, (8, 8), 2, input_scale=1).classifier

    models, images, file = [make(0), make(1)], pictures((8, 8)), tmp_path / "m.keras"
    with_views(mean_of(models, (1, 2)), "mirrors").save(file)
    loaded = keras.saving.load_model(file, safe_mode=True)
    one, other = (by_numpy(model, images, "mirrors") for model in models)
    assert probabilities(loaded, images) == pytest.approx((one + 2 * other) / 3, abs=1e-5)
