"""The command line, and the only place where an error becomes an exit code. The verbs: `commands.verbs`."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from playbook_cli import __version__
from playbook_cli.commands.overview import Overview
from playbook_cli.errors import PlaybookError
from playbook_cli.wording import visible

app = typer.Typer(
    name="playbook",
    cls=Overview,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"playbook {__version__}")
        raise typer.Exit


@app.callback()
def _playbook(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run deep-learning tuning studies as a scientific process, and explain what the results mean."""


def main() -> None:
    """Run the command line. Its exit codes are `errors.EXIT_CODES`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a character that this terminal can't show must not end the program
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # an error can still be reported here
    except PlaybookError as error:
        print(visible(f"playbook: {error}"), file=sys.stderr)
        if error.hint:
            print(visible(f"  -> {error.hint}"), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader closed the pipe
        _unwritten_output()
        sys.exit(1)
    except OSError as error:
        path = error.filename if error.filename is not None else _unwritten_output()
        where = "" if path is None else f"{os.fsdecode(path)}: " if not isinstance(path, int) else f"file {path}: "
        print(visible(f"playbook: {where}{error.strerror or error}"), file=sys.stderr)
        sys.exit(2)


def _unwritten_output() -> str | None:
    """A name for the standard output if nothing can be written to it, not even a line end; None otherwise."""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except io.UnsupportedOperation:  # it is not a file
        return None
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter can end
        return "standard output"
    return None
