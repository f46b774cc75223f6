"""Was training long enough: when the completed trials were at their best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import strips, words
from playbook_cli.report.charts import colour, field, mark, opacity, over
from playbook_cli.report.section import Chart, Section, Sentence
from playbook_cli.report.value import BINS, EARLY, LATE

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Spans, Spec

_SEPARATE = 40
"""Trials in the highest bar, up to which each trial of a bar is a block of its own."""


def section(frame: Frame) -> Section:
    """A histogram of the best steps."""
    report, best = frame.report, frame.report.best_steps
    early, late = (words.share(n, best.trials) for n in (best.early, best.late))
    how = (
        f"When each completed trial was at its best: {best.early} of {best.trials} within the first 10% (where that is "
        f"all of them, far too many steps), {best.late} in the last 25% (train longer, unless a schedule that ends "
        "there explains it)."
    )
    where = f"{best.early} within the first 10%, {best.late} in the last 25%"
    chart = Chart(
        name="best-step",
        description=f"Histogram of the best step of {best.trials} trials: {where}.",
        spec=lambda width: _spec(frame, width),
        characters=_characters(frame) if best.trials > 1 else None,
    )
    said = f"{best.early} of {best.trials} ({early}) within the first 10%, {best.late} ({late}) in the last 25%"
    return Section(
        name="steps",
        title="Was training long enough?",
        how=how if best.trials else "",
        heading="Best step of every completed trial",
        aside=f"0 to {report.max_train_steps} steps",
        parts=[chart, Sentence(text=said, only="terminal")] if best.trials else [],
        only="" if best.trials > 1 else "page",
    )


def _characters(frame: Frame) -> Any:
    def draw(_: int) -> list[Spans]:
        return [[(line, "")] for line in strips.histogram(frame.report.best_steps)]

    return draw


def _spec(frame: Frame, width: int | None) -> Spec:
    """How many trials were at their best when; a block a trial, the playbook's two zones shaded."""
    best, steps = frame.report.best_steps, frame.report.max_train_steps
    position = field(
        "f:Q",
        title=f"best step, as a share of {steps} steps",
        scale={"domain": [0, 1], "nice": False},
        axis={"format": "%", "values": [0, EARLY, 0.25, 0.5, LATE, 1]},
    )
    zones = [{"f": 0.0, "t": EARLY}, {"f": LATE, "t": 1.0}]
    shaded = over(mark("rect", zones, fill=colour("zone")), x=position, x2={"field": "t"})
    most = max(best.bins)
    scale = {"domain": [0, most + max(1, most // 8)], "nice": False}
    counts = field("k:Q", title="trials", scale=scale, axis={"tickMinStep": 1, "format": "d"})
    where = {"x": position, "x2": {"field": "e"}, "y": counts, "y2": {"field": "top"}}
    if sum(best.bins) == sum(trial.rank is not None for trial in frame.report.trials):
        looks = {"strokeWidth": 1 if most <= _SEPARATE else 0, "stroke": colour("paper")}
        blocks = over(
            mark("rect", "t", "isValid(datum.k)", **looks), **where, fill=frame.by_arm(width), opacity=opacity("true")
        )
        ends = {"f": f"datum.b / {BINS} + 0.003", "e": f"(datum.b + 1) / {BINS} - 0.003", "top": "datum.k + 1"}
        blocks["transform"] += [{"calculate": of, "as": name} for name, of in ends.items()]
    else:  # an excerpt lacks trials, and the bars count all of them
        bars = [
            {"f": number / BINS + 0.003, "e": (number + 1) / BINS - 0.003, "k": 0, "top": count}
            for number, count in enumerate(best.bins)
        ]
        blocks = over(mark("rect", bars, fill=colour("arm0")), **where)
    return frame.finish([shaded, blocks], width, 190, {"t": frame.trials})
