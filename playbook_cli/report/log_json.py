"""The ledger as one JSON object, as `log --json` gives it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from playbook_cli.ledger.entries import as_json as entry_as_json

if TYPE_CHECKING:
    from playbook_cli.ledger.rows import Log, Row, Run


def as_json(log: Log) -> dict[str, Any]:
    """Studies oldest first, and every adoption that the ledger holds."""
    return {"studies": [_row(row) for row in log.rows], "adopted": [entry_as_json(entry) for entry in log.adopted]}


def _row(row: Row) -> dict[str, Any]:
    best, repeats, sweep = row.best, row.repeats, row.sweep
    return {
        "name": row.name,
        "folder": row.folder,
        "kind": row.kind,
        "goal": row.goal,
        "spec": row.spec,
        "metric": row.metric and {"name": row.metric.name, "goal": row.metric.goal},
        "max_train_steps": row.max_train_steps or None,
        "trials": {**row.trials, "repeats": row.repeated},
        "best": best and {"trial": best.trial, "value": best.value, "step": best.step, "params": dict(best.params)},
        "repeats": repeats and {"trial": repeats.trial, "n": repeats.n, "mean": repeats.mean, "sd": repeats.sd},
        "sweep": sweep
        and {
            "verdict": sweep.judgement.verdict,
            "max_train_steps": sweep.max_train_steps,
            "learning_rate": sweep.learning_rate,
        },
        "answer": row.answer,
        "lost": list(row.lost),
        "code": list(row.code),
        "baseline": row.adopted is not None,
        "adopted": [entry_as_json(entry) for entry in row.history],
        "notes": [{"time": note.time, "user": note.user, "text": note.text} for note in row.notes],
        **_run(row.run),
        "report": row.report,
        "problem": row.problem,
    }


def _run(run: Run | None) -> dict[str, Any]:
    return {
        "time": run.time if run and math.isfinite(run.time) else None,
        "command": list(run.command) if run else None,
        "source": run.source if run else None,
        "commit": run.commit if run else None,
        "uncommitted_changes": run.uncommitted_changes if run else None,
        "other_commits": list(run.other_commits) if run else [],
    }
