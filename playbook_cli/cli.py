"""The command line: the verbs, and the only place where an error becomes an exit code."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from playbook_cli import __version__
from playbook_cli.commands.adopt import adopt
from playbook_cli.commands.compare import compare
from playbook_cli.commands.devices import devices
from playbook_cli.commands.explain import explain
from playbook_cli.commands.export import export
from playbook_cli.commands.import_ import import_
from playbook_cli.commands.init import init
from playbook_cli.commands.log import log
from playbook_cli.commands.lr_sweep import lr_sweep
from playbook_cli.commands.next import next_
from playbook_cli.commands.output import visible
from playbook_cli.commands.plan import plan
from playbook_cli.commands.repeat import repeat
from playbook_cli.commands.report import report
from playbook_cli.commands.run import run
from playbook_cli.commands.schema import schema
from playbook_cli.commands.status import status
from playbook_cli.commands.watch import watch
from playbook_cli.errors import PlaybookError

app = typer.Typer(
    name="playbook",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    init,
    plan,
    lr_sweep,
    run,
    status,
    watch,
    report,
    next_,
    repeat,
    compare,
    adopt,
    log,
    devices,
    explain,
    import_,
    export,
    schema,
):
    app.command(verb.__name__.rstrip("_").replace("_", "-"))(verb)


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
    """Run deep-learning tuning studies as a scientific process, and say what they mean."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 the work failed, 2 wrong input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what this terminal can't show is no reason to end
    try:
        app(standalone_mode=True)
    except PlaybookError as error:
        print(visible(f"playbook: {error}"), file=sys.stderr)
        if error.hint:
            print(visible(f"  -> {error.hint}"), file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(visible(f"playbook: {where}{error.strerror or error}"), file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
