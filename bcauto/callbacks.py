"""Trackers as callbacks of ``bcauto.search``: MLflow and TensorBoard.

    bcauto.search(data, callbacks=[bcauto.callbacks.mlflow("http://127.0.0.1:5000")])

Each trial of the search is a run. Names follow Optuna's own integrations: the experiment is called
as the study, a run as the number of its trial; tags have number, state, direction and times.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from bcauto.errors import BadInput
from bcauto.results.flat import flat_params, flat_run, flat_scores
from bcauto.study.attributes import read_attributes
from bcauto.study.callbacks import Callback

__all__ = ["mlflow", "tensorboard"]

_CURVE = "epoch_score"  # after each epoch


def mlflow(tracking_uri: str | None = None, *, metric_name: str = "objective") -> Callback:
    """Return a callback that writes each trial to MLflow as a run.

    Args:
        tracking_uri: of the server, or of a folder or database. Default: MLflow's own.
        metric_name: what the objective is called.

    Raises:
        BadInput: MLflow is not installed.
    """
    _check_installed("mlflow", "mlflow")
    from mlflow import MlflowClient  # an extra
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri)

    def track(study: optuna.Study, trial: FrozenTrial) -> None:
        known = client.get_experiment_by_name(study.study_name)
        experiment = known.experiment_id if known else client.create_experiment(study.study_name)
        began, ended = (_milliseconds(trial, at) for at in ("datetime_start", "datetime_complete"))
        run = client.create_run(experiment, began, run_name=str(trial.number)).info.run_id
        metrics = [
            *(Metric(_CURVE, score, ended, epoch) for epoch, score in _curve(trial)),
            *(Metric(name, value, ended, 0) for name, value in _metrics(trial, metric_name)),
        ]
        params = [Param(name, str(value)) for name, value in flat_params(trial).items()]
        tags = [RunTag(name, text) for name, text in _tags(study, trial).items()]
        client.log_batch(run, metrics, params, tags)
        done = trial.state != optuna.trial.TrialState.FAIL
        client.set_terminated(run, "FINISHED" if done else "FAILED", ended)

    return track


def tensorboard(folder: str | os.PathLike[str], *, metric_name: str = "objective") -> Callback:
    """Return a callback that writes each trial for TensorBoard, with its hyperparameters.

    Args:
        folder: for ``tensorboard --logdir``; each trial has a folder below, by study and number.
        metric_name: what the objective is called.

    Raises:
        BadInput: tensorboardX, which writes, is not installed.
    """
    _check_installed("tensorboardX", "tensorboard")
    from tensorboardX import SummaryWriter  # Ray Tune brings it
    from tensorboardX.summary import hparams

    def track(study: optuna.Study, trial: FrozenTrial) -> None:
        place = Path(folder) / study.study_name / str(trial.number)
        with SummaryWriter(str(place)) as writer:
            for epoch, score in _curve(trial):
                writer.add_scalar(_CURVE, score, epoch)
            metrics = _metrics(trial, metric_name)
            # The writer's own `add_hparams` would open the same file a second time.
            for part in hparams(flat_params(trial), dict(metrics)):
                writer.file_writer.add_summary(part)
            for name, value in metrics:
                writer.add_scalar(name, value)
            for name, text in _tags(study, trial).items():
                writer.add_text(name, text)

    return track


def _check_installed(module: str, extra: str) -> None:
    if find_spec(module) is None:
        remedy = f'pip install "bcauto[{extra}]"'
        raise BadInput(f"callbacks.{extra} needs {module}, which is not installed: {remedy}")


def _milliseconds(trial: FrozenTrial, at: str) -> int:
    return int(getattr(trial, at).timestamp() * 1000)


def _curve(trial: FrozenTrial) -> list[tuple[int, float]]:
    return sorted(trial.intermediate_values.items())


def _metrics(trial: FrozenTrial, metric_name: str) -> list[tuple[str, float]]:
    """Return all numbers of a trial by name; those that it has not are left out."""
    stored = read_attributes(trial)
    found = {metric_name: trial.value, **flat_scores(stored), **flat_run(stored)}
    return [(name, float(value)) for name, value in found.items() if value is not None]


def _tags(study: optuna.Study, trial: FrozenTrial) -> dict[str, str]:
    stored = read_attributes(trial)
    return {
        "number": str(trial.number),
        "state": trial.state.name,
        "direction": study.direction.name,
        "datetime_start": str(trial.datetime_start),
        "datetime_complete": str(trial.datetime_complete),
        **({"error": stored.error} if stored.error else {}),
    }
