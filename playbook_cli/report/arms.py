"""What each arm searches, and what is known of the ends of its ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.advice.arm_edges import arm_edges
from playbook_cli.report import words
from playbook_cli.report.value import Searched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Parameter, StudyRecord, Value


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
