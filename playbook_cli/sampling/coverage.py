"""How evenly trials cover each dimension of the search space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Parameter, TrialRecord


LARGEST_LISTED_RANGE = 10_000


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Equal bins of one dimension (as many as trials or, if fewer, whole values), and which hold a trial.

    The trials are those of the largest arm, because paired arms repeat the same points.
    """

    label: str
    trials: int
    bins: int
    occupied: int
    counts: tuple[int, ...]
    """Number of trials in each bin."""

    @property
    def share(self) -> float:
        """Share of occupied bins, from 0 to 1."""
        return self.occupied / self.bins if self.bins else 0.0


def coverage(parameter: Parameter, trials: Sequence[TrialRecord]) -> Coverage:
    """The coverage of one hyperparameter by the trials that have it."""
    by_arm: dict[tuple[tuple[str, object], ...], list[float]] = {}
    for trial in trials:
        if parameter.active(trial.params):
            unit = parameter.to_unit(trial.params[parameter.name])
            by_arm.setdefault(tuple(trial.arm.items()), []).append(unit)
    units = max(by_arm.values(), key=len, default=[])
    possible = _possible_bins(parameter, len(units))
    counts = dict.fromkeys(possible, 0)
    for unit in units:
        counts[_bin(unit, parameter, len(units))] += 1
    return Coverage(
        label=parameter.label,
        trials=len(units),
        bins=len(counts),
        occupied=sum(count > 0 for count in counts.values()),
        counts=tuple(counts.values()),
    )


def _bin(unit: float, parameter: Parameter, trials: int) -> int:
    bins = len(parameter.choices) if parameter.kind == "choice" else trials
    return min(int(unit * bins), bins - 1)


def _possible_bins(parameter: Parameter, trials: int) -> list[int]:
    """Number of bins that a value can fall into; few integers cannot fill many bins."""
    if parameter.kind == "choice":
        return list(range(len(parameter.choices)))
    if parameter.kind == "int" and trials and parameter.high - parameter.low < LARGEST_LISTED_RANGE:
        whole = range(int(parameter.low), int(parameter.high) + 1)
        return sorted({_bin(parameter.to_unit(value), parameter, trials) for value in whole})
    return list(range(trials))
