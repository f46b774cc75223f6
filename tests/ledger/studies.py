"""Finished studies with repeats, for the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.files import journal
from playbook_cli.storage.store import read_history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Bench


def repeat(bench: Bench, trial: int, values: Sequence[float | None], *, name: str = "toy") -> None:
    """Add repeats of this trial that ended with these results; None for one that diverged."""
    paths = bench.paths(name)
    known = read_history(paths).trials
    of = known[trial]
    events = journal.Journal(paths.journal)
    for number, value in enumerate(values, start=len(known)):
        about = {"trial": number, "attempt": 1, "time": 0.0}
        planned = {"params": of.params, "arm": of.arm, "seed": 1000 + number - len(known), "repeat_of": trial}
        state, reason = ("infeasible", "it diverged") if value is None else ("completed", None)
        events.append({"event": "planned", **about, **planned})
        events.append({"event": "started", **about, "slot": "cpu0", "process": None})
        events.append({"event": "ended", **about, "state": state, "reason": reason, "exit_code": 0})
        files = paths.trial(number)
        files.dir.mkdir(parents=True)
        if value is not None:
            journal.rewrite(files.metrics, [{"step": 4, "val_error": value}])
    events.close()
