"""`playbook adopt`: a study becomes the baseline, and the ledger keeps on what evidence."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.completing import run_folders
from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder, refuse_probe, study_folder

if TYPE_CHECKING:
    from playbook_cli.ledger.entries import Adoption
    from playbook_cli.storage.store import Store


def adopt(
    study: StudyFolder,
    over: Annotated[
        Path | None,
        typer.Option(
            "--over", metavar="RUNS/BASELINE", autocompletion=run_folders, help="Baseline that the study replaces."
        ),
    ] = None,
    trial: Annotated[
        int | None, typer.Option("--trial", min=0, help="Trial to adopt; by default the best one.")
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="Reason for the decision, in your own words.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            "--test", metavar="METRIC", help="Read this test metric of the trial, and note that in the ledger."
        ),
    ] = None,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Record a study as the new baseline, with the evidence.

    The decision is yours: objections are printed and recorded, but don't block it. If trials were repeated, the
    best trial is the one with the best mean over its repeats.

    Read a test metric only once, at the end: --test reads it at the trial's best evaluation and notes that in the
    ledger. If you choose by it, you need another test set.

    Example:  playbook adopt runs/digits-2 --over runs/digits --note "half the error, no slower"
    """
    from playbook_cli.ledger import entries
    from playbook_cli.storage.store import Store
    from playbook_cli.wording import visible

    store = Store(study_folder(study, runs))
    _refuse_running(store)
    baseline = None if over is None else Store(study_folder(over, runs))
    entry = entry_of(store, baseline, trial, note)
    folder = store.paths.dir.resolve().parent
    tested = None if test is None else _tested(store, entry, test)
    added = entries.adopt(folder, entry)
    if tested is not None:
        _note_test(folder, entry, test or "", tested)
    for sentence in entry.against:
        print(visible(f"! {sentence}"), file=sys.stderr)
    checkpoint = store.paths.trial(entry.trial).best_checkpoint
    _answer(
        entry,
        checkpoint if checkpoint.is_file() else None,
        added=added,
        json=json,
        tested=None if tested is None else (test or "", tested),
    )


def _tested(store: Store, entry: Adoption, name: str) -> float:
    """The test metric at the best evaluation of the adopted trial. StudyError where it was not measured there."""
    import math

    from playbook_cli.analysis.outcomes import at_best
    from playbook_cli.errors import StudyError

    trial = next(t for t in store.record().trials if t.id == entry.trial)
    value = at_best(trial, name, store.metric)
    if value is None or math.isnan(value):
        known = ", ".join(trial.curve.values) if trial.curve is not None else entry.metric
        raise StudyError(f"trial {trial.id} has no {name}", where="--test", hint=f"it has {known}")
    return value


def _note_test(folder: Path, entry: Adoption, name: str, value: float) -> None:
    """Note in the ledger that a test metric was read, and say how often it was read before."""
    from playbook_cli.ledger import entries
    from playbook_cli.storage.whoami import user
    from playbook_cli.wording import number, visible

    start = f"test metric {name} read"
    before = [each for each in entries.read(folder).notes if each.text.startswith(start)]
    if before:
        others = ", ".join(dict.fromkeys(each.study for each in before))
        said = f"{name} was already read for {others}: choosing by it makes it optimistic"
        print(visible(f"! {said}"), file=sys.stderr)
    text = f"{start}: {number(value)} (trial {entry.trial}, step {entry.step})"
    entries.note(folder, entries.Note(time=time.time(), user=user(), study=entry.study, text=text))


def _refuse_running(store: Store) -> None:
    from playbook_cli.acts import command
    from playbook_cli.errors import StudyError

    runner = store.runner()
    if runner is not None:
        raise StudyError(
            f"the study is still running: {runner}",
            where=str(store.paths.dir),
            hint=f"adopt it when it has finished; to see its progress: {command('status', store.paths.dir)}",
        )


def entry_of(store: Store, baseline: Store | None, number: int | None, note: str | None) -> Adoption:
    """The ledger's entry if this study becomes the baseline with this trial, by default the best one.

    StudyError if there is nothing to adopt.
    """
    from playbook_cli.advice import advise
    from playbook_cli.advice.weighing import Contender
    from playbook_cli.errors import StudyError
    from playbook_cli.horizon.known import record
    from playbook_cli.ledger import comparison, evidence
    from playbook_cli.ledger.entries import Adoption
    from playbook_cli.storage.divergence import refuse_unlearned
    from playbook_cli.storage.lost_results import lost_results
    from playbook_cli.storage.store import counts
    from playbook_cli.storage.whoami import user

    folder, where = store.paths.dir.resolve(), str(store.paths.dir)
    refuse_probe(store, ", so it can't be a baseline", hint="adopt the study that was probed")
    found = record(store)
    refuse_unlearned(found, where)
    if baseline is not None and baseline.paths.dir.resolve() == folder:
        raise StudyError("a study can't replace itself as the baseline", where=where, hint="drop --over")
    chosen = evidence.chosen(found, number, where)
    assert chosen.best is not None
    findings = advise(found)
    against = [*lost_results(found.trials, store.paths), *evidence.against(found, chosen, findings)]
    compared = None
    if baseline is not None:
        old = Contender(label=str(baseline.paths.dir), study=record(baseline))
        new = Contender(label=where, study=found)
        compared = comparison.compared(old, new)
        against = comparison.against(compared, evidence.best_trial(found), chosen) + against
    search = found.search
    return Adoption(
        time=time.time(),
        user=user(),
        study=folder.name,
        metric=found.metric.name,
        goal=found.metric.goal,
        trial=chosen.id,
        value=chosen.best.value,
        step=chosen.best.step,
        params=chosen.params,
        trials=counts(search.trials, search.planned),
        repeats=evidence.estimate(found, chosen.id),
        warnings=[
            {"rule": finding.rule, "subject": finding.subject, "message": finding.message}
            for finding in findings
            if finding.severity == "warning"
        ],
        over=None if baseline is None else _named(baseline, folder.parent),
        comparison=compared,
        against=against,
        note=note or None,
    )


def _named(baseline: Store, runs: Path) -> str:
    """The baseline's folder as the ledger names it: its name, or its path if it is in another folder."""
    folder = baseline.paths.dir.resolve()
    return folder.name if folder.parent == runs else str(folder)


def _answer(
    entry: Adoption, checkpoint: Path | None, *, added: bool, json: bool, tested: tuple[str, float] | None
) -> None:
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.ledger.entries import as_json
    from playbook_cli.report import log_words, words

    if json:
        path = None if checkpoint is None else str(checkpoint)
        read = None if tested is None else {"metric": tested[0], "value": tested[1]}
        print_json(as_json(entry) | {"added": added, "checkpoint": path, "test": read})
        return
    out = console()
    instead = f", replacing {entry.over}" if entry.over else ""
    state = "is now the baseline" if added else "is already the baseline, on the same evidence"
    out.print(f"{entry.study} (trial {entry.trial}) {state}{instead}", soft_wrap=True)
    out.print(
        f"{entry.metric} {words.number(entry.value)} at step {entry.step} (optimistic: the trial was selected for it)"
    )
    if tested is not None:
        out.print(f"{tested[0]} {words.number(tested[1])} there, recorded in the ledger", soft_wrap=True)
    if entry.repeats is not None:
        spread = log_words.spread(entry.repeats.mean, entry.repeats.sd)
        out.print(f"{entry.metric} {spread} over {words.count(entry.repeats.n, 'repeat')}")
    if entry.comparison is not None:
        out.print(f"compare: {entry.comparison['verdict']}; {entry.comparison['message']}", soft_wrap=True)
    if checkpoint is not None:
        out.print(f"checkpoint: {checkpoint}", soft_wrap=True)
    out.print("its hyperparameters, for the next study file:\n")
    print(_fixed(entry), end="")


def _fixed(entry: Adoption) -> str:
    from playbook_cli.spec.load import block

    params: dict[str, Any] = {name: list(v) if isinstance(v, tuple) else v for name, v in entry.params.items()}
    return block({"fixed": params})
