"""`playbook watch`: the status, refreshed until the study finishes."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from playbook_cli.commands.options import RUNS, Runs, StudyFolder, study_folder


def watch(
    study: StudyFolder,
    every: Annotated[float, typer.Option("--every", min=0.2, metavar="SECONDS", help="Time between updates.")] = 2.0,
    runs: Runs = RUNS,
) -> None:
    """Watch a running study until it finishes, here or on another machine that shares its folder.

    Example:  playbook watch runs/digits-depth
    """
    from rich.live import Live
    from rich.text import Text

    from playbook_cli.commands.output import console
    from playbook_cli.commands.status import lines
    from playbook_cli.storage.store import Store

    store = Store(study_folder(study, runs))
    out = console()
    try:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                shown, goes_on = lines(store)
                live.update(Text("\n".join(shown)), refresh=True)
                if not goes_on:
                    return
                time.sleep(every)
    finally:
        if not out.is_terminal:  # on a terminal, it ends its last line itself
            out.line()
