"""What is shown of a report that holds more than anybody can look at, and the sentences that say so.

An ordinary study is shown whole. Everything is always in report.json.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.value import Arm, Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.records import Best, Metric
    from playbook_cli.report.value import Axis, Isolation, Report, Trial

TRIALS = 2000
"""Points of a chart and rows of a table: a browser draws them at once, and the page stays below some 10 MB."""
BEST = 500
"""Of these, so many are the best ones."""
AXES = 30
"""Hyperparameters with a plot and a column of their own."""
CHOICES = 40
"""Values of one hyperparameter that a plot has room for."""
ARMS = 40
"""Arms, settings or hyperparameters that one list holds, a line each."""


def excerpt(report: Report, *, trials: bool = True) -> Report:
    """The report as far as it is to be drawn, with a sentence in `cuts` for each section that lacks something.

    Without `trials` all trials are kept, for renderers that only count them.
    """
    cuts: dict[str, str] = {}
    report = _fewer_axes(report, cuts)
    report = _fewer_choices(report, cuts)
    report = _fewer_settings(report, cuts)
    report = _fewer_arms(report, cuts)
    _tell_of_effects(report, cuts)
    return replace(_fewer_trials(report, cuts) if trials else report, cuts=cuts)


def _fewer_axes(report: Report, cuts: dict[str, str]) -> Report:
    if len(report.axes) <= AXES:
        return report
    importance = report.importance
    surface = importance.surface if importance is not None else None
    wanted = [
        *(surface.labels if surface is not None else ()),
        *(finding.subject for finding in report.spoken),
        *(axis.label for axis in report.axes if axis.role == "scientific"),
        *(effect.label for effect in (importance.effects if importance is not None else ())),
        *(axis.label for axis in report.axes),
    ]
    labels = {axis.label for axis in report.axes}
    kept = set([label for label in dict.fromkeys(wanted) if label in labels][:AXES])
    cut = (
        f"{AXES} of {len(report.axes):,} hyperparameters are shown: first those in a finding, then "
        "scientific ones, then those that explain the most, then the first of the study file. "
        "All are in report.json, and every rule was applied to each."
    )
    cuts |= dict.fromkeys(("space", "coverage", "trials"), cut)
    return replace(report, axes=[axis for axis in report.axes if axis.label in kept])


def _fewer_choices(report: Report, cuts: dict[str, str]) -> Report:
    if all(len(axis.choices) <= CHOICES for axis in report.axes):
        return report
    ranks = {trial.id: trial.rank for trial in report.trials if trial.rank is not None}
    long = [axis for axis in report.axes if len(axis.choices) > CHOICES]
    said = "; ".join(
        f"{words.shortened(axis.label, 48)} at the {CHOICES} of its {len(axis.choices):,} values with the best results"
        for axis in long
    )
    for section in ("space", "coverage"):
        _add(cuts, section, f"Shown: {said}.")
    return replace(
        report, axes=[_best_choices(axis, ranks) if len(axis.choices) > CHOICES else axis for axis in report.axes]
    )


def _best_choices(axis: Axis, ranks: dict[int, int]) -> Axis:
    count = len(axis.choices)
    where = [min(int(point.unit * count), count - 1) for point in axis.points]
    best: dict[int, int] = {}
    for point, choice in zip(axis.points, where, strict=True):
        if point.trial in ranks:
            best[choice] = min(best.get(choice, ranks[point.trial]), ranks[point.trial])
    order = [*sorted(best, key=lambda choice: best[choice]), *(c for c in range(count) if c not in best)]
    kept = sorted(order[:CHOICES])
    new = {choice: (index + 0.5) / len(kept) for index, choice in enumerate(kept)}
    points = [
        Point(trial=point.trial, unit=new[choice], value=point.value)
        for point, choice in zip(axis.points, where, strict=True)
        if choice in new
    ]
    return replace(axis, choices=[axis.choices[choice] for choice in kept], points=points)


def _fewer_settings(report: Report, cuts: dict[str, str]) -> Report:
    """Isolation plots with the settings of the best results."""
    long = [plot for plot in report.isolation if len(plot.rows) > ARMS]
    for plot in long:
        subject = words.shortened(plot.subject, 60)
        _add(cuts, "question", f"{_best_of(len(plot.rows), 'settings')} ({subject}).")
    return replace(report, isolation=[_best_settings(plot, report.metric) for plot in report.isolation])


def _best_settings(plot: Isolation, metric: Metric) -> Isolation:
    kept = _best([row.best for row in plot.rows], metric)
    return replace(plot, rows=[plot.rows[number] for number in kept])


def _fewer_arms(report: Report, cuts: dict[str, str]) -> Report:
    """The best arms, and behind them all others as one, to which their trials belong."""
    if len(report.arms) <= ARMS:
        return report
    kept = _best([arm.best for arm in report.arms], report.metric)
    others = [arm for number, arm in enumerate(report.arms) if number not in set(kept)]
    rest = Arm(
        settings={},
        label=f"{len(others):,} other arms",
        trials=sum(arm.trials for arm in others),
        best=None,
        expected_best=[],
        ended=sum(arm.ended for arm in others),
        infeasible=sum(arm.infeasible for arm in others),
        space=report.arms[0].space,
    )
    place = {number: index for index, number in enumerate(kept)}
    for section in ("arms", "budget"):
        _add(cuts, section, f"{_best_of(len(report.arms), 'arms')}.")
    return replace(
        report,
        arms=[*(report.arms[number] for number in kept), rest],
        trials=[replace(trial, arm=place.get(trial.arm, len(kept))) for trial in report.trials],
        again=[replace(trial, arm=place.get(trial.arm, len(kept))) for trial in report.again],
    )


def _tell_of_effects(report: Report, cuts: dict[str, str]) -> None:
    importance = report.importance
    if importance is not None and len(importance.effects) > ARMS:
        shown = {axis.label for axis in report.axes}
        bars = sum(effect.label in shown for effect in importance.effects)
        count = len(importance.effects)
        _add(
            cuts,
            "importance",
            f"{bars} of {count:,} hyperparameters have a bar, and the table lists the {ARMS} that explain the most and "
            "all that mattered; all are in report.json.",
        )


def _fewer_trials(report: Report, cuts: dict[str, str]) -> Report:
    if len(report.trials) + len(report.again) <= TRIALS:
        return report
    needed = {trial for failure in report.failures for trial in failure.trials[:1]}
    needed |= {line.trial for panel in report.panels for line in panel.lines}
    needed |= {row.best.trial for plot in report.isolation for row in plot.rows if row.best is not None}
    needed |= {one.trial for one in report.repeats[:ARMS]}
    best = {trial.id for trial in report.trials if trial.rank is not None and trial.rank <= BEST}
    must = needed | best
    again = [*(t for t in report.again if t.id in must), *_spread([t for t in report.again if t.id not in must], BEST)]
    rest = [trial for trial in report.trials if trial.id not in must]
    kept = must | {trial.id for trial in _spread(rest, TRIALS - len(must) - len(again))}
    _add(
        cuts,
        "trials",
        f"{TRIALS:,} of {len(report.trials) + len(report.again):,} trials are shown, here and in the charts: the "
        f"{min(BEST, len(best))} best, and an even sample of the others. All are in report.json and in what "
        "playbook export writes; all numbers on this page use all trials.",
    )
    return replace(
        report,
        trials=[trial for trial in report.trials if trial.id in kept],
        again=sorted(again, key=lambda trial: trial.id),
        axes=[replace(axis, points=[p for p in axis.points if p.trial in kept]) for axis in report.axes],
    )


def _spread(trials: Sequence[Trial], count: int) -> Iterable[Trial]:
    """At most `count` of these trials, evenly by their order."""
    if len(trials) <= count:
        return trials
    return [trials[number * len(trials) // count] for number in range(max(count, 0))]


def _best(bests: Sequence[Best | None], metric: Metric) -> list[int]:
    """Places of the best ones, as many as one list holds, in the order in which they stand."""
    known = [(metric.loss(best.value), number) for number, best in enumerate(bests) if best is not None]
    unknown = [number for number, best in enumerate(bests) if best is None]
    return sorted([*(number for _, number in sorted(known)), *unknown][:ARMS])


def _best_of(count: int, what: str) -> str:
    return f"{ARMS} of {count:,} {what} are shown, those with the best results; all are in report.json"


def _add(cuts: dict[str, str], section: str, sentence: str) -> None:
    cuts[section] = f"{cuts[section]} {sentence}".strip() if section in cuts else sentence
