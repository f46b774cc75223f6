"""Shared code of `repeat` and `repeat --until-decided`: which trials to train again, and the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from playbook_cli.acts import command, run
from playbook_cli.commands.options import refuse_probe, runs_of, study_file, wait_for_runner
from playbook_cli.commands.same_code import require_same_code
from playbook_cli.records import DECIDED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playbook_cli.commands.options import Launching
    from playbook_cli.deciding.policy import Deciding
    from playbook_cli.launch.slots import Slot
    from playbook_cli.records import StudyRecord, TrialRecord
    from playbook_cli.running.study import Outcome
    from playbook_cli.sampling.repeats import Repeats
    from playbook_cli.spec.source import Source
    from playbook_cli.storage.store import Store

TOP = 3
"""Best trials of each arm that are repeated."""


@dataclass(frozen=True, kw_only=True)
class Side:
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
class Plan:
    """Which trials of a study to repeat, how often, and where."""

    side: Side
    policy: Repeats | Deciding
    slots: list[Slot]

    @property
    def numbers(self) -> Sequence[int]:
        """The trials that are repeated."""
        return self.policy.of

    def over(self) -> bool:
        """Whether all repeats have results, and no more are wanted."""
        trials = self.side.store.record().trials
        open_trials = [t for t in trials if self.policy.concerns(t) and t.state not in DECIDED]
        return not open_trials and not self.policy.suggest(trials, 0).trials


def side_of(argument: Path, runs: Path, *, wait: bool) -> Side:
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
        raise StudyError(record.replaced, where=where, hint="a repeat needs the original settings of its trial")
    for lost in lost_results(record.trials, store.paths):
        tell(lost)
    file = study_file(argument, store, "repeat")
    missing = tallied(record.trials, record.planned)[0]["pending"]
    if missing:
        what = f"{missing} of {record.search.planned} trials have not been run, so the best ones are not known yet"
        raise StudyError(what, where=where, hint=str(run(file, runs_of(store.paths.dir))))
    if not ranked(record):
        hint = f"{command('report', where)} shows why"
        raise StudyError("no trial has completed, so there is nothing to repeat", where=where, hint=hint)
    return Side(store=store, record=record, source=source, file=file)


def ranked(record: StudyRecord) -> list[TrialRecord]:
    from playbook_cli.analysis import outcomes

    return outcomes.ranked(record.search.trials, record.metric)


def refuse_unlike(baseline: Side, side: Side, option: str) -> None:
    """StudyError if the two studies measure different things; `option` names the baseline."""
    from playbook_cli.errors import StudyError

    where = f"{option} {baseline.folder}"
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


def chosen(side: Side, top: int | None, given: Sequence[int]) -> list[int]:
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
    in_order = ranked(record)
    arms = list({outcomes.key(trial.arm): trial.arm for trial in in_order}.values())
    best = [trial.id for own in outcomes.by_arm(in_order, arms) for trial in own[:count]]
    return list(dict.fromkeys([*best, *given]))


def plan_of(side: Side, policy: Repeats | Deciding, launching: Launching) -> Plan:
    """What to train of a study. SpecError if it can't be trained here."""
    from playbook_cli.launch import preflight
    from playbook_cli.launch.places import slots_of

    plan = Plan(side=side, policy=policy, slots=slots_of(side.store.spec, launching.jobs, launching.gpus))
    if not plan.over():
        again = [trial for trial in side.record.trials if trial.id in policy.of]
        preflight.look(side.store.spec, side.source, side.file.parent, again)
    return plan


def refuse_too_many(repeats: int, what: str, option: str) -> None:
    """StudyError if so many repeats exceed the limit of a study; `what` says them in words."""
    from playbook_cli.errors import StudyError
    from playbook_cli.spec.check import MAX_TRIALS

    if repeats > MAX_TRIALS:
        limit = f"{what} exceed the limit of {MAX_TRIALS:,} trials per study"
        raise StudyError(limit, where=option, hint="5 seeds per trial are usually enough")


def require_code(plan: Plan, *, changed: bool) -> None:
    """StudyError if a repeat would measure the change of the program instead of seed noise."""
    if not plan.over():
        require_same_code(
            plan.side.store.spec,
            plan.side.store.paths,
            plan.side.file.parent,
            changed=changed,
            than=lambda trial: trial.id in plan.numbers or plan.policy.concerns(trial),
        )


def tell_of_checkpoints(plan: Plan) -> None:
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


def train(plan: Plan, *, wait: bool) -> Outcome | None:
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


def require_results(plan: Plan, outcome: Outcome | None) -> None:
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
