"""The folder of an export: its files replace those of an older export when all are written."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bcauto.data.fingerprints import FINGERPRINTS
from bcauto.errors import BadInput
from bcauto.export.formats.names import FORMATS
from bcauto.io.model_file import CARD, MANIFEST, README
from bcauto.recipe.recipe import Recipe

__all__ = ["export_folder", "write_description"]

_RECIPE = "recipe.toml"
_OURS = {MANIFEST, _RECIPE, FINGERPRINTS, CARD, README, *(each.file for each in FORMATS.values())}


@contextmanager
def export_folder(out: Path) -> Iterator[Path]:
    """Open a folder to export to; all that is written there is in ``out`` once it is closed.

    An older export in ``out`` goes, with its models in other formats. Other files there stay.

    Raises:
        BadInput: ``out`` cannot be written to, or holds files of these names and is no export.
    """
    _check(out)
    with tempfile.TemporaryDirectory(dir=out, prefix=".partial-") as name:
        partial = Path(name)
        yield partial
        for file in _OURS:
            if not (partial / file).exists() or (out / file).is_dir():
                _delete(out / file)
        for path in sorted(partial.iterdir()):
            path.replace(out / path.name)


def write_description(folder: Path, manifest: Mapping[str, Any], recipe: Recipe) -> None:
    """Write manifest and recipe beside a model."""
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    (folder / _RECIPE).write_text(recipe.to_toml(), encoding="utf-8")


def _check(out: Path) -> None:
    with suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
    if not (os.access(out, os.W_OK) and out.is_dir()):
        raise BadInput(f"--out must be a folder that can be written to, got {out}")
    others = sorted(name for name in _OURS if (out / name).exists())
    if others and not _is_export(out):
        raise BadInput(
            f"--out must be an older export, or have no {others[0]}, which would be replaced, "
            f"got {out}"
        )


def _is_export(folder: Path) -> bool:
    """Return whether a folder has a manifest that was written for a model."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and {"class_names", "image_size", "input"} <= manifest.keys()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
