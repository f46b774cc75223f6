"""How each arm was tuned: its space, what is known of the ends of its ranges, and the budgets to compare arms at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.advice.arm_edges import arm_edges
from playbook_cli.analysis import expected_best
from playbook_cli.report import words
from playbook_cli.report.value import Searched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.analysis.expected_best import ExpectedBest
    from playbook_cli.records import Parameter, StudyRecord, Value
    from playbook_cli.report.value import Report

ENDS = {
    "lower-edge": "ends too early below",
    "upper-edge": "ends too early above",
    "interior": "no early end seen",
    "undecided": "not known yet",
}
"""What is known of the ends of a range, in words."""
_PARTS = (4, 2, 1)
"""Of the trials of the smallest arm: the budgets at which arms are compared."""


def spaces(study: StudyRecord, arms: Sequence[Mapping[str, Value]]) -> list[list[Searched]]:
    """What each of these arms searches; nothing of the ends of ranges where their points were not sampled."""
    sampled = not (study.raced or study.listed or study.adaptive)
    ends: Sequence[Mapping[str, str]] = arm_edges(study, arms) if sampled else [{} for _ in arms]
    return [
        [
            _searched(parameter, known.get(parameter.label))
            for parameter in study.parameters
            if _in(parameter, arm, study)
        ]
        for arm, known in zip(arms, ends, strict=True)
    ]


def _in(parameter: Parameter, arm: Mapping[str, Value], study: StudyRecord) -> bool:
    """Whether trials of this arm may have the parameter, beside what makes it an arm."""
    settled = {**study.fixed, **arm}
    possible = all(name not in settled or settled[name] in values for name, values in parameter.when.items())
    return possible and parameter.name not in arm


def _searched(parameter: Parameter, ends: str | None) -> Searched:
    return Searched(
        name=parameter.name,
        label=parameter.label,
        low=None if parameter.kind == "choice" else parameter.low,
        high=None if parameter.kind == "choice" else parameter.high,
        scale=None if parameter.kind == "choice" else parameter.scale,
        choices=[words.setting(choice) for choice in parameter.choices],
        ends=ends,
    )


def span(searched: Searched) -> str:
    """A range, `0.001 to 1 log`, or its choices."""
    if searched.low is None or searched.high is None:
        return words.shortened(", ".join(searched.choices), 40)
    return f"{words.number(searched.low)} to {words.number(searched.high)}{' log' if searched.scale == 'log' else ''}"


def budgets(report: Report) -> list[int]:
    """Numbers of trials at which every arm can be compared, ascending; none where an arm has no result."""
    fewest = min((arm.expected_best[-1].n if arm.expected_best else 0 for arm in report.arms), default=0)
    return sorted({max(1, fewest // part) for part in _PARTS}) if fewest else []


def at(curve: Sequence[ExpectedBest], count: int) -> str:
    """The expected best of so many trials, with its band."""
    point = expected_best.at(curve, count)
    return words.estimate(point.value, (point.low, point.high))
