"""The examples: the notebook is run, the service compiles, the cluster's script runs stubs."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tiny_fixtures import SPACE

import bcauto

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALLER = """
count = 120
options = {"space": "tiny.toml", "trials": 1, "executor": "inline"}
"""


def test_the_notebook_has_no_outputs_and_calls_what_there_is():
    notebook = json.loads((EXAMPLES / "search.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells)
    compile(code, "search.ipynb", "exec")
    used = set(re.findall(r"bcauto\.([a-z_]+)\(", code))
    assert used
    assert used <= {*bcauto.__all__}


@pytest.mark.keras
def test_the_notebook_runs(tmp_path):
    """Its cell with the tag "parameters", as papermill knows it, is another here."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    (tmp_path / "tiny.toml").write_text(SPACE)
    notebook = nbformat.read(EXAMPLES / "search.ipynb", as_version=4)
    [parameters] = [cell for cell in notebook.cells if "tags" in cell.metadata]
    assert parameters.metadata.tags == ["parameters"]
    parameters.source = SMALLER
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=place).execute()
    shown = {
        cell.source.strip().splitlines()[0]: json.dumps(cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    assert "<bcauto study 'cells': 1 of 1 trials, best " in shown["study"].replace("&lt;", "<")
    assert "best of the search: trial 0" in shown[next(key for key in shown if "search(" in key)]
    assert "p_basophil" in shown["model = study.load_model()"]
    assert (tmp_path / "handed_over" / "model.keras").exists()


def test_the_service_compiles_in_thirty_lines_and_is_what_the_image_runs():
    text = (EXAMPLES / "serve" / "app.py").read_text(encoding="utf-8")
    compile(text, "app.py", "exec")
    assert len([line for line in text.splitlines() if line.strip()]) <= 35
    image = (EXAMPLES / "serve" / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY app.py" in image
    assert '"app:app"' in image


# --- the cluster ---------------------------------------------------------------------------------


@pytest.fixture
def run_on_cluster(tmp_path):
    """Runs the script with programs that only say what they were called with; gives both."""
    programs, said = tmp_path / "bin", tmp_path / "said"
    programs.mkdir()
    for name, then in (("ray", ""), ("ssh", ""), ("bcauto", 'exit "${ENDS_WITH:-0}"')):
        stub = programs / name
        stub.write_text(f'#!/bin/sh\necho {name} "$@" >> {said}\n{then}\n')
        stub.chmod(0o755)

    def run(*arguments, ends_with=0):
        said.write_text("")
        names = {"PATH": f"{programs}:{os.environ['PATH']}", "ENDS_WITH": str(ends_with)}
        script = [EXAMPLES / "cluster" / "search.sh", *arguments]
        ran = subprocess.run(script, env={**os.environ, **names}, capture_output=True, text=True)
        lines = said.read_text().replace(f"{programs}/", "").splitlines()
        return ran.returncode, [re.sub(r"\d+(\.\d+){3}:", "HEAD:", line) for line in lines]

    return run


def test_a_cluster_is_started_searched_and_stopped(run_on_cluster):
    code, lines = run_on_cluster("gpu1,gpu2", "--data", "train.npz", "--trials", "500")
    assert (code, lines) == (
        0,
        [
            "ray start --head --port=6379 --num-cpus=0 --num-gpus=0",
            "ssh gpu1 ray start --address=HEAD:6379",
            "ssh gpu2 ray start --address=HEAD:6379",
            "bcauto search --ray-address HEAD:6379 --data train.npz --trials 500",
            "ssh gpu1 ray stop",
            "ssh gpu2 ray stop",
            "ray stop",
        ],
    )


def test_one_machine_is_a_cluster_too_and_is_stopped_after_an_error(run_on_cluster):
    code, lines = run_on_cluster("here", "--study", "cells", ends_with=3)
    search = "bcauto search --ray-address HEAD:6379 --study cells"
    assert (code, lines) == (3, ["ray start --head --port=6379", search, "ray stop"])


def test_without_machines_nothing_is_started(run_on_cluster):
    code, lines = run_on_cluster()
    assert (code != 0, lines) == (True, [])
