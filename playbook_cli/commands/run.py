"""`playbook run`: run a study, or resume it."""

from __future__ import annotations

import signal
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from playbook_cli.commands.options import (
    RUNS,
    Gpus,
    Jobs,
    Json,
    Launching,
    Runs,
    StudyFile,
    Wait,
    given_again,
    wait_for_runner,
)
from playbook_cli.commands.output import tell
from playbook_cli.commands.same_code import CodeChanged, require_same_code
from playbook_cli.spec.launchers import CLUSTERS, LauncherName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.commands.continuing import Beginning
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.slots import Slot
    from playbook_cli.launch.warm import Warm
    from playbook_cli.records import TrialRecord
    from playbook_cli.running.study import Outcome, View
    from playbook_cli.running.tracking import Tracking
    from playbook_cli.sampling.policy import Policy
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source

Tool = Literal["mlflow", "wandb", "tensorboard"]


def run(
    study: StudyFile,
    jobs: Jobs = None,
    gpus: Gpus = None,
    launcher: Annotated[
        LauncherName | None,
        typer.Option("--launcher", help="Where trials run; overrides the study file."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Submit all trials and exit; only for launcher: slurm.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Start over; earlier results are kept under another name.")
    ] = False,
    code_changed: CodeChanged = False,
    log_to: Annotated[
        Tool | None,
        typer.Option("--log-to", help="Also log all evaluations to this tool during training."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan, as playbook plan does.")] = False,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Run a study, or resume it.

    It is safe to run it again at any time: existing results are kept, interrupted trials resume from their last
    checkpoint, and failed trials are retried. Ctrl-C stops all trials.

    Example:  playbook run configs/digits.yaml
    Example:  playbook run configs/digits.yaml --log-to mlflow
    """
    if dry_run:
        from playbook_cli.commands import plan

        plan.show(study, json=json, runs=runs)
        return
    from playbook_cli.commands.study_file import read
    from playbook_cli.errors import StudyError, WorkError
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.running.tracking import require_tool
    from playbook_cli.spec.load import resolve

    require_tool(log_to)
    given, source = read(study)
    spec = resolve(given)
    if launcher is not None:
        spec = spec.model_copy(update={"launcher": launcher})
    cluster = CLUSTERS.get(spec.launcher)
    if detach and (spec.adaptive or cluster is None or not cluster.detached):
        learns = "a Bayesian search chooses each point from earlier results, so its runner must keep running"
        ends = f"trials with launcher: {spec.launcher} end when their runner ends"
        raise StudyError(learns if spec.adaptive else ends, hint="run it without --detach")
    if detach and spec.early_stopping is not None:
        raise StudyError("early_stopping needs the runner, which --detach ends", hint="drop one of the two")
    if detach and log_to:
        raise StudyError("--log-to needs the runner, which --detach ends", hint="drop one of the two")
    _point_to_plan(given, spec, study, runs, again=anew)
    launching = Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait)
    outcome = trained(spec, source, study, runs, launching, detach=detach, anew=anew, log_to=log_to)
    _answer(spec, StudyPaths(runs / spec.name), outcome, json=json)
    if outcome.hopeless:
        raise WorkError(outcome.hopeless, hint=f"fix it, then run the same command again: {given_again()}")
    if outcome.interrupted:
        raise typer.Exit(130)


def _point_to_plan(given: StudySpec, spec: StudySpec, file: Path, runs: Path, *, again: bool) -> None:
    """Point to plan's warnings about the design, as long as no trial was planned or when starting over."""
    from playbook_cli.acts import run
    from playbook_cli.commands.plan import is_first
    from playbook_cli.errors import SpecError
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.reaching import lost
    from playbook_cli.spec.design import objections
    from playbook_cli.trying.trial import middle

    if again or not StudyPaths(runs / spec.name).journal.exists():
        found = objections(spec, first=is_first(spec, runs))
        if found:
            tell(f"the design has warnings ({', '.join(found)}): {run(file, runs, 'plan')}")
        if spec.command is None:
            return
        with suppress(SpecError):  # what can't be run at all is refused in a moment, with its place
            for each in lost(given, middle(spec), file.parent):
                if each.fatal:
                    tell(f"{each.problem.what}\n  -> {each.problem.hint}")


def _point_to_page(paths: StudyPaths) -> None:
    from playbook_cli.acts import command
    from playbook_cli.commands.output import advise, console

    advise(console(stderr=True), f"watch it: {command('watch', paths.dir, web=True)}")


def trained(
    spec: StudySpec,
    source: Source,
    file: Path,
    runs: Path,
    launching: Launching,
    *,
    detach: bool = False,
    anew: bool = False,
    log_to: Tool | None = None,
) -> Outcome:
    """Run a resolved study in its folder, with a live view; how it ended."""
    from playbook_cli.commands import earlier
    from playbook_cli.commands.continuing import beginning, sentence
    from playbook_cli.files.containment import refuse_ways_out
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch import preflight
    from playbook_cli.launch.isolation import warmed
    from playbook_cli.launch.places import end_orphans, slots_of
    from playbook_cli.records import DECIDED, searched
    from playbook_cli.running.tracking import tracked
    from playbook_cli.storage.lock import locked
    from playbook_cli.storage.store import read_history

    preflight.refuse_imported(spec, source)
    slots = slots_of(spec, launching.jobs, launching.gpus)
    paths = StudyPaths(runs / spec.name)
    refuse_ways_out(paths)
    if launching.wait:
        wait_for_runner(paths)
    outdated = anew or earlier.is_outdated(spec, source, paths)
    recorded = () if outdated else read_history(paths).trials
    first = beginning(spec, None if outdated else paths) if spec.adaptive else None
    if first is not None and not first.begun:
        for told in (sentence(spec, first.followed), *(f"{w.what}; {w.hint}" for w in first.warnings)):
            tell(told)
    with warmed(spec, file.parent, paths, slots, tell) as warm:
        finished = [trial for trial in recorded if trial.state in DECIDED]
        if goes_on := len(finished) < max(spec.trials or 0, len(recorded)):
            warm.begin()  # it gets ready while the rest is checked
            if not outdated:
                again = any(trial.repeat_of is not None and trial not in finished for trial in recorded)
                require_same_code(
                    spec,
                    paths,
                    file.parent,
                    changed=launching.changed,
                    than=lambda trial: again or trial.repeat_of is None,
                    warm=warm,
                )
        known = searched(recorded)
        policy, missing = _search(spec, known, first, paths)
        preflight.look(spec, source, file.parent, [*known, *missing])
        if (outdated or not paths.journal.exists()) and not warm.wait():
            preflight.import_function(spec, source, file.parent)
        if outdated:
            earlier.set_aside(paths, asked=anew, tell=tell)
        paths.dir.mkdir(parents=True, exist_ok=True)
        with locked(paths, wait=launching.wait, tell=tell) as lock:
            earlier.keep(spec, paths)
            end_orphans(spec, paths)
            if goes_on and not detach:
                _point_to_page(paths)
            with tracked(log_to, paths, tell) as tracking:
                return run_trials(spec, file, paths, slots, lock, policy, warm, detach=detach, tracking=tracking)


def _search(
    spec: StudySpec, known: Sequence[TrialRecord], first: Beginning | None, paths: StudyPaths
) -> tuple[Policy, Sequence[TrialRecord]]:
    """What chooses the trials, and the missing ones, with which the program can be checked before any runs."""
    from playbook_cli.sampling import make
    from playbook_cli.sampling.search import Search

    if first is not None:
        sampler = make(spec.sampler, spec.seed, metric=spec.objective, first=first.followed.trials)
        follows = None if first.begun else first.followed.noted()
        return Search(spec, sampler, follows), make("halton", spec.seed).suggest(spec.space(), (), 1)  # as good as any
    sampler = make(spec.sampler, spec.seed, spec.points)
    if spec.early_stopping is None:
        search = Search(spec, sampler)
    else:
        from playbook_cli.racing.policy import Racing

        search = Racing(spec, sampler, paths)
    return search, search.suggest(known, 0).trials


def run_trials(
    spec: StudySpec,
    file: Path,
    paths: StudyPaths,
    slots: list[Slot],
    lock: Any,
    policy: Policy,
    warm: Warm | None = None,
    *,
    detach: bool = False,
    tracking: Tracking | None = None,
    view: View | None = None,
) -> Outcome:
    """Run what a policy asks for in a study whose lock is held, with a live view; the user can stop it.

    `warm` is the process that trials are forked from, if the caller has already started it. `view` shows what
    happens, by default on stderr.
    """
    from playbook_cli.commands.output import console
    from playbook_cli.launch.isolation import warmed
    from playbook_cli.launch.places import launcher
    from playbook_cli.running.progress import watcher
    from playbook_cli.running.provenance import origin
    from playbook_cli.running.study import Stop, Study
    from playbook_cli.running.tracking import Announced
    from playbook_cli.storage import identity
    from playbook_cli.storage.program_versions import versions

    metric = spec.objective
    view = view or watcher(console(stderr=True), paths, metric, spec.max_train_steps)
    stop = Stop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, stop.ask) for number in signals]
    try:
        with nullcontext(warm) if warm else warmed(spec, file.parent, paths, slots, tell) as ready:
            study = Study(
                spec=spec,
                paths=paths,
                folder=file.parent.absolute(),
                policy=policy,
                launcher=launcher(spec, paths, file.parent, slots, ready),
                watcher=Announced(view, tracking) if tracking else view,
                lock=lock,
                stop=stop,
                origin=origin(file) | {"settings": identity.of_study(spec)},
                detach=detach,
            )
            outcome = study.run()
    finally:
        view.close()
        for number, handler in zip(signals, before, strict=True):
            # it is already ending; a further signal is ignored
            signal.signal(number, signal.SIG_IGN if stop.asked else handler)
    for said in versions(outcome.trials, study.programs).sentences():
        tell(said)
    return outcome


def _answer(spec: StudySpec, paths: StudyPaths, outcome: Outcome, *, json: bool) -> None:
    from playbook_cli.acts import command
    from playbook_cli.commands.output import advise, console, print_json
    from playbook_cli.commands.summary import as_json, sentences
    from playbook_cli.storage.lost_results import lost_results
    from playbook_cli.storage.store import planned

    metric = spec.objective
    for lost in lost_results(outcome.trials, paths):
        tell(lost)
    if json:
        print_json(as_json(spec.name, metric, outcome.trials, planned(spec, outcome.trials)))
        return
    out = console()
    for line in sentences(spec.name, metric, outcome.trials, planned(spec, outcome.trials)):
        out.print(line)
    if outcome.left:
        out.print(f"{outcome.left} trials keep running on the cluster; run this command again to wait for them")
    elif outcome.interrupted:
        out.print("interrupted; run the same command again to resume")
    elif not outcome.hopeless:
        advise(out, f"analyse it: {command('report', paths.dir)}")
