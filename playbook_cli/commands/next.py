"""`playbook next`: the study to run after this one."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.options import RUNS, Json, Overwrite, Runs, StudyFolder, refuse_probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.acts import Next
    from playbook_cli.advice.revision import Revision
    from playbook_cli.advice.rounds import Plan
    from playbook_cli.records import Finding, StudyRecord
    from playbook_cli.storage.store import Store


def next_(
    study: StudyFolder,
    widen: Annotated[
        list[str] | None, typer.Option("--widen", metavar="NAME", help="Range to widen past its edge.")
    ] = None,
    narrow: Annotated[bool, typer.Option("--narrow", help="Narrow the ranges around the best trials.")] = False,
    regularize: Annotated[bool, typer.Option("--regularize", help="Also tune regularization.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix hyperparameters that did not matter at the best trial's values.")
    ] = False,
    max_train_steps: Annotated[
        int | None, typer.Option("--max-train-steps", min=1, help="Training steps per trial.")
    ] = None,
    eval_every: Annotated[int | None, typer.Option("--eval-every", min=1, help="Steps between evaluations.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Number of trials.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Search seed; a new one searches at other points.")
    ] = None,
    exploit: Annotated[
        bool, typer.Option("--exploit", help="Write a final Bayesian search on a narrower space.")
    ] = False,
    number: Annotated[
        int | None, typer.Option("--round", min=2, help="Write this round, which trains the best points for longer.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option("--top", min=1, help="Number of best points in the round: 5, or with --rounds trials / growth."),
    ] = None,
    add: Annotated[
        int | None,
        typer.Option("--add", min=1, max=999, help="Number of new points in the round, in addition to the best ones."),
    ] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", min=2, help="Number of rounds to plan in total.")] = None,
    growth: Annotated[
        float | None, typer.Option("--growth", help="Factor by which each round is longer; by default 3.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="NAME", help="Name of the learning-rate schedule.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; - for stdout.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Write the next study, with a reason for each change.

    Without options, it makes every change that the report's findings ask for, or continues with the planned rounds. If
    only the number of trials changes, the file continues the same study: it adds trials to the study's folder. --round
    2 trains the best points of a short round for longer, as for compute-bound training, at the learning rates that
    `playbook horizon` predicts, if it was run; --add adds new points. With --json, a file is written only if --output
    names one.

    --fix moves nuisance hyperparameters that did not matter to fixed:, at the best trial's values. It moves only those
    whose effect this study would have detected, and never the learning rate.

    --exploit writes a Bayesian search for the end of a project: it continues this study in a space narrowed around the
    good region. If a range is too narrow, it says what to explore first.

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
    load(store.paths.spec)  # a study that can't be run has no next study either
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
            raise StudyError("--exploit can be combined only with --trials and --output", hint="drop the other options")
        path = revised.place(store, f"{record.name}-exploit", output, json=json)
        revision = _exploiting(store, record, path, trials)
        (revised.answer if json else revised.show)(revision, store, path, overwrite=overwrite)
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
    (revised.answer if json else revised.show)(revision, store, path, overwrite=overwrite)


def _warn_of_missing(record: StudyRecord, store: Store) -> None:
    from playbook_cli.commands.output import console
    from playbook_cli.storage.lost_results import lost_results
    from playbook_cli.storage.program_versions import caveats

    for caveat in [*lost_results(record.trials, store.paths), *caveats(record)]:
        console(stderr=True).print(f"playbook: {caveat}", soft_wrap=True)
    if 0 < record.unfinished < record.planned:
        console(stderr=True).print(
            f"playbook: {record.unfinished} of {record.planned} trials have not finished yet; findings may change"
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
    """The rounds that the user asks for, or that the study planned; None for a study of the same kind."""
    from playbook_cli.acts import Next
    from playbook_cli.advice.rounds import plan
    from playbook_cli.errors import StudyError

    standing = store.spec.round
    current = standing.number if standing else 1
    asked = [name for name, value in _options(top, add, growth, schedule).items() if value]
    goes_on = standing is not None and standing.of is not None and current < standing.of
    if number is None and of is None and not (goes_on and (asked or request == Next())):
        if asked:
            raise StudyError(f"{asked[0]} applies only to a round", hint=f"add --round {current + 1}, or --rounds N")
        return None
    where = str(store.paths.dir)
    refuse_probe(store, ", so it can't have rounds", hint="use a study that was run by playbook run")
    if number is not None and number != current + 1:
        raise StudyError(
            f"--round {number}: this is round {current}", where=where, hint=f"the next one is --round {current + 1}"
        )
    if request != Next(max_train_steps=request.max_train_steps, eval_every=request.eval_every):
        raise StudyError(
            "a round trains the best points unchanged: no --widen, --narrow, --regularize, --fix, --trials or --seed",
            where=where,
            hint="--top sets the number of points",
        )
    if growth is not None and not 1.0 < growth <= 1000.0:
        raise StudyError(
            f"--growth {growth:g}: each round must be longer", hint="use a number above 1, such as --growth 3"
        )
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
    """The options that make sense only for a round."""
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
    """How a study file at `path` refers to a file or folder."""
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
    from playbook_cli.advice.asking import asked_for, explore, following
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
            "the trials of this study are listed points, so it has no search space or number of trials to change",
            where=str(store.paths.dir),
            hint="edit its points, or train the best of them for longer with --round",
        )
    if store.spec.sampler == "grid" and more:
        raise StudyError(
            "the size of a grid follows from its points, and every seed gives the same grid",
            where=str(store.paths.dir),
            hint="set more points: in its ranges, or use sampler: halton",
        )
    alone = only_more and request.trials is None
    name = _searched_again(record.name, request.seed) if alone and request.seed is not None else following(record.name)
    revision = revise(plain(store.spec), record, findings, request, name, cut=not only_more)
    if record.adaptive and revision.changes and not revision.grows:
        explore(revision)
    return revision


def _take_over(revision: Revision, arms: int) -> None:
    """Turn the study after an imported one into a study that runs here."""
    del revision.data["imported"]
    if "trials" in revision.data:
        revision.data["trials"] = -(-revision.data["trials"] // arms) * arms
    if not revision.data.keys() & {"train", "command"}:
        revision.left.append(
            "the last study was imported, so add what to run: train: module:function or command: [...]"
        )


def _file_name(revision: Revision) -> str:
    """The study's name; with the number of trials if the study grows, since the first file has the plain name."""
    name = revision.data["name"]
    return f"{name}-{revision.data['trials']}-trials" if revision.grows else str(name)


def _searched_again(name: str, seed: int) -> str:
    """The name of the same study with another search seed: digits-seed1 after digits or digits-seed0."""
    return f"{re.sub(r'-seed[0-9]+$', '', name)}-seed{seed}"


def _round_of(name: str, number: int) -> str:
    """The name of a round: digits-round2 after digits, digits-round3 after that."""
    return f"{re.sub(r'-round[0-9]+$', '', name)}-round{number}"
