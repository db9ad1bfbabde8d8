"""Trials of three stages that are killed and run again, and what their file may look like."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bcauto.augment.policies import Augment, Basic, RandAugment
from bcauto.io.files import LocalFileStore
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training, TrainingStage
from bcauto.training.device import start_keras
from bcauto.trial import Job, RunRecord, StageRecord, TrialResult, TrialStopped

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("narrow_network")]

STAGES = (
    TrainingStage(epochs=3, learning_rate=3e-3),
    TrainingStage(epochs=2, learning_rate=1e-3, batch_size=8),
    TrainingStage(epochs=3),
)
SCORES = [0.5, 0.4, 0.3, 0.6, 0.5, 0.9, 0.8, 0.7]


def recipe_of(stages: tuple[TrainingStage, ...] = STAGES, **training: Any) -> Recipe:
    return Recipe(
        model=Network(backbone="SmallCNN", dropout=0.4),
        training=Training(stages=stages, batch_size=12, weight_average=0.9, **training),
        augment=Augment(basic=Basic(flip=True), randaugment=RandAugment(magnitude=0.2)),
    )


@dataclass
class Files(LocalFileStore):
    """Notes what is written."""

    written: list[Path] = field(default_factory=list)

    @contextmanager
    def atomic_write(self, path: Path) -> Iterator[Path]:
        with super().atomic_write(path) as partial:
            yield partial
        self.written.append(path)


class Killed(Exception):
    pass


@dataclass
class Run:
    """A try of a trial: what it reported, and the epochs that it trained."""

    result: TrialResult | None = None
    reports: list[tuple[int, float]] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)


@pytest.fixture(scope="module")
def run(noise_trainer, narrow_network):
    """Runs a job with a probe that scores the epochs as SCORES says; killed at an epoch's end."""
    from bcauto.training import scoring as module
    from bcauto.training.batches import Batches

    make_epoch = Batches.epoch

    def start(job: Job, kill_at: int = 0, error: type[Exception] = Killed) -> Run:
        done = Run()

        def epoch(batches, number):
            done.trained.append(number)
            return make_epoch(batches, number)

        def report(number, score):
            if number == kill_at:
                raise error
            done.reports.append((number, score))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Batches, "epoch", epoch)
            patch.setattr(module, "_score_on_probe", lambda *_: SCORES[len(done.reports)])
            try:
                done.result = noise_trainer.run(job, report)
            except error:
                assert kill_at
        return done

    return start


@pytest.fixture(scope="module")
def files() -> Files:
    return Files()


@pytest.fixture(scope="module")
def undisturbed(run, files, tmp_path_factory) -> tuple[Job, Run]:
    job = Job(0, recipe_of(), 7, tmp_path_factory.mktemp("undisturbed") / "0.keras", files=files)
    return job, run(job)


@pytest.fixture
def at_the_last_stage(undisturbed, tmp_path) -> Job:
    """The undisturbed trial's job, with all but its last stage kept."""
    job = Job(0, recipe_of(), 7, tmp_path / "0.keras")
    shutil.copy(undisturbed[0].checkpoint_path, job.checkpoint_path)
    return job


def weights_of(path: Path) -> list[np.ndarray]:
    import keras

    return keras.saving.load_model(path, safe_mode=True).get_weights()


def same(one: Path, other: Path) -> bool:
    pairs = zip(weights_of(one), weights_of(other), strict=True)
    return all(np.array_equal(mine, its) for mine, its in pairs)


def without_seconds(record: RunRecord) -> RunRecord:
    return record.model_copy(update={"seconds": 0.0})


def check_the_same(tries: tuple[Job, Run], whole: tuple[Job, Run]) -> None:
    """What came out of the last try of a job is what comes out of the whole trial, to the bit."""
    (job, last), (undisturbed, run) = tries, whole
    assert last.reports == run.reports
    results = [replace(each.result, run=without_seconds(each.result.run)) for each in (last, run)]
    assert results[0] == results[1]
    assert same(job.model_path, undisturbed.model_path)


def test_a_trial_that_is_killed_in_its_last_stage_trains_that_one_again(run, undisturbed, tmp_path):
    job = Job(0, recipe_of(), 7, tmp_path / "0.keras")
    assert run(job, kill_at=7).trained == [1, 2, 3, 4, 5, 6, 7]
    again = run(job)
    assert again.trained == [6, 7, 8]
    check_the_same((job, again), undisturbed)


def test_a_trial_may_be_killed_in_every_stage_and_stop_them_early(run, tmp_path):
    recipe = recipe_of(early_stopping=1, restore_best=True)
    whole = Job(0, recipe, 7, tmp_path / "whole" / "0.keras")
    undisturbed = run(whole)
    assert [stage.epochs for stage in undisturbed.result.run.stages] == [2, 2, 3]
    job = Job(0, recipe, 7, tmp_path / "killed" / "0.keras")
    assert run(job, kill_at=3).trained == [1, 2, 3]
    assert run(job, kill_at=6).trained == [3, 4, 5, 6]
    again = run(job)
    assert again.trained == [5, 6, 7]
    check_the_same((job, again), (whole, undisturbed))


def test_the_epochs_that_are_told_again_may_end_the_trial(run, at_the_last_stage):
    pruned = run(at_the_last_stage, kill_at=2, error=TrialStopped)
    assert pruned.reports == [(1, SCORES[0])]
    assert pruned.trained == []


def test_a_smaller_try_goes_on_from_whole_batches(run, at_the_last_stage):
    done = run(replace(at_the_last_stage, accumulate=2))
    assert done.trained == [6, 7, 8]
    assert [stage.accumulate for stage in done.result.run.stages] == [1, 1, 2]


def test_a_checkpoint_that_is_cut_short_is_none(run, at_the_last_stage):
    path = at_the_last_stage.checkpoint_path
    path.write_bytes(path.read_bytes()[:-100])
    assert run(at_the_last_stage, kill_at=1).trained == [1]


def test_every_stage_but_the_last_is_kept(undisturbed, files):
    job, _ = undisturbed
    assert files.written == [job.checkpoint_path, job.checkpoint_path, job.model_path]


def test_a_training_of_one_stage_keeps_nothing_but_its_model(run, tmp_path):
    job = Job(0, recipe_of(STAGES[:1]), 7, tmp_path / "0.keras", files=Files())
    run(job)
    assert job.files.written == [job.model_path]


PLANNED = [SimpleNamespace(name=name) for name in ("head", "fine-tune")]
TRAINED = ([StageRecord(name="head", epochs=2, trainable_parameters=6)], [0.1, 1 / 3])


@pytest.fixture
def job(tmp_path) -> Job:
    return Job(0, recipe_of(), 7, tmp_path / "0.keras")


@pytest.fixture
def model():
    """Makes a model with all kinds of variables, each with other values."""
    start_keras(1)
    import keras

    def make(units: int = 2) -> Any:
        layers = [keras.layers.Dense(units), keras.layers.Dropout(0.5)]
        model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.BatchNormalization()])
        model(np.ones((4, 3)), training=True)
        return model

    return make


def values_of(model: Any) -> list[np.ndarray]:
    return [np.array(variable.numpy()) for variable in model.variables]


def equal(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.fixture
def checkpoint(job, model):
    from bcauto.training.checkpoint import Checkpoint, Progress

    made = Checkpoint(job, PLANNED, model())
    made.write(Progress(*TRAINED))
    return made


def restored(job: Job, model: Any, planned: Any = PLANNED) -> tuple[Any, bool]:
    """What a checkpoint gives, and whether the model is as it was."""
    from bcauto.training.checkpoint import Checkpoint

    before = values_of(model)
    progress = Checkpoint(job, planned, model).restore()
    return tuple(progress), equal(before, values_of(model))


def test_every_variable_comes_back(checkpoint, job, model):
    other = model()
    assert restored(job, other) == (TRAINED, False)
    assert equal(values_of(other), values_of(checkpoint.model))
    assert sum("seed" in variable.path for variable in other.variables) == 1


def test_nothing_in_it_is_a_pickle(checkpoint, job):
    with np.load(job.checkpoint_path, allow_pickle=False) as file:
        assert len([file[name] for name in file.files]) == 1 + len(checkpoint.model.variables)


NOTHING = (([], []), True)


def test_without_a_file_there_is_no_progress(job, model):
    assert restored(job, model()) == NOTHING


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 8},
        {"recipe": recipe_of(learning_rate=0.01)},
    ],
    ids=["seed", "recipe"],
)
def test_another_trials_checkpoint_is_none(other, checkpoint, job, model):
    foreign = replace(job, **other)
    foreign.checkpoint_path.write_bytes(job.checkpoint_path.read_bytes())
    assert restored(foreign, model()) == NOTHING


def test_a_checkpoint_of_another_model_or_other_stages_is_none(checkpoint, job, model):
    assert restored(job, model(units=3)) == NOTHING
    assert restored(job, model(), PLANNED[:1]) == NOTHING
    assert restored(job, model(), [PLANNED[0], SimpleNamespace(name="scratch")]) == NOTHING


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, trial=np.array([{}], dtype=object))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"none", pickled()], ids=["empty", "text", "pickle"])
def test_what_is_no_checkpoint_is_none(content, job, model):
    job.checkpoint_path.write_bytes(content)
    assert restored(job, model()) == NOTHING


def test_a_damaged_checkpoint_is_whole_or_none(checkpoint, job, model):
    whole, other = job.checkpoint_path.read_bytes(), model()
    before, rng = values_of(other), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 200).tolist():
        flipped = bytearray(whole)
        flipped[place] ^= int(rng.integers(1, 256))
        for content in (whole[:place], bytes(flipped)):
            job.checkpoint_path.write_bytes(content)
            progress, untouched = restored(job, other)
            assert (progress, untouched) == NOTHING or (
                progress == TRAINED and equal(values_of(other), values_of(checkpoint.model))
            )
            for variable, value in zip(other.variables, before, strict=True):
                variable.assign(value)
