"""`playbook check`: a gate for CI and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.completing import run_folders
from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder
from playbook_cli.errors import BROKEN_EXPECTATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playbook_cli.checking.expecting import Checked
    from playbook_cli.storage.store import Store

ADOPTED = "adopted"


def check(
    study: StudyFolder,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            "--expect",
            metavar="EXPRESSION",
            help="Condition, such as val_error<=0.05 (any metric, at the best evaluation) or completed>=8 "
            "(number of trials).",
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", metavar="WHAT", help="Rule that must not warn; or warning, failed or infeasible."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="RUNS/OTHER",
            autocompletion=run_folders,
            help="Study to be no worse than, beyond noise; `adopted`: the ledger's baseline.",
        ),
    ] = None,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Check a study against expectations, for CI and scripts.

    It exits with 3, and prints a line for each, if any fail. A study that is unfinished or has no result fails.
    --expect and --fail-on may be given several times.

    With --baseline, only a regression larger than the noise counts. It is measured on repeats with new seeds if both
    studies have them, otherwise on the points that both share, as before and after a change of the code.

    Example:  playbook check runs/smoke --expect 'val_error<=0.2' --fail-on failed
    """
    from playbook_cli.advice import advise
    from playbook_cli.advice.rules import rules
    from playbook_cli.checking import expecting
    from playbook_cli.commands.options import refuse_probe
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.study_file import opened
    from playbook_cli.errors import PlaybookError
    from playbook_cli.horizon import known
    from playbook_cli.wording import did_you_mean

    expectations = [expecting.expectation(text) for text in expect or ()]
    for what in fail_on or ():
        if what not in (*expecting.OTHERS, *rules()):
            every = f"use {', '.join(expecting.OTHERS)}, or a rule: {', '.join(rules())}"
            hint = did_you_mean(what, [*expecting.OTHERS, *rules()], every)
            raise PlaybookError(f"there is no rule {what!r}", where="--fail-on", hint=hint)
    store = opened(study, runs)
    refuse_probe(store, ", so it can't be checked")
    record = known.record(store)
    checked = [*expecting.finished(record), *(expecting.expected(record, asked) for asked in expectations)]
    if fail_on:
        findings = advise(record)
        checked += [expecting.without(record, findings, what) for what in fail_on]
    if baseline is not None:
        other = _baseline(baseline, store, runs)
        where = (str(store.paths.dir), str(other.paths.dir))
        checked.append(expecting.no_regression(record, other.record(), where))
    broken = [each for each in checked if not each.holds]
    if json:
        print_json(_as_json(record.name, checked))
    else:
        out = console()
        for each in broken:
            out.print(f"failed: {each.check}: {each.message}", soft_wrap=True)
        if not broken:
            for each in checked:
                out.print(f"passed: {each.check}: {each.message}", soft_wrap=True)
            out.print(f"{store.paths.dir}: finished; all checks passed", soft_wrap=True)
    if broken:
        raise typer.Exit(BROKEN_EXPECTATION)


def _as_json(name: str, checked: Sequence[Checked]) -> dict[str, object]:
    return {
        "study": name,
        "holds": all(each.holds for each in checked),
        "checks": [{"check": each.check, "holds": each.holds, "message": each.message} for each in checked],
    }


def _baseline(name: str, store: Store, runs: Path) -> Store:
    """The study to compare with. StudyError where it is the same, or nothing is adopted."""
    from pathlib import Path

    from playbook_cli.commands.study_file import opened
    from playbook_cli.errors import StudyError
    from playbook_cli.ledger import entries

    where = Path(name)
    if name == ADOPTED:
        folder = store.paths.dir.resolve().parent
        ledger = entries.read(folder)
        metric = store.metric.name
        standing = [e for e in ledger.adopted if ledger.latest(e.study) is e and e.metric == metric]
        if not standing:
            raise StudyError(f"no adopted study measures {metric}", where=str(folder), hint="playbook adopt RUNS/NAME")
        where = folder / standing[-1].study
    other = opened(where, runs)
    if other.paths.dir.resolve() == store.paths.dir.resolve():
        raise StudyError("this is the baseline itself", where=str(store.paths.dir), hint="name another study")
    return other
