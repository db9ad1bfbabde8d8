"""The folder of an export: its files replace those of an older export when all are written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bcauto.errors import BadInput
from bcauto.export.load import MANIFEST
from bcauto.io.model_file import MODEL
from bcauto.recipe.recipe import Recipe

__all__ = ["export_folder", "write_description"]

_RECIPE = "recipe.toml"


@contextmanager
def export_folder(out: Path) -> Iterator[Path]:
    """Open a folder for model, recipe and manifest, which are in ``out`` once it is closed.

    Raises:
        BadInput: ``out`` cannot be written to.
    """
    with suppress(FileExistsError, NotADirectoryError, PermissionError):
        out.mkdir(parents=True, exist_ok=True)
    if not (out.is_dir() and os.access(out, os.W_OK)):
        raise BadInput(f"--out must be a folder that can be written to, got {out}")
    with tempfile.TemporaryDirectory(dir=out, prefix=".partial-") as name:
        partial = Path(name)
        yield partial
        for file in (_RECIPE, MANIFEST, MODEL):
            (partial / file).replace(out / file)


def write_description(folder: Path, manifest: Mapping[str, Any], recipe: Recipe) -> None:
    """Write manifest and recipe beside a model."""
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    (folder / _RECIPE).write_text(recipe.to_toml(), encoding="utf-8")
