"""`playbook lr-sweep`: the initial max_train_steps, or an honest "unknown"."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.growing import Session, as_given, require_finished, resumable, set_aside, show
from playbook_cli.commands.options import (
    RUNS,
    Gpus,
    Jobs,
    Json,
    Launching,
    Overwrite,
    Runs,
    StudyFile,
    Wait,
    refuse_existing,
)
from playbook_cli.commands.same_code import CodeChanged

if TYPE_CHECKING:
    from playbook_cli.acts import Command
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.warm import Warm
    from playbook_cli.spec.model import LrSweepSpec, StudySpec
    from playbook_cli.spec.source import Source
    from playbook_cli.sweep.answer import Answer
    from playbook_cli.sweep.policy import Sweeping, SweepResult
    from playbook_cli.sweep.setting import Setting

Pairs = list[str] | None


@resumable
def lr_sweep(
    context: typer.Context,
    study: StudyFile,
    parameter: Annotated[
        str | None, typer.Option("--parameter", metavar="NAME", help="Name of the learning-rate hyperparameter.")
    ] = None,
    low: Annotated[float | None, typer.Option("--min", help="Lower end of the grid.")] = None,
    high: Annotated[float | None, typer.Option("--max", help="Upper end of the grid.")] = None,
    points: Annotated[
        int | None, typer.Option("--points", min=2, help="Number of learning rates, ends included.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps per trial; with --find, the most to try.")
    ] = None,
    find: Annotated[
        bool, typer.Option("--find", help="Find --steps first: double it until a learning rate fits.")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="METRIC=VALUE", help="Value at which the training set counts as fitted."),
    ] = None,
    eval_every: Annotated[int | None, typer.Option("--eval-every", min=1, help="Steps between evaluations.")] = None,
    off: Annotated[
        Pairs,
        typer.Option(
            "--off", metavar="NAME=VALUE", help="Turn off regularization, augmentation or decay with this value."
        ),
    ] = None,
    at: Annotated[
        Pairs, typer.Option("--at", metavar="NAME=VALUE", help="Value of a hyperparameter in the sweep.")
    ] = None,
    harmless: Annotated[
        Pairs,
        typer.Option("--harmless", metavar="NAME", help="Hyperparameter that looks like regularization but isn't."),
    ] = None,
    extend: Annotated[
        bool, typer.Option("--extend/--no-extend", help="Extend the grid if the best learning rate is at its edge.")
    ] = True,
    race: Annotated[
        bool, typer.Option("--race/--no-race", help="Stop trials that can't win; the answer stays the same.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the study with this max_train_steps and a matching eval_every to FILE; "
            "-o STUDY.YAML --overwrite edits the study file.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    write: Annotated[bool, typer.Option("--write", hidden=True)] = False,  # the earlier name of -o STUDY.YAML
    anew: Annotated[
        bool, typer.Option("--anew", help="Start over; the earlier sweep is kept under another name.")
    ] = False,
    code_changed: CodeChanged = False,
    jobs: Jobs = None,
    gpus: Gpus = None,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Find an initial max_train_steps by sweeping learning rates.

    It is the number of steps that the fastest learning rate needs to fit the training set, without augmentation and
    regularization, provided that the learning rates on both sides of it are slower. If the sweep can't show that, the
    answer is "unknown". Options override the study file's lr_sweep section. The trials are a study of their own, in
    runs/NAME-lr-sweep.

    Example:  playbook lr-sweep configs/digits.yaml
    """
    from playbook_cli.spec.load import load
    from playbook_cli.sweep.options import merged

    given, source = load(study)
    output = study if write and output is None else output
    refuse_existing(output, overwrite=overwrite)
    flags = {
        "parameter": parameter,
        "min": low,
        "max": high,
        "points": points,
        "steps": steps,
        "find": find or None,
        "target": target,
        "eval_every": eval_every,
        "off": off,
        "at": at,
        "harmless": harmless,
    }
    sweep = merged(given, source, {name: value for name, value in flags.items() if value is not None})
    launching = Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait)
    session = Session(study=given, file=study, runs=runs, launching=launching)
    answer = swept(session, sweep, source, as_given(context), extend=extend, racing=race, anew=anew)
    _show(answer, session.paths("lr-sweep"), json=json)
    if output is not None:
        _write(answer, output, study, given, source, overwrite=overwrite)


def swept(
    session: Session,
    sweep: LrSweepSpec,
    source: Source,
    command: Command,
    *,
    extend: bool = True,
    racing: bool = True,
    anew: bool = False,
) -> Answer:
    """Sweep the learning rate of the session's study, or finish an interrupted sweep; `command` is what asks for it."""
    from playbook_cli.commands.output import tell
    from playbook_cli.launch.isolation import warmed
    from playbook_cli.launch.places import slots_of
    from playbook_cli.sweep.setting import settle

    given, folder, paths = session.study, session.file.parent, session.paths("lr-sweep")
    setting = settle(given, sweep, source.where(("lr_sweep",)))
    with warmed(given, folder, paths, slots_of(given, session.launching.jobs, session.launching.gpus), tell) as warm:
        _check(setting, source, folder, paths, warm)
        session.begin(paths, session.paths("lr-find"), anew=anew)
        return _answer(setting, session, warm, command, extend=extend, racing=racing)


def _check(setting: Setting, source: Source, folder: Path, paths: StudyPaths, warm: Warm) -> None:
    """SpecError if the trials can't even start; nothing has been written by then."""
    from playbook_cli.launch import preflight
    from playbook_cli.sweep.policy import Sweep
    from playbook_cli.sweep.script import refuse_hidden

    steps = setting.sweep.steps or setting.study.max_train_steps
    first = Sweep(setting, paths, steps, extend=False, racing=False).suggest([], 0)
    assert first.spec is not None
    preflight.look(first.spec, source, folder, first.trials[:1])
    refuse_hidden(setting, first.spec, first.trials[0], folder)
    if not paths.journal.exists() and not warm.wait():
        preflight.import_function(first.spec, source, folder)


def _answer(setting: Setting, session: Session, warm: Warm, command: Command, *, extend: bool, racing: bool) -> Answer:
    """Search for the number of steps if the user asked for it, sweep, and judge."""
    from playbook_cli.sweep.answer import answer, described
    from playbook_cli.sweep.find import Find
    from playbook_cli.sweep.judge import judge
    from playbook_cli.sweep.policy import Sweep

    for line in described(setting):
        print(line, file=sys.stderr)
    steps, found = setting.sweep.steps or setting.study.max_train_steps, None
    if setting.sweep.find:
        search = Find(setting, session.paths("lr-find"))
        doubling = search.rounds
        print(f"finding the number of steps: from {doubling.start}, doubling up to {doubling.limit}", file=sys.stderr)
        found = _of_policy(search, session, warm)
        if found.steps is None:
            return answer(setting, found, judge(found.points), command, found=found)
        steps = found.steps
    low, high = setting.sweep.min, setting.sweep.max
    print(
        f"{setting.sweep.points} values of {setting.sweep.parameter} from {low:g} to {high:g}, {steps} steps each, "
        f"evaluated every {setting.interval(steps)} steps, until {setting.target}",
        file=sys.stderr,
    )
    sweep = Sweep(setting, session.paths("lr-sweep"), steps, extend=extend, racing=racing)
    swept = _of_policy(sweep, session, warm)
    return answer(setting, swept, judge(swept.points), command, found=found)


def _of_policy(policy: Sweeping, session: Session, warm: Warm) -> SweepResult:
    from playbook_cli.running.probing import superseded

    if superseded(policy):
        set_aside(policy.paths)
    outcome, trials = session.train(policy, warm=warm)
    swept = policy.swept(trials)
    require_finished(outcome)
    return swept


def _show(answer: Answer, paths: StudyPaths, *, json: bool) -> None:
    from playbook_cli.report.lr_sweep import document
    from playbook_cli.sweep.answer import as_json

    show(as_json(answer), document(answer), paths.report, json=json)


def _write(answer: Answer, output: Path, file: Path, spec: StudySpec, source: Source, *, overwrite: bool) -> None:
    import time

    from playbook_cli.commands.revised import put
    from playbook_cli.files import regular
    from playbook_cli.sweep.write import with_steps

    steps, best = answer.max_train_steps, answer.judgement.fastest
    if steps is None or best is None:
        print(f"{output} was not written: there is no max_train_steps to write", file=sys.stderr)
        return
    comment = (
        f"playbook lr-sweep, {time.strftime('%Y-%m-%d')}: {answer.target} first reached at {answer.parameter} "
        f"{best.learning_rate:.4g}; was {spec.max_train_steps}"
    )
    text, written = with_steps(regular.content(file), spec, source, steps, comment)
    put(output, text, overwrite=overwrite)
    said = ", ".join(f"{key} is now {value}" for key, value in written.items())
    print(f"{output}: {said}", file=sys.stderr)
