"""Trials in MLflow and for TensorBoard, read back with their own readers."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from study_fixtures import scores_of

import bcauto
from bcauto.study.attributes import as_user_attrs
from bcauto.trial import RunRecord, TrialAttributes

PARAM = "training.learning_rate@adam"


@pytest.fixture
def study():
    study = optuna.create_study(study_name="cells", direction="maximize")
    stored = TrialAttributes(
        clean_accuracy=0.95,
        scores=scores_of({"blur": 0.7}, {"noise": 0.5}),
        run=RunRecord(epochs=2, seconds=3.5, parameters=1000),
    )
    study.add_trial(
        create_trial(
            value=0.8,
            params={PARAM: 1e-3},
            distributions={PARAM: FloatDistribution(1e-4, 1e-2, log=True)},
            intermediate_values={1: 0.6, 2: 0.75},
            user_attrs=as_user_attrs(stored),
        )
    )
    failed = TrialAttributes(error="out of memory")
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=as_user_attrs(failed)))
    return study


METRICS = {
    "objective": 0.8,
    "low": 0.4,
    "high": 0.6,
    "clean_accuracy": 0.95,
    "held_out": 0.5,
    "family_blur": 0.7,
    "family_noise": 0.5,
    "epochs": 2.0,
    "parameters": 1000.0,
    "seconds": 3.5,
}


def test_mlflow_has_a_run_for_each_trial(study, tmp_path):
    tracking = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    callback = bcauto.callbacks.mlflow(uri)
    for trial in study.trials:
        callback(study, trial)
    client = tracking.MlflowClient(uri)
    experiment = client.get_experiment_by_name("cells")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    good, bad = runs["0"], runs["1"]
    assert (good.info.status, bad.info.status) == ("FINISHED", "FAILED")
    assert good.data.metrics == pytest.approx({**METRICS, "epoch_score": 0.75})
    assert good.data.params == {"training.learning_rate": "0.001"}
    curve = client.get_metric_history(good.info.run_id, "epoch_score")
    assert sorted((point.step, point.value) for point in curve) == [(1, 0.6), (2, 0.75)]
    assert good.data.tags["state"] == "COMPLETE"
    assert bad.data.tags["error"] == "out of memory"


@pytest.mark.keras  # TensorFlow reads what was written
def test_tensorboard_has_a_folder_for_each_trial(study, tmp_path, keras):
    from tensorflow.compat.v1.train import summary_iterator

    callback = bcauto.callbacks.tensorboard(tmp_path)
    for trial in study.trials:
        callback(study, trial)
    found = {}
    for file in (tmp_path / "cells" / "0").rglob("events*"):
        for event in summary_iterator(str(file)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert [score for _, score in found["epoch_score"]] == pytest.approx([0.6, 0.75])
    assert [step for step, _ in found["epoch_score"]] == [1, 2]
    for name, value in METRICS.items():
        assert found[name][0][1] == pytest.approx(value)
    assert "_hparams_/session_start_info" in found
    assert any((tmp_path / "cells" / "1").iterdir())


def test_a_tracker_that_is_not_installed_is_refused(monkeypatch, refused):
    monkeypatch.setattr("bcauto.callbacks.find_spec", lambda _: None)
    with refused(r'callbacks\.mlflow needs mlflow, .*: pip install "bcauto\[mlflow\]"'):
        bcauto.callbacks.mlflow()
    with refused(r'pip install "bcauto\[tensorboard\]"'):
        bcauto.callbacks.tensorboard("runs")
