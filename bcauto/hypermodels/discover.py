"""The space of a hypermodel, asked of a child process: neither Keras nor user code comes in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bcauto.errors import BadInput
from bcauto.hypermodels import check_keras_tuner
from bcauto.toml import merged

__all__ = ["discover"]

_PATIENCE = 900  # seconds


def discover(
    model: dict[str, Any], folder: Path, image_size: tuple[int, int], classes: int
) -> dict[str, Any]:
    """The raw table of a space of all that a hypermodel lets one choose.

    Args:
        model: ``hypermodel`` and ``input_scale``, as in a recipe.
        folder: its module may lie there.
        image_size: (height, width) in px.
        classes: number of classes.

    Raises:
        BadInput: KerasTuner is missing, there is no such hypermodel, or what it builds cannot be
            trained here.
    """
    check_keras_tuner("--hypermodel")
    request = {
        "reference": model["hypermodel"],
        "image_size": image_size,
        "classes": classes,
        "input_scale": model["input_scale"],
        "folder": str(folder),
    }
    told = _asked(request)
    if "refused" in told:
        raise BadInput(told["refused"])
    return merged({"recipe": {"model": model}}, told["table"])


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    """What the child process answers."""
    with tempfile.TemporaryDirectory(prefix="bcauto-") as folder:
        file = Path(folder) / "answer.json"
        child = [sys.executable, "-m", "bcauto.hypermodels.child", str(file)]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}  # nothing is trained
        try:
            ran = subprocess.run(
                child,
                input=json.dumps(request),
                env=environment,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            rule = f"must be built in {_PATIENCE} seconds, with every choice once"
            raise BadInput(f"--hypermodel {request['reference']} {rule}") from None
        if ran.returncode == 0 and file.exists():
            told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return told
    reason = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
    raise BadInput(f"--hypermodel {request['reference']}: its process ended ({reason[-1]})")
