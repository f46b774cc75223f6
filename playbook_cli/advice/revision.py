"""The next study: the last one with every change that its findings ask for, and the reason of each."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TYPE_CHECKING, Any

from playbook_cli.advice.carrying import names
from playbook_cli.advice.fixing import fixing
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.outcomes import has
from playbook_cli.wording import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.acts import Next
    from playbook_cli.records import Finding, Parameter, StudyRecord, TrialRecord

WIDENED_BY = 0.5
"""Part of its span by which a range grows past an edge; on a log scale the span is counted in decades."""
NARROW_MARGIN = 0.1
"""Part of the span that stays on either side of the best trials."""
NARROW_GAIN = 0.8
"""A range is narrowed only where less than this part of it remains."""
ROUNDED_BY = 0.05
"""Part of a new range, on its own scale, by which rounding moves an end at most."""
EXACT = 12
"""Digits of an end that count; the later ones are noise of its computation."""
BEST_SHARE = 0.25
"""The best trials that a narrowed range must hold."""
CORNER_SHARE = 0.125
"""The best trials that a range must hold whose unstable end is cut."""
SHARES = re.compile(r"dropout|beta|momentum|smoothing|_prob|mixup", re.IGNORECASE)
"""Hyperparameters of such names lie between 0 and 1."""
REGULARIZERS: dict[str, dict[str, Any]] = {
    "weight_decay": {"min": 1e-6, "max": 1e-1, "scale": "log"},
    "dropout": {"min": 0.0, "max": 0.6},
    "label_smoothing": {"min": 0.0, "max": 0.3},
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One key of the next study file and why it is as it is; `key` is its path in the file."""

    key: tuple[str | int, ...]
    reason: str


@dataclass(kw_only=True)
class Revision:
    """The next study as data of a study file, what was changed, and what was asked for but can't be done here."""

    data: dict[str, Any]
    changes: list[Change] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    grows: bool = False
    """It is the same study with more trials, to be run in its own folder: the points that there are never move."""


def revise(
    data: dict[str, Any],
    study: StudyRecord,
    findings: Sequence[Finding],
    request: Next,
    name: str,
    *,
    cut: bool = True,
) -> Revision:
    """The study after `study`, called `name`; `data` is that study's file in its written-out form, and is changed.

    With `cut`, what is infeasible above the best trials is cut off where `instability-edge` spoke.
    """
    revision = Revision(data=data)
    for label in request.widen:
        widen(revision, study, label, findings)
    fixed = _fix(revision, study, request, findings) if request.fix else []
    if request.narrow:
        _narrow(revision, study, excluded=[*request.widen, *fixed])
    if request.regularize:
        _regularize(revision, findings)
    if request.max_train_steps is not None:
        _steps(revision, study, request.max_train_steps, findings)
    if request.eval_every is not None:
        data["eval_every"] = request.eval_every
        _say(revision, ("eval_every",), _because(findings, "eval-frequency") or f"was {study.eval_every}")
    if cut:
        _unstable(revision, study, findings)
    had, alone = int(data.get("seed", 0)), not revision.changes
    again = request.seed is not None and request.seed != had
    if request.trials is not None:
        _trials(revision, study, request.trials, findings, goes_on=alone and not again)
    if again:
        data["seed"] = request.seed
        luck = f": the search of {study.name} again at other points; the difference is search noise"
        _say(revision, ("seed",), f"was {had}{luck if alone else ''}")
    elif request.seed is not None:
        revision.left.append(f"{had} is already the search seed of {study.name}")
    elif revision.changes and not revision.grows:
        data["seed"] = had + 1
        _say(revision, ("seed",), "new search seed, so no point is repeated")
    if not revision.grows:
        data["name"] = name
    return revision


def _fix(revision: Revision, study: StudyRecord, request: Next, findings: Sequence[Finding]) -> list[str]:
    """Move what did not matter to `fixed`; a range that is to be widened or cut stays. The names of what was moved."""
    open_ = {f.subject for f in findings if f.subject and (f.severity == "warning" or f.verdict == "unstable-above")}
    found = fixing(study, {*request.widen, *open_})
    for name, (value, reason) in found.values.items():
        del revision.data["nuisance"][name]
        revision.data.setdefault("fixed", {})[name] = value
        _say(revision, ("fixed", name), reason)
    if not revision.data.get("nuisance", True):
        del revision.data["nuisance"]
    if found.values and revision.data.get("sampler") == "grid":
        revision.data.pop("trials", None)  # the grid is smaller now
    revision.left += found.left
    return [*found.values]


def _trials(revision: Revision, study: StudyRecord, trials: int, findings: Sequence[Finding], *, goes_on: bool) -> None:
    """Change their number; more of them are added to the study itself where nothing else changes."""
    arms, had = len(study.arms), study.search.planned
    asked = math.ceil(trials / arms) * arms
    if asked == had:
        revision.left.append(f"it already has {had} trials; use --seed for as many at other points")
        return
    revision.data["trials"] = asked
    revision.grows = goes_on and asked > had and not study.imported
    kept = f"; the {had} existing trials are kept" if revision.grows else ""
    _say(revision, ("trials",), (_because(findings, "budget") or f"was {had}") + kept)


def _say(revision: Revision, key: tuple[str | int, ...], reason: str) -> None:
    revision.changes.append(Change(key=key, reason=reason))


def _because(findings: Sequence[Finding], *rules: str, subject: str | None = None) -> str | None:
    for finding in findings:
        if finding.rule in rules and finding.act is not None and subject in (None, finding.subject):
            return f"{finding.rule}: {finding.message}"
    return None


def _place(revision: Revision, parameter: Parameter) -> tuple[tuple[str | int, ...], dict[str, Any]]:
    """Where a parameter stands in the file: its path, and its mapping."""
    alternatives = revision.data[parameter.role][parameter.name]
    if not isinstance(alternatives, list):
        return (parameter.role, parameter.name), alternatives
    for index, given in enumerate(alternatives):
        if {key: tuple(values) for key, values in given.get("when", {}).items()} == dict(parameter.when):
            return (parameter.role, parameter.name, index), given
    raise KeyError(parameter.label)


def widen(revision: Revision, study: StudyRecord, label: str, findings: Sequence[Finding]) -> None:
    """Move the edges of a range outward: those that `boundary` names, or both."""
    parameter = next(p for p in study.parameters if p.label == label)
    key, given = _place(revision, parameter)
    edges = [f for f in findings if f.rule == "boundary" and f.subject == label and f.verdict in _SIDES]
    sides = [_SIDES[finding.verdict] for finding in edges] or ["min", "max"]
    for side in sides:
        end, bound = _widened(parameter, side)
        if end == given[side]:
            revision.left.append(
                f"{label} can't be widened below {bound:g}" if side == "min" else f"{label} ends at {bound:g}"
            )
            continue
        given[side] = end
        _say(revision, (*key, side), _because(edges, "boundary") or f"{side} was {_shown(parameter, side)}")


_SIDES = {"lower-edge": "min", "upper-edge": "max"}


def _shown(parameter: Parameter, side: str) -> str:
    return number(parameter.low if side == "min" else parameter.high)


def _widened(parameter: Parameter, side: str) -> tuple[float, float]:
    """The new end of a range, rounded, and the bound that it may not pass."""
    low, high = parameter.low, parameter.high
    up = side == "max"
    bound = 1.0 if up and SHARES.search(parameter.name) and high <= 1 else math.inf if up else -math.inf
    if parameter.scale == "log":
        grown = high * (high / low) ** WIDENED_BY if up else low / (high / low) ** WIDENED_BY
    else:
        grown = high + (high - low) * WIDENED_BY if up else low - (high - low) * WIDENED_BY
        if not up and low >= 0:
            bound = 0 if parameter.kind == "int" else 0.0  # where both ends are whole, the range is of whole numbers
    end = _outward(parameter, grown, low if up else high)
    return (min(end, bound) if up else max(end, bound)), bound


def _outward(parameter: Parameter, end: float, other: float) -> float:
    """The end of a range, rounded away from its `other` end: to two digits, or to as many as ROUNDED_BY takes."""
    up = end > other
    if parameter.kind == "int":
        whole = math.ceil(end) if up else math.floor(end)
        return max(whole, 1) if parameter.scale == "log" else whole
    for digits in range(2, EXACT):
        to = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
        rounded = float(to.create_decimal(f"{end:.{EXACT}g}"))
        if _distance(parameter, rounded, end) <= ROUNDED_BY * _distance(parameter, other, end):
            return rounded
    return end


def _distance(parameter: Parameter, a: float, b: float) -> float:
    return abs(math.log(a / b)) if parameter.scale == "log" else abs(a - b)


def _narrow(revision: Revision, study: StudyRecord, excluded: Sequence[str]) -> None:
    placed = outcomes.placed(study.trials, study.metric)
    best = placed[: max(4, round(len(placed) * BEST_SHARE))]
    kept = [trial for trial in best if trial.state == "completed"]
    before = len(revision.changes)
    narrow_to(revision, study, kept, excluded)
    if len(revision.changes) == before:
        revision.left.append(f"no range can be narrowed: the best {len(kept)} trials are spread over all of them")


def narrow_to(revision: Revision, study: StudyRecord, kept: Sequence[TrialRecord], excluded: Sequence[str]) -> None:
    """Cut every range but the `excluded` down to where these trials lie, and a margin on either side."""
    for parameter in study.parameters:
        units = [parameter.to_unit(t.params[parameter.name]) for t in kept if has(parameter, t)]
        if parameter.kind == "choice" or parameter.label in excluded or len(units) < 2:
            continue
        low, high = max(0.0, min(units) - NARROW_MARGIN), min(1.0, max(units) + NARROW_MARGIN)
        if high - low > NARROW_GAIN:
            continue
        key, given = _place(revision, parameter)
        lowest, highest = number(_at(parameter, min(units))), number(_at(parameter, max(units)))
        reason = f"the best {len(kept)} trials are between {lowest} and {highest}"
        given["min"], given["max"] = _inside(parameter, _at(parameter, low), _at(parameter, high))
        _say(revision, (*key, "min"), reason)


def _inside(parameter: Parameter, low: float, high: float) -> tuple[float, float]:
    """The ends of a part of a range, rounded outward but never beyond the range."""
    return max(_outward(parameter, low, high), parameter.low), min(_outward(parameter, high, low), parameter.high)


def _at(parameter: Parameter, unit: float) -> float:
    value = parameter.from_unit(unit)
    return float(value) if isinstance(value, int | float) else 0.0


def _regularize(revision: Revision, findings: Sequence[Finding]) -> None:
    reason = _because(findings, "overfitting") or "asked for"
    nuisance, fixed = revision.data.setdefault("nuisance", {}), revision.data.get("fixed", {})
    added = False
    for name, given in REGULARIZERS.items():
        if name in fixed:
            del fixed[name]
            nuisance[name] = dict(given)
            _say(revision, ("nuisance", name), reason)
            added = True
    if not added:
        known = ", ".join(REGULARIZERS)
        revision.left.append(f"{reason}; the study fixes none of {known}: add one to the script, and tune it")


def _steps(revision: Revision, study: StudyRecord, steps: int, findings: Sequence[Finding]) -> None:
    revision.data["max_train_steps"] = steps
    revision.data["eval_every"] = max(1, round(study.eval_every * steps / study.max_train_steps))
    rules = ("still-improving", "best-step") if steps > study.max_train_steps else ("saturated", "best-step")
    _say(revision, ("max_train_steps",), _because(findings, *rules) or f"was {study.max_train_steps}")
    _say(revision, ("eval_every",), "scaled with max_train_steps")
    decay = _schedules(study.fixed)
    length = study.fixed.get(names(study.fixed, None).decay or "")
    if decay:
        over = f"now decays over {steps} steps" if length is None else f"still decays over {length} steps, and later"
        revision.left.append(f"{decay} {over}: retune it")


def _schedules(fixed: Mapping[str, Any]) -> str | None:
    for name, value in fixed.items():
        if "schedule" in name and value != "constant":
            return f"{name}: {value}"
    return None


def _unstable(revision: Revision, study: StudyRecord, findings: Sequence[Finding]) -> None:
    """Cut off what is infeasible beyond the best trials, where that rule spoke."""
    ended = outcomes.ended(study.trials)
    before = len(revision.changes)
    together = [f for f in findings if f.rule == "instability-edge" and f.verdict == "unstable-together"]
    if together:
        _corner(revision, study, together)
    for finding in findings:
        if finding.rule != "instability-edge" or finding.verdict != "unstable-above":
            continue
        parameter = next(p for p in study.parameters if p.label == finding.subject)
        feasible = [t for t in outcomes.feasible(ended) if has(parameter, t)]
        end = _end(parameter, feasible, "max", 0.0)
        if _cut(revision, parameter, "max", end):
            _say(revision, (*_place(revision, parameter)[0], "max"), f"instability-edge: {finding.message}")
    if len(revision.changes) > before:
        revision.left.append(
            "training is unstable there: warmup or gradient clipping may move the limit and is worth a study"
        )


def _corner(revision: Revision, study: StudyRecord, findings: Sequence[Finding]) -> None:
    """Cut one of the two ranges whose ratio or product has an unstable end; no study file can say to cut a corner.

    The cut leaves some room beyond the best trials. Of the two ranges it is the one whose cut takes away the most
    infeasible trials and the fewest others.
    """
    ended, ranked = outcomes.ended(study.trials), outcomes.ranked(study.trials, study.metric)
    best = ranked[: max(3, round(len(ranked) * CORNER_SHARE))]
    options = []
    for finding in findings:
        parameter = next(p for p in study.parameters if p.label == finding.subject)
        side = "max" if finding.evidence["side"] == "above" else "min"
        kept = [t for t in best if has(parameter, t)]
        if not kept or parameter.name not in revision.data.get(parameter.role, {}):  # it may have been fixed
            continue
        end = _end(parameter, kept, side, NARROW_MARGIN)
        gone = [t for t in ended if has(parameter, t) and _beyond(t.params[parameter.name], side, end)]
        infeasible = sum(t.state == "infeasible" for t in gone)
        options.append((infeasible, len(gone) - infeasible, parameter, side, end, finding))
    for infeasible, feasible, parameter, side, end, finding in sorted(options, key=lambda one: one[1] - one[0]):
        if infeasible > feasible and _cut(revision, parameter, side, end):
            lost = f"{infeasible} infeasible and {feasible} feasible {'trial' if feasible == 1 else 'trials'}"
            why = (
                f"a range can't exclude only the corner, so this end is cut: it removes {lost} and none of the best "
                f"{len(best)}"
            )
            _say(revision, (*_place(revision, parameter)[0], side), f"instability-edge: {finding.message}; {why}")
            return
    what = findings[0].evidence["combined"]
    revision.left.append(
        f"neither range can be cut without losing good trials: let the script take {what} instead of one of the two, "
        "and tune that"
    )


def _end(parameter: Parameter, kept: Sequence[TrialRecord], side: str, margin: float) -> float:
    """The end of a range that holds these trials and a margin, rounded outward."""
    units = [parameter.to_unit(t.params[parameter.name]) for t in kept]
    if side == "max":
        return _inside(parameter, parameter.low, _at(parameter, min(max(units) + margin, 1.0)))[1]
    return _inside(parameter, _at(parameter, max(min(units) - margin, 0.0)), parameter.high)[0]


def _beyond(value: Any, side: str, end: float) -> bool:
    return bool(value > end if side == "max" else value < end)


def _cut(revision: Revision, parameter: Parameter, side: str, end: float) -> bool:
    """Move an end of a range inward; False where it is as narrow already."""
    given = _place(revision, parameter)[1]
    if not _beyond(given[side], side, end):
        return False
    given[side] = end
    return True
