"""Where a study stands, in a line or two and as the JSON of `run` and `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.records import searched
from playbook_cli.store import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Best, Metric, TrialRecord


def best(metric: Metric, trials: Sequence[TrialRecord]) -> Best | None:
    """The best evaluation of the completed trials of the search."""
    having = [t.best for t in searched(trials) if t.state == "completed" and t.best is not None]
    return min(having, key=lambda b: metric.loss(b.value), default=None)


def as_json(name: str, metric: Metric, trials: Sequence[TrialRecord], planned: int) -> dict[str, Any]:
    first = best(metric, trials)
    return {
        "study": name,
        "trials": counts(trials, planned),
        "best": first
        and {"trial": first.trial, "value": first.value, "step": first.step, "params": dict(first.params)},
    }


def sentences(name: str, metric: Metric, trials: Sequence[TrialRecord], planned: int) -> list[str]:
    tallied = counts(trials, planned)
    others = [f"{tallied[state]} {state}" for state in ("infeasible", "failed", "running", "pending") if tallied[state]]
    completed = f"{tallied['completed']} of {planned} trials completed"
    lines = [f"{name}: {', '.join([completed, *others])}"]
    first = best(metric, trials)
    if first is not None:
        settings = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in first.params.items())
        lines.append(f"best {metric.name}: {first.value:.6g} at step {first.step} of trial {first.trial} ({settings})")
    return lines
