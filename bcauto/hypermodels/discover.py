"""The space of a hypermodel, asked of a child process: neither Keras nor user code comes in."""

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

_PATIENCE = 900  # seconds
_SILENCE = 8.0  # seconds until a word is said; Keras alone takes some to start


@dataclass(frozen=True)
class Discovered:
    """The raw table of a space of all that a hypermodel lets one choose, and what of it fails.

    Each of ``faults`` has the ``values`` of a build, elsewhere defaults, and its ``reason``.
    """

    table: dict[str, Any]
    faults: list[dict[str, Any]]


def check_keras_tuner(user: str) -> None:
    """Makes sure that KerasTuner is installed, which ``user`` needs; nothing is imported.

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
    """The space of a hypermodel; says so where it takes more than a few seconds.

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
    said = "--hypermodel %s: its space is being found, by a build with every choice"
    word = Timer(_SILENCE, _log.warning, [said, model["hypermodel"]])
    word.start()
    try:
        told = _asked(request)
    finally:
        word.cancel()
    if "refused" in told:
        raise BadInput(told["refused"])
    faults = told["table"].pop("faults")
    return Discovered(merged({"recipe": {"model": model}}, told["table"]), faults)


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
