"""`playbook repeat`: the best trials again, with new training seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.acts import command
from playbook_cli.commands import repeating
from playbook_cli.commands.completing import run_folders
from playbook_cli.commands.options import RUNS, Gpus, Jobs, Json, Launching, Runs, StudyFolder, Wait
from playbook_cli.commands.same_code import CodeChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.commands.repeating import Plan, Side
    from playbook_cli.records import StudyRecord

SEEDS = 5


def repeat(
    study: StudyFolder,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Number of best trials per arm.", show_default=str(repeating.TOP))
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, help="Repeats per trial, each with a new training seed.", show_default=str(SEEDS)
        ),
    ] = None,
    trial: Annotated[
        list[int] | None,
        typer.Option(
            "--trial", metavar="ID", help="Trial to repeat instead of the best ones, or with --top in addition."
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="RUNS/NAME",
            autocompletion=run_folders,
            help="Study whose best trial is repeated, too.",
        ),
    ] = None,
    until_decided: Annotated[
        bool,
        typer.Option("--until-decided", help="Repeat where it is least clear, until one trial can be chosen."),
    ] = False,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget", min=1, help="Repeats of all trials together, with --until-decided.", show_default="10 per trial"
        ),
    ] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option("--prefer", metavar="PARAM=END", help="Which end (low or high) of a hyperparameter is simpler."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="RUNS/NAME",
            autocompletion=run_folders,
            help="With --until-decided: study whose best trial competes, too.",
        ),
    ] = None,
    jobs: Jobs = None,
    gpus: Gpus = None,
    code_changed: CodeChanged = False,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Train the best trials again with new training seeds.

    This estimates the selection bias of their results. The repeats are added to the study's folder. --seeds is the
    total number of repeats per trial, so running the same command again only trains what is missing. The k-th repeat
    has the same training seed in every study.

    With --until-decided, each round gives one more seed to every trial that could still win, until one is better than
    all others (`adopt`), no difference matters and the simplest wins (`equal`), or --budget repeats are used up
    (`budget-spent`). By default the best 3 trials take part, or the best one of each arm. You can look, stop and resume
    at any time: the intervals hold at 95% over all looks. Simplest is what --prefer says, then the smallest model, then
    the fewest settings changed from the adopted baseline.

    Example:  playbook repeat runs/digits-depth --top 1 --seeds 5 --baseline runs/digits
    Example:  playbook repeat runs/digits-depth --until-decided --budget 20
    """
    _refuse_together(
        until_decided=until_decided, seeds=seeds, baseline=baseline, budget=budget, prefer=prefer, against=against
    )
    launching = Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait)
    ours = repeating.side_of(study, runs, wait=wait)
    if until_decided:
        from playbook_cli.commands.deciding import decide

        theirs = None if against is None else repeating.side_of(against, runs, wait=wait)
        several = len(ours.record.arms) > 1 or against is not None
        numbers = repeating.chosen(ours, top or (1 if several and not trial else None), trial or [])
        decide(
            ours,
            theirs,
            numbers,
            launching,
            budget=budget,
            prefer=prefer or [],
            json=json,
        )
        return
    theirs = None if baseline is None else repeating.side_of(baseline, runs, wait=wait)
    if theirs is not None:
        repeating.refuse_unlike(theirs, ours, "--baseline")
    asked = [(ours, repeating.chosen(ours, top, trial or []))]
    if theirs is not None:
        asked.append((theirs, [repeating.ranked(theirs.record)[0].id]))
    plans = [_plan(side, numbers, seeds or SEEDS, launching) for side, numbers in asked]
    for plan in plans:
        repeating.require_code(plan, changed=code_changed)
        repeating.tell_of_checkpoints(plan)
    outcomes = []
    for plan in plans:
        outcomes.append(repeating.train(plan, wait=wait))
        if outcomes[-1] is not None and (outcomes[-1].interrupted or outcomes[-1].hopeless):
            break
    _answer(plans, interrupted=outcomes[-1] is not None and outcomes[-1].interrupted, json=json)
    for plan, outcome in zip(plans, outcomes, strict=False):
        repeating.require_results(plan, outcome)


def _refuse_together(*, until_decided: bool, seeds: int | None, baseline: Path | None, **only: object) -> None:
    """PlaybookError for options that don't go together; `only` are those that need --until-decided."""
    from playbook_cli.errors import PlaybookError

    if until_decided and seeds is not None:
        raise PlaybookError("--until-decided chooses the number of seeds itself", hint="--budget N limits all repeats")
    if until_decided and baseline is not None:
        raise PlaybookError("--baseline repeats a fixed number of seeds", hint=f"--against {baseline}")
    if until_decided and only["against"] is not None and only["prefer"]:
        raise PlaybookError("with --against, the other study wins a tie", hint="drop --prefer")
    given = next((name for name, value in only.items() if value), None)
    if given is not None and not until_decided:
        raise PlaybookError(f"--{given} needs --until-decided", hint=f"add --until-decided, or drop --{given}")


def _plan(side: Side, numbers: Sequence[int], seeds: int, launching: Launching) -> Plan:
    """StudyError if so many repeats are too many, SpecError if the study can't be trained here."""
    from playbook_cli.sampling.repeats import Repeats

    what = f"{len(numbers)} trials with {seeds:,} seeds each"
    repeating.refuse_too_many(len(numbers) * seeds, what, f"--seeds {seeds}")
    return repeating.plan_of(side, Repeats(numbers, seeds), launching)


def _answer(plans: Sequence[Plan], *, interrupted: bool, json: bool) -> None:
    from playbook_cli.commands.output import advise, console, print_json

    ours, *others = [plan.side.store.record() for plan in plans]
    if json:
        print_json(_as_json(ours) | {"baseline": _as_json(others[0]) if others else None})
        return
    from playbook_cli.report.repeats import repeats, selected_from, sentences
    from playbook_cli.report.section import Section
    from playbook_cli.report.sections.luck import repeat_parts
    from playbook_cli.report.terminal import Printer

    out = console()
    for record in (ours, *others):
        found = repeats(record)
        if not found:
            continue
        heading = f"{record.name}: {record.metric.name} of the repeats"
        said = selected_from(record, [one.trial for one in found])
        lines = [*sentences(record), *([] if said is None else [said])]
        section = Section(name="repeats", heading=heading, parts=repeat_parts(found, lines))
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

    trials = len(record.search.trials)
    return {"study": record.name, "selected_from": trials, "repeats": [as_json(one) for one in repeats(record)]}
