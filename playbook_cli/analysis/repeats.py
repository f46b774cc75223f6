"""What repeats on fresh seeds say of the trials that were selected: their true level, their variance, their luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import looking, outcomes
from playbook_cli.analysis.contrast import LEVEL, quantile
from playbook_cli.storage.program_versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import StudyRecord


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """One trial of the search and what its repeats measured, all in the metric's own units."""

    trial: int
    selected: float | None
    """The trial's own result, which it was selected for; None where it has none."""
    values: Sequence[float]
    """Results of the completed repeats, in order of id."""
    infeasible: int
    """Repeats that diverged."""
    mean: float | None
    """Of the repeats alone, so that it is free of the selection; None where none completed."""
    sd: float | None
    """The trial standard deviation; None below two completed repeats."""
    interval: tuple[float, float] | None
    """Of the mean, 95%, by Student's t; None below two completed repeats."""
    looked: bool = False
    """Whether the results decided how many repeats there are; the interval then holds at every look."""
    luck: float | None
    """How much better the selected result was than the mean of its repeats; negative where it was worse.

    None also where they were trained by other code: the difference is then that of the code, too."""


def repeated(study: StudyRecord) -> list[Repeated]:
    """Every trial of the search that has repeats which ended, best first by its own result."""
    search = study.search.trials
    chosen = [trial for trial in search if outcomes.ended(study.repeats(trial.id))]
    chosen.sort(key=lambda trial: (outcomes.result(trial, study.metric), trial.id))
    return [_repeated(study, trial.id) for trial in chosen]


def _repeated(study: StudyRecord, number: int) -> Repeated:
    trial = next(t for t in study.trials if t.id == number)
    again = study.repeats(number)
    values = [t.best.value for t in outcomes.completed(again) if t.best is not None]
    mean = float(np.mean(values)) if values else None
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    comparable = versions([trial, *again], study.programs).one
    looked = any(t.looked for t in again)
    selected = trial.best.value if trial.state == "completed" and trial.best is not None else None
    return Repeated(
        trial=number,
        selected=selected,
        values=values,
        infeasible=sum(t.state == "infeasible" for t in again),
        mean=mean,
        sd=sd,
        interval=None if mean is None or sd is None else _interval(mean, sd, len(values), looked=looked),
        looked=looked,
        luck=study.metric.loss(mean) - study.metric.loss(selected)
        if mean is not None and selected is not None and comparable
        else None,
    )


def _interval(mean: float, sd: float, count: int, *, looked: bool) -> tuple[float, float]:
    half = quantile(count - 1, looking.alpha(count) if looked else 1.0 - LEVEL) * sd / math.sqrt(count)
    return mean - half, mean + half
