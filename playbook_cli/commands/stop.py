"""`playbook stop`: interrupt a study that runs, as Ctrl-C would where it was started."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import typer

from playbook_cli.commands.options import RUNS, Runs, StudyFolder, study_folder

_LOOK_SECONDS = 0.2


def stop(
    study: StudyFolder,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.0, metavar="SECONDS", help="How long to wait for it to stop.")
    ] = 60.0,
    runs: Runs = RUNS,
) -> None:
    """Stop a running study; run the same command again to resume it.

    Example:  playbook stop runs/digits-depth
    """
    from playbook_cli.acts import command, run
    from playbook_cli.commands.options import runs_of
    from playbook_cli.errors import StudyError, WorkError
    from playbook_cli.storage.store import Store, running

    store = Store(study_folder(study, runs))
    paths = store.paths
    runner = running(paths)
    if runner is None:
        print(f"{paths.dir} is not running")
        return
    if not runner.is_near:
        raise StudyError(
            f"it is run by {runner}", where=str(paths.dir), hint=f"stop it there: {command('stop', paths.dir)}"
        )
    try:
        os.kill(runner.pid, signal.SIGINT)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise StudyError(f"it is run by {runner}, another user's process", where=str(paths.dir)) from None
    end = time.monotonic() + timeout
    while (now := running(paths)) is not None and now.pid == runner.pid:
        if time.monotonic() > end:
            raise WorkError(
                f"{paths.dir}: process {runner.pid} was interrupted, and has not ended after {timeout:g} s",
                hint="its trials may still be ending; check with playbook status",
            )
        time.sleep(_LOOK_SECONDS)
    source = store.history().source or "STUDY.YAML"
    print(f"stopped {paths.dir}; resume it with:\n  {run(source, runs_of(paths.dir))}")
