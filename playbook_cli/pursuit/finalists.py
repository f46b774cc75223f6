"""The last studies of a pursuit: its best points on fresh seeds, and the baseline beside them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbook_cli.advice.carrying import Carried, carry, names
from playbook_cli.advice.revision import Change
from playbook_cli.advice.rounds import Before, Beside, Plan, Round, next_round, place_changes
from playbook_cli.analysis.outcomes import ranked, result
from playbook_cli.pursuit.loop import ARMS, POINTS
from playbook_cli.spec.model import StudySpec
from playbook_cli.wording import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.advice.revision import Revision
    from playbook_cli.pursuit.loop import Searched
    from playbook_cli.records import TrialRecord, Value

Chosen = tuple["Searched", "TrialRecord"]


def finalists(searches: Sequence[Searched]) -> list[Chosen]:
    """The points worth a fresh seed, best first: of all studies like the last one, those of the best results.

    The best of every arm is among them where there are few arms.
    """
    last = searches[-1]
    metric = last.record.metric
    pool = [(one, trial) for one in searches if alike(one, last) for trial in ranked(one.record.search.trials, metric)]
    pool.sort(key=lambda pair: result(pair[1], metric))  # stable: the earlier study first among equals
    arms: dict[frozenset[tuple[str, Value]], Chosen] = {}
    for one, trial in pool:
        arms.setdefault(frozenset(trial.arm.items()), (one, trial))
    first = list(arms.values()) if len(arms) <= ARMS else []
    rest = [pair for pair in pool if pair not in first]
    chosen = [*first, *rest[: max(0, POINTS - len(first))]]
    return sorted(chosen, key=lambda pair: result(pair[1], metric))


def of_same_length(
    last: Searched, chosen: Sequence[Chosen], name: str, seed: int
) -> tuple[dict[str, Any], list[Change]]:
    """The study file of these points, as long as the last study, and the reasons of its keys."""
    data = deepcopy(dict(last.data))
    points: list[dict[str, Value]] = []
    carried: list[Carried] = []
    for _, trial in chosen:
        point = _point(last, trial)
        points.append({p.name: point[p.name] for p in last.record.parameters if p.name in point})
        carried.append(Carried(kind=None, changes=point, reason="", continues=False))
    place_changes(data, points, carried, None, {})
    for key in ("trials", "continue", "round"):
        data.pop(key, None)
    data |= {"name": name, "sampler": "listed", "points": points, "seed": seed}
    reasons = [
        Change(key=("points", index), reason=_came_from(one, trial)) for index, (one, trial) in enumerate(chosen)
    ]
    return _ordered(data), [*reasons, Change(key=("seed",), reason="new training seeds, to remove selection bias")]


def longer(chosen: Sequence[Chosen], steps: int, name: str) -> Revision:
    """The round that trains these points for longer, which goes on from the study of the best one."""
    base = chosen[0][0]
    own = [trial for one, trial in chosen if one is base]
    others = [
        Beside(params=trial.params, point=_point(base, trial), reason=_came_from(one, trial))
        for one, trial in chosen
        if one is not base
    ]
    at = base.record.earlier.number + 1 if base.record.earlier else 2
    return next_round(
        deepcopy(dict(base.data)),
        replace(base.record.search, trials=own),
        base.findings,
        Plan(rounds=[Round(number=at, trials=len(own), steps=steps)], of=None, growth=None),
        Before(folder=base.folder, stable=base.stable),
        name=name,
        others=others,
    )


def baseline(
    beside: Mapping[str, Any], params: Mapping[str, Value], tuned_for: int, name: str, seed: int
) -> dict[str, Any]:
    """The study file of the baseline alone, as long as the study `beside`; its schedule is carried to that length."""
    data = deepcopy(dict(beside))
    for key in ("scientific", "nuisance", "round", "trials", "lr_sweep", "continue", "early_stopping"):
        data.pop(key, None)
    steps = int(data["max_train_steps"])
    moved = carry(params, names(params, None), before=tuned_for, now=steps).changes if steps != tuned_for else {}
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in {**params, **moved}.items()}
    data |= {"name": name, "sampler": "listed", "points": [{}], "fixed": settings, "seed": seed}
    data["goal"] = "What does the baseline reach?"
    return _ordered(data)


def _point(last: Searched, trial: TrialRecord) -> dict[str, Value]:
    """What a trial has of what the last study varies, and what it has otherwise than that study fixes it."""
    varied = [p.name for p in last.record.parameters if p.active(trial.params) and p.name in trial.params]
    fixed = last.record.fixed.items()
    other = [name for name, value in fixed if name in trial.params and trial.params[name] != value]
    return {name: trial.params[name] for name in [*varied, *other]}


def alike(one: Searched, last: Searched) -> bool:
    """Whether the points of a study can stand beside those of the last one."""
    ours, theirs = one.record, last.record
    return (
        one.steps == last.steps
        and ours.metric == theirs.metric
        and _settings(one) == _settings(last)
        and all(not p.when for study in (ours, theirs) for p in study.parameters)
    ) or one is last


def _settings(one: Searched) -> set[str]:
    return {p.name for p in one.record.parameters} | set(one.record.fixed)


def _came_from(one: Searched, trial: TrialRecord) -> str:
    value = number(trial.best.value) if trial.best else "?"
    return f"trial {trial.id} of {one.name}: {one.record.metric.name} {value}"


def _ordered(data: dict[str, Any]) -> dict[str, Any]:
    keys = [field.alias or key for key, field in StudySpec.model_fields.items()]
    return {key: data[key] for key in keys if key in data}
