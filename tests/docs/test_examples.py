"""The examples: a notebook without outputs, Python that compiles, names that bcauto has."""

import json
import re
from pathlib import Path

import bcauto

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_notebook_has_no_outputs_and_calls_what_there_is():
    notebook = json.loads((EXAMPLES / "search.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells)
    compile(code, "search.ipynb", "exec")
    used = set(re.findall(r"bcauto\.([a-z_]+)\(", code))
    assert used
    assert used <= {*bcauto.__all__}


def test_the_service_compiles_in_thirty_lines_and_is_what_the_image_runs():
    text = (EXAMPLES / "serve" / "app.py").read_text(encoding="utf-8")
    compile(text, "app.py", "exec")
    assert len([line for line in text.splitlines() if line.strip()]) <= 35
    image = (EXAMPLES / "serve" / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY app.py" in image
    assert '"app:app"' in image
