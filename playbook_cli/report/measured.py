"""What is known of a trial beside its settings and its result: other metrics, its time, what it used."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.spec.goals import direction
from playbook_cli.storage.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from playbook_cli.records import Goal
    from playbook_cli.report.value import Report, Trial
    from playbook_cli.storage.usage import Used


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One number of each trial."""

    name: str
    """Unlike the names of the hyperparameters."""
    values: Mapping[int, float]
    """By trial, those that are known and finite."""
    goal: Goal | None
    """Whether a lower or a higher one is better; None if the name doesn't say."""


def measured(report: Report) -> list[Measured]:
    """The seconds that each trial trained, and the other metrics at its best evaluation, if any trial has them."""
    trials = [*report.trials, *report.again]
    taken = {"trial", "state", "step", report.metric.name, *report.hyperparameters}
    known = [(name, name if name not in taken else f"{name} (reported)") for name in report.curves.metrics[1:]]
    seconds = "seconds" if "seconds" not in {*taken, *(shown for _, shown in known)} else "seconds of training"
    found = [Measured(name=seconds, values=_seconds(trials), goal="minimize")]
    found += [one for one in _used(report) if one.name not in {*taken, *(shown for _, shown in known)}]
    found += [
        Measured(name=shown, values=values, goal=direction(name))
        for (name, shown), values in zip(known, _at_best(report, trials), strict=True)
    ]
    return [one for one in found if one.values]


def _at_best(report: Report, trials: Sequence[Trial]) -> list[dict[int, float]]:
    """Every metric but the first one, at the step of each trial's result."""
    curves = report.curves
    steps = {trial.id: trial.step for trial in trials}
    sizes = [len(curves.steps[which]) * len(curves.metrics) for _, which in curves.trials]
    values: list[dict[int, float]] = [{} for _ in curves.metrics[1:]]
    for (trial, which), end in zip(curves.trials, accumulate(sizes), strict=True):
        own, step = curves.steps[which], steps.get(trial)
        if step is None or step not in own:
            continue
        block = curves.values[end - len(own) * len(curves.metrics) : end].reshape(len(curves.metrics), len(own))
        for place, value in enumerate(block[1:, own.index(step)]):
            if np.isfinite(value):
                values[place][trial] = float(str(value))  # as short as its 32 bits allow
    return values


def _seconds(trials: Sequence[Trial]) -> dict[int, float]:
    """How long the attempts of each trial ran, for those that have ended."""
    return {
        trial.id: round(sum((span.end or span.start) - span.start for span in trial.spans), 3)
        for trial in trials
        if trial.spans and all(span.end is not None for span in trial.spans)
    }


def _used(report: Report) -> Iterator[Measured]:
    """What trials used of their machines."""
    known = {trial: used(samples) for trial, samples in report.usage.items()}
    numbers: dict[str, Callable[[Used], float | None]] = {
        "cpu_cores": lambda one: one.cores,
        "memory_gb": lambda one: one.memory / 1e9,
        "gpu_share": lambda one: one.gpu,
        "gpu_memory_gb": lambda one: None if one.gpu_memory is None else one.gpu_memory / 1e9,
    }
    for name, number in numbers.items():
        values = {trial: round(value, 3) for trial, one in known.items() if (value := number(one)) is not None}
        yield Measured(name=name, values=values, goal=None if name == "gpu_share" else "minimize")
