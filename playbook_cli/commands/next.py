"""`playbook next`: the study to run after this one."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder, refuse_probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.acts import Next
    from playbook_cli.advice.revision import Revision
    from playbook_cli.advice.rounds import Plan
    from playbook_cli.records import Finding, StudyRecord
    from playbook_cli.storage.store import Store


def next_(
    study: StudyFolder,
    widen: Annotated[
        list[str] | None, typer.Option("--widen", metavar="NAME", help="Widen a range past its edge.")
    ] = None,
    narrow: Annotated[bool, typer.Option("--narrow", help="Narrow the ranges around the best trials.")] = False,
    regularize: Annotated[bool, typer.Option("--regularize", help="Tune regularization, too.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix what did not matter at the best trial's values; search the rest.")
    ] = False,
    max_train_steps: Annotated[int | None, typer.Option("--max-train-steps", min=1, help="Train so long.")] = None,
    eval_every: Annotated[int | None, typer.Option("--eval-every", min=1, help="Evaluate so often.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Run so many trials.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Search again at other points, on this search seed.")
    ] = None,
    exploit: Annotated[
        bool, typer.Option("--exploit", help="Write the Bayesian search that ends a project, on a narrower space.")
    ] = False,
    number: Annotated[
        int | None, typer.Option("--round", min=2, help="Write this round: the best points, trained for longer.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Best points of the round: 5; with --rounds the trials / growth.")
    ] = None,
    add: Annotated[
        int | None, typer.Option("--add", min=1, max=999, help="New points of the round, besides the best ones.")
    ] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", min=2, help="Plan so many rounds in all.")] = None,
    growth: Annotated[float | None, typer.Option("--growth", help="Each round is so many times longer: 3.")] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="NAME", help="What names the learning-rate schedule.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write; - is stdout.")
    ] = None,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Write the next study as YAML, with each change and its reason as a comment.

    Without options it makes every change that the report's findings ask for, or goes on with the rounds that were
    planned. Where nothing but the number of trials changes, the study itself goes on: the file adds them to its folder.
    --round 2 makes the long round of compute-bound work out of the best points of the short one, at the learning rates
    that `playbook horizon` predicts where it has; --add takes new points along. With --json a file is
    written only where --output names one.

    --fix moves nuisance hyperparameters that did not matter to fixed:, at the best trial's values: those of which the
    study would have shown an effect. The learning rate always stays.

    --exploit writes the Bayesian search for the end: it continues this study in a space narrowed around the good
    region, and says what to explore first where a range has to be wider.

    Example:  playbook next runs/digits-depth --widen learning_rate
    """
    from playbook_cli.acts import Next
    from playbook_cli.advice import advise
    from playbook_cli.commands import revised
    from playbook_cli.commands.study_file import opened
    from playbook_cli.errors import StudyError
    from playbook_cli.horizon.known import horizon
    from playbook_cli.spec.load import load
    from playbook_cli.storage.divergence import refuse_unlearned

    store = opened(study, runs)
    load(store.paths.spec)  # what can't be run has no next study either
    record = replace(store.record().search, horizon=horizon(store))
    _warn_of_missing(record, store)
    explicit = (widen, narrow, regularize, fix, max_train_steps, eval_every, trials, seed)
    if exploit or number is not None or not any(option for option in explicit):
        refuse_unlearned(record, str(store.paths.dir))
    findings = advise(record)
    request = Next(
        widen=tuple(widen or ()),
        narrow=narrow,
        regularize=regularize,
        fix=fix,
        max_train_steps=max_train_steps,
        eval_every=eval_every,
        trials=trials,
        seed=seed,
    )
    if exploit:
        options = (number, top, add, rounds, growth, schedule, widen, max_train_steps, eval_every, seed)
        if regularize or fix or any(option is not None for option in options):
            raise StudyError("--exploit decides all but --trials and --output", hint="leave the other options out")
        path = revised.place(store, f"{record.name}-exploit", output, json=json)
        revision = _exploiting(store, record, path, trials)
        (revised.answer if json else revised.show)(revision, store, path)
        return
    planned = _planned(
        store, record, request, number=number, top=top, add=add, of=rounds, growth=growth, schedule=schedule
    )
    if planned is None:
        revision = _revised(store, record, findings, request)
        path = revised.place(store, _file_name(revision), output, json=json)
    else:
        name = _round_of(record.name, planned.rounds[0].number)
        path = revised.place(store, name, output, json=json)
        revision = _round(
            store, record, findings, planned, name, path, schedule=schedule, eval_every=eval_every, add=add or 0
        )
    if store.spec.imported is not None:
        _take_over(revision, len(record.arms))
    if json:
        revised.answer(revision, store, path)
    else:
        revised.show(revision, store, path)


def _warn_of_missing(record: StudyRecord, store: Store) -> None:
    from playbook_cli.commands.output import console
    from playbook_cli.storage.lost_results import gone
    from playbook_cli.storage.program_versions import caveats

    for caveat in [*gone(record.trials, store.paths), *caveats(record)]:
        console(stderr=True).print(f"playbook: {caveat}", soft_wrap=True)
    ended = sum(trial.state in ("completed", "infeasible", "failed") for trial in record.trials)
    if 0 < ended < record.planned:
        console(stderr=True).print(
            f"playbook: {record.planned - ended} of {record.planned} trials have not ended yet: findings may change"
        )


def _planned(
    store: Store,
    record: StudyRecord,
    request: Next,
    *,
    number: int | None,
    top: int | None,
    add: int | None,
    of: int | None,
    growth: float | None,
    schedule: str | None,
) -> Plan | None:
    """The rounds that are asked for, or were planned when the study was written; None for a study of the same kind."""
    from playbook_cli.acts import Next
    from playbook_cli.advice.rounds import plan
    from playbook_cli.errors import StudyError

    standing = store.spec.round
    current = standing.number if standing else 1
    asked = [name for name, value in _options(top, add, growth, schedule).items() if value]
    goes_on = standing is not None and standing.of is not None and current < standing.of
    if number is None and of is None and not (goes_on and (asked or request == Next())):
        if asked:
            raise StudyError(f"{asked[0]} is of a round", hint=f"add --round {current + 1}, or --rounds N")
        return None
    where = str(store.paths.dir)
    refuse_probe(store, ", so it has no rounds", hint="begin with a study that playbook run has run")
    if number is not None and number != current + 1:
        raise StudyError(
            f"--round {number}: this is round {current}", where=where, hint=f"the one after it is --round {current + 1}"
        )
    if request != Next(max_train_steps=request.max_train_steps, eval_every=request.eval_every):
        raise StudyError(
            "a round trains the best points as they are: no --widen, --narrow, --regularize, --fix, --trials or --seed",
            where=where,
            hint="--top says how many points",
        )
    if growth is not None and not 1.0 < growth <= 1000.0:
        raise StudyError(f"--growth {growth:g}: rounds grow", hint="write a number above 1: --growth 3")
    if standing is not None:
        of, growth = of or standing.of, growth or standing.growth
    return plan(
        steps=record.max_train_steps,
        trials=len(record.trials),
        standing=current,
        of=of,
        growth=growth,
        next_steps=request.max_train_steps,
        top=top,
    )


def _options(top: int | None, add: int | None, growth: float | None, schedule: str | None) -> dict[str, object]:
    """The options that make sense for a round alone."""
    return {"--top": top, "--add": add, "--growth": growth, "--schedule": schedule}


def _round(
    store: Store,
    record: StudyRecord,
    findings: Sequence[Finding],
    planned: Plan,
    name: str,
    path: Path | None,
    *,
    schedule: str | None,
    eval_every: int | None,
    add: int,
) -> Revision:
    from playbook_cli.advice.rounds import Before, next_round
    from playbook_cli.spec.load import plain

    kept = {trial.id: store.paths.trial(trial.id).stable_checkpoint for trial in record.trials}
    stable = {number: _named(checkpoint, path) for number, checkpoint in kept.items() if checkpoint.is_file()}
    before = Before(folder=_named(store.paths.dir, path), stable=stable)
    return next_round(
        plain(store.spec),
        record,
        findings,
        planned,
        before,
        name=name,
        schedule=schedule,
        eval_every=eval_every,
        add=add,
    )


def _named(target: Path, path: Path | None) -> str:
    """How a study file at `path` names a file or folder."""
    return str(target.absolute()) if path is None else os.path.relpath(target, path.parent)


def _exploiting(store: Store, record: StudyRecord, path: Path | None, trials: int | None) -> Revision:
    from playbook_cli.advice.exploiting import exploit
    from playbook_cli.sampling.followed import refuse_undrawn
    from playbook_cli.spec.load import plain

    refuse_undrawn(store)
    return exploit(
        plain(store.spec),
        record,
        name=f"{record.name}-exploit",
        follows=_named(store.paths.dir, path),
        folder=str(store.paths.dir),
        trials=trials,
    )


def _revised(store: Store, record: StudyRecord, findings: Sequence[Finding], request: Next) -> Revision:
    from playbook_cli.acts import Next
    from playbook_cli.advice.revision import revise
    from playbook_cli.errors import StudyError
    from playbook_cli.spec.load import plain

    # more trials, or others, leave the space as it is
    only_more = request != Next() and request == Next(trials=request.trials, seed=request.seed)
    if request == Next():
        request = asked_for(findings, sampler=store.spec.sampler)
    unknown = set(request.widen) - {p.label for p in record.parameters if p.kind != "choice"}
    if unknown:
        ranges = ", ".join(p.label for p in record.parameters if p.kind != "choice") or "none"
        raise StudyError(f"--widen {min(unknown)}: the study has no such range", hint=f"its ranges: {ranges}")
    more = request.trials is not None or request.seed is not None
    if record.listed and (request.widen or request.narrow or request.regularize or request.fix or more):
        raise StudyError(
            "the trials of this study are its listed points: there is no space to change and no number of trials",
            where=str(store.paths.dir),
            hint="edit its points, or take the best of them into a longer round: --round",
        )
    if store.spec.sampler == "grid" and more:
        raise StudyError(
            "a grid is as large as its points make it, and the same for every seed",
            where=str(store.paths.dir),
            hint="write more points: into its ranges, or sampler: halton",
        )
    alone = only_more and request.trials is None
    name = _searched_again(record.name, request.seed) if alone and request.seed is not None else _following(record.name)
    revision = revise(plain(store.spec), record, findings, request, name, cut=not only_more)
    if record.adaptive and revision.changes and not revision.grows:
        _explore(revision)
    return revision


def _explore(revision: Revision) -> None:
    """Make the study after a Bayesian search one that draws its points evenly again."""
    from playbook_cli.advice.revision import Change

    revision.data["sampler"] = "halton"
    del revision.data["continue"]
    revision.changes.append(Change(key=("sampler",), reason="was bayesian: a space that changes is explored first"))


def asked_for(findings: Sequence[Finding], *, sampler: str = "halton") -> Next:
    """All that the acts of the findings ask of the next study, in one; the longer of two lengths.

    Not a round of longer trainings, which is for the user to begin, and nothing of another study; of a study with
    listed points, lengths alone; no more trials of a grid, which has none.
    """
    from playbook_cli.acts import Next

    acts = [f.act for f in findings if isinstance(f.act, Next) and f.act.round is None and f.act.of is None]
    listed, grid = sampler == "listed", sampler == "grid"

    def most(numbers: Iterable[int | None]) -> int | None:
        return max((number for number in numbers if number is not None), default=None)

    return Next(
        widen=() if listed else tuple(label for act in acts for label in act.widen),
        narrow=not listed and any(act.narrow for act in acts),
        regularize=not listed and any(act.regularize for act in acts),
        max_train_steps=most(act.max_train_steps for act in acts),
        eval_every=most(act.eval_every for act in acts),
        trials=None if listed or grid else most(act.trials for act in acts),
    )


def _take_over(revision: Revision, arms: int) -> None:
    """Make the study after one that another tool ran a study to be run here."""
    del revision.data["imported"]
    if "trials" in revision.data:
        revision.data["trials"] = -(-revision.data["trials"] // arms) * arms
    if not revision.data.keys() & {"train", "command"}:
        revision.left.append("the last study was imported: add what to run, train: module:function or command: [...]")


def _file_name(revision: Revision) -> str:
    """The name of the study; the file of one that grows says to how many trials, since the first file has that name."""
    name = revision.data["name"]
    return f"{name}-{revision.data['trials']}-trials" if revision.grows else str(name)


def _searched_again(name: str, seed: int) -> str:
    """The name of the same study on another search seed: digits-seed1 after digits and after digits-seed0."""
    return f"{re.sub(r'-seed[0-9]+$', '', name)}-seed{seed}"


def _following(name: str) -> str:
    """The name after this one: digits, digits-2, digits-3."""
    numbered = re.fullmatch(r"(.+)-(\d+)", name)
    return f"{numbered[1]}-{int(numbered[2]) + 1}" if numbered else f"{name}-2"


def _round_of(name: str, number: int) -> str:
    """The name of a round: digits-round2 after digits, digits-round3 after that."""
    return f"{re.sub(r'-round[0-9]+$', '', name)}-round{number}"
