"""`playbook try`: one short trial, before the study is run. Nothing of it is kept."""

from __future__ import annotations

import json as json_
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.options import RUNS, Gpus, Json, Runs, StudyFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playbook_cli.launch.slots import Slot
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.trying.answer import Seen

LIMIT = 600.0
"""Seconds that the trial may take."""


def try_(
    study: StudyFile,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Steps to train; by default a tenth of max_train_steps."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds that the trial may take.")] = LIMIT,
    gpus: Gpus = None,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Run one short trial, and check what arrives and is measured.

    It shows the command line, the lines or files in which metrics were found, whether the number of steps, the seed
    and every hyperparameter arrive, and how long a trial and the study will take. Nothing is recorded in the study.
    Exits with 1 if the study can't run as it is.

    Example:  playbook try configs/digits.yaml
    """
    from playbook_cli.acts import run
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.study_file import read
    from playbook_cli.launch import preflight
    from playbook_cli.report import terminal
    from playbook_cli.report.trying import document
    from playbook_cli.spec.load import resolve
    from playbook_cli.trying.answer import answer, as_json
    from playbook_cli.trying.trial import middle

    given, source = read(study)
    preflight.refuse_imported(given, source)
    preflight.look(resolve(given), source, study.parent, [middle(resolve(given))])
    found = answer(tried(given, study, gpus, runs, steps=steps, timeout=timeout))
    if json:
        print_json(as_json(found))
    else:
        terminal.render_document(document(found, run(study, runs) if found.works else None), console())
    if not found.works:
        raise typer.Exit(1)


def tried(
    given: StudySpec, file: Path, gpus: str | None, runs: Path, *, steps: int | None = None, timeout: float = LIMIT
) -> Seen:
    """What one short trial shows; one of full length if the short one was evaluated too rarely and that is quick."""
    from playbook_cli.launch.places import slots_of
    from playbook_cli.launch.reaching import reach
    from playbook_cli.spec.load import resolve
    from playbook_cli.trying.answer import crashed, evaluations_of
    from playbook_cli.trying.trial import AGAIN_SECONDS, length, middle

    spec = resolve(given)
    slots = slots_of(spec, None, gpus)
    short = min(steps or length(spec, reach(spec, middle(spec), file.parent)), spec.max_train_steps)
    seen = _tried(given, spec, file, slots, short, timeout, runs)
    rarely = evaluations_of(seen) < 2 and not crashed(seen) and steps is None and short < spec.max_train_steps
    if rarely and seen.seconds * spec.max_train_steps / short <= AGAIN_SECONDS:
        seen = _tried(given, spec, file, slots, spec.max_train_steps, timeout, runs)
    return seen


def _tried(
    given: StudySpec,
    spec: StudySpec,
    file: Path,
    slots: Sequence[Slot],
    steps: int,
    timeout: float,
    runs: Path,
) -> Seen:
    """What one trial of so many steps shows."""
    from playbook_cli.commands.output import tell
    from playbook_cli.commands.run import run_trials
    from playbook_cli.files import atomic
    from playbook_cli.launch.command import following, job, program
    from playbook_cli.launch.isolation import may_fork
    from playbook_cli.launch.reaching import lost, reach, runs_python
    from playbook_cli.spec.load import dump
    from playbook_cli.storage.lock import locked
    from playbook_cli.storage.store import Store
    from playbook_cli.trying.answer import Problem, Seen, trained_whole
    from playbook_cli.trying.matching import matches
    from playbook_cli.trying.trial import Once, Watch, middle, study_of

    with _folder(spec, runs) as paths:
        folder, trial, notes = file.parent.absolute(), middle(spec), paths.dir / "notes.json"
        shorter = study_of(spec, steps=steps, notes=str(notes), limit=timeout)
        atomic.write(paths.spec, dump(shorter))
        policy, watch = Once(trial), Watch(paths=paths, slots=slots)
        with locked(paths, tell=tell) as lock:
            outcome = run_trials(shorter, file, paths, list(slots[:1]), lock, policy, view=watch)
        if outcome.interrupted:
            raise typer.Exit(130)
        one = Store(paths.dir).record().trials[0]
        mine = paths.trial(0)
        ready = job(shorter, trial, mine, folder)
        return Seen(
            spec=spec,
            steps=steps,
            trial=one,
            argv=program(shorter, trial, mine, folder),
            cwd=str(ready.cwd),
            reach=reach(spec, trial, folder),
            asked=_notes(notes),
            matches=[] if spec.metrics is None else matches(following(shorter, trial, mine, folder), ready.cwd),
            seconds=watch.seconds,
            arrivals=watch.seen,
            prompt=spec.metrics is None or (spec.metrics.stdout is not None and runs_python(spec)),
            forked=may_fork(spec, slots),
            ended=policy.ended,
            at_once=max(len(slots), 1),
            gpu_bytes=watch.gpu_bytes,
            gpu_total=watch.gpu_total,
            static=[
                Problem(
                    what=each.problem.what,
                    hint=each.problem.hint or "",
                    fatal=each.fatal and not (each.steps and trained_whole(one, spec)),
                )
                for each in lost(given, trial, folder)
                if each.problem.location != ("eval_every",)  # how often it evaluates is seen
            ],
            failure=watch.note if one.state not in ("completed", "infeasible") else None,
        )


@contextmanager
def _folder(spec: StudySpec, runs: Path) -> Iterator[Any]:
    """A folder that is gone afterwards: beside the studies where a cluster has to see it."""
    from playbook_cli.files.paths import StudyPaths

    beside = None if spec.launcher == "local" else runs
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".try-", dir=beside, ignore_cleanup_errors=True) as folder:
        paths = StudyPaths(Path(folder) / spec.name)
        paths.dir.mkdir()
        yield paths


def _notes(file: Path) -> dict[str, list[str]] | None:
    from playbook_cli.files.regular import content

    try:
        return json_.loads(content(file))  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return None
