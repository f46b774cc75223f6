"""Which of several points is the simplest one, to be taken where they are equal.

First what the user prefers; then the smallest model, where trials report its number of parameters; then the fewest
settings changed from the adopted baseline; then the better result in the search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import TrialRecord, Value

_COUNT = re.compile(r"^(n|num|number_of|total|trainable|model)?_?(trainable_|model_)?param(eter)?s(_count)?$")
"""How metrics are called that count a model's parameters."""


@dataclass(frozen=True, kw_only=True)
class Preference:
    """Which end of a numeric hyperparameter is the simpler one."""

    name: str
    end: Literal["low", "high"]

    def __str__(self) -> str:
        return f"--prefer {self.name}={self.end}"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The settings that were adopted last."""

    label: str
    params: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class _Criterion:
    of: Callable[[TrialRecord], float]
    """Smaller is simpler."""
    why: Callable[[TrialRecord], str]
    """What is said of the point that wins by it."""


def preferences(texts: Sequence[str], trials: Sequence[TrialRecord]) -> list[Preference]:
    """What `--prefer` asks for. PlaybookError if it isn't about a numeric hyperparameter of these trials."""
    found = []
    for text in texts:
        name, _, end = text.partition("=")
        name = name.strip()
        if end.strip() not in ("low", "high"):
            raise PlaybookError(
                f"--prefer {text}: say which end is simpler", hint=f"--prefer {name or 'PARAM'}=low, or =high"
            )
        numeric = sorted(
            {n for t in trials for n, v in t.params.items() if isinstance(v, int | float) and not isinstance(v, bool)}
        )
        if name not in numeric:
            raise PlaybookError(
                f"--prefer {text}: the trials have no numeric hyperparameter {name}",
                hint=f"they have {', '.join(numeric)}" if numeric else "leave --prefer out",
            )
        found.append(Preference(name=name, end="low" if end.strip() == "low" else "high"))
    return found


def ordered(
    trials: Sequence[TrialRecord], preferred: Sequence[Preference], baseline: Baseline | None
) -> list[TrialRecord]:
    """The trials, which come best first, with the simplest one first."""
    criteria = _criteria(trials, preferred, baseline)
    return sorted(trials, key=lambda trial: tuple(criterion.of(trial) for criterion in criteria))


def reason(
    simplest: TrialRecord,
    others: Sequence[TrialRecord],
    ranked: Sequence[TrialRecord],
    preferred: Sequence[Preference],
    baseline: Baseline | None,
) -> str:
    """By what this trial is simpler than the others; `ranked` are all that took part, as for `ordered`."""
    for criterion in _criteria(ranked, preferred, baseline):
        if any(criterion.of(other) != criterion.of(simplest) for other in others):
            return criterion.why(simplest)
    return "neither is simpler"


def changes(trial: TrialRecord, baseline: Baseline) -> int:
    """How many settings of a trial differ from the baseline's."""
    names = {*trial.params, *baseline.params}
    return sum(trial.params.get(name) != baseline.params.get(name) for name in names)


def _criteria(
    ranked: Sequence[TrialRecord], preferred: Sequence[Preference], baseline: Baseline | None
) -> list[_Criterion]:
    criteria = [_preferring(preference) for preference in preferred]
    counts = {trial.id: _parameters(trial) for trial in ranked}
    if all(count is not None for count in counts.values()):
        criteria.append(
            _Criterion(
                of=lambda t: counts[t.id] or 0.0, why=lambda t: f"smallest model: {counts[t.id]:,.0f} parameters"
            )
        )
    if baseline is not None:
        criteria.append(
            _Criterion(
                of=lambda t: changes(t, baseline),
                why=lambda t: f"fewest settings changed from {baseline.label}: {changes(t, baseline)}",
            )
        )
    places = [trial.id for trial in ranked]
    criteria.append(_Criterion(of=lambda t: places.index(t.id), why=lambda _: "the better one in the search"))
    return criteria


def _preferring(preference: Preference) -> _Criterion:
    sign = 1.0 if preference.end == "low" else -1.0

    def of(trial: TrialRecord) -> float:
        value = trial.params.get(preference.name)
        return sign * value if isinstance(value, int | float) else float("inf")

    return _Criterion(of=of, why=lambda t: f"{preference.name}={t.params.get(preference.name)}, as {preference} asks")


def _parameters(trial: TrialRecord) -> float | None:
    """The number of parameters that a trial reports; None if it reports none."""
    if trial.curve is None:
        return None
    for name, values in trial.curve.values.items():
        if _COUNT.match(name.lower()) and (known := values[np.isfinite(values)]).size:
            return float(known[-1])
    return None
