"""`playbook repeat`: the best trials again, with new training seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.acts import command, run
from playbook_cli.commands.options import (
    RUNS,
    Gpus,
    Jobs,
    Json,
    Runs,
    StudyFolder,
    Wait,
    refuse_probe,
    runs_of,
    study_file,
    wait_for_runner,
)
from playbook_cli.commands.same_code import CodeChanged, require_same_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.launch.slots import Slot
    from playbook_cli.records import StudyRecord, TrialRecord
    from playbook_cli.running.study import Outcome
    from playbook_cli.sampling.repeats import Repeats
    from playbook_cli.spec.source import Source
    from playbook_cli.storage.store import Store

TOP, SEEDS = 3, 5


def repeat(
    study: StudyFolder,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Number of best trials per arm.", show_default=str(TOP))
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Repeats per trial, each with a new training seed.")
    ] = SEEDS,
    trial: Annotated[
        list[int] | None,
        typer.Option(
            "--trial", metavar="ID", help="Trial to repeat instead of the best ones, or with --top in addition."
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="RUNS/NAME", help="Study whose best trial is repeated, too.")
    ] = None,
    jobs: Jobs = None,
    gpus: Gpus = None,
    code_changed: CodeChanged = False,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Train the best trials again with new training seeds, and estimate the selection bias of their results.

    The repeats are added to the study's folder. --seeds is the total number of repeats per trial, so running the same
    command again only trains what is missing. The k-th repeat has the same training seed in every study.

    Example:  playbook repeat runs/digits-depth --top 1 --seeds 5 --baseline runs/digits
    """
    ours = _side(study, runs, wait=wait)
    theirs = None if baseline is None else _side(baseline, runs, wait=wait)
    if theirs is not None:
        _refuse_unlike(theirs, ours)
    asked = [(ours, _chosen(ours, top, trial or []))]
    if theirs is not None:
        asked.append((theirs, [_ranked(theirs.record)[0].id]))
    plans = [_plan(side, numbers, seeds, jobs, gpus) for side, numbers in asked]
    for plan in plans:
        _require_same_code(plan, changed=code_changed)
        _tell_of_checkpoints(plan)
    outcomes = []
    for plan in plans:
        outcomes.append(_train(plan, wait=wait))
        if outcomes[-1] is not None and (outcomes[-1].interrupted or outcomes[-1].hopeless):
            break
    _answer(plans, interrupted=outcomes[-1] is not None and outcomes[-1].interrupted, json=json)
    for plan, outcome in zip(plans, outcomes, strict=False):
        _judge(plan, outcome)


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A study whose search has finished."""

    store: Store
    record: StudyRecord
    source: Source
    file: Path
    """Its study file; the program's paths are relative to that file's folder."""

    @property
    def folder(self) -> Path:
        return self.store.paths.dir


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which trials of a study to repeat, how often, and where."""

    side: _Side
    policy: Repeats
    slots: list[Slot]

    @property
    def numbers(self) -> Sequence[int]:
        """The trials that are repeated."""
        return self.policy.of

    def over(self) -> bool:
        """Whether all repeats have results."""
        trials = self.side.store.history().trials
        open_trials = [t for t in trials if self.policy.concerns(t) and t.state not in ("completed", "infeasible")]
        return not open_trials and not self.policy.suggest(trials, 0).trials


def _side(argument: Path, runs: Path, *, wait: bool) -> _Side:
    """A study whose trials can be repeated. A PlaybookError says why they can't."""
    from playbook_cli.commands.output import tell
    from playbook_cli.commands.study_file import opened
    from playbook_cli.commands.summary import tallied
    from playbook_cli.errors import StudyError
    from playbook_cli.launch import preflight
    from playbook_cli.spec.load import load
    from playbook_cli.storage.lost_results import lost_results

    store = opened(argument, runs)
    source = load(store.paths.spec, kept=True)[1]
    preflight.refuse_imported(store.spec, source)
    where = str(store.paths.dir)
    if wait:
        wait_for_runner(store.paths)
    record, runner = store.record(), store.runner()
    refuse_probe(store, hint="use a study that was run by playbook run")
    if runner is not None:
        hint = f"follow it with {command('watch', where)}, or add --wait to start when it ends"
        raise StudyError(f"the study is still running: {runner}", where=where, hint=hint)
    if record.replaced:
        raise StudyError(record.replaced, where=where, hint="a repeat needs the settings of its trial")
    for lost in lost_results(record.trials, store.paths):
        tell(lost)
    file = study_file(argument, store, "repeat")
    missing = tallied(record.trials, record.planned)[0]["pending"]
    if missing:
        what = f"{missing} of {record.search.planned} trials have not been run, so the best ones are not known yet"
        raise StudyError(what, where=where, hint=str(run(file, runs_of(store.paths.dir))))
    if not _ranked(record):
        hint = f"{command('report', where)} shows why"
        raise StudyError("no trial has completed, so there is nothing to repeat", where=where, hint=hint)
    return _Side(store=store, record=record, source=source, file=file)


def _ranked(record: StudyRecord) -> list[TrialRecord]:
    from playbook_cli.analysis import outcomes

    return outcomes.ranked(record.search.trials, record.metric)


def _refuse_unlike(baseline: _Side, side: _Side) -> None:
    """StudyError if the two studies measure different things."""
    from playbook_cli.errors import StudyError

    where = f"--baseline {baseline.folder}"
    ours, theirs = side.record, baseline.record
    if side.folder.resolve() == baseline.folder.resolve():
        raise StudyError("the baseline is the study itself", where=where, hint="give another study")
    if ours.metric != theirs.metric:
        what = f"it {theirs.metric.goal}s {theirs.metric.name}, but {ours.name} {ours.metric.goal}s {ours.metric.name}"
        raise StudyError(what, where=where, hint="only studies with the same metric can be compared")
    if ours.max_train_steps != theirs.max_train_steps:
        what = (
            f"its trials train for {theirs.max_train_steps} steps, but those of {ours.name} for {ours.max_train_steps}"
        )
        raise StudyError(what, where=where, hint="only trainings of the same length can be compared")


def _chosen(side: _Side, top: int | None, given: Sequence[int]) -> list[int]:
    """The best `top` trials of each arm, and those given by id. StudyError for one that can't be repeated."""
    from playbook_cli.analysis import outcomes
    from playbook_cli.errors import StudyError

    record = side.record
    known = {trial.id: trial for trial in record.trials}
    for number in given:
        where, hint = f"--trial {number}", f"{command('report', side.folder)} shows the trials"
        if number not in known:
            raise StudyError(f"{side.folder} has no such trial", where=where, hint=hint)
        original = known[number].repeat_of
        if original is not None:
            raise StudyError(
                f"this is a repeat of trial {original}", where=where, hint=f"repeat the original: --trial {original}"
            )
        if known[number].state == "failed":
            hint = str(run(side.file, runs_of(side.folder)))
            raise StudyError(f"this trial failed: {known[number].reason}", where=where, hint=hint)
    count = top or (0 if given else TOP)
    ranked = _ranked(record)
    arms = list({outcomes.key(trial.arm): trial.arm for trial in ranked}.values())
    best = [trial.id for own in outcomes.by_arm(ranked, arms) for trial in own[:count]]
    return list(dict.fromkeys([*best, *given]))


def _plan(side: _Side, numbers: Sequence[int], seeds: int, jobs: int | None, gpus: str | None) -> _Plan:
    """What to train of a study. SpecError or StudyError if it can't be trained here."""
    from playbook_cli.errors import StudyError
    from playbook_cli.launch import preflight
    from playbook_cli.launch.places import slots_of
    from playbook_cli.sampling.repeats import Repeats
    from playbook_cli.spec.check import MAX_TRIALS

    if len(numbers) * seeds > MAX_TRIALS:
        what = f"{len(numbers)} trials with {seeds:,} seeds each exceed the limit of {MAX_TRIALS:,} trials per study"
        raise StudyError(what, where=f"--seeds {seeds}", hint="5 seeds per trial are usually enough")
    plan = _Plan(side=side, policy=Repeats(numbers, seeds), slots=slots_of(side.store.spec, jobs, gpus))
    if not plan.over():
        again = [trial for trial in side.record.trials if trial.id in numbers]
        preflight.look(side.store.spec, side.source, side.file.parent, again)
    return plan


def _require_same_code(plan: _Plan, *, changed: bool) -> None:
    """StudyError if a repeat would measure the change of the program instead of seed noise."""
    if not plan.over():
        require_same_code(
            plan.side.store.spec,
            plan.side.store.paths,
            plan.side.file.parent,
            changed=changed,
            than=lambda trial: trial.id in plan.numbers or plan.policy.concerns(trial),
        )


def _tell_of_checkpoints(plan: _Plan) -> None:
    """Print a note if a repeat trains longer than its trial, which continued from another one's checkpoint."""
    from playbook_cli.commands.output import tell
    from playbook_cli.sampling.continued import checkpoint_of

    spec, trials = plan.side.store.spec, plan.side.record.trials
    continued = [str(number) for number in plan.numbers if checkpoint_of(number, trials, spec.points or ())]
    if continued:
        tell(
            f"in {plan.side.folder}, trial {', '.join(continued)} continued from a checkpoint; repeats start from "
            f"scratch, so they train all {spec.max_train_steps} steps, and the start of training varies, too"
        )


def _train(plan: _Plan, *, wait: bool) -> Outcome | None:
    """Train what is missing; None if nothing is, and then nothing is written."""
    from playbook_cli.commands.output import tell
    from playbook_cli.commands.run import run_trials
    from playbook_cli.files.containment import refuse_ways_out
    from playbook_cli.launch.places import end_orphans
    from playbook_cli.storage.lock import locked

    if plan.over():
        return None
    spec, paths = plan.side.store.spec, plan.side.store.paths
    refuse_ways_out(paths)
    with locked(paths, wait=wait, tell=tell) as lock:
        end_orphans(spec, paths)
        return run_trials(spec, plan.side.file, paths, plan.slots, lock, plan.policy)


def _judge(plan: _Plan, outcome: Outcome | None) -> None:
    """WorkError if no repeat works; exit code 130 if it was interrupted."""
    from playbook_cli.errors import WorkError

    if outcome is None:
        return
    if outcome.hopeless:
        raise WorkError(outcome.hopeless, hint="fix it, then run the same command again")
    if outcome.interrupted:
        raise typer.Exit(130)
    mine = [trial for trial in outcome.trials if plan.policy.concerns(trial)]
    if all(trial.state == "failed" for trial in mine):
        what = f"every repeat failed; trial {mine[0].id}: {(mine[0].reason or '').removeprefix('it ')}"
        raise WorkError(what, where=str(plan.side.folder), hint="fix it, then run the same command again")


def _answer(plans: Sequence[_Plan], *, interrupted: bool, json: bool) -> None:
    from playbook_cli.commands.output import advise, console, print_json

    ours, *others = [plan.side.store.record() for plan in plans]
    if json:
        print_json(_as_json(ours) | {"baseline": _as_json(others[0]) if others else None})
        return
    from playbook_cli.report.repeats import repeats, sentences
    from playbook_cli.report.section import Section
    from playbook_cli.report.sections.luck import repeat_parts
    from playbook_cli.report.terminal import Printer

    out = console()
    for record in (ours, *others):
        found = repeats(record)
        if not found:
            continue
        heading = f"{record.name}: {record.metric.name} of the repeats"
        section = Section(name="repeats", heading=heading, parts=repeat_parts(found, sentences(record)))
        Printer(out).sections([section])
    if interrupted:
        out.print("interrupted; run the same command again to resume")
        return
    folder, *baseline = [str(plan.side.folder) for plan in plans]
    if baseline:
        advise(out, f"compare with the baseline: {command('compare', *baseline, folder)}")
    else:
        advise(out, f"analyse it: {command('report', folder)}")
    advise(out, f"adopt it: {command('adopt', folder, over=[*baseline])}")


def _as_json(record: StudyRecord) -> dict[str, Any]:
    from playbook_cli.report.repeats import as_json, repeats

    return {"study": record.name, "repeats": [as_json(one) for one in repeats(record)]}
