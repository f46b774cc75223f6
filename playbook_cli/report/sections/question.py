"""Which setting is best: the isolation plots."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli.advice import among
from playbook_cli.report import words
from playbook_cli.report.charts import chosen, coloured, field, mark, opacity, over
from playbook_cli.report.frame import rounded
from playbook_cli.report.section import Cell, Chart, Column, Section, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.advice.among import Against
    from playbook_cli.analysis.isolation import Isolated
    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Content, Spec
    from playbook_cli.report.value import Isolation, Repeats, Report

NAME = 30
"""Characters of a setting beside its row."""
BELOW = 11
"""Pixels from what was selected down to what it comes to on fresh seeds."""


def section(frame: Frame) -> Section | None:
    """Every scientific setting at the best of its trials; None in a study that compares none."""
    plots = frame.report.isolation
    if not plots:
        return None
    how = (
        "Each setting at its best trial (diamond), over all other hyperparameters. Bar: 95% bound on the best result "
        "that more search could find, without seed noise."
    )
    if any(_against(frame.report, plot)[0] for plot in plots):
        how += " Gap to best: estimated from all trials of both, so it can be below 0."
    if any(plot.repeated(frame.report.fresh) for plot in plots):
        how += " The upright line below it: the mean of its repeats, with its 95% interval."
    subject = f"{words.shortened(plots[0].subject, 40)}: " if len(plots) == 1 else ""
    tables = [_table(frame.report, plot, words.shortened(plot.subject, 40) if len(plots) > 1 else "") for plot in plots]
    return Section(
        name="question",
        title="Which setting is best?",
        how=how,
        heading="Isolation",
        aside=f"{subject}each setting at the best of its trials",
        parts=[*(_chart(frame, index) for index in range(len(plots))), *tables],
    )


def _table(report: Report, plot: Isolation, title: str) -> Table:
    fresh = plot.repeated(report.fresh)
    against, best = _against(report, plot)
    return Table(
        title=title,
        columns=[
            Column(name="setting", left=True),
            Column(name=report.metric.name),
            *([Column(name="mean of repeats (95%)")] if fresh else []),
            *([Column(name="gap to best"), Column(name="95%"), Column(name="verdict", left=True)] if against else []),
            *([] if against else [Column(name="could reach (95%)", only="page" if fresh else "")]),
            Column(name="trials", spare=1),
            Column(name="infeasible", spare=1),
            Column(name="best trial", spare=1),
        ],
        rows=[_row(row, fresh, against, best) for row in plot.rows],
    )


def _against(report: Report, plot: Isolation) -> tuple[Mapping[str, Against], str]:
    """How each setting compares with the best one, by its label here, and which that is; empty where none does."""
    start = "" if plot.rows[0].span is None else f"{plot.subject} "
    for finding in report.findings:
        if finding.rule == "isolation" and (others := among.others(finding.evidence)):
            known = {one.label.removeprefix(start): one for one in others}
            best = str(finding.evidence["best"]).removeprefix(start)
            if {best, *known} <= {row.label for row in plot.rows}:
                return known, best
    return {}, ""


def _row(row: Isolated, fresh: Mapping[int, Repeats], against: Mapping[str, Any], best: str) -> list[Content]:
    one = fresh.get(row.best.trial) if row.best is not None else None
    again = words.NOTHING if one is None else words.estimate(one.mean, one.interval)
    return [
        row.label or "all trials",
        words.number(None if row.best is None else row.best.value),
        *([again] if fresh else []),
        *(_compared(row.label, against, best) if against else []),
        *([] if against else [words.NOTHING if row.low is None or row.high is None else words.span(row.low, row.high)]),
        str(row.ended),
        str(row.infeasible),
        words.NOTHING if row.best is None else str(row.best.trial),
    ]


def _compared(label: str, against: Mapping[str, Any], best: str) -> list[Content]:
    """How far a setting is behind the best one, with the interval."""
    if label == best:
        return ["", "", Cell("best", tone="good")]
    if label not in against:
        return [words.NOTHING, words.NOTHING, ""]
    one = against[label]
    verdict = Cell("worse", tone="strong") if one.worse else Cell("not confirmed" if one.leads else "open", tone="soft")
    return [words.number(one.gain), words.span(*one.interval), verdict]


def _chart(frame: Frame, index: int) -> Chart:
    plot, metric = frame.report.isolation[index], frame.report.metric
    subject = plot.subject
    ranked = sorted((metric.loss(row.best.value), row.label) for row in plot.rows if row.best is not None)
    best = ", ".join(f"{words.shortened(label, 40)} {words.number(metric.loss(loss))}" for loss, label in ranked[:3])
    about = words.shortened(subject, 60)
    return Chart(
        name=f"isolation-{index}",
        title=subject,
        description=f"{frame.metric} of all trials and of the best one, for each setting of {about}. Best: {best}.",
        spec=partial(_spec, frame, index),
    )


def _spec(frame: Frame, index: int, width: int | None) -> Spec:
    """For every scientific setting its best trial, with its interval, and behind it all its trials."""
    plot = frame.report.isolation[index]
    names = words.distinct([row.label or "all trials" for row in plot.rows], NAME)
    tried, best = _tried(frame, plot, names), _contenders(frame.report, plot, names)
    reach = [row[end] for row in best for end in ("l", "h", "m", "ml", "mh") if row.get(end) is not None]
    low, high = frame.result_ends
    scale = {"domain": [min([low, *reach]), max([high, *reach])], "nice": True, "zero": False}
    y = field("L:N", title=None, scale={"domain": names}, axis={"labelLimit": 200})
    x = field("y:Q", title=frame.metric, scale=scale, axis={"tickCount": 5, "grid": True})
    dots, top = f"tried{index}", f"best{index}"
    of_arms = not plot.part and all(row.span is None for row in plot.rows)
    hue = frame.by_arm(width) if of_arms else coloured("arm0")
    interval = mark("rule", top, "isValid(datum.l)", strokeWidth=3, opacity=0.5)
    layers = [
        over(mark("point", dots, size=34, filled=True), x=x, y=y, color=coloured("muted"), opacity=opacity("false")),
        over(interval, x=field("l:Q"), x2={"field": "h"}, y=y, color=hue),
        *(fresh_seeds(top, y, ("ml", "mh")) if any("m" in row for row in best) else []),
        over(
            mark("point", top, size=120, filled=True, shape="diamond"),
            x=x,
            y=y,
            color=hue,
            opacity=opacity("true"),
        ),
        chosen(dots, x=x, y=y),
    ]
    return frame.finish(layers, width, {"step": 44}, {dots: tried, top: best})


def fresh_seeds(data: str, y: Spec, interval: tuple[str, str]) -> list[Spec]:
    """What a trial comes to on fresh seeds: the interval, in fields of these names, and the mean, m."""
    low, high = interval
    reach = mark("rule", data, f"isValid(datum.{low})", strokeWidth=3, opacity=0.5, yOffset=BELOW)
    mean = mark("tick", data, "isValid(datum.m)", thickness=3, size=14, yOffset=BELOW)
    return [
        over(reach, x=field(f"{low}:Q"), x2={"field": high}, y=y, color=coloured("ink")),
        over(mean, x=field("m:Q"), y=y, color=coloured("ink"), opacity=opacity("true")),
    ]


def _tried(frame: Frame, plot: Isolation, names: Sequence[str]) -> Rows:
    """A trial: i, L setting, y result as drawn."""
    trials = {trial.id: trial for trial in frame.report.trials}
    settings = _setting_of(frame.report, plot, names)
    return [
        {"i": number, "L": name, "y": rounded(frame.drawn[number])}
        for number, name in settings.items()
        if trials[number].rank
    ]


def _setting_of(report: Report, plot: Isolation, names: Sequence[str]) -> dict[int, str]:
    """Which row of an isolation plot each trial belongs to."""
    owners: dict[int, str] = {}
    settings = [(set(r.settings.items()), name) for r, name in zip(plot.rows, names, strict=True) if r.span is None]
    if settings:
        arms = [next((n for own, n in settings if own <= set(arm.settings.items())), None) for arm in report.arms]
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


def _contenders(report: Report, plot: Isolation, names: Sequence[str]) -> Rows:
    """A setting: i best trial, L, y its result, l and h the interval; m, ml and mh mean and interval on fresh seeds."""
    fresh = plot.repeated(report.fresh)
    arms = {trial.id: trial.arm for trial in report.trials}
    table: Rows = []
    for row, name in zip(plot.rows, names, strict=True):
        if row.best is None:
            continue
        found: dict[str, Any] = {
            "i": row.best.trial,
            "L": name,
            "a": arms.get(row.best.trial, 0),
            "y": rounded(row.best.value),
        }
        found |= {"l": rounded(row.low), "h": rounded(row.high)}
        if row.best.trial in fresh:
            one = fresh[row.best.trial]
            low, high = one.interval or (None, None)
            found |= {"m": rounded(one.mean), "ml": rounded(low), "mh": rounded(high)}
        table.append(found)
    return table
