"""The submission in the versions that the platform has, in an environment made for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bcauto.data.resize import resize_all

pytestmark = [pytest.mark.keras, pytest.mark.old_versions]

PLATFORM = ("tensorflow-cpu==2.17.0", "keras==3.4.1")  # tensorflow itself without GPUs
RUN = """
import json, numpy as np, tensorflow as tf, keras
from model import Model

model = Model()
labels = {name: model.predict(X).tolist() for name, X in np.load("pictures.npz").items()}
print(json.dumps({"versions": [tf.__version__, keras.__version__], "labels": labels}))
"""


@pytest.fixture(scope="module")
def old_python():
    """The Python of a fresh environment with the platform's versions; half a minute of a core."""
    with tempfile.TemporaryDirectory() as place:  # a gigabyte, which pytest would keep
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        python = Path(place) / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
        made = subprocess.run([*pip, "install", *quiet, *PLATFORM], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"the platform's versions cannot be installed: {made.stderr[-500:]}")
        yield python


def test_a_submission_runs_in_the_platforms_versions(
    old_python, network, proxy, expected, tmp_path
):
    from bcauto.export.formats import codabench
    from bcauto.export.formats.convertible import make_convertible

    make_convertible(network)  # as every export does first
    codabench.write(network, tmp_path / "submission.zip")
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        archive.extractall(tmp_path)
    probe = proxy.images[proxy.probe]
    larger = resize_all(probe, (96, 96))
    np.savez(tmp_path / "pictures.npz", probe=probe, floats=probe.astype("float64"), larger=larger)
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    run = subprocess.run(
        [old_python, "-c", RUN], cwd=tmp_path, env=quiet, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["versions"] == ["2.17.0", "3.4.1"]
    labels = expected.argmax(axis=1).tolist()
    assert found["labels"]["probe"] == found["labels"]["floats"] == labels
    assert np.mean(np.array(found["labels"]["larger"]) == labels) > 0.9  # enlarged and shrunk again
