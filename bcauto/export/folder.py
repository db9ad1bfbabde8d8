"""The folder of an export: its files replace those of an older export when all are written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bcauto.data.fingerprints import FINGERPRINTS
from bcauto.errors import BadInput
from bcauto.export.formats.names import FORMATS
from bcauto.io.model_file import CARD, MANIFEST, README
from bcauto.io.new_output import output_folder, refuse_unwritable
from bcauto.recipe.recipe import Recipe

__all__ = ["export_folder", "read_export", "write_description"]

_RECIPE = "recipe.toml"
_OURS = {MANIFEST, _RECIPE, FINGERPRINTS, CARD, README, *(each.file for each in FORMATS.values())}


@contextmanager
def export_folder(out: Path) -> Iterator[Path]:
    """Open a folder to export to; all that is written there is in ``out`` once it is closed.

    An older export in ``out`` goes, with its models in other formats. Other files there stay.

    Raises:
        BadInput: ``out`` cannot be written to, or holds files of these names and is no export.
    """
    rule = "--out must be a folder"
    with refuse_unwritable(out, rule):
        _check(out)
    with output_folder(out, rule) as partial:
        yield partial
        written = {path.name for path in partial.iterdir()}
    for file in _OURS - written:
        _delete(out / file)


def write_description(folder: Path, manifest: Mapping[str, Any], recipe: Recipe) -> None:
    """Write manifest and recipe beside a model."""
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    (folder / _RECIPE).write_text(recipe.to_toml(), encoding="utf-8")


def _check(out: Path) -> None:
    others = sorted(name for name in _OURS if (out / name).exists())
    if others and read_export(out) is None:
        raise BadInput(
            f"--out must be an older export, or have no {others[0]}, which would be replaced, "
            f"got {out}"
        )


def read_export(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of an export; None where there is none, or one of another program."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(manifest, dict) and {"class_names", "image_size", "input"} <= manifest.keys()
    return manifest if ours else None


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
