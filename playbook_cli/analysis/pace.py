"""How much longer a study trains, from the speed of the attempts so far."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from playbook_cli.records import DECIDED, ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.records import TrialRecord

SOON = 5.0
"""Seconds before which an attempt that runs tells nothing: programs load data and compile first."""


def seconds_per_step(spent: Iterable[tuple[float, int]]) -> float | None:
    """Mean duration of a step, from pairs of seconds and steps; None if there is nothing to tell it by."""
    pairs = [(seconds, steps) for seconds, steps in spent if steps > 0 and seconds > 0.0]
    return sum(seconds for seconds, _ in pairs) / sum(steps for _, steps in pairs) if pairs else None


def seconds_left(per_step: float | None, left: Sequence[int], at_once: int) -> float | None:
    """Seconds until trials with these numbers of steps left are trained, `at_once` of them in parallel."""
    if per_step is None:
        return None
    return per_step * max(sum(left) / max(at_once, 1), max(left, default=0))


def spent(trials: Sequence[TrialRecord], steps: Mapping[int, int], now: float) -> list[tuple[float, int]]:
    """Seconds and steps of every trial that ended or has run for a while; `steps` are those of the running ones."""
    pairs = []
    for trial in trials:
        seconds = sum(span.end - span.start for span in trial.spans if span.end is not None)
        if trial.state in ENDED:
            pairs.append((seconds, trial.last_step))
        elif trial.state == "running" and trial.spans and now - trial.spans[-1].start >= SOON:
            pairs.append((seconds + now - trial.spans[-1].start, steps.get(trial.id, 0)))
    return pairs


def steps_left(
    trials: Sequence[TrialRecord], steps: Mapping[int, int], *, further: int, max_train_steps: int
) -> list[int]:
    """Steps left of each trial that has not ended, and of `further` ones that are not planned in detail yet.

    Waiting trials are expected to be as long as those that ended: some diverge, or are stopped early.
    """
    lengths = [trial.last_step for trial in trials if trial.state in DECIDED and trial.last_step]
    usual = round(fmean(lengths)) if lengths else max_train_steps
    running = [max(0, max_train_steps - steps.get(t.id, 0)) for t in trials if t.state == "running"]
    waiting = sum(trial.state == "pending" for trial in trials) + further
    return [*running, *[usual] * waiting]
