"""`playbook plan`: what would run. Launches nothing, writes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.commands.options import RUNS, Json, Runs, StudyFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from playbook_cli.records import TrialRecord
    from playbook_cli.sampling.coverage import Coverage
    from playbook_cli.spec.model import EarlyStopping, StudySpec
    from playbook_cli.spec.problem import Problem

SHOWN_TRIALS = 40
_WIDEST = 160
"""Columns of the table of points, also where nobody says how wide the terminal is."""
_COLUMN = 7
"""Least readable width of a column in the table of trials, in characters."""


def plan(study: StudyFile, json: Json = False, runs: Runs = RUNS) -> None:
    """Show what would run: trials, coverage, budget, warnings.

    Nothing is run. Warnings that begin with a name, such as fixed-learning-rate, are about the study's design. If the
    design is intended, silence them by name in the study file: silence: [fixed-learning-rate]. playbook explain lists
    the names.

    Example:  playbook plan configs/digits.yaml
    """
    show(study, json=json, runs=runs)


def show(study: Path, *, json: bool, runs: Path) -> None:
    """Print the plan of a study file whose results go to `runs`."""
    from playbook_cli.advice import evaluations
    from playbook_cli.commands.continuing import beginning, sentence
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.study_file import read
    from playbook_cli.launch import preflight
    from playbook_cli.launch.reaching import lost
    from playbook_cli.sampling import make
    from playbook_cli.sampling.coverage import coverage
    from playbook_cli.spec import check
    from playbook_cli.spec.design import objections
    from playbook_cli.spec.load import resolve

    given, source = read(study)
    preflight.refuse_imported(given, source)
    spec = resolve(given)
    space = spec.space()
    first = beginning(spec) if spec.adaptive else None
    sampler = make(
        spec.sampler, spec.seed, spec.points, metric=spec.objective, first=first.followed.trials if first else ()
    )
    trials = sampler.suggest(space, [], 1 if first else spec.trials or 0)
    preflight.look(spec, source, study.parent, trials)
    covered = [] if first else [coverage(parameter, trials) for parameter in space.dimensions]
    design = objections(spec, first=is_first(spec, runs))
    unreached = [] if not trials else [*lost(given, trials[0], study.parent)]
    warned = [
        *(each.problem for each in unreached),
        *(replace(found, what=f"{name}: {found.what}") for name, found in design.items()),
        *check.warnings(spec),
        *evaluations.too_few(spec),
        *(first.warnings if first else ()),
        *_not_here(spec),
    ]
    begins = sentence(spec, first.followed) if first else None
    if json:
        warnings = [f"{source.where(w.location)}: {w.what}" for w in warned]
        shown = _as_json(spec, trials, covered, warnings) | {
            "design": [{"check": name, "message": found.what, "hint": found.hint} for name, found in design.items()],
            "fatal": [{"message": each.problem.what, "hint": each.problem.hint} for each in unreached if each.fatal],
        }
        print_json(shown | ({"begins_with": begins} if begins else {}))
        return
    _draw(console(), spec, trials, covered, warned, begins)
    if design:
        meant = f"   if the design is intended, add to the study file  silence: [{', '.join(design)}]"
        console().print(meant, soft_wrap=True, style="dim", markup=False)


def is_first(spec: StudySpec, runs: Path) -> bool:
    """Whether no earlier study is known: no entry in the ledger, and no study that this one follows.

    A study follows another one if it has the name that `playbook next` would give it: digits-2 after digits.
    """
    from playbook_cli.ledger.entries import FILE

    follows = re.fullmatch(r"(.+)-(?:\d+|round\d+|seed\d+|exploit)", spec.name)
    return not (runs / FILE).exists() and not (follows and (runs / follows[1]).is_dir())


def _not_here(spec: StudySpec) -> list[Problem]:
    """Why trials can't run on this machine, if they can't; another machine may do."""
    from playbook_cli.errors import PlaybookError
    from playbook_cli.launch.places import slots_of
    from playbook_cli.spec.problem import Problem

    try:
        slots_of(spec, None, None)
    except PlaybookError as error:
        return [Problem(location=("resources",), what=f"not on this machine: {error}", hint=error.hint)]
    return []


def _as_json(
    spec: StudySpec, trials: Sequence[TrialRecord], covered: Sequence[Coverage], warned: Sequence[str]
) -> dict[str, Any]:
    """For an adaptive search, `trials` is only the first one, since no other is known; the steps are those of all."""
    return {
        "study": spec.name,
        "trials": [{"id": t.id, "params": t.params, "arm": t.arm, "seed": t.seed} for t in trials],
        "coverage": {c.label: {"bins": c.bins, "occupied": c.occupied, "share": c.share} for c in covered},
        "training_steps": (spec.trials or 0) * spec.max_train_steps,
        "warnings": list(warned),
    } | ({} if spec.early_stopping is None else {"early_stopping": spec.early_stopping.model_dump()})


def _stopping(asked: EarlyStopping) -> str:
    from playbook_cli.racing.judge import FIRST

    return (
        f"early stopping: after {FIRST} completed trials of an arm, trials unlikely to become its best are stopped "
        f"(total risk of losing the best: {asked.risk:.1%}), so the total may be lower"
    )


def _draw(
    console: Console,
    spec: StudySpec,
    trials: Sequence[TrialRecord],
    covered: Sequence[Coverage],
    warned: Sequence[Problem],
    begins: str | None,
) -> None:
    from rich.table import Table
    from rich.text import Text

    from playbook_cli.spec.units import steps_of

    arms = {tuple(trial.arm.items()) for trial in trials}
    shared = f" in {len(arms)} arms" if len(arms) > 1 else ""
    console.print(Text(f"{spec.name}: {spec.trials} trials{shared}, {spec.sampler}", style="bold"))
    if spec.goal:
        console.print(Text(spec.goal, style="italic"))
    varied = [name for name in dict.fromkeys(name for t in trials for name in t.params) if name not in spec.fixed]
    more = len(varied) - (min(console.width, _WIDEST) - len("trial")) // _COLUMN
    varied = varied[: len(varied) - max(more, 0)]
    table = Table("trial", box=None, pad_edge=False, header_style="dim")
    for name in varied:
        table.add_column(Text(name))
    for trial in trials[:SHOWN_TRIALS]:
        table.add_row(
            str(trial.id),
            *(Text(wording.value(trial.params[name]) if name in trial.params else "-") for name in varied),
        )
    console.print(table)
    if more > 0:
        console.print(f"and {more} more hyperparameters (--json shows all)")
    if begins:
        console.print(
            Text(f"... and trials {len(trials)} to {(spec.trials or 1) - 1}, each chosen from the results before it")
        )
        console.print()
        console.print(Text(f"{begins[0].upper()}{begins[1:]}."))
    elif len(trials) > SHOWN_TRIALS:
        console.print(f"... and {len(trials) - SHOWN_TRIALS} more (--json shows all)")
    console.print()
    coverage = Table("coverage", "trials", "bins hit", "", box=None, pad_edge=False, header_style="dim")
    for c in covered[:SHOWN_TRIALS]:
        marks = (
            "".join("█" if count > 1 else "▪" if count else "·" for count in c.counts) if c.bins <= SHOWN_TRIALS else ""
        )
        coverage.add_row(Text(c.label), str(c.trials), f"{c.occupied}/{c.bins}", marks)
    if covered:
        console.print(coverage)
        if len(covered) > SHOWN_TRIALS:
            console.print(f"and {len(covered) - SHOWN_TRIALS} more hyperparameters (--json shows all)")
        console.print()
    steps, unit = (spec.trials or 0) * spec.max_train_steps, steps_of(spec.step_unit)
    every = spec.steps_between_evaluations
    console.print(
        f"{steps:,} {'training steps' if unit == 'steps' else unit} in total: {spec.trials} trials with "
        f"max_train_steps = {spec.max_train_steps:,}, evaluated every {unit[:-1] if every == 1 else f'{every} {unit}'}",
        soft_wrap=True,
    )
    if spec.early_stopping is not None:
        console.print(Text(_stopping(spec.early_stopping)), soft_wrap=True)
    for warning in warned:
        console.print(Text(f"! {warning.what}", style="yellow"), soft_wrap=True)
        if warning.hint:
            console.print(Text(f"  -> {warning.hint}"), soft_wrap=True)
