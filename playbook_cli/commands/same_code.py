"""Shared by the verbs that add trials to a study: all trials run the same program, unless the user insists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playbook_cli.files.fingerprint import Fingerprint
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.warm import Warm
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.store import History

CodeChanged = Annotated[
    bool, typer.Option("--code-changed", help="Train even if the program has changed since earlier trials.")
]


def require_same_code(
    spec: StudySpec,
    paths: StudyPaths,
    folder: Path,
    *,
    changed: bool,
    than: Callable[[TrialRecord], bool] | None = None,
    warm: Warm | None = None,
    otherwise: str = "give the study a new name and run that",
) -> None:
    """StudyError if the program is no longer the one that trained this study's results; only a note if `changed`.

    `folder` is the study file's, `than` selects the trials that the new ones will be compared with, `warm` is the
    process to fork from, and `otherwise` what else the user can do. Before the first result, anything may change.
    """
    from playbook_cli.commands.output import tell
    from playbook_cli.errors import StudyError
    from playbook_cli.records import DECIDED
    from playbook_cli.storage.program_versions import since
    from playbook_cli.storage.store import read_history

    history = read_history(paths)
    trained = [t for t in history.trials if t.state in DECIDED and (than is None or than(t))]
    if not any(trial.codes for trial in trained):
        return
    now = (warm and warm.program) or _now(spec, paths, folder, history)
    found = since(trained, history.programs, now)
    for said in found.packages:
        tell(said)
    if not found.code:
        return
    what = "; ".join(found.code)
    if not changed:
        raise StudyError(
            what,
            where=str(paths.dir),
            hint=f"results of different code can't be compared: restore the old code, or {otherwise}. "
            "--code-changed trains anyway, and reports will mention it",
        )
    tell(f"{what}: the next trials run different code")


def _now(spec: StudySpec, paths: StudyPaths, folder: Path, history: History) -> Fingerprint:
    from playbook_cli.launch.command import job
    from playbook_cli.launch.made_of import program_of
    from playbook_cli.sources.program import with_inputs

    trial = history.trials[0]
    own, here = paths.trial(trial.id), folder.absolute()
    now = program_of(spec, trial, own, here, job(spec, trial, own, here))
    recorded = {path for program in history.programs.values() for path in program.inputs}
    return with_inputs(now, recorded, str(here))
