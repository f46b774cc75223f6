"""The progress of a study, in a line or two and as the JSON of `run` and `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.records import searched
from playbook_cli.spec.problem import listed
from playbook_cli.storage.store import counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Best, Metric, TrialRecord


def best(metric: Metric, trials: Sequence[TrialRecord]) -> Best | None:
    """The best evaluation of the completed trials of the search; the earlier trial wins a tie."""
    having = [t.best for t in searched(trials) if t.state == "completed" and t.best is not None]
    return min(having, key=lambda b: (metric.loss(b.value), b.trial), default=None)


def as_json(name: str, metric: Metric, trials: Sequence[TrialRecord], planned: int) -> dict[str, Any]:
    """`planned` counts all trials; in the answer, `trials` are those of the search and `repeats` the others."""
    first = best(metric, trials)
    search, repeats = tallied(trials, planned)
    return {
        "study": name,
        "trials": search,
        "repeats": repeats,
        "best": first
        and {"trial": first.trial, "value": first.value, "step": first.step, "params": dict(first.params)},
    }


def tallied(trials: Sequence[TrialRecord], planned: int) -> tuple[dict[str, int], dict[str, int]]:
    """The trials of the search by state, and the repeats by state; `planned` counts both."""
    search, repeats = searched(trials), [trial for trial in trials if trial.repeat_of is not None]
    return counts(search, planned - len(repeats)), counts(repeats, len(repeats))


def sentences(name: str, metric: Metric, trials: Sequence[TrialRecord], planned: int) -> list[str]:
    """The same for people: a line of counts, a second one for repeats if there are any, and the best trial.

    Its settings are those that vary between trials; all of them if there is one trial.
    """
    search, repeats = tallied(trials, planned)
    lines = [f"{name}: {_counted(search, 'trials')}"]
    if repeats["planned"]:
        lines.append(f"  and {_counted(repeats, 'repeats')}")
    first = best(metric, trials)
    if first is not None:
        varied = [key for key, value in first.params.items() if any(t.params.get(key) != value for t in trials)]
        settings = listed(f"{key}={wording.value(first.params[key])}" for key in varied or first.params)
        reached = f"{wording.number(first.value)} at step {first.step:,} of trial {first.trial}"
        lines.append(f"best {metric.name}: {reached} ({settings})")
    return lines


def _counted(tally: Mapping[str, int], what: str) -> str:
    others = [
        f"{tally[state]} {state}"
        for state in ("infeasible", "stopped", "failed", "running", "pending")
        if tally.get(state)
    ]
    return ", ".join([f"{tally['completed']} of {tally['planned']} {what} completed", *others])
