"""How the ledger says things: a result, a state of trials, an adoption, where a study came from."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from playbook_cli.acts import line
from playbook_cli.report import words

if TYPE_CHECKING:
    from playbook_cli.ledger.entries import Adoption
    from playbook_cli.ledger.rows import Row, Run


def day(seconds: float) -> str:
    """The date, in local time; a dash where it is not known."""
    try:
        return time.strftime("%Y-%m-%d", time.localtime(seconds)) if math.isfinite(seconds) else words.NOTHING
    except (OverflowError, ValueError, OSError):
        return words.NOTHING


def trials(row: Row) -> str:
    """`32 completed, 2 infeasible of 36; 5 repeats`."""
    if not row.trials:
        return words.NOTHING
    parts = words.states(row.trials)
    whole = "" if row.trials["completed"] == row.trials["planned"] else f" of {row.trials['planned']:,}"
    again = f"; {words.count(row.repeated, 'repeat')}" if row.repeated else ""
    return f"{', '.join(parts) or 'none'}{whole}{again}"


def result(row: Row) -> str:
    """`val_error 0.0165 (trial 8)`; of a sweep, the number of steps that it found."""
    if row.sweep is not None:
        if row.sweep.max_train_steps is None:
            return f"max_train_steps unknown ({row.sweep.judgement.verdict})"
        return f"max_train_steps {row.sweep.max_train_steps} (ok)"
    if row.best is None or row.metric is None or row.probe:
        return words.NOTHING
    return f"{words.shortened(row.metric.name, 40)} {words.number(row.best.value)} (trial {row.best.trial})"


def repeats(row: Row) -> str:
    """`0.0182 ± 0.0011, 5 repeats of trial 8`; empty without any."""
    if row.repeats is None:
        return ""
    one = row.repeats
    return f"{spread(one.mean, one.sd)}, {words.count(one.n, 'repeat')} of trial {one.trial}"


def spread(mean: float, sd: float | None) -> str:
    """A mean and its standard deviation."""
    return words.number(mean) if sd is None else f"{words.number(mean)} ± {sd:.2g}"


def adoption(entry: Adoption, *, stands: bool) -> str:
    """`baseline since 2026-01-31, over digits (compare: adopt) with trial 8; 2 points against it. Note: it works`."""
    since = "baseline since" if stands else "was made the baseline on"
    said = f" (compare: {entry.comparison.get('verdict')})" if entry.comparison else ""
    over = f", over {entry.over}{said}" if entry.over else ""
    against = f"; {words.count(len(entry.against), 'point')} against it" if entry.against else ""
    note = f". Note: {entry.note}" if entry.note else ""
    return f"{since} {day(entry.time)}{over} with trial {entry.trial}{against}{note}"


def notes(row: Row, *, standing: bool = True) -> list[str]:
    """What there is to say of a study, a sentence each: what it means, its adoptions, what people noted.

    Without `standing`, nothing of the adoption that stands.
    """
    if row.problem is not None:
        return [f"cannot be read: {row.problem}", *(note.text for note in row.notes)]
    said = [*([row.answer] if row.answer else []), *row.lost, *row.code]
    said += [
        adoption(entry, stands=entry is row.adopted) for entry in row.history if standing or entry is not row.adopted
    ]
    return said + [note.text for note in row.notes]


def commit(run: Run | None) -> str:
    """`4d52de0, uncommitted changes; later runs at 2d18bdf`."""
    if run is None or not run.commit:
        return words.NOTHING
    changes = ", uncommitted changes" if run.uncommitted_changes else ""
    later = f"; later runs at {', '.join(short(other) for other in run.other_commits)}" if run.other_commits else ""
    return f"{short(run.commit)}{changes}{later}"


def short(commit: str) -> str:
    """The first characters of a commit."""
    return commit[:9]


def command(run: Run | None) -> str:
    """What to type to run the study again."""
    return line(run.command) if run is not None and run.command else words.NOTHING
