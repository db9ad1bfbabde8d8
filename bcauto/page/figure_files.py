"""The figures of a page as files for a paper: SVG, PDF and PNG."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bcauto.errors import BadInput, first_line
from bcauto.page.figure_json import plain_figure, schemes
from bcauto.page.parts import Figure

__all__ = ["check_figure_folder", "write_figures"]

_FORMATS = ("svg", "pdf", "png")
_WIDTH = 720  # px
_SCALE = 3  # PNG pixels a px, which makes some 300 a printed inch
_TIMEOUT = 300  # seconds for one figure; a browser starts slowly on a busy machine


def check_figure_folder(folder: Path) -> None:
    """Check, before any work, that figures can be drawn and written to a folder, which is made.

    Raises:
        BadInput: they cannot.
    """
    if not find_spec("kaleido"):
        rule = "--figures needs Kaleido, which is not installed"
        raise BadInput(f'{rule}: pip install "bcauto[figures]"')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        rule = "--figures must be a folder that can be written to"
        raise BadInput(f"{rule}, got {folder} ({reason})") from None


def write_figures(
    figures: Sequence[Figure], folder: Path, formats: Sequence[str] = _FORMATS
) -> list[Path]:
    """Write each figure in some formats, and their captions to ``captions.txt``.

    They are drawn on white by the browser that Kaleido finds, Chrome or Chromium, from the same
    data as in the page. Nothing is loaded.

    Returns:
        The files of the figures.

    Raises:
        BadInput: there is no browser, or it does not draw.
    """
    import kaleido  # imports a browser's driver
    from choreographer.browsers.chromium import ChromeNotFoundError

    logging.getLogger("choreographer").setLevel(logging.ERROR)
    logging.getLogger("kaleido").setLevel(logging.ERROR)
    paths = {
        figure.name: [folder / f"{figure.name}.{kind}" for kind in formats] for figure in figures
    }
    wanted = [_wanted(figure, path) for figure in figures for path in paths[figure.name]]
    options = {"n": 1, "timeout": _TIMEOUT, "mathjax": False}
    try:
        kaleido.write_fig_from_object_sync(wanted, kopts=options)
    except ChromeNotFoundError:
        raise BadInput("--figures needs a browser: install Chrome or Chromium") from None
    except Exception as error:  # whatever a browser's driver raises
        raise BadInput(
            f"{folder}: no figures, as the browser failed ({first_line(error)})"
        ) from None
    captions = "".join(f"{figure.name}: {figure.caption}\n\n" for figure in figures)
    (folder / "captions.txt").write_text(captions, encoding="utf-8")
    return [each["path"] for each in wanted]


def _wanted(figure: Figure, path: Path) -> dict[str, Any]:
    """Return what Kaleido is asked for."""
    drawn = plain_figure(figure)
    drawn["layout"]["template"] = schemes()["light"]
    kind = path.suffix[1:]
    size = {"width": max(_WIDTH, figure.least_width), "height": figure.height}
    scale = _SCALE if kind == "png" else 1
    return {"fig": drawn, "path": path, "opts": {"format": kind, "scale": scale, **size}}
