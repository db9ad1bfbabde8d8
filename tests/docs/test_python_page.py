"""The page on Python, run from top to bottom, and its reference as the docstrings have it."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_fixtures import SPACE, paint_two_classes

DOCS = Path(__file__).parents[2] / "docs"
SMALLER = {
    '"quick"': '"tiny.toml"',
    "trials=8": 'trials=1, executor="inline"',
    "trials=9": 'trials=2, executor="inline"',
    '"new_pictures"': '"new_pictures.npz"',
}


@pytest.mark.keras
@pytest.mark.usefixtures("no_report")
def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    painted = paint_two_classes(120, 0)
    np.savez("train.npz", **painted)
    Path("tiny.toml").write_text(SPACE)
    np.savez("new_pictures.npz", images=painted["images"][:2])
    code = "\n".join(
        re.findall(r"^```python\n(.*?)^```$", (DOCS / "python.md").read_text(), re.DOTALL | re.M)
    )
    for shown, smaller in SMALLER.items():
        assert shown in code
        code = code.replace(shown, smaller)
    names = {}
    exec(code, names)
    assert names["study"].trials()["state"].tolist() == ["COMPLETE", "COMPLETE"]
    assert [*names["predictions"]] == ["file", "class", "p_dark", "p_bright"]
    assert "\n1 COMPLETE " in capsys.readouterr().out
    assert {"handed_over", "runs", "train.html"} <= {path.name for path in tmp_path.iterdir()}


def test_the_reference_is_what_the_docstrings_say():
    spec = importlib.util.spec_from_file_location("reference", DOCS / "python_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.PAGE.read_text(encoding="utf-8").partition(module.MARK)[2].strip()
    assert written == module.reference().strip()
    assert "bcauto.search(data=None, class_names=None, study=None" in written
