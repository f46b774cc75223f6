"""How much of it was luck: the best trials trained again on fresh seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.charts import chosen, coloured, field, mark, opacity, over
from playbook_cli.report.frame import rounded
from playbook_cli.report.section import Chart, Column, Section, Sentence, Table
from playbook_cli.report.sections.question import NAME, fresh_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Part, Spec
    from playbook_cli.report.value import Repeats


def section(frame: Frame) -> Section | None:
    """Selected results beside what is left of them; None where nothing was repeated."""
    report = frame.report
    if not report.repeats:
        return None
    how = (
        "Repeats of the best trials with new training seeds, a dot each; the line below is their mean with its 95% "
        "interval. The diamond is the result for which the trial was selected. Selected results are optimistic; the "
        "mean is what to expect."
    )
    chart = Chart(
        name="repeats",
        description=f"{frame.metric} of {len(report.repeats)} trials when they were selected, and with new seeds.",
        spec=lambda width: _spec(frame, width),
    )
    return Section(
        name="luck",
        title="How optimistic were the selected results?",
        how=how if report.fresh else "",
        heading="Repeats",
        aside="the best trials again with new training seeds",
        parts=[*([chart] if report.fresh else []), *repeat_parts(report.repeats, report.luck)],
    )


def repeat_parts(repeats: Sequence[Repeats], luck: Sequence[str]) -> list[Part]:
    """A row a trial that was repeated, and what that says."""
    some = any(one.infeasible for one in repeats)
    columns = [
        Column(name="trial", left=True),
        *([Column(name="arm", left=True, spare=3)] if any(one.arm for one in repeats) else []),
        Column(name="selected"),
        Column(name="mean"),
        Column(name="sd", spare=4),
        Column(name="95%", spare=1),
        Column(name="too optimistic by"),
        Column(name="repeats", spare=5),
        *([Column(name="infeasible", spare=2)] if some else []),
    ]
    rows = [
        [
            str(one.trial),
            *([one.arm] if any(one.arm for one in repeats) else []),
            words.number(one.selected),
            words.number(one.mean),
            words.NOTHING if one.sd is None else f"{one.sd:.3g}",
            words.NOTHING if one.interval is None else words.span(*one.interval),
            words.luck(one.luck),
            str(len(one.values)),
            *([str(one.infeasible)] if some else []),
        ]
        for one in repeats
    ]
    return [Table(columns=columns, rows=rows), *(Sentence(text=sentence) for sentence in luck)]


def _spec(frame: Frame, width: int | None) -> Spec:
    """For every repeated trial the result that it was selected for, all repeats, and their mean with its interval."""
    repeats = frame.report.repeats
    names = words.distinct([one.label for one in repeats], NAME)
    again: Rows = [
        {"i": trial, "L": name, "y": rounded(value)}
        for one, name in zip(repeats, names, strict=True)
        for trial, value in zip(one.trials, one.values, strict=True)
    ]
    luck: Rows = []
    for one, name in zip(repeats, names, strict=True):
        low, high = one.interval or (None, None)
        numbers = {"y": one.selected, "m": one.mean, "l": low, "h": high}
        luck.append({"i": one.trial, "L": name, **{key: rounded(value) for key, value in numbers.items()}})
    ends = [row[key] for row in [*again, *luck] for key in ("y", "l", "h") if row.get(key) is not None]
    y = field("L:N", title=None, scale={"domain": names}, axis={"labelLimit": 240})
    scale = {"domain": [min(ends), max(ends)], "nice": True, "zero": False}
    x = field("y:Q", title=frame.metric, scale=scale, axis={"tickCount": 5, "grid": True})
    own = mark("point", "luck", "isValid(datum.y)", size=120, shape="diamond", filled=False, strokeWidth=2)
    dots = mark("point", "again", size=34, filled=True)
    layers = [
        over(dots, x=x, y=y, color=coloured("muted"), opacity=opacity("false")),
        *fresh_seeds("luck", y, ("l", "h")),
        over(own, x=x, y=y, stroke=coloured("arm0"), opacity=opacity("true")),
        chosen("again", x=x, y=y),
    ]
    return frame.finish(layers, width, {"step": 44}, {"again": again, "luck": luck})
