"""The report as one JSON object, its fields as the documentation of `report --json` promises them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from playbook_cli.report.importance import as_json as as_json_of_importance
from playbook_cli.report.repeats import as_json as as_json_of_repeats

if TYPE_CHECKING:
    from playbook_cli.records import Best, Finding, Stopped
    from playbook_cli.report.value import Arm, Report, Searched, Trial


def as_json(report: Report) -> dict[str, Any]:
    """What `json.dumps(..., allow_nan=False)` takes: NaN and infinities are null."""
    return {
        "study": report.study,
        "goal": report.goal,
        "answer": report.answer.text,
        "sure": report.answer.sure,
        "next": report.answer.command,
        "metric": {"name": report.metric.name, "goal": report.metric.goal},
        "max_train_steps": report.max_train_steps,
        "step_unit": report.step_unit,
        "counts": dict(report.counts),
        "repeat_counts": dict(report.repeat_counts),
        "best": _best(report.best),
        "arms": [_arm(arm) for arm in report.arms],
        "findings": [_finding(finding, report.command(finding)) for finding in report.findings],
        "caveats": list(report.caveats),
        "trials": [
            _trial(trial, report.max_train_steps)
            for trial in sorted([*report.trials, *report.again], key=lambda trial: trial.id)
        ],
        "importance": _strict(as_json_of_importance(report.importance)),
        "repeats": [_strict(as_json_of_repeats(one)) for one in report.repeats],
    } | ({"steps_saved": report.saved[0]} if report.saved[0] else {})


def _best(best: Best | None) -> Any:
    if best is None:
        return None
    return _strict({"trial": best.trial, "value": best.value, "step": best.step, "params": best.params})


def _arm(arm: Arm) -> dict[str, Any]:
    return {
        "settings": _strict(arm.settings),
        "trials": arm.trials,
        "best": _best(arm.best),
        "ended": arm.ended,
        "infeasible": arm.infeasible,
        "space": [_searched(searched) for searched in arm.space],
        "expected_best": [
            {"n": point.n, "value": _strict(point.value), "low": _strict(point.low), "high": _strict(point.high)}
            for point in arm.expected_best
        ],
    }


def _searched(searched: Searched) -> dict[str, Any]:
    ends = {"low": searched.low, "high": searched.high, "scale": searched.scale}
    return {"name": searched.name, **_strict(ends), "choices": list(searched.choices), "ends": searched.ends}


def _finding(finding: Finding, command: str | None) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "subject": finding.subject,
        "severity": finding.severity,
        "verdict": finding.verdict,
        "evidence": _strict(finding.evidence),
        "message": finding.message,
        "next": command,
    }


def _trial(trial: Trial, max_train_steps: int) -> dict[str, Any]:
    return {
        "id": trial.id,
        "params": _strict(trial.params),
        "state": trial.state,
        "reason": trial.reason,
        "value": _strict(trial.value),
        "step": trial.step,
        "last_step": trial.last_step,
        "seed": trial.seed,
        "repeat_of": trial.repeat_of,
        "code": trial.code,
        "adamw_timescale": None
        if trial.timescale is None
        else {"steps": trial.timescale, "of_max_train_steps": trial.timescale / max_train_steps},
    } | _stopped(trial.stopped)


def _stopped(why: Stopped | None) -> dict[str, Any]:
    """Only a trial that early stopping ended has this field."""
    if why is None:
        return {}
    told = {"step": why.step, "chance": why.chance, "expected": why.expected, "against": why.against}
    return {"stopped": _strict(told)}


def _strict(value: Any) -> Any:
    """`value` in JSON's own types, whatever kind of number, sequence or mapping it is made of."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_strict(item) for item in value]
    return _strict(value.tolist()) if hasattr(value, "tolist") else str(value)
