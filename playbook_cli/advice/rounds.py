"""The next round of compute-bound work: the best points of short trainings, trained for longer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from playbook_cli.advice import longer_rates
from playbook_cli.advice.carrying import Carried, Names, carry, names
from playbook_cli.advice.revision import Change, Revision
from playbook_cli.advice.transfer import transfer
from playbook_cli.analysis.outcomes import by_arm, ranked, result
from playbook_cli.errors import StudyError
from playbook_cli.spec.model import StudySpec
from playbook_cli.wording import number, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Finding, StudyRecord, TrialRecord, Value

TOP = 5
"""Points of a long round where nobody says how many: the playbook wants very few, and `ranking` needs five to say
whether their order held."""
GROWTH = 3.0
"""How much longer each of several rounds is."""
_NEW = "new: another learning rate, and what the Google playbook says to retune"


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round: its place among all, how many trials, how long each."""

    number: int
    trials: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The next round, and those after it."""

    rounds: Sequence[Round]
    """The next one first."""
    of: int | None
    """Rounds in all, where that is planned."""
    growth: float | None


@dataclass(frozen=True, kw_only=True)
class Before:
    """What is known of the finished round besides its record."""

    folder: str
    """As the study file is to name it."""
    stable: Mapping[int, str] = field(default_factory=dict)
    """The checkpoints that trials kept before their decay, by trial, as the study file is to name them."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A point of another study that trains in the round, too."""

    params: Mapping[str, Value]
    """Its trial's settings."""
    point: Mapping[str, Value]
    """Those of them that differ from what the round fixes, or that it varies."""
    reason: str


def plan(
    *,
    steps: int,
    trials: int,
    standing: int,
    of: int | None,
    growth: float | None,
    next_steps: int | None,
    top: int | None,
) -> Plan:
    """The rounds after round number `standing`, whose `trials` trials had `steps` steps each.

    With `of` rounds in all each is `growth` times longer and has so many times fewer trials, so that each costs about
    the same. StudyError where there is no such round.
    """
    if of is not None and standing >= of:
        raise StudyError(f"round {standing} was the last of {of}", hint="plan more of them: --rounds N")
    if of is not None and growth is None:
        growth = GROWTH
    if next_steps is None and growth is None:
        raise StudyError("a round needs a number of steps", hint="add --max-train-steps N, or --rounds N --growth 3")
    following = next_steps if next_steps is not None else round(steps * (growth or 1.0))
    if following <= steps:
        raise StudyError(
            f"a round of {following} steps is no longer than the {steps} steps before it",
            hint="a round trains longer: choose a larger --max-train-steps",
        )
    chosen = top or (max(1, math.floor(trials / growth)) if of is not None and growth else TOP)
    rounds = [Round(number=standing + 1, trials=chosen, steps=following)]
    while of is not None and growth and rounds[-1].number < of:
        last = rounds[-1]
        fewer = max(1, math.floor(last.trials / growth))
        rounds.append(Round(number=last.number + 1, trials=fewer, steps=round(last.steps * growth)))
    return Plan(rounds=rounds, of=of, growth=growth if of is not None else None)


def next_round(
    data: dict[str, Any],
    study: StudyRecord,
    findings: Sequence[Finding],
    planned: Plan,
    before: Before,
    *,
    name: str,
    schedule: str | None = None,
    eval_every: int | None = None,
    add: int = 0,
    others: Sequence[Beside] = (),
) -> Revision:
    """The round after `study`, called `name`: its best points, longer; `data` is its file written out, and is changed.

    Where a ladder of lengths says how the best learning rate moves, the points' move with it. `add` new points stand
    beside them: other learning rates, and what the playbook says to retune. So do `others`, of the same length.

    StudyError where no trial has completed, or the study has no hyperparameter called `schedule`.
    """
    following = planned.rounds[0]
    best = _best(study, following.trials)
    if not best:
        raise StudyError("no trial has completed, so there is no best point to train for longer")
    given = list(dict.fromkeys([*(p.name for p in study.parameters), *study.fixed]))
    if schedule is not None and schedule not in given:
        raise StudyError(
            f"--schedule {schedule}: this study has no such hyperparameter", hint=f"it has {', '.join(given) or 'none'}"
        )
    called = names(given, schedule)
    carried = [carry(t.params, called, before=study.max_train_steps, now=following.steps) for t in best]
    told = [longer_rates.predicted(study, t, following.steps) for t in best]
    carried = [
        replace(how, changes={**how.changes, **longer_rates.moved(trial, known)})
        for trial, how, known in zip(best, carried, told, strict=True)
    ]
    points = [
        {p.name: t.params[p.name] for p in study.parameters if p.active(t.params) and p.name in t.params} for t in best
    ]
    for point, change in longer_rates.added(study, best, add, following.steps):
        points.append(point)
        how = carry({**study.fixed, **point}, called, before=study.max_train_steps, now=following.steps)
        carried.append(replace(how, changes={**how.changes, **change}))
    points += [{p.name: one.params[p.name] for p in study.parameters if p.name in one.point} for one in others]
    carried += [_carried_beside(one, called, study.max_train_steps, following.steps) for one in others]
    reasons = _transfers(study, findings)
    about = called.schedule or called.decay
    where = ("max_train_steps",) if about is None else (_role(data, about), about)
    said = reasons.setdefault(where, [])
    if about is None:
        said.append(_longer(study, following))
    said += dict.fromkeys(c.reason for c in carried)
    place_changes(data, points, carried, called.schedule, reasons)
    if (known := [one for one in told if one is not None]) and longer_rates.ranged(data, known, points):
        reasons.setdefault(("nuisance", known[0].name), []).append(str(known[0]))
    revision = Revision(data=data)
    for index, (trial, point, how) in enumerate(zip(best, points, carried, strict=False)):
        same = longer_rates.moved(trial, told[index]) == {}  # at another learning rate training begins anew
        begins = _begin(point, trial, how, before) if same else []
        reasons["points", index] = [_came_from(study, trial, index), *begins]
    beside = [*[_NEW] * (len(points) - len(best) - len(others)), *(other.reason for other in others)]
    reasons |= {("points", index): [why] for index, why in enumerate(beside, start=len(best))}
    data |= {
        "name": name,
        "max_train_steps": following.steps,
        "eval_every": eval_every or max(1, round(study.eval_every * following.steps / study.max_train_steps)),
        "sampler": "listed",
        "points": points,
        "round": {
            "number": following.number,
            **({"of": planned.of, "growth": planned.growth} if planned.of is not None else {}),
            "after": before.folder,
            "trials": [trial.id for trial in best],  # of the points that come first
        },
        "seed": int(data.get("seed", 0)) + 1,
    }
    data.pop("trials", None)
    reasons.setdefault(("max_train_steps",), [_longer(study, following)])
    reasons["eval_every",] = [f"was {study.eval_every}" if eval_every else "scaled with max_train_steps"]
    reasons["seed",] = ["new training seeds, to remove selection bias"]
    if len(planned.rounds) > 1:
        reasons["round",] = ["the plan: " + "; then ".join(_shown(r) for r in planned.rounds)]
    if len(best) > following.trials:
        revision.left.append(
            f"{plural(following.trials, 'point')} were requested; each of the {len(best)} arms needs one"
        )
    if len(best) < following.trials:
        revision.left.append(f"{plural(following.trials, 'point')} requested, {len(best)} completed")
    revision.left += _incomplete(study, best)
    ordered = {key: data[key] for key in StudySpec.model_fields if key in data}
    data.clear()
    data |= ordered
    revision.changes = [Change(key=key, reason="; ".join(said)) for key, said in reasons.items()]
    return revision


def _carried_beside(one: Beside, called: Names, before: int, now: int) -> Carried:
    how = carry(one.params, called, before=before, now=now)
    return replace(how, changes={**one.point, **how.changes})


def _best(study: StudyRecord, count: int) -> list[TrialRecord]:
    """The trials to train for longer, best first: as many of each arm, and at least the best of every one.

    Points of one arm alone could not answer the study's question.
    """
    arms = [ranked(trials, study.metric) for trials in by_arm(study.trials, study.arms)]
    turns = [turn for turn in zip_longest(*arms) if any(turn)]
    order = [
        sorted((t for t in turn if t is not None), key=lambda t: (result(t, study.metric), t.id)) for turn in turns
    ]
    taken = [trial for turn in order for trial in turn]
    kept = {trial.id for trial in taken[: max(count, len(order[0]) if order else 0)]}
    return [trial for trial in ranked(study.trials, study.metric) if trial.id in kept]


def _transfers(study: StudyRecord, findings: Sequence[Finding]) -> dict[tuple[str | int, ...], list[str]]:
    """What the playbook's table says of every hyperparameter, by its place in the file."""
    won = any(f.rule == "isolation" and f.verdict == "better" for f in findings)
    roles = {p.name: p.role for p in study.parameters} | dict.fromkeys(study.fixed, "fixed")
    return {
        (role, name): [f"{name}: {transfer(name, clear_win=won and role == 'scientific')}"]
        for name, role in roles.items()
    }


def _incomplete(study: StudyRecord, best: Sequence[TrialRecord]) -> list[str]:
    """What the trials of another tool do not say."""
    left = []
    for trial in best:
        missing = [p.name for p in study.parameters if p.active(trial.params) and p.name not in trial.params]
        if missing:
            left.append(f"trial {trial.id} has no {', '.join(missing)}: add it to its point")
    return left


def _role(data: Mapping[str, Any], name: str) -> str:
    return next(role for role in ("scientific", "nuisance", "fixed") if name in data.get(role, {}))


def _longer(study: StudyRecord, following: Round) -> str:
    share = study.max_train_steps / following.steps
    return f"was {study.max_train_steps}, {share:.0%} of it; the playbook suggests about 10% for most questions"


def _came_from(study: StudyRecord, trial: TrialRecord, index: int) -> str:
    value = number(trial.best.value) if trial.best else "?"
    return f"trial {trial.id} of {study.name}, ranked {index + 1}: {study.metric.name} {value}"


def _begin(point: dict[str, Value], trial: TrialRecord, how: Carried, before: Before) -> list[str]:
    """Let a point go on from the checkpoint before its decay, where there is one; what to say of that."""
    if not how.continues:
        return []
    if trial.id in before.stable:
        point["from"] = before.stable[trial.id]
        return ["continues from the checkpoint before its decay"]
    if how.kind == "linear":
        return []
    return ["kept no checkpoint before its decay (checkpoints/stable.pt), so it is trained from scratch"]


def place_changes(
    data: dict[str, Any],
    points: Sequence[dict[str, Value]],
    carried: Sequence[Carried],
    schedule: str | None,
    reasons: dict[tuple[str | int, ...], list[str]],
) -> None:
    """Write new values of hyperparameters into the points, or under fixed where all points have the same one."""
    fixed: dict[str, Any] = data.setdefault("fixed", {})
    for name in dict.fromkeys(name for how in carried for name in how.changes):
        role = next((role for role in ("scientific", "nuisance", "fixed") if name in data.get(role, {})), None)
        changed = [
            (point, how.changes[name]) for point, how in zip(points, carried, strict=True) if name in how.changes
        ]
        said = reasons.pop(("fixed", name), []) if role in ("fixed", None) else reasons.setdefault((role, name), [])
        said.append(
            f"{name}: new in this study; the script must accept it" if role is None else "scaled with max_train_steps"
        )
        old = fixed.pop(name, None)
        values = list(dict.fromkeys(value for _, value in changed))
        if role in ("fixed", None) and len(values) == 1 and len(changed) == len(points):
            fixed[name] = values[0]
            reasons["fixed", name] = said
            continue
        varied = data.setdefault("nuisance" if role in ("fixed", None) else role, {})
        if role == "fixed":
            varied[name] = {"values": [old]}
            for point in points:
                point[name] = old
        elif role is None:
            some = dict.fromkeys(point.get(schedule or "") for point, _ in changed)
            varied[name] = {
                "values": values,
                **({"when": {schedule: list(some)}} if len(changed) < len(points) else {}),
            }
        if role in ("fixed", None):
            reasons["nuisance", name] = said
        for point, value in changed:
            point[name] = value
        for given in varied[name] if isinstance(varied[name], list) else [varied[name]]:
            _admit(given, name, [{**fixed, **point} for point in points])
    if not fixed:
        del data["fixed"]


def _admit(given: dict[str, Any], name: str, settings: Sequence[Mapping[str, Value]]) -> None:
    """Widen what a hyperparameter may be, so that it may have its new values."""
    conditions = given.get("when", {})
    for point in settings:
        value = point.get(name)
        if name not in point or any(point.get(other) not in values for other, values in conditions.items()):
            continue
        if "values" in given:
            given["values"] = list(dict.fromkeys([*given["values"], value]))
        elif isinstance(value, int | float):
            given["min"], given["max"] = min(given["min"], value), max(given["max"], value)


def _shown(planned: Round) -> str:
    return f"round {planned.number}: {plural(planned.trials, 'trial')} of {planned.steps} steps"
