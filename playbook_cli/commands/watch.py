"""`playbook watch`: the status, refreshed until the study finishes; or its report in a browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.completing import run_folders
from playbook_cli.commands.options import RUNS, Runs, study_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 8710


def watch(
    study: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUNS/NAME]",
            help="The study's folder or its study file; with --web by default all studies.",
            show_default=False,
            autocompletion=run_folders,
        ),
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help="Serve the report to browsers on this machine, updated while trials train.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, metavar="N", help=f"Port of --web, by default {PORT}; 0 for any free one."
        ),
    ] = None,
    every: Annotated[float, typer.Option("--every", min=0.2, metavar="SECONDS", help="Time between updates.")] = 2.0,
    runs: Runs = RUNS,
) -> None:
    """Watch a running study in the terminal or a browser.

    It works on any machine that shares the study's folder, until the study finishes. With --web, the report is served
    to your browser instead, and updated until Ctrl-C.

    Example:  playbook watch runs/digits-depth
    Example:  playbook watch runs/digits-depth --web
    """
    from playbook_cli.errors import StudyError

    if port is not None and not web:
        raise StudyError("--port needs --web", hint="add --web")
    if web:
        _serve(None if study is None else study_folder(study, runs), runs, PORT if port is None else port)
    elif study is None:
        raise StudyError(
            "no study given",
            hint="give one: playbook watch RUNS/NAME; or show all of them in a browser: playbook watch --web",
        )
    else:
        _print(study_folder(study, runs), every)


def _print(folder: Path, every: float) -> None:
    from rich.live import Live
    from rich.text import Text

    from playbook_cli.commands.output import console
    from playbook_cli.commands.status import lines
    from playbook_cli.storage.store import Store

    store = Store(folder)
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


def _serve(folder: Path | None, runs: Path, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import errno
    import signal
    import sys
    import threading

    from playbook_cli.errors import PlaybookError, StudyError
    from playbook_cli.serving.server import Server
    from playbook_cli.serving.studies import Studies
    from playbook_cli.serving.worker import Worker

    if folder is None and not runs.is_dir():
        raise StudyError(
            "there is no such folder",
            where=str(runs),
            hint="run a study first, or name its folder: playbook watch --web --runs DIR",
        )
    only = None if folder is None else folder.resolve().name
    build = Worker()
    studies = Studies(lambda: _studies(runs) if folder is None or only is None else {only: folder}, build)
    try:
        server = Server(studies, port, only=only)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        what = "is in use" if error.errno == errno.EADDRINUSE else "is not allowed"
        raise PlaybookError(f"port {port} {what}", where="--port", hint="take any free one: --port 0") from None

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()  # it waits for the loop that this interrupts

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        studies.begin()
        print(f"serving {runs if folder is None else folder} at {server.address} until Ctrl-C")
        print("-> from another machine: ssh -L {0}:localhost:{0} HOST".format(server.server_address[1]))
        sys.stdout.flush()
        server.serve_forever(poll_interval=0.2)
    finally:
        studies.end()
        server.server_close()
        build.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _studies(runs: Path) -> Mapping[str, Path]:
    """The studies of a folder by name; those whose names can't be part of an address are left out."""
    folders = (path.parent for path in runs.glob("*/study.yaml"))
    return {folder.name: folder for folder in folders if not folder.name.startswith(".") and folder.name.isprintable()}
