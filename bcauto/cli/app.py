"""The commands, and how what they raise becomes one line and an exit code."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, NoReturn

import typer

from bcauto.cli.augment import augment
from bcauto.cli.evaluate import evaluate
from bcauto.cli.options import check_none_empty
from bcauto.cli.proxy import proxy
from bcauto.cli.results import best, dashboard, status
from bcauto.cli.search import search
from bcauto.cli.space import space
from bcauto.cli.studies import prune, studies
from bcauto.cli.train import train
from bcauto.errors import BcautoError, Interrupted

__all__ = ["app", "main"]

app = typer.Typer(
    name="bcauto",
    help="Find the fine-tuning recipe that does best on a hidden, corrupted test set.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _bcauto(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"bcauto {version_of('bcauto')}")
        raise typer.Exit


for command in (
    search,
    status,
    best,
    proxy,
    evaluate,
    augment,
    space,
    train,
    studies,
    prune,
    dashboard,
):
    app.command()(command)


def main() -> NoReturn:
    """Runs the command line, and exits."""
    try:
        check_none_empty(sys.argv[1:])
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0)
    except BcautoError as error:
        _end(str(error), error.exit_code)
    except Interrupted as error:
        _end(f"interrupted by {error}; {error.outcome}", error.exit_code)
    except KeyboardInterrupt:  # before a command listens for it
        _end("interrupted", 130)
    except typer.Abort:
        _end("aborted", 1)
    except typer.TyperException as error:
        _end(error.format_message(), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # or Python complains of the pipe once more while it exits
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _end(f"the disk is full ({error.filename or 'no file named'}); free some, then go on", 1)


def _end(message: str, code: int) -> NoReturn:
    print(f"bcauto: {message}", file=sys.stderr)  # noqa: T201  the command line prints
    sys.exit(code)
