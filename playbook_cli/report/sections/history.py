"""How the search went: results by trial and by time, when every trial ran, how results are spread, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import words
from playbook_cli.report.charts import HOLLOW, chosen, coloured, field, mark, opacity, over, when
from playbook_cli.report.frame import NUMBERS, WHOLE, rounded, with_room
from playbook_cli.report.section import Chart, Section, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Spec
    from playbook_cli.report.value import Report, Trial

_SLOTS = 48
"""Slots that a timeline has room for."""
_UNITS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
_SEVERAL = 3
"""Of a unit, so that times are counted in it."""
_FEW = 5
"""Completed trials an arm, from which on each has a distribution of its own."""
_STRETCHES = 120
"""Of the whole time, in which samples are averaged."""
_PAUSE = 0.1
"""Part of the whole time from which on a time without trials is left out."""


def section(frame: Frame) -> Section | None:
    """Charts of the whole search; None where no trial has a result yet."""
    report = frame.report
    if not frame.drawn:
        return None
    spans, unit = _spans(report), _unit(report)
    ends = {number: at for number, at in _ended(report).items() if number in frame.drawn}
    slots = {row["L"] for row in spans}
    places, several = {trial.id: float(trial.id) for trial in report.trials}, len(frame.drawn) > 1
    charts = [
        *([_history(frame, "history", "by trial", places, "trial")] if several else []),
        *([_history(frame, "history-time", "by time", ends, f"{unit} since the first start")] if len(ends) > 1 else []),
        *([_spread(frame)] if several else []),
        *([_timeline(frame, spans)] if 0 < len(slots) <= _SLOTS else []),
        *([_busy(frame)] if sum(map(len, report.usage.values())) > 1 else []),
    ]
    unfinished = any(trial.rank is None for trial in report.trials if trial.id in frame.drawn)
    hollow = ", a hollow one stopped early or still running" if unfinished else ""
    cost = [Sentence(text=_cost(report))] if spans else []
    return Section(
        name="history",
        title="How did the search go?",
        how=f"A point is a trial{hollow}; the line is the best result so far." if several else "",
        parts=[frame.legend, *charts, *cost],
        only="page",
    )


def _history(frame: Frame, name: str, title: str, places: dict[int, float], about: str) -> Chart:
    report = frame.report
    rows: Rows = [
        {
            "i": t.id,
            "a": t.arm,
            "s": t.state,
            "g": int(t.good),
            "x": rounded(places[t.id]),
            "y": rounded(frame.drawn[t.id]),
        }
        for t in report.trials
        if t.id in frame.drawn and t.id in places
    ]
    so_far: Rows = []
    for row in sorted(rows, key=lambda row: (row["x"], row["i"])):
        if not so_far or report.metric.better(row["y"], so_far[-1]["y"]):
            so_far.append({"x": row["x"], "y": row["y"]})
    ends = sorted(row["x"] for row in rows)[:: max(1, len(rows) - 1)]
    if so_far:
        so_far.append({"x": ends[-1], "y": so_far[-1]["y"]})
    reached = words.number(so_far[-1]["y"]) if so_far else words.NOTHING

    def spec(width: int | None) -> Spec:
        whole = all(place == int(place) for place in places.values())
        axis = (WHOLE if whole else {"labelExpr": NUMBERS, "labelOverlap": "greedy"}) | {"tickCount": 6}
        scale = {"domain": list(with_room(ends[0], ends[-1])), "zero": False, "nice": False}
        x = field("x:Q", title=about, axis=axis, scale=scale)
        y = field("y:Q", title=frame.metric if width else None, scale={"domain": list(frame.result_ends)})
        line = mark("line", f"{name}-best", interpolate="step-after", strokeWidth=1.5)
        points = mark("point", name, size=36, filled=True, strokeWidth=1.2)
        solid = when(HOLLOW, 0, 1)
        hue = frame.by_arm(width)
        layers = [
            over(line, x=x, y=y, stroke=coloured("ink")),
            over(points, x=x, y=y, fill=hue, stroke=hue, fillOpacity=solid, opacity=opacity("datum.g === 1")),
            chosen(name, x=x, y=y),
        ]
        return frame.finish(layers, width, 200, {name: rows, f"{name}-best": so_far})

    described = f"{frame.metric} of {len(rows)} trials {title}, and the best so far: {reached}."
    return Chart(name=name, title=f"{frame.metric} {title}", description=described, spec=spec)


def _spread(frame: Frame) -> Chart:
    """The share of trials that are as good as a result, by arm where arms have enough: the empirical distribution."""
    report = frame.report
    rows: Rows = []
    known = [t for t in report.ranked if t.id in frame.drawn]
    by_arm = len(known) >= _FEW * len(report.arms)
    for arm in range(len(report.arms) if by_arm else 1):
        own = [t for t in known if t.arm == arm or not by_arm]
        rows += [{"i": t.id, "a": arm, "x": rounded(frame.drawn[t.id]), "y": 0} for t in own[:1]]
        rows += [
            {"i": t.id, "a": arm, "x": rounded(frame.drawn[t.id]), "y": round(place / len(own), 4)}
            for place, t in enumerate(own, start=1)
        ]

    def spec(width: int | None) -> Spec:
        scale = {"domain": list(frame.result_ends)}
        x = field("x:Q", title=frame.metric, scale=scale, axis={"tickCount": 6, "labelOverlap": "greedy"})
        axis = {"format": "%", "tickCount": 5}
        y = field("y:Q", title="share of trials" if width else None, scale={"domain": [0, 1]}, axis=axis)
        line = mark("line", "spread", interpolate="step-after", strokeWidth=2)
        layers = [
            over(
                line,
                x=x,
                y=y,
                stroke=frame.by_arm(width) if by_arm else coloured("ink"),
                detail=field("a:N"),
                order=field("y:Q"),
            ),
            chosen("spread", "datum.y > 0", x=x, y=y),
        ]
        return frame.finish(layers, width, 200, {"spread": rows})

    least = "at most" if report.metric.goal == "minimize" else "at least"
    return Chart(
        name="distribution",
        title=f"Share of trials with {frame.metric} of {least} ...",
        description=f"Empirical distribution of {frame.metric} over the completed trials{' of each arm' * by_arm}.",
        spec=spec,
    )


def _timeline(frame: Frame, rows: Rows) -> Chart:
    slots = list(dict.fromkeys(row["L"] for row in sorted(rows, key=lambda row: (len(row["L"]), row["L"]))))

    def spec(width: int | None) -> Spec:
        axis = {"labelExpr": NUMBERS, "labelOverlap": "greedy", "tickCount": 6}
        x: dict[str, Any] = {
            "title": f"{_unit(frame.report)} since the first start",
            "axis": axis,
            "scale": {"nice": False, "zero": True},
        }
        bars = mark("rect", "spans", height={"band": 0.8}, strokeWidth=0.5, stroke={"expr": "paper"})
        layers = [
            over(
                bars,
                x=field("b:Q", **x),
                x2={"field": "e"},
                y=field("L:N", title=None, scale={"domain": slots}),
                fill=when("datum.s === 'infeasible'", {"expr": "bad"}, {"expr": "arm0"}),
                opacity=opacity("datum.s === 'completed'"),
            )
        ]
        return frame.finish(layers, width, {"step": 18}, {"spans": rows})

    return Chart(
        name="timeline",
        title=f"When each trial ran, by slot{_looks({row['s'] for row in rows})}",
        description=f"{len(rows)} attempts on {words.count(len(slots), 'slot')}.",
        spec=spec,
    )


def _busy(frame: Frame) -> Chart:
    """How much of the machines was in use: the mean of all samples of a stretch of time."""
    since = _since(frame.report)
    whole = max(_ran(frame.report) / _UNITS[_unit(frame.report)], 1e-9)
    taken: dict[tuple[str, int], list[float]] = {}
    for sample in (one for found in frame.report.usage.values() for one in found):
        place = min(max(int(since(sample.time) / whole * _STRETCHES), 0), _STRETCHES - 1)
        for name, share in (("CPU", sample.node_cpu), ("memory", sample.node_memory), ("GPU", sample.gpu)):
            if share is not None:
                taken.setdefault((name, place), []).append(share)
    rows: Rows = [
        {"k": name, "x": rounded((place + 0.5) / _STRETCHES * whole), "y": rounded(sum(shares) / len(shares))}
        for (name, place), shares in sorted(taken.items())
    ]
    names = [name for name in ("CPU", "memory", "GPU") if any(row["k"] == name for row in rows)]

    def spec(width: int | None) -> Spec:
        axis = {"labelExpr": NUMBERS, "labelOverlap": "greedy", "tickCount": 6}
        title = f"{_unit(frame.report)} since the first start"
        legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 2}
        looks = {"domain": names, "range": [{"expr": colour} for colour in ("ink", "muted", "arm0")[: len(names)]]}
        lines = over(
            mark("line", "busy", strokeWidth=1.8),
            x=field("x:Q", title=title, axis=axis, scale={"domain": [0, whole], "nice": False}),
            y=field("y:Q", title=None, axis={"format": "%", "tickCount": 5}, scale={"domain": [0, 1]}),
            stroke=field("k:N", scale=looks, legend=legend),
        )
        return frame.finish([lines], width, 140, {"busy": rows})

    means = {name: [row["y"] for row in rows if row["k"] == name] for name in names}
    said = ", ".join(f"{name} {sum(shares) / len(shares):.0%}" for name, shares in means.items())
    return Chart(
        name="busy",
        title="Use of the machine, with all that ran there",
        description=f"In use on average: {said}.",
        spec=spec,
    )


def _looks(states: set[str]) -> str:
    """What the looks of bars say, where they differ."""
    looks = {
        "infeasible": "red: infeasible",
        "failed": "pale: failed",
        "running": "pale: running",
        "stopped": "pale: stopped early",
    }
    said = [look for state, look in looks.items() if state in states]
    return f" ({'; '.join(said)})" if said else ""


def _all(report: Report) -> Sequence[Trial]:
    return [*report.trials, *report.again]


def _unit(report: Report) -> str:
    """In which the whole study is a handy number."""
    whole = _ran(report)
    return next((name for name, seconds in _UNITS.items() if whole >= _SEVERAL * seconds), "seconds")


def _times(report: Report) -> list[tuple[float, float]]:
    """Begin and end of every attempt, the first one first; one that runs ends with the last."""
    known = [(span.start, span.end) for trial in _all(report) for span in trial.spans]
    last = max((end or start for start, end in known), default=0.0)
    return sorted((start, end or last) for start, end in known)


def _pauses(report: Report) -> list[tuple[float, float]]:
    """When nothing ran for so long that a chart would show little else."""
    times = _times(report)
    if not times:
        return []
    reached, gaps = times[0][1], []
    for start, end in times:
        if start > reached:
            gaps.append((reached, start))
        reached = max(reached, end)
    return [gap for gap in gaps if gap[1] - gap[0] > _PAUSE * (reached - times[0][0])]


def _ran(report: Report) -> float:
    """Seconds from the first start to the last end, without pauses."""
    times = _times(report)
    paused = sum(end - start for start, end in _pauses(report))
    return max(end for _, end in times) - times[0][0] - paused if times else 0.0


def _since(report: Report) -> Callable[[float], float]:
    """From a moment to the time since the first start, without pauses."""
    times, pauses, unit = _times(report), _pauses(report), _UNITS[_unit(report)]

    def since(moment: float) -> float:
        paused = sum(min(moment, end) - start for start, end in pauses if start < moment)
        return (moment - times[0][0] - paused) / unit

    return since


def _ended(report: Report) -> dict[int, float]:
    """When each trial ended, since the first start; empty where that is not known."""
    since = _since(report)
    return {t.id: since(t.spans[-1].end) for t in report.trials if t.spans and t.spans[-1].end is not None}


def _spans(report: Report) -> Rows:
    """An attempt: i trial, s its state, L slot, b and e begin and end; one that runs ends with the last."""
    since, last = _since(report), max((end for _, end in _times(report)), default=0.0)
    return [
        {
            "i": trial.id,
            "s": trial.state,
            "L": words.shortened(span.slot, 24) or "?",
            "b": rounded(since(span.start)),
            "e": rounded(since(span.end or last)),
        }
        for trial in _all(report)
        for span in trial.spans
    ]


def _cost(report: Report) -> str:
    """What the study took: steps, time, and how busy the slots were."""
    rows, unit = _spans(report), _unit(report)
    slots = len({row["L"] for row in rows})
    spent = sum(row["e"] - row["b"] for row in rows)
    whole = _ran(report) / _UNITS[unit]
    steps = sum(trial.last_step for trial in _all(report))
    busy = f", busy {words.share(round(1e6 * spent), round(1e6 * whole * slots))} of {whole:.3g} {unit}"
    paused = sum(end - start for start, end in _pauses(report)) / _UNITS[unit]
    pauses = f"; pauses of {paused:.3g} {unit} are left out" if paused else ""
    again = len(rows) - len({row["i"] for row in rows})
    retried = f"; {words.count(again, 'attempt')} {'was' if again == 1 else 'were'} a retry" if again else ""
    on = words.count(slots, "slot")
    more = f"{busy if whole else ''}{retried}{pauses}"
    return f"Cost: {steps:,} training steps, {spent:.3g} {unit} of training on {on}{more}."
