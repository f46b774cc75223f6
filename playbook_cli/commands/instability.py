"""`playbook instability`: whether training is unstable just above the best learning rate, and what fixes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.acts import command
from playbook_cli.commands.growing import Session, as_given, require_finished, resumable, show
from playbook_cli.commands.options import (
    RUNS,
    Gpus,
    Jobs,
    Json,
    Launching,
    Overwrite,
    Runs,
    StudyFolder,
    Wait,
    probe_beside,
    refuse_existing,
    refuse_probe,
    study_file,
    study_folder,
    tell_unfinished,
)
from playbook_cli.commands.same_code import CodeChanged

if TYPE_CHECKING:
    from rich.console import Console

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.instability.answer import Answer
    from playbook_cli.instability.setting import Setting
    from playbook_cli.records import TrialRecord
    from playbook_cli.storage.store import Store

Name = str | None


@resumable
def instability(
    context: typer.Context,
    study: StudyFolder,
    trial: Annotated[
        int | None, typer.Option("--trial", metavar="ID", help="Trial to probe; by default the best one.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps per run; by default 500, but at most max_train_steps.")
    ] = None,
    eval_every: Annotated[int, typer.Option("--eval-every", min=1, help="Steps between evaluations.")] = 1,
    learning_rate: Annotated[
        Name,
        typer.Option("--parameter", metavar="NAME", help="Name of the learning-rate hyperparameter."),
    ] = None,
    warmup: Annotated[
        Name,
        typer.Option(
            "--warmup", metavar="NAME", help="Name of the warmup-length hyperparameter, such as warmup_steps."
        ),
    ] = None,
    clip: Annotated[
        Name, typer.Option("--clip", metavar="NAME", help="Name of the gradient-clipping threshold, such as clip_norm.")
    ] = None,
    loss: Annotated[
        Name, typer.Option("--loss", metavar="NAME", help="Name of the training loss, such as train_loss.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the study with the fix to FILE."),
    ] = None,
    overwrite: Overwrite = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Start over; the earlier probe is kept under another name.")
    ] = False,
    code_changed: CodeChanged = False,
    jobs: Jobs = None,
    gpus: Gpus = None,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Check whether training is unstable, and find a fix.

    The best trial's hyperparameters are trained for about 500 steps at twice their learning rate, with an evaluation
    after every step; an instability is confirmed at 5x or 10x. The command then finds the shortest warmup that makes
    far higher rates stable, and a threshold for gradient clipping. The runs are a study of their own,
    RUNS/NAME-instability. Run the command again to resume.

    Example:  playbook instability runs/digits-depth -o digits-warmup.yaml
    """
    from playbook_cli.commands.revised import write_revision
    from playbook_cli.instability.answer import answer
    from playbook_cli.instability.policy import Instability
    from playbook_cli.instability.write import revised
    from playbook_cli.storage.store import Store

    store = Store(study_folder(study, runs))
    where = str(store.paths.dir)
    refuse_existing(output, overwrite=overwrite)
    chosen = _chosen(store, trial)
    setting = _setting(
        store, chosen, steps=steps, eval_every=eval_every, names=(learning_rate, warmup, clip), loss=loss
    )
    paths = probe_beside(store, "instability")
    policy = Instability(setting, paths)
    file = study_file(study, store, "instability")
    _check(setting, store, file)
    launching = Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait)
    session = Session(study=store.spec, file=file, runs=runs, launching=launching)
    session.begin(paths, anew=anew)
    outcome, trials = session.train(policy)
    require_finished(outcome)
    given = answer(setting, policy.reading(trials), as_given(context))
    out = _show(given, paths, json=json)
    if output is None:
        return
    if given.repair is None:
        print(f"{output} was not written: no fix was found, or none is needed", file=sys.stderr)
        return
    written = write_revision(revised(given, where=where), store, output, overwrite=overwrite)
    if not json:
        out.print(written, soft_wrap=True)


def _chosen(store: Store, number: int | None) -> TrialRecord:
    """The trial to probe. StudyError if there is none."""
    from playbook_cli.analysis import outcomes
    from playbook_cli.commands.output import tell
    from playbook_cli.errors import StudyError
    from playbook_cli.launch import preflight
    from playbook_cli.spec.load import load
    from playbook_cli.storage.lost_results import lost_results

    preflight.refuse_imported(store.spec, load(store.paths.spec, kept=True)[1])
    where, record = str(store.paths.dir), store.record()
    refuse_probe(store, hint="use a study that was run by playbook run")
    for lost in lost_results(record.trials, store.paths):
        tell(lost)
    ranked = outcomes.ranked(record.search.trials, record.metric)
    if number is not None:
        found = next((trial for trial in ranked if trial.id == number), None)
        if found is None:
            hint = f"{command('report', where)} shows the trials"
            raise StudyError("no trial with this number has completed", where=f"--trial {number}", hint=hint)
        return found
    if not ranked:
        hint = f"{command('report', where)} shows why"
        raise StudyError("no trial has completed, so there is no best learning rate", where=where, hint=hint)
    tell_unfinished(record.search)
    return ranked[0]


def _setting(
    store: Store,
    trial: TrialRecord,
    *,
    steps: int | None,
    eval_every: int,
    names: tuple[Name, Name, Name],
    loss: Name,
) -> Setting:
    """What to probe. StudyError if the trial has no such hyperparameters, or --steps is too large."""
    from playbook_cli.errors import StudyError
    from playbook_cli.instability.names import names as found
    from playbook_cli.instability.setting import STEPS, Setting
    from playbook_cli.spec.units import NAMES, step_unit

    where, most, unit = str(store.paths.dir), store.spec.max_train_steps, step_unit(store.spec)
    if unit not in (None, "updates"):
        raise StudyError(
            f"its steps are {NAMES[unit]}: instability and warmup are measured in updates",
            where=where,
            hint="let the program count updates, in max_train_steps and in its metrics; or write step_unit: updates",
        )
    if steps is not None and steps > most:
        raise StudyError(f"{steps} is more than max_train_steps", where="--steps", hint=f"use at most --steps {most}")
    return Setting(
        study=store.spec,
        trial=trial,
        names=found(trial, *names, where=where),
        steps=steps or min(STEPS, most),
        eval_every=eval_every,
        loss=loss,
    )


def _check(setting: Setting, store: Store, file: Path) -> None:
    from dataclasses import replace

    from playbook_cli.instability.runs import Point
    from playbook_cli.launch import preflight
    from playbook_cli.spec.load import load

    first = Point(learning_rate=setting.rate, warmup=None, clip=None)
    trial = replace(setting.trial, id=0, params=setting.params(first))
    preflight.look(setting.study, load(store.paths.spec, kept=True)[1], file.parent, [trial])


def _show(given: Answer, paths: StudyPaths, *, json: bool) -> Console:
    from playbook_cli.instability.answer import as_json
    from playbook_cli.report.instability import document

    return show(as_json(given), document(given), paths.report, json=json)
