"""The rows that charts draw, as plain data with short field names: each fact once, however many charts show it.

- t: a trial that has started: i id, a arm, s state, v result, y result as drawn, o 1 where y is not v (off the scale),
  g 1 for the best ones, r rank, h sideways spread, b and k bar and height in the best-step histogram, p0, p1, ... where
  it lies on each axis
- cover: a trial on one axis: i, s, g, L axis, u position in the range
- curveN: a point of panel N: i, a, r, w 1 for training, x step, y value, m 1 at the best step
- triedN: a trial of isolation plot N: i, L setting, y result as drawn
- bestN: a setting of it: i best trial, L, y its result, l and h the interval; m, ml and mh mean and interval on fresh
  seeds, where every setting has them
- again: a repeat: i, L the trial that it repeats, y
- luck: a trial that was repeated: i, L, y its own result, m mean of the repeats, l and h its interval
- matter, cell: as in `importance_rows`
- budget: a number of trials of one arm: a, n, y expected best, l and h its band
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.analysis import outcomes
from playbook_cli.report import words
from playbook_cli.report.importance_rows import Map, mapped, matter
from playbook_cli.report.value import BINS, step_bin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.report.value import Isolation, Panel, Report, Trial

Table = list[dict[str, Any]]
Interval = tuple[float, float]

_NAME = 40
_GOLDEN = 0.6180339887
_POINTS = 100


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All data sets, and the names and ends of the scales that go with them."""

    tables: Mapping[str, Table]
    arms: Sequence[str]
    """Short distinct names, as are all below."""
    axes: Sequence[str]
    choices: Sequence[Sequence[str]]
    """Of every axis; empty for ranges."""
    settings: Sequence[Sequence[str]]
    """Of every isolation plot."""
    repeated: Sequence[str]
    """Trials that were repeated."""
    map: Map | None
    """Of the two hyperparameters whose results are mapped; None where there are none."""
    result_ends: Interval
    """Between which results are drawn."""
    curve_ends: Sequence[Interval]
    """Of every panel: the values between which its curves are drawn."""
    budget_ends: Interval


def rows(report: Report) -> Rows:
    """The data behind every chart of the report."""
    axes = distinct([axis.label for axis in report.axes])
    choices = [distinct(axis.choices) for axis in report.axes]
    settings = [distinct([row.label or "all trials" for row in plot.rows]) for plot in report.isolation]
    drawn = _drawn(report)
    tables = {"t": _trials(report, choices, drawn), "cover": _coverage(report, axes), "budget": _budget(report)}
    for index, panel in enumerate(report.panels):
        tables[f"curve{index}"] = _curves(report, panel)
    for index, plot in enumerate(report.isolation):
        tables[f"tried{index}"] = _tried(report, plot, settings[index], drawn)
        tables[f"best{index}"] = _contenders(report, plot, settings[index])
    repeated = distinct([one.label for one in report.repeats])
    tables |= {"again": _again(report, repeated), "luck": _luck(report, repeated)}
    drawn_map, cells = mapped(report, choices)
    tables |= {"matter": matter(report, axes), "cell": cells}
    return Rows(
        tables=tables,
        arms=distinct([arm.label for arm in report.arms]),
        axes=axes,
        choices=choices,
        settings=settings,
        repeated=repeated,
        map=drawn_map,
        result_ends=_with_room(min(drawn.values(), default=0.0), max(drawn.values(), default=1.0)),
        curve_ends=[_curve_ends(report, panel) for panel in report.panels],
        budget_ends=_budget_ends(report),
    )


def distinct(names: Sequence[str]) -> list[str]:
    """`names` short enough for a chart, and still different from each other."""
    short = [words.shortened(name, _NAME) for name in names]
    totals = Counter(short)
    return [f"{name} ({index + 1})" if totals[name] > 1 else name for index, name in enumerate(short)]


def _drawn(report: Report) -> dict[int, float]:
    """Results by trial as charts draw them: the worst ones stop where the scale does, so that the good ones spread."""
    loss = report.metric.loss
    losses = {trial.id: loss(trial.value) for trial in report.trials if _measured(trial) and trial.value is not None}
    if not losses:
        return {}
    ordered = sorted(losses.values())
    best, typical = ordered[0], ordered[(len(ordered) - 1) * 3 // 4]
    end = best + 1.6 * (typical - best)
    if typical == best or ordered[-1] <= best + 2.5 * (typical - best):
        end = ordered[-1]
    return {number: loss(min(value, end)) for number, value in losses.items()}


def _measured(trial: Trial) -> bool:
    return trial.state in {"completed", "running"}


def _trials(report: Report, choices: Sequence[Sequence[str]], drawn: Mapping[int, float]) -> Table:
    table = {}
    heights = [0] * BINS
    for trial in report.trials:
        if trial.state == "pending":
            continue
        row: dict[str, Any] = {"i": trial.id, "a": trial.arm, "s": trial.state}
        if trial.id in drawn and trial.value is not None:
            row |= {"v": rounded(trial.value), "y": rounded(drawn[trial.id])}
            row |= {"o": int(drawn[trial.id] != trial.value)}
        if trial.rank is not None and trial.step is not None:
            bar = step_bin(trial.step, report.max_train_steps)
            row |= {"g": int(trial.good), "r": trial.rank, "b": bar, "k": heights[bar]}
            heights[bar] += 1
        row["h"] = round(1.4 * (trial.id * _GOLDEN % 1) - 0.7, 2)
        table[trial.id] = row
    for index, axis in enumerate(report.axes):
        for point in axis.points:
            where: Any = point.value
            if axis.zones is None:
                where = choices[index][min(int(point.unit * len(axis.choices)), len(axis.choices) - 1)]
            table[point.trial][f"p{index}"] = rounded(where) if isinstance(where, float) else where
    return list(table.values())


def _coverage(report: Report, axes: Sequence[str]) -> Table:
    trials = {trial.id: trial for trial in report.trials}
    return [
        {
            "i": point.trial,
            "s": trials[point.trial].state,
            "g": int(trials[point.trial].good),
            "L": label,
            "u": round(point.unit, 4),
        }
        for label, axis in zip(axes, report.axes, strict=True)
        for point in axis.points
    ]


def _curves(report: Report, panel: Panel) -> Table:
    trials = {trial.id: trial for trial in report.trials}
    table = []
    for line in panel.lines:
        trial = trials[line.trial]
        training = int(line.split == "training")
        table += [
            {
                "i": line.trial,
                "a": trial.arm,
                "r": trial.rank,
                "w": training,
                "x": step,
                "y": rounded(value),
                "m": int(step == trial.step and not training),
            }
            for step, value in zip(line.steps, line.values, strict=True)
        ]
    return table


def _curve_ends(report: Report, panel: Panel) -> Interval:
    """Everything after the first tenth of training, when most curves are still coming down from far away."""
    late: list[float] = []
    everything: list[float] = []
    for line in panel.lines:
        everything += line.values
        late += [v for s, v in zip(line.steps, line.values, strict=True) if s >= report.max_train_steps / 10]
    values = sorted(late or everything or [0.0])
    cut = max(len(values) // 100, 1) if len(values) > 100 else 0
    low, high = values[0], values[-1]
    if report.metric.goal == "maximize" and report.metric.name == panel.validation:
        low = values[cut]
    else:
        high = values[len(values) - 1 - cut]
    return _with_room(low, high)


def _tried(report: Report, plot: Isolation, names: Sequence[str], drawn: Mapping[int, float]) -> Table:
    trials = {trial.id: trial for trial in report.trials}
    settings = {number: name for number, name in _setting_of(report, plot, names).items() if trials[number].rank}
    return [{"i": number, "L": name, "y": rounded(drawn[number])} for number, name in settings.items()]


def _setting_of(report: Report, plot: Isolation, names: Sequence[str]) -> dict[int, str]:
    """Which row of an isolation plot each trial belongs to."""
    owners: dict[int, str] = {}
    of_arm = {outcomes.key(r.settings): name for r, name in zip(plot.rows, names, strict=True) if r.span is None}
    if of_arm:
        arms = [of_arm.get(outcomes.key(arm.settings)) for arm in report.arms]
        inside: dict[str, list[int]] = {name: [] for name in names}
        for trial in report.trials:
            if (name := arms[trial.arm]) is not None:
                inside[name].append(trial.id)
        owners |= {number: name for name, numbers in inside.items() for number in numbers}
    for row, name in zip(plot.rows, names, strict=True):
        if row.span is None:
            continue
        for axis in report.axes:
            if axis.label == row.parameter:
                low, high = row.span
                owners |= {p.trial: name for p in axis.points if low <= float(str(p.value)) <= high}
    return owners


def _contenders(report: Report, plot: Isolation, names: Sequence[str]) -> Table:
    fresh = plot.repeated(report.fresh)
    table: Table = []
    for row, name in zip(plot.rows, names, strict=True):
        if row.best is None:
            continue
        ends = {"l": rounded(row.low), "h": rounded(row.high)}
        table.append({"i": row.best.trial, "L": name, "y": rounded(row.best.value), **ends})
        if row.best.trial in fresh:
            one = fresh[row.best.trial]
            low, high = one.interval or (None, None)
            table[-1] |= {"m": rounded(one.mean), "ml": rounded(low), "mh": rounded(high)}
    return table


def _again(report: Report, names: Sequence[str]) -> Table:
    return [
        {"i": trial, "L": name, "y": rounded(value)}
        for one, name in zip(report.repeats, names, strict=True)
        for trial, value in zip(one.trials, one.values, strict=True)
    ]


def _luck(report: Report, names: Sequence[str]) -> Table:
    table: Table = []
    for one, name in zip(report.repeats, names, strict=True):
        low, high = one.interval or (None, None)
        numbers = {"y": one.selected, "m": one.mean, "l": low, "h": high}
        table.append({"i": one.trial, "L": name, **{key: rounded(value) for key, value in numbers.items()}})
    return table


def _budget(report: Report) -> Table:
    table = []
    for index, arm in enumerate(report.arms):
        stride = max(1, math.ceil(len(arm.expected_best) / _POINTS))
        points = [*arm.expected_best[:-1:stride], *arm.expected_best[-1:]]
        table += [
            {"a": index, "n": p.n, "y": rounded(p.value), "l": rounded(p.low), "h": rounded(p.high)} for p in points
        ]
    return table


def _budget_ends(report: Report) -> Interval:
    """From the best to what two trials promise: the first trial alone would set the whole scale."""
    loss = report.metric.loss
    bests, promises = [0.0], [0.0]
    if any(arm.expected_best for arm in report.arms):
        bests = [loss(arm.best.value) for arm in report.arms if arm.best is not None]
        promises = [loss(arm.expected_best[1:2][0].value) for arm in report.arms if len(arm.expected_best) > 1] or bests
    best, promised = min(bests), max(promises)
    low, high = sorted((loss(best), loss(promised)))
    return _with_room(low, high)


def _with_room(low: float, high: float) -> Interval:
    room = 0.04 * (high - low) or 0.04 * abs(high) or 1.0
    return low - room, high + room


def rounded(x: float | None) -> float | None:
    """`x` with five significant digits, which no chart shows more of; None where it is not finite."""
    if x is None or not math.isfinite(x):
        return None
    return float(f"{x:.5g}")
