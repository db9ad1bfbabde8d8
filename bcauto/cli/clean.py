"""``bcauto clean``: deletes the files that a study no longer needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.study.values import parse_keep

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.results.cleanup import RemovableFiles

__all__ = ["clean"]

_WORDS = {
    "models": "models of trials",
    "repeats": "models of repeats",
    "checkpoints": "checkpoints",
    "partial": "half-written files",
}


def clean(
    study: StudyArgument = None,
    keep: Annotated[
        Any,
        typer.Option(
            help="Best trials that keep their model.",
            metavar="N|all",
            parser=parse_keep,
            show_default="as the search was told",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what could be deleted; delete nothing.")
    ] = False,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Delete files that a study no longer needs.

    The best trials and the confirmed ones can still be exported, and the search can go on.
    """
    from bcauto.api.clean import clean_study
    from bcauto.study.folder import find_study

    folder = find_study(studies_dir, study)
    found = clean_study(folder, storage, keep, dry_run)
    if as_json:
        typer.echo(json.dumps({"study": folder.name, "dry_run": dry_run, **_as_object(found)}))
    else:
        _show(folder.name, found, dry_run)


def _as_object(found: Sequence[RemovableFiles]) -> dict[str, Any]:
    kinds = {each.kind.value: {"files": len(each.files), "bytes": each.nbytes} for each in found}
    total = {what: sum(kind[what] for kind in kinds.values()) for what in ("files", "bytes")}
    return {"freed": kinds, **total}


def _show(name: str, found: Sequence[RemovableFiles], dry_run: bool) -> None:
    from rich.filesize import decimal

    from bcauto.display.tables import open_console, print_rows

    total = _as_object(found)
    if not total["files"]:
        typer.echo(f"{name}: nothing to delete")
        return
    sizes = {_WORDS[each.kind.value]: (len(each.files), each.nbytes) for each in found}
    sizes["total"] = (total["files"], total["bytes"])
    rows = [
        {"what": what, "files": str(files), "size": decimal(nbytes)}
        for what, (files, nbytes) in sizes.items()
    ]
    typer.echo(f"{name}: {'could be deleted' if dry_run else 'deleted'}")
    print_rows(open_console(), rows, numbers=("files", "size"))
