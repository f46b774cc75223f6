"""The search space that a study probably had, inferred from its trials' values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Value

LOG_RATIO = 30.0
"""If the ends of a range differ by more than this factor, it is taken to be on a log scale."""
FEW_VALUES = 5
"""Up to this many numbers, each tried at two points or more, are choices; more numbers are a range."""
_MULTIPLICATIVE = re.compile(
    r"(^|[._/])(lr|learning_rate|weight_decay|wd|eps|epsilon|one_minus_\w+)\d*$", re.IGNORECASE
)
"""Names of hyperparameters that are always searched on a log scale."""
_SEED = re.compile(r"(^|[._/])(seed|random_seed|rng_seed)$", re.IGNORECASE)


def space(
    points: Sequence[Mapping[str, Value]], known: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, Value]]:
    """The hyperparameters that vary, in the form of a study file, and the fixed ones.

    `points` are the distinct settings that were tried. What is `known` about a hyperparameter is kept. A hyperparameter
    that only some points have gets a `when` if the value of another one decides which points have it.
    """
    names = dict.fromkeys(name for point in points for name in point)
    varied: dict[str, dict[str, Any]] = {}
    fixed: dict[str, Value] = {}
    for name in names:
        values = [point[name] for point in points if name in point]
        distinct = list(dict.fromkeys(values))
        if name in known:
            varied[name] = dict(known[name])
        elif len(distinct) == 1 and len(values) == len(points):
            fixed[name] = distinct[0]
        else:
            varied[name] = _variation(name, distinct, len(values))
    _only_choices_of_one(varied, fixed, points)
    for name, variation in varied.items():
        if any(name not in point for point in points):
            variation.update(_condition(name, points, varied))
    return varied, fixed


def is_seed(name: str) -> bool:
    """Whether a hyperparameter of this name is the trial's seed, which separates repeats and is not tuned."""
    return _SEED.search(name) is not None


def _variation(name: str, distinct: Sequence[Value], points: int) -> dict[str, Any]:
    numbers = [value for value in distinct if isinstance(value, int | float) and not isinstance(value, bool)]
    few = len(distinct) <= 2 or (len(distinct) <= FEW_VALUES and points >= 2 * len(distinct))
    if few or len(numbers) < len(distinct):
        return {"values": sorted(distinct, key=_order)}
    low, high = min(numbers), max(numbers)
    multiplicative = high / low >= LOG_RATIO or _MULTIPLICATIVE.search(name) if low > 0 else None
    whole = all(isinstance(value, int) for value in numbers)
    ends: dict[str, Any] = {"min": low, "max": high} if whole else {"min": float(low), "max": float(high)}
    return ends | ({"scale": "log"} if multiplicative else {})


def _only_choices_of_one(
    varied: dict[str, dict[str, Any]], fixed: dict[str, Value], points: Sequence[Mapping[str, Value]]
) -> None:
    """Move hyperparameters with a single choice, in every trial, to `fixed`."""
    for name in [name for name, variation in varied.items() if len(variation.get("values", ())) == 1]:
        if all(name in point for point in points):
            fixed[name] = varied.pop(name)["values"][0]


def _condition(
    name: str, points: Sequence[Mapping[str, Value]], varied: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """`when` for a hyperparameter that some points lack; {} if no other one's choice explains it."""
    having = [point for point in points if name in point]
    lacking = [point for point in points if name not in point]
    for other, variation in varied.items():
        if other == name or "values" not in variation or "when" in variation:
            continue
        if any(other not in point for point in points):
            continue
        yes = {point[other] for point in having}
        if not yes & {point[other] for point in lacking}:
            return {"when": {other: [value for value in variation["values"] if value in yes]}}
    return {}


def _order(value: Value) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    return 1, 0.0, str(value)
