"""`playbook report`: the analysis of a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder

if TYPE_CHECKING:
    from playbook_cli.report.value import Report


def report(
    study: StudyFolder,
    json: Json = False,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Also write report/index.html.")] = True,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="DIR", help="Write the charts to DIR as PNG files.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="DIR", help="Write the charts to DIR as SVG files.")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Analyse a study: print the report, and write HTML and JSON.

    index.html and report.json are written to the study's folder. It also works while the study runs.

    Example:  playbook report runs/digits-depth
    """
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.study_file import opened
    from playbook_cli.report.of_study import report_of

    store = opened(study, runs)
    record, built = report_of(store)
    try:
        if json:
            from playbook_cli.report.as_json import as_json

            print_json(as_json(built))
        else:
            from playbook_cli.report.terminal import render

            render(built, console())
        sys.stdout.flush()  # files follow, and take longer
    finally:  # also if the reader of the output has closed the pipe
        store.keep(record)
        _write(built, store.paths.report, html=html)
        if png is not None:
            _draw(built, png, "png")
        if svg is not None:
            _draw(built, svg, "svg")


def written(folder: Path, runs: Path) -> None:
    """Write the report of a study, and print nothing of it."""
    from playbook_cli.commands.study_file import opened
    from playbook_cli.report.of_study import report_of

    store = opened(folder, runs)
    record, built = report_of(store)
    store.keep(record)
    _write(built, store.paths.report, html=True, quiet=True)


def _draw(built: Report, directory: Path, kind: Literal["png", "svg"]) -> None:
    from playbook_cli.report.pictures import write_pictures

    for path in write_pictures(built, directory, kind):
        print(path, file=sys.stderr)


def _write(built: Report, directory: Path, *, html: bool, quiet: bool = False) -> None:
    """Write the files; if that fails (someone else's study, a full disk), the terminal has shown everything."""
    from playbook_cli.commands.output import unwritten
    from playbook_cli.errors import PlaybookError
    from playbook_cli.report.files import write, write_json

    try:
        if html:
            write(built, directory)
            if not quiet:
                print(f"report: {directory / 'index.html'}", file=sys.stderr)
        else:
            write_json(built, directory)
    except OSError as error:
        unwritten("the report's files", error)
    except PlaybookError as error:
        print(f"playbook: index.html was not written: {error}\n  -> {error.hint}", file=sys.stderr)
