"""A study and its findings as the one value that every renderer draws."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from playbook_cli.acts import RUNS
from playbook_cli.advice.rules.boundary import boundary
from playbook_cli.analysis import isolation, outcomes
from playbook_cli.analysis.expected_best import expected_best
from playbook_cli.analysis.importance import importance, surfaces
from playbook_cli.analysis.timescale import timescale
from playbook_cli.files.paths import StudyPaths
from playbook_cli.report import words
from playbook_cli.report.answer import Standing, answer
from playbook_cli.report.arms import spaces
from playbook_cli.report.panels import every, panels, shown
from playbook_cli.report.repeats import repeats, sentences
from playbook_cli.report.value import (
    BINS,
    EARLY,
    LATE,
    Arm,
    Axis,
    BestSteps,
    Isolation,
    Point,
    Report,
    Trial,
    step_bin,
)
from playbook_cli.storage.divergence import nothing_learned
from playbook_cli.storage.store import counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Best, Finding, Parameter, StudyRecord, TrialRecord, Value
    from playbook_cli.report.value import Searched
    from playbook_cli.storage.failures import Failure
    from playbook_cli.storage.usage import Sample

_LABEL = 80
"""Characters of an arm's name in the answer."""
_BELONGS = StudyPaths(Path(".."))


def build(
    study: StudyRecord,
    findings: Sequence[Finding],
    *,
    folder: Path | None = None,
    failures: Sequence[Failure] = (),
    caveats: Sequence[str] = (),
    usage: Mapping[int, Sequence[Sample]] = MappingProxyType({}),
) -> Report:
    """The report on `study`, which may still be running; `findings` in reading order, as `advise` returns them.

    `folder` is the study's, as the user gave it: runs/NAME by default. `usage` is what trials used of their machines.
    """
    found = repeats(study)
    whole, study = study, study.search
    by_state = counts(study.trials, max(study.planned, len(study.trials)))
    ranked = outcomes.ranked(study.trials, study.metric)
    best = ranked[0].best if ranked else None
    ties = sum(trial.best is not None and best is not None and trial.best.value == best.value for trial in ranked)
    again = [trial for trial in whole.trials if trial.repeat_of is not None]
    arms = _arms(study)
    zone = boundary.limit(study, "zone")
    mattered = importance(study)
    return Report(
        study=study.name,
        folder=folder or RUNS / study.name,
        goal=study.goal,
        answer=answer(
            Standing(
                goal=study.goal,
                metric=study.metric,
                counts=by_state,
                folder=folder or RUNS / study.name,
                best=best,
                ties=ties,
                ceiling=best is not None
                and outcomes.ceiling(study.metric, [best.value, *_values(ranked)]) == best.value,
                arms=arms,
                labels=words.distinct([outcomes.arm_label(arm) or "all trials" for arm in arms], _LABEL),
                bests=[_best_of(study, trials) for trials in outcomes.by_arm(study.trials, arms)],
                findings=findings,
                repeats=found,
                imported=study.imported,
                first=min((t.id for t in study.trials if t.state in ("infeasible", "failed")), default=0),
                attempted=any(trial.attempts for trial in study.trials),
                nothing=nothing_learned(study.trials, study.metric),
            )
        ),
        metric=study.metric,
        max_train_steps=study.max_train_steps,
        step_unit=study.step_unit,
        eval_every=study.eval_every,
        fixed=study.fixed,
        counts=by_state,
        repeat_counts=counts(again, len(again)),
        best=best,
        arms=[
            _arm(study, settings, trials, space)
            for settings, trials, space in zip(
                arms, outcomes.by_arm(study.trials, arms), spaces(study, arms), strict=True
            )
        ],
        findings=findings,
        failures=failures,
        caveats=caveats,
        edge_zone=zone,
        axes=[_axis(parameter, study.trials, zone) for parameter in study.parameters],
        panels=panels(study, ranked),
        curves=every(whole, [trial.id for trial in shown(study, ranked)]),
        best_steps=_best_steps(study, ranked),
        isolation=_isolation(study),
        importance=mattered,
        surfaces=surfaces(study, mattered),
        repeats=found,
        luck=sentences(whole),
        trials=_trials(study, study.trials, ranked, arms),
        again=_trials(study, again, [], arms),
        usage=usage,
    )


def _best_of(study: StudyRecord, trials: Sequence[TrialRecord]) -> Best | None:
    ranked = outcomes.ranked(trials, study.metric)
    return ranked[0].best if ranked else None


def _arms(study: StudyRecord) -> list[Mapping[str, Value]]:
    """The study's arms, and behind them those that only its trials know (they come from elsewhere)."""
    arms = {outcomes.key(arm): dict(arm) for arm in study.arms}
    for trial in study.trials:
        arms.setdefault(outcomes.key(trial.arm), dict(trial.arm))
    return list(arms.values())


def _arm(
    study: StudyRecord, settings: Mapping[str, Value], trials: Sequence[TrialRecord], space: Sequence[Searched]
) -> Arm:
    ended = outcomes.ended(trials)
    ranked = outcomes.ranked(trials, study.metric)
    results = [study.metric.loss(outcomes.result(trial, study.metric)) for trial in ended]
    return Arm(
        settings=settings,
        label=words.settings(settings) or ("all trials" if len(study.arms) == 1 else "other trials"),
        trials=len(trials),
        best=ranked[0].best if ranked else None,
        expected_best=[] if study.adaptive else expected_best(results, study.metric),
        ended=len(ended),
        infeasible=sum(trial.state == "infeasible" for trial in ended),
        space=space,
    )


def _trials(
    study: StudyRecord,
    trials: Sequence[TrialRecord],
    ranked: Sequence[TrialRecord],
    arms: Sequence[Mapping[str, Value]],
) -> list[Trial]:
    places = {outcomes.key(arm): index for index, arm in enumerate(arms)}
    ranks = {trial.id: rank for rank, trial in enumerate(ranked, start=1)}
    limit = -math.inf
    if ranked:
        limit = outcomes.result(ranked[min(max(3, len(ranked) // 8), 16, len(ranked)) - 1], study.metric)
    return [
        Trial(
            id=trial.id,
            params=trial.params,
            arm=places[outcomes.key(trial.arm)],
            state=trial.state,
            reason=trial.reason,
            value=None if trial.best is None else trial.best.value,
            step=None if trial.best is None else trial.best.step,
            last_step=trial.last_step,
            stopped=trial.stopped if trial.state == "stopped" else None,
            early=trial.state == "completed" and trial.last_step > 0 and not trial.trained_whole(study.max_train_steps),
            seed=trial.seed,
            rank=ranks.get(trial.id),
            good=trial.id in ranks and outcomes.result(trial, study.metric) <= limit,
            log=_BELONGS.trial(trial.id).stdout.as_posix(),
            repeat_of=trial.repeat_of,
            code=trial.codes[-1] if trial.codes else None,
            spans=trial.spans,
            timescale=timescale(trial.params) if study.step_unit in (None, "updates") else None,
        )
        for trial in sorted(trials, key=lambda trial: trial.id)
    ]


def _axis(parameter: Parameter, trials: Sequence[TrialRecord], zone: float) -> Axis:
    points = [
        Point(trial=trial.id, unit=parameter.to_unit(trial.params[parameter.name]), value=trial.params[parameter.name])
        for trial in trials
        if trial.state != "pending" and outcomes.has(parameter, trial)
    ]
    is_range = parameter.kind != "choice"
    parts = 10 if is_range else len(parameter.choices)
    return Axis(
        name=parameter.name,
        label=parameter.label,
        role=parameter.role,
        kind=parameter.kind,
        scale=parameter.scale,
        low=parameter.low,
        high=parameter.high,
        choices=_distinct([words.setting(choice) for choice in parameter.choices]),
        zones=(_value(parameter, zone), _value(parameter, 1 - zone)) if is_range else None,
        points=points,
        tenths=len({min(int(point.unit * parts), parts - 1) for point in points}),
    )


def _distinct(names: Sequence[str]) -> list[str]:
    """`names`, with a number behind those that would read the same (1 and "1")."""
    totals, seen = Counter(names), Counter[str]()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(f"{name} ({seen[name]})" if totals[name] > 1 else name)
    return distinct


def _value(parameter: Parameter, unit: float) -> float:
    if parameter.scale == "log":
        return float(parameter.low * (parameter.high / parameter.low) ** unit)
    return parameter.low + unit * (parameter.high - parameter.low)


def _best_steps(study: StudyRecord, ranked: Sequence[TrialRecord]) -> BestSteps:
    steps = [trial.best.step for trial in ranked if trial.best is not None]
    bins = [0] * BINS
    for step in steps:
        bins[step_bin(step, study.max_train_steps)] += 1
    return BestSteps(
        bins=bins,
        early=sum(step <= EARLY * study.max_train_steps for step in steps),
        late=sum(step > LATE * study.max_train_steps for step in steps),
        trials=len(steps),
    )


def _isolation(study: StudyRecord) -> list[Isolation]:
    plots = []
    if len(study.arms) > 1:
        names = list(dict.fromkeys(name for arm in study.arms for name in arm))
        plots.append(Isolation(subject=", ".join(names), rows=isolation.arms(study)))
        if len(names) > 1:
            plots += [Isolation(subject=name, rows=isolation.values(study, name), part=True) for name in names]
    for parameter in isolation.continuous_scientific(study):
        rows = isolation.buckets(study, parameter)
        named = [replace(row, label=row.label.removeprefix(f"{parameter.label} ")) for row in rows]
        plots.append(Isolation(subject=parameter.label, rows=named))
    return [plot for plot in plots if any(row.best is not None for row in plot.rows)]


def _values(trials: Sequence[TrialRecord]) -> list[float]:
    return [trial.best.value for trial in trials if trial.best is not None]
