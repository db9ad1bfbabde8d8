"""The search space of a hypermodel, as a child process describes it: no Keras is imported here."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

from bcauto.errors import BadInput
from bcauto.io.toml import merged

__all__ = ["Discovered", "check_keras_tuner", "discover"]

_log = logging.getLogger(__name__)

_TIMEOUT = 900  # seconds
_NOTICE_AFTER = 8.0  # seconds; importing Keras alone takes some


@dataclass(frozen=True)
class Discovered:
    """The space of a hypermodel, and the values in it that cannot be built or trained.

    Attributes:
        table: the space, with every hyperparameter as a dimension.
        faults: each has the ``values`` of a build, defaults aside, and its ``reason``.
    """

    table: dict[str, Any]
    faults: list[dict[str, Any]]


def check_keras_tuner(user: str) -> None:
    """Check that KerasTuner, which ``user`` needs, is installed; nothing is imported.

    Raises:
        BadInput: it is not.
    """
    if find_spec("keras_tuner") is None:
        raise BadInput(
            f'{user} needs keras-tuner, which is not installed: pip install "bcauto[keras-tuner]"'
        )


def discover(
    model: dict[str, Any], folder: Path, image_size: tuple[int, int], classes: int
) -> Discovered:
    """Find the space of a hypermodel, with a notice in the log if that takes some seconds.

    Args:
        model: ``hypermodel`` and ``input_scale``, as in a recipe.
        folder: its module may lie there.
        image_size: (height, width) in px.
        classes: number of classes.

    Raises:
        BadInput: KerasTuner is missing, there is no such hypermodel, or what it builds by default
            cannot be trained here.
    """
    check_keras_tuner("--hypermodel")
    request = {
        "reference": model["hypermodel"],
        "image_size": image_size,
        "classes": classes,
        "input_scale": model["input_scale"],
        "folder": str(folder),
    }
    notice = "--hypermodel %s: finding its search space; every choice is built once"
    timer = Timer(_NOTICE_AFTER, _log.warning, [notice, model["hypermodel"]])
    timer.start()
    try:
        answer = _ask_child(request)
    finally:
        timer.cancel()
    if "refused" in answer:
        raise BadInput(answer["refused"])
    faults = answer["table"].pop("faults")
    return Discovered(merged({"recipe": {"model": model}}, answer["table"]), faults)


def _ask_child(request: dict[str, Any]) -> dict[str, Any]:
    """Run ``bcauto.hypermodels.describe`` and return its answer."""
    with tempfile.TemporaryDirectory(prefix="bcauto-") as folder:
        file = Path(folder) / "answer.json"
        try:
            ran = subprocess.run(
                [sys.executable, "-m", "bcauto.hypermodels.describe", str(file)],
                input=json.dumps(request),
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},  # nothing is trained
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            rule = f"every choice must be built once within {_TIMEOUT} seconds"
            raise BadInput(f"--hypermodel {request['reference']}: {rule}") from None
        if ran.returncode == 0 and file.exists():
            answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return answer
    reason = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
    raise BadInput(f"--hypermodel {request['reference']}: its process ended ({reason[-1]})")
