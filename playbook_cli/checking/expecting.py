"""What is expected of a study, and whether it holds."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.acts import command
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.comparison import Side
from playbook_cli.analysis.regression import regression
from playbook_cli.errors import PlaybookError, StudyError
from playbook_cli.records import ENDED
from playbook_cli.spec.problem import listed
from playbook_cli.storage.store import counts
from playbook_cli.wording import number, p_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import Finding, StudyRecord, TrialRecord

OTHERS = ("warning", "infeasible", "failed")
"""What --fail-on takes besides the name of a rule."""
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_EXPECTATION = re.compile(r"\s*([^<>=]+?)\s*(<=|>=|==|<|>)\s*([^<>=\s]\S*)\s*")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One expectation."""

    check: str
    """As it was asked for."""
    holds: bool
    message: str
    """What is so, with its numbers."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """That a metric of the best trial, or the number of trials in a state, is on one side of a value."""

    text: str
    name: str
    sign: str
    value: float


def expectation(text: str) -> Expectation:
    """`val_error<=0.05`. PlaybookError where it is no comparison with a number."""
    found = _EXPECTATION.fullmatch(text)
    try:
        value = float(found[3]) if found else math.nan
    except ValueError:
        value = math.nan
    if found is None or math.isnan(value):
        hint = "write a name, an operator and a number: --expect 'val_error<=0.05'; operators: <= < >= > =="
        raise PlaybookError(f"{text!r} is not an expectation", where="--expect", hint=hint)
    return Expectation(text=text.strip(), name=found[1], sign=found[2], value=value)


def finished(study: StudyRecord) -> list[Checked]:
    """That a study is finished and has a result, where it is not so."""
    missing = study.search.unfinished
    broken = []
    if missing > 0:
        message = f"{missing} of {study.search.planned} trials have not ended"
        broken.append(Checked(check="finished", holds=False, message=message))
    if not outcomes.completed(study.search.trials):
        broken.append(Checked(check="finished", holds=False, message="no trial has completed"))
    return broken


def expected(study: StudyRecord, asked: Expectation) -> Checked:
    """Whether an expectation holds. PlaybookError where the study has nothing of this name."""
    ranked = outcomes.ranked(study.search.trials, study.metric)
    if asked.name in ENDED:
        found: float = counts(study.search.trials, study.search.planned).get(asked.name, 0)
        where = f"{found:g} trials"
    else:
        if not ranked:
            return Checked(check=asked.text, holds=False, message="no trial has completed")
        value = _at_best(ranked[0], asked.name, study)
        found, where = value, f"{number(value)} (trial {ranked[0].id})"
    return Checked(check=asked.text, holds=_SIGNS[asked.sign](found, asked.value), message=f"it is {where}")


def _at_best(trial: TrialRecord, name: str, study: StudyRecord) -> float:
    value = outcomes.at_best(trial, name, study.metric)
    if value is None:
        known = listed([*ENDED, *(trial.curve.values if trial.curve is not None else [study.metric.name])])
        raise PlaybookError(f"the study has nothing named {name!r}", where="--expect", hint=f"it has {known}")
    return value


def without(study: StudyRecord, findings: Sequence[Finding], what: str) -> Checked:
    """That no rule warns, or this one doesn't, or that no trial is in this state."""
    if what in ENDED:
        trials = [trial.id for trial in study.search.trials if trial.state == what]
        shown = f"{len(trials)} of {study.search.planned} trials ({listed(trials)})"
        return Checked(check=f"no {what} trial", holds=not trials, message=shown if trials else "there is none")
    warned = [f for f in findings if f.severity == "warning" and what in ("warning", f.rule)]
    said = "; ".join(f.objection for f in warned)
    named = "no warning" if what == "warning" else f"no warning of {what}"
    return Checked(check=named, holds=not warned, message=said or "there is none")


def no_regression(study: StudyRecord, baseline: StudyRecord, where: tuple[str, str]) -> Checked:
    """That a study is not worse than its baseline beyond the noise of both; `where` are their folders.

    StudyError where their metrics differ, or the noise is not known.
    """
    if study.metric != baseline.metric:
        ours, theirs = study.metric, baseline.metric
        raise StudyError(
            f"it {ours.goal}s {ours.name}, but {where[1]} {theirs.goal}s {theirs.name}",
            where=where[0],
            hint="use a baseline with the same metric",
        )
    check = f"no regression against {where[1]}"
    if not outcomes.completed(study.search.trials):
        return Checked(check=check, holds=False, message="no trial has completed")
    found = regression(Side(study=baseline), Side(study=study))
    if found is None:
        raise StudyError(
            f"can't be compared with {where[1]}: the two have no common points, and no repeats",
            where=where[0],
            hint=f"{command('repeat', where[1], top=1, seeds=5)}, and the same for {where[0]}",
        )
    change = "the same" if not found.loss else f"{number(abs(found.loss))} {'worse' if found.loss > 0 else 'better'}"
    by = f"{found.count} repeats"
    if found.by == "points":
        best = f"the best {found.count} of " if found.count < found.among else ""
        by = f"{best}{found.among} common points"
    message = f"{study.metric.name} is {change}, noise {number(found.error)} ({by}, "
    return Checked(check=check, holds=not found.found, message=f"{message}{p_text(found.p_value)})")
