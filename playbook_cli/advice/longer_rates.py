"""Learning rates and new points for a longer round: where a ladder of lengths says that the best ones lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.advice.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import BestRate, Parameter, StudyRecord, TrialRecord, Value

NAMES = ("learning_rate", "lr", "peak_lr", "max_lr", "base_lr")
"""What the learning rate is called, the first that there is."""
BRACKET = 2.0
"""Factor around a point's own learning rate within which new points lie where nothing was measured."""
_GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, spread evenly however many there are."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """The best learning rate in trainings of some length, for the points of one arm."""

    name: str
    factor: float
    """Over the best one at the study's own length."""
    low: float
    high: float
    """The interval of 95%."""

    def __str__(self) -> str:
        return f"playbook horizon: the best value at this length is between {self.low:.3g} and {self.high:.3g}"


def predicted(study: StudyRecord, trial: TrialRecord, steps: int) -> Predicted | None:
    """What the ladder of this trial's arm says of trainings of `steps`; None where there is none, or it can't say."""
    known = study.horizon
    if known is None or known.learning_rate is None:
        return None
    arms = {one.id: one.arm for one in study.trials}
    rates = [rate for rate in known.rates if arms.get(rate.trial) == trial.arm]
    first = [rate for rate in rates if rate.trial == rates[0].trial]
    now, then = _at(first, study.max_train_steps), _at(first, steps)
    if now is None or then is None:
        return None
    return Predicted(name=known.learning_rate, factor=then[0] / now[0], low=then[1], high=then[2])


def added(
    study: StudyRecord, best: Sequence[TrialRecord], count: int, steps: int
) -> list[tuple[dict[str, Value], dict[str, Value]]]:
    """New points and their learning rates: the best points of the arms in turn, changed where the playbook retunes.

    The rates are spread over the predicted interval, or over a bracket around the point's own. What else varies in the
    study and is marked `retune` takes values all over its range.
    """
    bases = list({frozenset(trial.arm.items()): trial for trial in reversed(best)}.values())[::-1]
    found: list[tuple[dict[str, Value], dict[str, Value]]] = []
    for index in range(count):
        trial = bases[index % len(bases)]
        point = {
            p.name: _drawn(p, trial, index)
            for p in study.parameters
            if p.active(trial.params) and p.name in trial.params
        }
        told = predicted(study, trial, steps)
        name = told.name if told is not None else learning_rate([trial])
        rate = trial.params.get(name or "")
        if name is None or name not in point or not isinstance(rate, int | float):
            found.append((point, {}))
            continue
        low, high = (told.low, told.high) if told is not None else (rate / BRACKET, rate * BRACKET)
        share = ((index + 1) * _GOLDEN) % 1.0
        found.append((point, {name: float(f"{low * (high / low) ** share:.4g}")}))
    return found


def learning_rate(trials: Sequence[TrialRecord]) -> str | None:
    """What the learning rate of these trials is called; None where they have none above 0."""
    return next((name for name in NAMES if all(number(trial, name) > 0.0 for trial in trials)), None)


def number(trial: TrialRecord, name: str) -> float:
    """The number that a hyperparameter of the trial is; 0 where it is none."""
    value = trial.params.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def moved(trial: TrialRecord, told: Predicted | None) -> dict[str, Value]:
    """The learning rate that a carried point gets at the new length."""
    rate = None if told is None else trial.params.get(told.name)
    if told is None or isinstance(rate, bool) or not isinstance(rate, int | float):
        return {}
    return {told.name: float(f"{rate * told.factor:.4g}")}


def ranged(data: dict[str, Any], tolds: Sequence[Predicted], points: Sequence[Mapping[str, Value]]) -> bool:
    """Make the interval, as far as points reach beyond it with them, the range of the learning rate; whether it is."""
    given = data.get("nuisance", {}).get(tolds[0].name)
    if not isinstance(given, dict) or "min" not in given:
        return False
    rates = [v for p in points if isinstance(v := p.get(tolds[0].name), int | float)]
    given["min"] = min([told.low for told in tolds] + rates)
    given["max"] = max([told.high for told in tolds] + rates)
    return True


def _drawn(parameter: Parameter, trial: TrialRecord, index: int) -> Value:
    if parameter.role != "nuisance" or transfer(parameter.name).mark != "retune":
        return trial.params[parameter.name]
    return parameter.from_unit(((index + 1) * _GOLDEN + len(parameter.name) * math.sqrt(2)) % 1.0)


def _at(rates: Sequence[BestRate], steps: int) -> tuple[float, float, float] | None:
    """Best rate, low and high at a length between those that are known, on log scales."""
    known = sorted((rate.steps, (rate.value, rate.low, rate.high)) for rate in rates)
    below = [one for one in known if one[0] <= steps]
    above = [one for one in known if one[0] >= steps]
    if not below or not above:
        return None
    (n, before), (m, after) = below[-1], above[0]
    share = math.log(steps / n) / math.log(m / n) if m > n else 0.0
    value, low, high = (a * (b / a) ** share for a, b in zip(before, after, strict=True))
    return value, low, high
