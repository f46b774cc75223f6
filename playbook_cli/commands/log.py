"""`playbook log`: the ledger of studies and of what became the baseline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from playbook_cli.commands.options import RUNS, Json, Runs, study_folder


def log(
    runs: Runs = RUNS,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Write an HTML page to DIR/log.html, or to --output.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File for the page; replaced if it exists."),
    ] = None,
    note: Annotated[
        tuple[Path, str] | None, typer.Option("--note", metavar="RUNS/NAME TEXT", help="Add a note to a study's row.")
    ] = None,
) -> None:
    """Show all studies, their results and decisions.

    The oldest comes first, each with how to reproduce it.

    Example:  playbook log --html
    """
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.errors import PlaybookError
    from playbook_cli.ledger import rows

    if json + markdown + (html or output is not None) + (note is not None) > 1:
        raise PlaybookError("--json, --markdown, --html and --note can't be combined", hint="use one of them")
    if note is not None:
        _note(study_folder(note[0], runs), note[1])
        return
    found = rows.log(runs)
    if json:
        from playbook_cli.report.log_json import as_json

        print_json(as_json(found))
    elif markdown:
        from playbook_cli.report.ledger import table
        from playbook_cli.report.markdown import as_markdown

        print(as_markdown(table(found)), end="")
    elif html or output is not None:
        import os

        from playbook_cli.files import atomic
        from playbook_cli.report.html import document as page
        from playbook_cli.report.ledger import document

        path = output or runs / "log.html"
        atomic.write(path, page(document(found, os.path.relpath(runs, path.parent))))
        print(f"ledger: {path}", file=sys.stderr)
    else:
        from playbook_cli.report.ledger import document
        from playbook_cli.report.terminal import Printer

        Printer(console()).sections(document(found).sections)


def _note(folder: Path, text: str) -> None:
    import time

    from playbook_cli.errors import PlaybookError
    from playbook_cli.ledger import entries
    from playbook_cli.storage.store import Store
    from playbook_cli.storage.whoami import user

    paths = Store(folder).paths
    if not text.strip():
        raise PlaybookError(
            "the note is empty", where="--note", hint='playbook log --note runs/NAME "what to remember"'
        )
    study = paths.dir.resolve()
    noted = entries.Note(time=time.time(), user=user(), study=study.name, text=text.strip())
    entries.note(study.parent, noted)
    print(f"note added to {study.name}", file=sys.stderr)
