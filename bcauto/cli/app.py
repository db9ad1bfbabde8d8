"""The commands, and how an error becomes one line and an exit code."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from bcauto.cli.arguments import check_none_empty
from bcauto.cli.augment import augment
from bcauto.cli.best import best
from bcauto.cli.clean import clean
from bcauto.cli.command import Command
from bcauto.cli.dashboard import dashboard
from bcauto.cli.evaluate import evaluate
from bcauto.cli.inspect import inspect
from bcauto.cli.predict import predict
from bcauto.cli.proxy import proxy
from bcauto.cli.report import report
from bcauto.cli.search import search
from bcauto.cli.space import space
from bcauto.cli.status import status
from bcauto.cli.studies import studies
from bcauto.cli.text import pin_text
from bcauto.cli.train import train
from bcauto.data.names import printable
from bcauto.errors import BcautoError, first_line
from bcauto.io.disk import is_disk_full

__all__ = ["app", "main"]

_RULES = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
}
"""What is wrong with an option's value, by pydantic's name of it; pydantic says the rest well."""
_NARROW = 52  # columns, below which Typer would make lines longer than these
_SHOWN = 200  # characters of a wrong value

app = typer.Typer(
    name="bcauto",
    help="Find the fine-tuning recipe that does best on a hidden, corrupted test set.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _bcauto(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"bcauto {version_of('bcauto')}")
        raise typer.Exit


for command in (
    search,
    inspect,
    status,
    best,
    report,
    predict,
    evaluate,
    proxy,
    augment,
    space,
    train,
    studies,
    clean,
    dashboard,
):
    app.command(cls=Command)(command)


def main() -> NoReturn:
    """Run the command line, and exit."""
    pin_text()
    try:
        check_none_empty(sys.argv[1:])
        columns = shutil.get_terminal_size().columns
        width = columns - 1 if columns < _NARROW else None  # else as Typer chooses
        arguments = sys.argv[1:] or ["--help"]
        sys.exit(app(arguments, standalone_mode=False, terminal_width=width) or 0)
    except BcautoError as error:
        _end(error.on_command_line or str(error), error.exit_code)
    except KeyboardInterrupt:  # before a command listens for it
        _end("interrupted", 130)
    except typer.Abort:
        _end("aborted", 1)
    except typer.BadParameter as error:
        _end(_wrong_value(error), error.exit_code)
    except typer.TyperException as error:
        _end(error.format_message(), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # or Python complains of the pipe once more while it exits
        sys.exit(1)
    except Exception as error:
        if not (refused := _refused_by_machine(error)):
            raise
        _end(refused, 1)


def _refused_by_machine(error: Exception) -> str | None:
    """Return what memory, disk or file system did not give; None for an error of another kind."""
    if isinstance(error, MemoryError):
        return f"this machine's memory is too small ({first_line(error)})"
    name = getattr(error, "filename", None)
    if is_disk_full(error):  # libraries say so in errors of their own
        return f"the disk is full ({printable(name or first_line(error))}); free some, then go on"
    if isinstance(error, OSError) and name:
        return f"{printable(name)}: {(error.strerror or str(error)).lower()}"
    return None


def _wrong_value(error: typer.BadParameter) -> str:
    """Return option, rule and value; Typer's own message leaves out a number's value."""
    if not (error.param and isinstance(error.__cause__, ValidationError)):
        return error.format_message()
    option = error.param.opts[0]
    details = error.__cause__.errors(include_url=False)[0]
    if details["type"] == "value_error":  # from a parser, or a choice; both say the value
        said = details["msg"].removeprefix("Value error, ")
        return f"{option} {said}" if said.startswith("must ") else f"{option}: {said}"
    rule = _RULES.get(details["type"], details["msg"].replace("Input should", "must", 1))
    return f"{option} {rule}, got {str(details['input'])[:_SHOWN]!r}"


def _end(message: str, code: int) -> NoReturn:
    print(f"bcauto: {message}", file=sys.stderr)  # noqa: T201  the command line prints
    sys.exit(code)
