"""A comparison as a page: the gain, the results that it rests on, the curves, and what the two sides search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from playbook_cli.analysis import outcomes
from playbook_cli.report import words
from playbook_cli.report.charts import colour, coloured, field, layered, mark, over
from playbook_cli.report.frame import STEPS, rounded, with_room
from playbook_cli.report.section import Chart, Column, Document, Section, Table
from playbook_cli.report.thinning import thin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.acts import Command
    from playbook_cli.advice.weighing import Contender, Weighed
    from playbook_cli.records import StudyRecord, TrialRecord
    from playbook_cli.report.section import Spec

_SIDES = ("baseline", "candidate")
_SCALE = {"domain": list(_SIDES), "range": [colour("arm0"), colour("arm1")]}


def document(
    weighed: Weighed, a: Contender, b: Contender, *, sections: Sequence[Section], command: Command | None
) -> Document:
    """The whole answer, `sections` being those that a terminal shows."""
    verdict = weighed.decision.verdict
    message = weighed.decision.message
    return Document(
        name="compare",
        study=f"{b.label} over {a.label}",
        kind="comparison",
        headline=f"{verdict.replace('-', ' ').capitalize()}: {message}.",
        sure=verdict != "not-yet",
        command=command,
        sections=[*gain(weighed), *sections, _results(weighed, a, b), *_curves(weighed, a, b), _settings(weighed)],
        footer="Repeats are trainings of a selected point with other training seeds. Made by Playbook from the "
        "studies' own records.",
    )


def gain(weighed: Weighed) -> list[Section]:
    """The gain with its interval as a chart; nothing where it is not known."""
    compared = weighed.compared
    if compared is None:
        return []
    low, high = compared.interval
    row = {"y": rounded(compared.gain), "l": rounded(low), "h": rounded(high), "L": "gain"}
    ends = with_room(min(low, weighed.least, 0.0), max(high, weighed.least, 0.0))

    def spec(width: int | None) -> Spec:
        scale = {"domain": list(ends), "nice": False}
        x = field("y:Q", title=f"gain in {weighed.unit}", scale=scale, axis={"tickCount": 6, "labelOverlap": "greedy"})
        y = field("L:N", title=None, axis=None)
        bar = mark("rule", [row], strokeWidth=4, opacity=0.5)
        line = mark("rule", [{"y": weighed.least}], strokeDash=[4, 3], stroke=colour("muted"))
        layers = [
            over(line, x=x),
            over(bar, x=field("l:Q", scale=scale), x2={"field": "h"}, y=y, color=coloured("arm1")),
            over(mark("point", [row], size=120, shape="diamond", filled=True), x=x, y=y, fill=coloured("arm1")),
        ]
        return layered(layers, width=width, height=60)

    least = f"at least {words.number(weighed.least)} is worth the change" if weighed.least else "zero is no gain"
    about = f"{words.number(compared.gain)}, 95% interval {words.span(low, high)}"
    chart = Chart(name="gain", description=f"The gain in {weighed.unit}: {about}; {least}.", spec=spec)
    how = f"The diamond is the gain, the bar its 95% interval, which is the one that is tested; dashed: {least}."
    return [Section(name="gain", title="How large is the gain?", how=how, parts=[chart])]


def _results(weighed: Weighed, a: Contender, b: Contender) -> Section:
    rows = [
        {"L": side, "K": kind, "y": rounded(value)}
        for side, contender in zip(_SIDES, (a, b), strict=True)
        for kind, value in _values(contender.study)
    ]
    metric = a.study.metric.name

    def spec(width: int | None) -> Spec:
        x = field("y:Q", title=metric, scale={"zero": False}, axis={"tickCount": 6, "labelOverlap": "greedy"})
        y = field("L:N", title=None, scale={"domain": list(_SIDES)})
        offset = field("K:N", scale={"domain": ["search", "repeats"]})
        own = field("L:N", scale=_SCALE, legend=None)
        search = mark("point", rows, "datum.K === 'search'", size=30, filled=True, opacity=0.35)
        again = mark("tick", rows, "datum.K === 'repeats'", thickness=3, size=16)
        if not repeated:
            return layered([over(search, x=x, y=y, fill=own)], width=width, height={"step": 40})
        layers = [over(search, x=x, y=y, yOffset=offset, fill=own), over(again, x=x, y=y, yOffset=offset, color=own)]
        return layered(layers, width=width, height={"step": 60})

    repeated = any(row["K"] == "repeats" for row in rows)
    how = "Dots: the trials of each search, without the worst quarter."
    how += " Lines: repeats of what each search selects, which the gain is made of." if repeated else ""
    described = f"{metric} of the trials of both searches, and of the repeats of what each selects."
    del weighed
    chart = Chart(name="results", description=described, spec=spec)
    return Section(name="results", title="What does the gain rest on?", how=how, parts=[chart] if rows else [])


def _values(study: StudyRecord) -> list[tuple[str, float]]:
    found = [("search", t) for t in outcomes.completed(study.search.trials)]
    found += [("repeats", t) for t in outcomes.completed(study.trials) if t.repeat_of is not None]
    worst = sorted(study.metric.loss(t.best.value) for kind, t in found if t.best and kind == "search")
    cut = worst[(len(worst) - 1) * 3 // 4] if worst else math.inf  # the worst quarter would set the scale
    return [
        (kind, t.best.value)
        for kind, t in found
        if t.best is not None and (kind == "repeats" or study.metric.loss(t.best.value) <= cut)
    ]


def _curves(weighed: Weighed, a: Contender, b: Contender) -> list[Section]:
    metric = a.study.metric.name
    rows: list[dict[str, Any]] = []
    for side, contender, selected in zip(_SIDES, (a, b), (weighed.baseline, weighed.candidate), strict=True):
        if selected is not None:
            trials = [selected.trial, *contender.study.repeats(selected.trial.id)]
            rows += [{"L": side, **point} for trial in trials for point in _points(trial, metric)]
    if not rows:
        return []
    late = sorted(row["y"] for row in rows if row["x"] >= max(row["x"] for row in rows) / 10)

    def spec(width: int | None) -> Spec:
        scale = {"domain": list(with_room(late[0], late[-1])), "nice": False, "zero": False}
        line = mark("line", rows, clip=True, strokeWidth=1.5)
        own = field("L:N", scale=_SCALE, legend={"title": None})
        x, y = field("x:Q", title="step", axis=STEPS), field("y:Q", title=metric, scale=scale)
        layers = [over(line, x=x, y=y, detail=field("i:N"), stroke=own, opacity={"value": 0.8})]
        return layered(layers, width=width, height=260)

    how = "The selected trial of each side and its repeats. The steep start is cut off."
    chart = Chart(name="curves", description=f"{metric} over training, of what each side selects.", spec=spec)
    return [Section(name="curves", title="How did the selected trials train?", how=how, parts=[chart])]


def _points(trial: TrialRecord, metric: str) -> list[dict[str, Any]]:
    if trial.curve is None or metric not in trial.curve.values:
        return []
    steps, values = trial.curve.steps, trial.curve.values[metric]
    return [{"i": trial.id, "x": int(steps[at]), "y": rounded(float(values[at]))} for at in thin(steps, values)]


def _settings(weighed: Weighed) -> Section:
    """What differs between the sides: values, ranges and choices; then what both share."""
    rows = [[d.name, d.baseline or words.NOTHING, d.candidate or words.NOTHING] for d in weighed.differences]
    columns = [Column(name="setting", left=True), *(Column(name=side, left=True) for side in _SIDES)]
    shared = ", ".join(f"{name}={words.setting(value)}" for name, value in weighed.limited_to.items())
    how = f"Both sides share {shared}: the answer is limited to that." if shared else "No setting is shared."
    table = Table(columns=columns, rows=rows)
    return Section(name="settings", title="What differs?", how=how, parts=[table] if rows else [])
