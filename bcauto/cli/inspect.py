"""``bcauto inspect``: looks at a data set before any search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bcauto.cli.options import (
    ImageSizeOption,
    JsonFlag,
    LabelsOption,
    ResizeOption,
    SkipDamagedOption,
)
from bcauto.errors import BadInput

__all__ = ["inspect"]

_PAGES = Path("inspections")
_NO_PAGE = "none"


def inspect(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="An .npz file, or a folder or zip of class folders, as of a search.",
        ),
    ],
    like: Annotated[
        str | None,
        typer.Option(
            help="Also find pictures like this one: a picture's file, or its number in the data.",
            metavar="FILE|NUMBER",
        ),
    ] = None,
    above: Annotated[
        float,
        typer.Option(help="Least cosine of features from which a picture counts as like it."),
    ] = 0.8,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New .npz file for the data without intruders, exact duplicates and what is like "
            "--like, with what was taken out and why.",
            show_default="nothing is written",
        ),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            help="File of the page, .html, or none.",
            metavar="FILE|none",
            show_default="inspections/NAME.html by the name of the data",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Pretrained weights of the features: imagenet, a folder of "
            "<backbone>.weights.h5 files, or none for colour and texture.",
            metavar="imagenet|none|DIR",
            show_default="what Keras has downloaded, else none",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Backbone whose features are compared, such as MobileNet-0.75.",
            show_default="the fastest that has weights",
        ),
    ] = None,
    labels: LabelsOption = None,
    image_size: ImageSizeOption = None,
    resize: ResizeOption = None,
    skip_damaged: SkipDamagedOption = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Show the page in the web browser of this machine.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at labelled pictures before any search.

    Counts, exact and near copies, intruders, a map, outliers, likely label errors, as text and as
    a page with pictures. Nothing of the data is changed.
    """
    from bcauto.api.inspect import inspect as run
    from bcauto.io.new_output import check_new_file, check_writable

    if not data.exists():
        raise BadInput(f"DATA must exist, got {data}")
    if out:
        _check_npz(out)
        check_new_file(out)
    file = _page_file(page, data)
    if file:
        check_writable(file, "--page")
    found = run(
        data,
        labels=labels,
        resize=resize or "stretch",
        skip_damaged=bool(skip_damaged),
        progress=not as_json,
        weights=weights,
        backbone=backbone,
        like=like,
        above=above,
        image_size=image_size,
    )
    if out:
        found.write_cleaned(out)
    if file:
        found.write_page(file)
        if open_it:
            import webbrowser

            webbrowser.open(file.resolve().as_uri())
    seen = {
        **found.seen,
        "out": {"file": str(out), **found.taken_out.as_dict()} if out else None,
        "page": str(file) if file else None,
    }
    if as_json:
        typer.echo(json.dumps(seen))
        return
    from bcauto.display.inspection_text import show_inspection

    show_inspection(seen)


def _page_file(page: str | None, data: Path) -> Path | None:
    """Return where the page will be; None for no page."""
    if page == _NO_PAGE:
        return None
    file = Path(page) if page else _PAGES / f"{data.resolve().stem}.html"
    if file.suffix.lower() != ".html" or file.is_dir():
        raise BadInput(f"--page must be a file whose name ends in .html, or none, got {page}")
    return file


def _check_npz(out: Path) -> None:
    """Refuse a name that is not an npz file's."""
    if out.suffix.lower() != ".npz":
        raise BadInput(f"--out must be a new file whose name ends in .npz, got {out}")
