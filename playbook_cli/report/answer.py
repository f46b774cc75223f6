"""The headline of a report: what the study says so far, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.report import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Best, Finding, Metric
    from playbook_cli.report.value import Repeats

_ANSWERS = ("better", "no-difference")
"""Verdicts of the isolation rule that answer the study's question; one that is undecided may know the gain."""
_LONGEST = 400
_AT_CEILING = (
    " That is the best possible value, so the metric cannot rank these trials: use a finer one, such as a loss."
)


def answer(
    *,
    metric: Metric,
    counts: Mapping[str, int],
    best: Best | None,
    ties: int,
    findings: Sequence[Finding],
    repeats: Sequence[Repeats] = (),
    attempted: bool = False,
    nothing: str | None = None,
    ceiling: bool = False,
) -> str:
    """The study's own question where the isolation rule answers it; else the best result, or why there is none.

    `ties` is the number of trials that reached the best result; `attempted` says whether any trial was ever started;
    `nothing` that none of them got better than chance, `ceiling` that the best result is the best possible.
    """
    unfinished = counts["running"] + counts["pending"]
    if best is None:
        return _why_nothing(counts, unfinished, attempted=attempted)
    so_far = "So far: " if unfinished else ""
    if nothing is not None:
        return f"{so_far}{nothing[0].upper()}{nothing[1:]}. Look for a bug in the data, the loss or the metric."
    isolation = next((finding for finding in findings if finding.rule == "isolation"), None)
    if isolation is not None and (isolation.verdict in _ANSWERS or "gain" in isolation.evidence):
        return f"{so_far}{_sentence(words.shortened(isolation.message, _LONGEST))}"
    ended = counts["completed"] + counts["infeasible"]
    tied = f"; tied with {words.count(ties - 1, 'other trial')}" if ties > 1 else ""
    who = f"trial {best.trial}, step {best.step}{tied}"
    of = f"the best of {ended} trials" if ended > 1 else "the only trial"
    start = f"{so_far}{of}"
    blocked = isolation is not None and isolation.verdict == "blocked"
    return (
        f"{start[0].upper()}{start[1:]} reaches {metric.name} {words.number(best.value)}"
        f"{wording.examples(metric, best.value)} ({who})"
        f"{_fresh(best, repeats)}"
        f"{_caveat(sum(finding.severity == 'warning' for finding in findings), blocked=blocked)}."
        f"{_AT_CEILING if ceiling and ties > 1 else ''}"
    )


def _fresh(best: Best, repeats: Sequence[Repeats]) -> str:
    """What the best trial comes to when it was not selected for it, where that is known."""
    mine = next((one for one in repeats if one.trial == best.trial), None)
    if mine is None or mine.mean is None:
        return ""
    seeds = words.count(len(mine.values), "fresh seed")
    return f", and on {seeds} {words.estimate(mine.mean, mine.interval)}"


def _caveat(warnings: int, *, blocked: bool) -> str:
    if blocked:
        return "; the settings cannot be compared yet"
    return f"; {words.count(warnings, 'warning')} to read before trusting it" if warnings else ""


def _why_nothing(counts: Mapping[str, int], unfinished: int, *, attempted: bool) -> str:
    started = counts["planned"] - counts["pending"]
    if not (started or attempted):
        return f"No trial has started yet: {counts['planned']} planned."
    outcomes = ", ".join(
        f"{counts[state]} {state}"
        for state in ("completed", "infeasible", "failed", "running", "pending")
        if counts[state]
    )
    if unfinished:
        return f"No trial has a result yet: {outcomes}."
    if counts["infeasible"] == started:
        return f"No trial could be trained: all {words.count(started, 'trial')} are infeasible."
    return f"No trial has a result: {outcomes}."


def _sentence(message: str) -> str:
    return message if message.endswith((".", "!", "?")) else f"{message}."
