"""Trials of seconds, on 64 small images that differ by their colour."""

from __future__ import annotations

import dataclasses
import json
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bcauto.augment.policies import Augment, AugMix, Basic, RandAugment
from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Labelled
from bcauto.errors import TrialFailed
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score, score_probe
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training, TrainingStage
from bcauto.training.device import Device
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job, TrialResult, TrialStopped

pytestmark = pytest.mark.keras

PROXY = ProxyConfig(
    families=("colour", "exposure"),
    held_out=("blur",),
    severities=(2,),
    copies=3,
    held_out_copies=1,
)
SMALL = Recipe(
    model=Network(backbone="SmallCNN"),
    training=Training(epochs=6, batch_size=12, learning_rate=3e-3),
    augment=Augment(
        basic=Basic(flip=True), randaugment=RandAugment(magnitude=0.1), augmix=AugMix(severity=0.1)
    ),
)
THREE_EPOCHS = SMALL.model_copy(update={"training": Training(epochs=3, batch_size=16)})


@dataclass
class Trial:
    """A finished trial, and what it reported and compiled."""

    job: Job
    result: TrialResult
    reports: list[tuple[int, float]]
    compiled: list[Any]


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    data, proxy = payload(pictures(64, 0), pictures(24, 1), ("a", "b", "c", "d"))
    return Trainer(Payload(data, proxy, Weights("none")), threads=1)


@pytest.fixture(scope="module")
def trial(trainer, tmp_path_factory) -> Trial:
    return run(trainer, Job(3, SMALL, 7, tmp_path_factory.mktemp("study") / "models" / "3.keras"))


def pictures(count: int, seed: int) -> Labelled:
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 4
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60]])
    images = colours[labels][:, None, None] + rng.integers(-40, 40, (count, 32, 32, 3))
    return Labelled(images.astype(np.uint8), labels)


def payload(train: Labelled, val: Labelled, names: tuple[str, ...]) -> tuple[Dataset, Proxy]:
    proxy = make_proxy(val.images, val.labels, PROXY, seed=2)
    return Dataset(train, val, names, Cleaning(len(train) + len(val), 0, 0, 0)), proxy


def run(trainer: Trainer, job: Job) -> Trial:
    from bcauto.training import network as module

    reports: list[tuple[int, float]] = []
    compiled: list[Any] = []
    compile_stage = module.compile_stage

    def watched(classifier, stage, training, loss, device):
        compile_stage(classifier, stage, training, loss, device)
        compiled.append(classifier.model.optimizer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "compile_stage", watched)
        result = trainer.run(job, lambda *report: reports.append(report))
    return Trial(job, result, reports, compiled)


def loaded(path):
    import keras

    return keras.saving.load_model(path, safe_mode=True)


def probabilities_of(path, images):
    return loaded(path).predict(images.astype(np.float32), verbose=0)


def labels_of(path, images):
    return probabilities_of(path, images).argmax(axis=1)


def corruption_means(proxy, right):
    """Accuracy by corruption, counted in the plainest way."""
    return {
        each.name: right[proxy.corruption == place].mean()
        for place, each in enumerate(proxy.corruptions)
    }


def test_epochs_are_reported_in_order(trial):
    assert [epoch for epoch, _ in trial.reports] == [1, 2, 3, 4, 5, 6]
    assert trial.result.run.epochs == 6
    assert all(0 <= reported <= 1 for _, reported in trial.reports)


def test_the_last_report_is_the_saved_models_score_on_the_probe(trial, trainer):
    proxy = trainer.payload.proxy
    right = labels_of(trial.job.model_path, proxy.images[proxy.probe]) == proxy.labels[proxy.probe]
    assert trial.reports[-1] == (6, pytest.approx(right.mean()))


def test_the_objective_is_what_the_saved_model_reaches(trial, trainer):
    proxy = trainer.payload.proxy
    means = corruption_means(proxy, labels_of(trial.job.model_path, proxy.images) == proxy.labels)
    searched = [means[each.name] for each in proxy.corruptions if each.family not in proxy.held_out]
    held_out = [means[each.name] for each in proxy.corruptions if each.family == "blur"]
    assert trial.result.objective == pytest.approx(np.mean(searched))
    assert trial.result.scores.corruptions == pytest.approx(means)
    assert trial.result.scores.held_out == pytest.approx({"blur": np.mean(held_out)})
    assert set(trial.result.scores.families) == {"colour", "exposure"}


def test_the_scores_say_how_certain_the_objective_is(trial, trainer):
    proxy = trainer.payload.proxy
    scores = trial.result.scores
    expected = score(proxy, probabilities_of(trial.job.model_path, proxy.images))
    assert scores.interval == pytest.approx(expected.interval)
    assert scores.standard_error == pytest.approx(expected.standard_error)
    assert scores.clean == {"accuracy": trial.result.clean_accuracy}
    assert scores.interval[0] <= trial.result.objective <= scores.interval[1]


def test_a_proxy_of_another_objective_and_metric_scores_every_epoch_and_the_end_by_it(
    trainer, tmp_path
):
    data, plain = trainer.payload.data, trainer.payload.proxy
    proxy = dataclasses.replace(plain, objective="worst_family", metric="auc")
    asked = Trainer(Payload(data, proxy, Weights("none")), threads=1)
    done = run(asked, Job(5, THREE_EPOCHS, 7, tmp_path / "5.keras"))
    final = probabilities_of(done.job.model_path, proxy.images)
    assert done.result.objective == pytest.approx(score(proxy, final).objective)
    assert done.result.objective == min(done.result.scores.families.values())
    assert done.reports[-1][1] == pytest.approx(score_probe(proxy, final[proxy.probe]))
    truth, clean = data.val.labels, probabilities_of(done.job.model_path, data.val.images)
    auc = roc_auc_score(truth, clean.astype(np.float64), multi_class="ovr")
    assert done.result.scores.clean["auc"] == pytest.approx(auc)
    assert done.result.scores.clean["accuracy"] == done.result.clean_accuracy


def test_clean_accuracy_is_what_the_saved_model_reaches(trial, trainer):
    val = trainer.payload.data.val
    right = labels_of(trial.job.model_path, val.images) == val.labels
    assert trial.result.clean_accuracy == pytest.approx(right.mean())


def test_a_small_network_learns(trial, trainer):
    train = trainer.payload.data.train
    assert (labels_of(trial.job.model_path, train.images) == train.labels).mean() > 0.9


def test_a_result_is_json_and_says_on_what_it_ran(trial):
    result = trial.result
    assert result.run.device == {
        "kind": "cpu",
        "precision": "float32",
        "jit_compile": False,
        "backend": "tensorflow",
    }
    assert result.run.seconds > 0
    assert result.run.parameters == loaded(trial.job.model_path).count_params()
    moving = 2 * (16 + 32 + 64 + 96 + 128)  # a mean and a variance for each filter
    assert result.run.parameters - result.run.trainable_parameters == moving
    assert json.loads(json.dumps(result.as_dict())) == result.as_dict()


def test_the_rate_reaches_its_end_with_the_last_batch(trial):
    [optimizer] = trial.compiled
    steps = 6 * (64 // 12)
    assert int(optimizer.iterations) == steps
    last = (1 + np.cos(np.pi * (steps - 1) / steps)) / 2
    assert float(optimizer.learning_rate) == pytest.approx(3e-3 * (0.05 + 0.95 * last))


def test_the_model_is_all_that_is_left(trial):
    assert [file.name for file in trial.job.model_path.parent.iterdir()] == ["3.keras"]


def modules(config: Any) -> Iterator[tuple[str | None, str | None]]:
    """(module, registered name) of every object in a Keras configuration."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config.get("module"), config.get("registered_name")
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from modules(part)


def test_the_model_is_plain_keras(trial, tmp_path):
    with zipfile.ZipFile(trial.job.model_path) as file:
        config = json.loads(file.read("config.json"))
        weights = file.extract("model.weights.h5", tmp_path)
    found = list(modules(config))
    assert len(found) > 20
    assert {module.split(".")[0] for module, _ in found if module is not None} == {"keras"}
    assert {name for _, name in found} <= {None, "Functional"}
    assert not config.get("compile_config")
    with h5py.File(weights) as stored:
        assert "optimizer" not in stored
        assert "layers" in stored


def test_the_model_takes_bare_images_without_a_word(trial, trainer, recwarn):
    model, images = loaded(trial.job.model_path), trainer.payload.data.val.images[:2]
    recwarn.clear()
    assert model(images).shape == (2, 4)
    assert not [warning for warning in recwarn if warning.category is UserWarning]


def test_the_same_job_is_the_same_trial_to_the_bit(trial, trainer, tmp_path):
    again = run(trainer, Job(9, SMALL, 7, tmp_path / "9.keras"))
    assert again.reports == trial.reports
    assert again.result.scores == trial.result.scores
    pairs = zip(
        loaded(trial.job.model_path).get_weights(),
        loaded(again.job.model_path).get_weights(),
        strict=True,
    )
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_trial_that_is_stopped_leaves_no_model(trainer, tmp_path):
    def stop(epoch, score):
        raise TrialStopped

    with pytest.raises(TrialStopped):
        trainer.run(Job(1, THREE_EPOCHS, 1, tmp_path / "1.keras"), stop)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_fails_the_trial_and_names_the_epoch(
    trainer, tmp_path, monkeypatch
):
    from bcauto.training import scoring as module

    def poisoned(model, proxy):
        model.get_layer("classes").bias.assign([np.nan] * 4)
        return 0.5

    monkeypatch.setattr(module, "_score_on_probe", poisoned)
    reports = []
    with pytest.raises(TrialFailed, match=r"^the loss is nan after epoch 2 \(scratch stage\)$"):
        trainer.run(Job(1, THREE_EPOCHS, 1, tmp_path / "1.keras"), lambda *got: reports.append(got))
    assert reports == [(1, 0.5)]
    assert not list(tmp_path.iterdir())


def test_two_classes_and_a_batch_larger_than_the_data(trainer, tmp_path):
    def halved(part):
        return Labelled(part.images, part.labels % 2)

    whole = trainer.payload.data
    data, proxy = payload(halved(whole.train), halved(whole.val), ("a", "b"))
    recipe = SMALL.model_copy(update={"training": Training(epochs=2, batch_size=4096)})
    two = Trainer(Payload(data, proxy, Weights("none")), threads=1)
    done = run(two, Job(0, recipe, 5, tmp_path / "0.keras"))
    assert loaded(done.job.model_path).output_shape == (None, 2)
    [optimizer] = done.compiled
    assert int(optimizer.iterations) == 2


def scripted(scores: list[float], weights: list[Any]):
    """Gives the probe these scores, and notes the weights that they are given to."""

    def score(model, proxy):
        weights.append(model.get_weights())
        return scores[len(weights) - 1]

    return score


def test_the_best_epoch_by_the_probe_is_the_model_that_is_scored_and_saved(
    trainer, tmp_path, monkeypatch
):
    from bcauto.training import scoring as module

    weights: list[Any] = []
    scores = [0.2, 0.6, 0.5, 0.4, 0.9, 0.9]
    monkeypatch.setattr(module, "_score_on_probe", scripted(scores, weights))
    training = SMALL.training.model_copy(update={"early_stopping": 2, "restore_best": True})
    recipe = SMALL.model_copy(update={"training": training})
    done = run(trainer, Job(0, recipe, 5, tmp_path / "0.keras"))
    assert done.reports == list(enumerate(scores[:4], 1))
    assert done.result.run.epochs == 4
    saved = loaded(done.job.model_path).get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(saved, weights[1], strict=True))
    proxy = trainer.payload.proxy
    right = labels_of(done.job.model_path, proxy.images) == proxy.labels
    assert done.result.scores.corruptions == pytest.approx(corruption_means(proxy, right))


@pytest.mark.parametrize("monitor", ["accuracy", "auc"])
def test_the_best_epoch_may_be_that_of_the_clean_images(monitor, trainer, tmp_path, monkeypatch):
    from bcauto.training import scoring as module

    given, clean = iter([0.5, 0.9, 0.7]), []

    def measured(metric, truth, probabilities):
        clean.append((metric, truth, probabilities))
        return next(given, 0.0)

    training = Training(epochs=3, batch_size=16, monitor=monitor, restore_best=True)
    recipe = SMALL.model_copy(update={"training": training})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "measure", measured)
        done = run(trainer, Job(0, recipe, 5, tmp_path / "0.keras"))
    val = trainer.payload.data.val
    assert [metric for metric, *_ in clean[:3]] == [monitor] * 3
    assert all(np.array_equal(truth, val.labels) for _, truth, _ in clean)
    second = clean[1][2]
    assert probabilities_of(done.job.model_path, val.images) == pytest.approx(second, abs=1e-5)
    assert [epoch for epoch, _ in done.reports] == [1, 2, 3]


def test_all_that_training_can_do_goes_together(trainer, tmp_path):
    training = Training(
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=0.01,
        gradient_clipping=1.0,
        epochs=3,
        batch_size=16,
        schedule="reduce_on_plateau",
        warmup=0.2,
        monitor="auc",
        early_stopping=2,
        restore_best=True,
        loss="focal",
        label_smoothing=0.1,
        balance="oversample",
        oversample_to=20,
    )
    done = run(
        trainer, Job(0, Recipe(model=SMALL.model, training=training), 5, tmp_path / "0.keras")
    )
    [optimizer] = done.compiled
    assert int(optimizer.iterations) == done.result.run.epochs * (4 * 20 // 16)
    assert math.isfinite(done.result.objective)


def test_by_default_classes_are_raised_to_the_largest(trainer, tmp_path):
    train = trainer.payload.data.train
    few = np.flatnonzero((train.labels > 0) | (np.arange(len(train)) < 8))
    data = dataclasses.replace(
        trainer.payload.data, train=Labelled(train.images[few], train.labels[few])
    )
    assert np.bincount(data.train.labels).tolist() == [2, 16, 16, 16]
    training = Training(epochs=1, batch_size=8, balance="oversample")
    recipe = Recipe(model=SMALL.model, training=training)
    raised = Trainer(Payload(data, trainer.payload.proxy, Weights("none")), threads=1)
    done = run(raised, Job(0, recipe, 5, tmp_path / "0.keras"))
    assert int(done.compiled[0].iterations) == 4 * 16 // 8


@contextmanager
def mixed_precision() -> Iterator[None]:
    """Makes trials run on a CPU as they do on a GPU, but for XLA."""
    import keras

    from bcauto.training import run as module

    device = Device("gpu", "mixed_float16", jit_compile=False, backend="tensorflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "detect_device", lambda: device)
        yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_model_trained_in_mixed_precision_is_scored_and_saved_in_float32(
    accumulate, trainer, tmp_path
):
    with mixed_precision():
        done = run(trainer, Job(0, SMALL, 5, tmp_path / "0.keras", accumulate=accumulate))
    assert done.result.run.device["precision"] == "mixed_float16"
    assert type(done.compiled[0]).__name__ == "LossScaleOptimizer"
    model = loaded(done.job.model_path)
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    train = trainer.payload.data.train
    assert (labels_of(done.job.model_path, train.images) == train.labels).mean() > 0.9
    proxy = trainer.payload.proxy
    means = corruption_means(proxy, labels_of(done.job.model_path, proxy.images) == proxy.labels)
    assert done.result.scores.corruptions == pytest.approx(means)


@pytest.fixture(scope="module")
def pretrained(trainer, real_weights, tmp_path_factory) -> Trial:
    weights = Weights(str(real_weights))
    tuned = Trainer(Payload(trainer.payload.data, trainer.payload.proxy, weights), threads=1)
    recipe = Recipe(
        model=Network(backbone="MobileNet", alpha=0.25, frozen_layers=40),
        training=Training(head_epochs=1, epochs=1, batch_size=16, learning_rate=1e-3),
    )
    return run(tuned, Job(4, recipe, 7, tmp_path_factory.mktemp("models") / "4.keras"))


def test_epochs_count_over_both_stages(pretrained):
    assert [epoch for epoch, _ in pretrained.reports] == [1, 2]
    assert pretrained.result.run.epochs == 2
    assert [int(optimizer.iterations) for optimizer in pretrained.compiled] == [4, 4]


def test_fine_tuning_leaves_the_frozen_layers_as_the_file_has_them(pretrained, real_weights):
    import keras

    build = keras.applications.MobileNet
    file = real_weights / "mobilenet_0.25.weights.h5"
    stored = build(include_top=False, weights=file, alpha=0.25, input_shape=(32, 32, 3))
    [tuned] = [m for m in loaded(pretrained.job.model_path).layers if m.name.startswith("mobile")]
    changed = {
        position
        for position, (before, after) in enumerate(zip(stored.layers, tuned.layers, strict=True))
        for one, other in zip(before.get_weights(), after.get_weights(), strict=True)
        if not np.array_equal(one, other)
    }
    trained = {
        position
        for position, layer in enumerate(stored.layers)
        if position >= 40 and layer.weights and "conv" in type(layer).__name__.lower()
    }
    assert changed == trained


def test_what_each_stage_trained_is_recorded_as_json(pretrained):
    stages = json.loads(json.dumps(pretrained.result.as_dict()))["run"]["stages"]
    head = (256 + 1) * 4
    assert stages[0] == {
        "name": "head",
        "epochs": 1,
        "frozen_layers": 86,
        "first_block": None,
        "trainable_parameters": head,
        "accumulate": 1,
        "batch_divided_by": 1,
    }
    # Layer 40 is the pointwise convolution of the sixth block; the blocks behind it are whole.
    kernels = 64 * 128 + 5 * (9 * 128 + 128 * 128) + (9 * 128 + 128 * 256) + (9 * 256 + 256 * 256)
    assert stages[1] == {
        "name": "fine-tune",
        "epochs": 1,
        "frozen_layers": 40,
        "first_block": "conv_dw_6",
        "trainable_parameters": kernels + head,
        "accumulate": 1,
        "batch_divided_by": 1,
    }
    assert pretrained.result.run.trainable_parameters == kernels + head


def test_stages_train_one_after_another_each_in_batches_of_its_size(trainer, tmp_path, monkeypatch):
    """Gradual unfreezing, as the teams did it, of a network that is taken for a pretrained one."""
    monkeypatch.setattr(Weights, "pretrains", lambda *_: True)
    stages = (
        TrainingStage(epochs=1, trainable_layers=0, batch_size=32),
        TrainingStage(epochs=2, frozen_layers=8, batch_size=16),
        TrainingStage(epochs=1, trainable_fraction=0.5),
        TrainingStage(epochs=1, frozen_layers=0),
    )
    recipe = Recipe(
        model=Network(backbone="SmallCNN", frozen_batch_norm=False),
        training=Training(batch_size=8, stages=stages),
    )
    done = run(trainer, Job(5, recipe, 7, tmp_path / "5.keras"))
    assert [epoch for epoch, _ in done.reports] == [1, 2, 3, 4, 5]
    assert [int(one.iterations.numpy()) for one in done.compiled] == [2, 2 * 4, 8, 8]
    stages = done.result.run.stages
    assert [stage.name for stage in stages] == [f"stage {n}" for n in (1, 2, 3, 4)]
    # The last block holds 58 % of the parameters, the last two 87 %.
    assert [stage.frozen_layers for stage in stages] == [16, 8, 13, 0]
    assert [stage.first_block for stage in stages] == [None, "block3", "block5", "block1"]
    # A BatchNorm has two weights and two statistics, which training moves but not by gradients.
    last = 9 * 96 * 128 + 2 * 128
    above = 2 * 64 + 9 * 64 * 96 + 2 * 96 + last
    everything = 190_704 - 2 * (16 + 32 + 64 + 96 + 128)
    head = (128 + 1) * 4
    trained = [stage.trainable_parameters for stage in stages]
    assert trained == [head, above + head, last + head, everything + head]
