"""What two pipelines differ by, and what they share: a comparison answers for the one, and is limited to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.records import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import StudyRecord, Value

_NAMED = 5
"""Shared settings that a headline names; it counts the others."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A setting that is not the same on both sides."""

    name: str
    baseline: str | None
    """Its value, its range or its choices; None where that side does not have it."""
    candidate: str | None
    counts: bool
    """Whether it is a change of its own: not where both search it, nor where it comes with another one."""

    def __str__(self) -> str:
        if self.baseline is None:
            return f"{self.name} {self.candidate} in the candidate only"
        if self.candidate is None:
            return f"{self.name} {self.baseline} in the baseline only"
        return f"{self.name} {self.baseline} and {self.candidate}"


def differences(baseline: StudyRecord, candidate: StudyRecord) -> list[Difference]:
    """Every setting that differs, also those that one side alone has; the baseline's first, in its order.

    A hyperparameter that exists only under a setting which differs is listed, and is no change of its own.
    """
    first, second = _settings(baseline), _settings(candidate)
    names = [name for name in dict.fromkeys([*first, *second]) if not _same(first, second, name)]
    searched = {p.name for p in baseline.parameters} & {p.name for p in candidate.parameters}

    def comes_along(given: Value | Parameter) -> bool:
        return isinstance(given, Parameter) and (given.name in searched or bool(given.when.keys() & {*names}))

    return [
        Difference(
            name=name,
            baseline=_text(first[name]) if name in first else None,
            candidate=_text(second[name]) if name in second else None,
            counts=name != "eval_every"
            and not any(comes_along(side[name]) for side in (first, second) if name in side),
        )
        for name in names
    ]


def shared(baseline: StudyRecord, candidate: StudyRecord) -> dict[str, Value]:
    """The settings that have one value, and the same one on both sides: the answer is limited to them."""
    first, second = _settings(baseline), _settings(candidate)
    same = {name: value for name, value in first.items() if not isinstance(value, Parameter)}
    return {name: value for name, value in same.items() if name != "eval_every" and _same(first, second, name)}


def limits(same: Mapping[str, Value]) -> str:
    """What an answer is limited to, for a headline: `limited to max_train_steps 200, batch_size 64`."""
    if not same:
        return ""
    said = [f"{name} {wording.value(value)}" for name, value in [*same.items()][:_NAMED]]
    more = [f"{len(same) - _NAMED} more settings"] if len(same) > _NAMED else []
    return f"limited to {', '.join([*said, *more])}"


def together(names: Sequence[str]) -> str | None:
    """The warning where more than one thing changed; None where at most one did."""
    if len(names) < 2:
        return None
    return (
        f"{len(names)} changes at once ({', '.join(names)}): the gain is that of all of them together; change one "
        "thing at a time to know which one matters"
    )


def _settings(study: StudyRecord) -> dict[str, Value | Parameter]:
    """Everything that makes the pipeline: lengths, constants, the settings of the arm that it may be, and ranges."""
    lengths: dict[str, Value | Parameter] = {"max_train_steps": study.max_train_steps, "eval_every": study.eval_every}
    known = {*study.fixed, *(p.name for p in study.parameters)}
    arm = {
        name: value for trial in study.search.trials[:1] for name, value in trial.params.items() if name not in known
    }
    return {**lengths, **arm, **study.fixed, **{p.label: p for p in study.parameters}}


def _same(first: Mapping[str, Any], second: Mapping[str, Any], name: str) -> bool:
    if name not in first or name not in second:
        return False
    one, other = first[name], second[name]
    if isinstance(one, Parameter) and isinstance(other, Parameter):
        return _space(one) == _space(other)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _space(parameter: Parameter) -> tuple[object, ...]:
    return parameter.kind, parameter.low, parameter.high, parameter.scale, parameter.choices, parameter.when


def _text(given: Value | Parameter) -> str:
    if not isinstance(given, Parameter):
        return wording.value(given)
    if given.kind == "choice":
        return f"[{', '.join(map(wording.value, given.choices))}]"
    return f"{wording.span(given)}{' (log)' if given.scale == 'log' else ''}"
