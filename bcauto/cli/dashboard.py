"""``bcauto dashboard``: serves optuna-dashboard on a study."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from bcauto.cli.options import StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput

__all__ = ["dashboard"]


def dashboard(
    study: StudyArgument = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Serve optuna-dashboard on a study."""
    from bcauto.results.open_study import find_storage
    from bcauto.storage.connect import connect

    folder, url = find_storage(studies_dir, study, storage)
    _check_free(host, port)
    opened = connect(url)
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import run_server

    with suppress(OSError):  # what cannot be written to can still be looked at
        folder.artifacts.mkdir(exist_ok=True)
    typer.echo(f"{folder.name} on http://{host}:{port}/ until Ctrl-C")
    run_server(opened, host, port, FileSystemArtifactStore(folder.artifacts))


def _check_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except (OSError, TypeError, UnicodeError) as error:  # a host name may raise the others
        reason = getattr(error, "strerror", None) or error
        raise BadInput(
            f"--host and --port must be free to listen on, got {host}:{port} ({reason})"
        ) from None
