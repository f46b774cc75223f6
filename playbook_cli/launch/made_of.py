"""What the program of a trial is made of, now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from playbook_cli.launch.command import program
from playbook_cli.sources.program import fingerprint, of_command, of_function

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.files.fingerprint import Fingerprint
    from playbook_cli.files.paths import TrialPaths
    from playbook_cli.launch import Job
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec


def program_of(spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path, ready: Job) -> Fingerprint:
    """The fingerprint of what an attempt would run now; `ready` is the attempt, `folder` is as for `job`.

    SpecError as `job`.
    """
    places = {
        "folder": str(folder.absolute()),
        "cwd": os.path.normpath(ready.cwd.absolute()),
        "without": str(paths.dir.absolute().parent),
    }
    if spec.command is None:
        return fingerprint(of_function(str(spec.train), env=ready.env, **places))
    given, moves = program(spec, trial, paths, folder), "${" in (spec.cwd or "")
    return fingerprint(of_command(spec.command, given, env=ready.env, moves=moves, **places))
