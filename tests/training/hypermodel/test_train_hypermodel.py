"""Trials of a hypermodel: reports, stops, seeds, and what is handed up."""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bcauto.augment.policies import Augment, RandAugment
from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Labelled
from bcauto.errors import TrialFailed
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Hypermodel
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job, TrialStopped

pytestmark = pytest.mark.keras

FILE = Path(__file__).parents[2] / "hypermodels" / "tutorial_models.py"
MLP = {"model_type": "mlp", "units": 16, "batch_size": 16, "size": 20}


@pytest.fixture(scope="module")
def trainer():
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 2
    images = rng.integers(0, 120, (96, 32, 32, 3), np.uint8)
    images[labels == 1, :16] += 120
    images[labels == 0, 16:] += 120
    train, val = Labelled(images[:72], labels[:72]), Labelled(images[72:], labels[72:])
    data = Dataset(train, val, ("below", "above"), Cleaning(96, 0, 0, 0))
    config = ProxyConfig(
        families=("colour",), held_out=("blur",), severities=(2,), copies=3, held_out_copies=1
    )
    proxy = make_proxy(val.images, val.labels, config, 0)
    made = Trainer(Payload(data, proxy, Weights("none")), threads=1)
    spec = spec_from_file_location("tutorial_models", FILE)
    module = module_from_spec(spec)
    sys.modules["tutorial_models"] = module
    spec.loader.exec_module(module)
    yield made
    del sys.modules["tutorial_models"]


def job(tmp_path, name, seed=3, **training):
    model = Hypermodel(hypermodel=f"tutorial_models:{name}", values=MLP, input_scale=1)
    training = Training(epochs=3, batch_size=16, **training)
    augment = Augment(randaugment=RandAugment(magnitude=0.1))
    recipe = Recipe(model=model, training=training, augment=augment)
    return Job(0, recipe, seed, tmp_path / f"{name}-{seed}.keras")


def run(trainer, asked):
    """Runs a job; gives it, its result and what it reported."""
    reports = []
    return asked, trainer.run(asked, lambda *one: reports.append(one)), reports


@pytest.fixture(scope="module")
def trained(trainer, tmp_path_factory):
    """Runs a trial of a hypermodel, once."""
    return cache(lambda name: run(trainer, job(tmp_path_factory.mktemp("trained"), name)))


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        ("ConditionalModel", 3),
        ("FittingModel", 3),
        ("LoopingModel", 2),
        ("TapeModel", 2),
        ("SoftmaxTapeModel", 2),
    ],
)
def test_every_epoch_is_reported_and_the_same_seed_gives_the_same(
    name, epochs, trainer, trained, tmp_path
):
    runs = [trained(name), run(trainer, job(tmp_path, name))]
    for _, result, reports in runs:
        assert [epoch for epoch, _ in reports] == list(range(1, epochs + 1))
        assert result.run.epochs == epochs
        assert result.objective > 0.8
        assert result.run.stages[0].trainable_parameters == result.run.trainable_parameters > 0
    one, other = ((told, done.objective, done.scores.corruptions) for _, done, told in runs)
    assert one == other


@pytest.mark.parametrize("name", ["TapeModel", "SoftmaxTapeModel"])
def test_what_a_loop_of_its_own_trained_is_loaded_as_plain_keras(name, trainer, trained):
    import keras

    asked, result, _ = trained(name)
    loaded = keras.saving.load_model(asked.model_path, safe_mode=True)
    assert not loaded.compiled
    val = trainer.payload.data.val
    probabilities = loaded.predict(val.images, verbose=0)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    accuracy = (probabilities.argmax(axis=1) == val.labels).mean()
    assert accuracy == pytest.approx(result.clean_accuracy)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["ConditionalModel", "FittingModel", "WordyFittingModel"])
def test_a_report_can_stop_it(name, trainer, tmp_path):
    epochs_reported = []

    def report(epoch, score):
        epochs_reported.append(epoch)
        if epoch == 2:
            raise TrialStopped

    with pytest.raises(TrialStopped):
        trainer.run(job(tmp_path, name), report)
    assert epochs_reported == [1, 2]
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("last", [1, 2])
def test_a_loop_of_its_own_is_stopped_whatever_it_says(last, trainer, tmp_path):
    def report(epoch, score):
        if epoch == last:
            raise TrialStopped

    with pytest.raises(TrialStopped):
        trainer.run(job(tmp_path, "WordyTapeModel"), report)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("eagerly")
def test_what_goes_wrong_in_a_fit_without_a_stop_is_raised_as_it_is(trainer, tmp_path, monkeypatch):
    import keras

    def broken(*_, **__):
        raise ValueError("no gradient")

    monkeypatch.setattr(keras.optimizers.Adam, "apply_gradients", broken)
    with pytest.raises(RuntimeError, match="could not be fitted"):
        trainer.run(job(tmp_path, "WordyTapeModel"), lambda *_: None)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("error:Early stopping")
@pytest.mark.parametrize("name", ["FittingModel", "LoopingModel", "TapeModel"])
def test_the_best_weights_are_saved(name, trainer, tmp_path, monkeypatch):
    import keras

    from bcauto.training import scoring as module

    weights, scores = [], iter([0.9, 0.5, 0.4])

    def scored(model, _):
        weights.append(model.get_weights())
        return next(scores)

    monkeypatch.setattr(module, "_score_on_probe", scored)
    asked = job(tmp_path, name, restore_best=True)
    assert trainer.run(asked, lambda *_: None).run.epochs == len(weights)
    loaded = keras.saving.load_model(asked.model_path).get_weights()
    assert all(map(np.array_equal, loaded, weights[0]))
    assert not all(map(np.array_equal, loaded, weights[-1]))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["ConditionalModel", "FittingModel"])
def test_early_stopping_goes_by_the_probe(name, trainer, tmp_path, monkeypatch):
    from bcauto.training import scoring as module

    scores = iter([0.9, 0.5, 0.4])
    monkeypatch.setattr(module, "_score_on_probe", lambda *_: next(scores))
    asked = job(tmp_path, name, early_stopping=1, restore_best=True)
    assert trainer.run(asked, lambda *_: None).run.epochs == 2


@pytest.mark.usefixtures("eagerly")
def test_a_batch_is_trained_in_parts(trainer, tmp_path, monkeypatch):
    import keras

    train_on_batch, sizes = keras.Model.train_on_batch, set()

    def noted(model, images, *others):
        sizes.add(len(images))
        return train_on_batch(model, images, *others)

    monkeypatch.setattr(keras.Model, "train_on_batch", noted)
    asked = dataclasses.replace(job(tmp_path, "ConditionalModel"), accumulate=2)
    [stage] = trainer.run(asked, lambda *_: None).run.stages
    assert (stage.accumulate, stage.batch_divided_by) == (2, 1)
    assert sizes == {8}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("name", "optimizer"), [("FittingModel", {}), ("ConditionalModel", {"use_ema": True})]
)
def test_where_that_cannot_be_batches_are_smaller(name, optimizer, trainer, tmp_path, monkeypatch):
    import keras

    from bcauto.training.batches import Batches

    make, sizes = Batches.make, set()

    def noted(batches, indices, epoch):
        sizes.add(len(indices))
        return make(batches, indices, epoch)

    monkeypatch.setattr(Batches, "make", noted)
    monkeypatch.setattr(keras.Model, "compile", _compile_with(keras, optimizer))
    asked = dataclasses.replace(job(tmp_path, name), accumulate=2)
    [stage] = trainer.run(asked, lambda *_: None).run.stages
    assert (stage.accumulate, stage.batch_divided_by) == (1, 2)
    assert sizes == {8}


def _compile_with(keras, settings):
    compile_model = keras.Model.compile

    def compiled(model, optimizer, **named):
        compile_model(model, keras.optimizers.Adam(**settings), **named)

    return compiled


@pytest.mark.usefixtures("eagerly")
def test_arrays_have_all_pictures(trainer, tmp_path):
    assert trainer.run(job(tmp_path, "OverArraysModel"), lambda *_: None).run.epochs == 3


@pytest.mark.usefixtures("eagerly")
def test_every_epoch_of_every_fit_is_another(trainer, tmp_path, monkeypatch):
    from bcauto.training.batches import Batches

    make, met = Batches.make, defaultdict(set)

    def noted(batches, indices, epoch):
        met[epoch].add(tuple(indices))
        return make(batches, indices, epoch)

    monkeypatch.setattr(Batches, "make", noted)
    model = Hypermodel(
        hypermodel="tutorial_models:StagedModel", values={**MLP, "first": 2}, input_scale=1
    )
    asked = job(tmp_path, "StagedModel")
    recipe = asked.recipe.model_copy(update={"model": model})
    result = trainer.run(dataclasses.replace(asked, recipe=recipe), lambda *_: None)
    assert result.run.epochs == 3
    whole = [epoch for epoch, batches in met.items() if len(batches) == 72 // 16]
    assert len(whole) == 3  # Keras looks into others, to see what batches are like


def test_arrays_are_trained_on_in_smaller_batches_too(trainer):
    from bcauto.training.hypermodel.fit import AugmentedBatches, FitData, call_fit

    class Model:
        asked = ()

        def fit(self, x=None, y=None, batch_size=None, epochs=1, callbacks=None, verbose=1):
            self.asked += ((len(x), batch_size),)

    def fit(hp, model, x, y):
        model.fit(x, y)
        model.fit(x, y, batch_size=7)

    def make(epoch, index, batch_size):
        return np.zeros((batch_size, 2)), np.zeros(batch_size)

    model, train = Model(), AugmentedBatches(make, lambda size: 48 // size, 16)
    data = FitData(train, (np.zeros((4, 2)), np.zeros(4)), 1, divided_by=2)
    call_fit(SimpleNamespace(fit=fit), None, model, data, [])
    assert model.asked == ((48, 8), (48, 3))


def test_a_model_that_does_not_fit_the_data_fails_its_trial(trainer, tmp_path):
    with pytest.raises(TrialFailed, match="must return a model of 2 classes, got 3 outputs"):
        trainer.run(job(tmp_path, "three_classes"), lambda *_: None)
