"""Was training long enough: when the completed trials were at their best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import strips, words
from playbook_cli.report.charts import CHOSEN, colour, field, mark, over
from playbook_cli.report.frame import WHOLE, rounded
from playbook_cli.report.section import Chart, Section, Sentence
from playbook_cli.report.value import BINS, EARLY, LATE

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Spans, Spec


def section(frame: Frame) -> Section:
    """A histogram of the best steps."""
    report, best = frame.report, frame.report.best_steps
    early, late = (words.share(n, best.trials) for n in (best.early, best.late))
    how = (
        f"When each completed trial was at its best: {best.early} of {best.trials} in the first 10%, {best.late} "
        "in the last 25%. Nearly all in the first 10%: far fewer steps would be enough. Many in the last 25%: consider "
        "training longer, unless a decaying schedule causes it."
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
        aside=f"0 to {report.max_train_steps:,} steps",
        parts=[chart, Sentence(text=said, only="terminal")] if best.trials else [],
        only="" if best.trials > 1 else "page",
    )


def _characters(frame: Frame) -> Any:
    def draw(_: int) -> list[Spans]:
        return [[(line, "")] for line in strips.histogram(frame.report.best_steps)]

    return draw


def _spec(frame: Frame, width: int | None) -> Spec:
    """A histogram of the best steps, the playbook's two zones shaded; a line where the chosen trial was at its best."""
    best, steps = frame.report.best_steps, frame.report.max_train_steps
    position = field(
        "f:Q",
        title=f"best step, as a share of {steps:,} steps",
        scale={"domain": [0, 1], "nice": False},
        axis={
            "format": "%",
            "values": [0, EARLY, 0.25, 0.5, LATE, 1],
            "labelOverlap": "greedy",
            "labelSeparation": 8,
        },
    )
    zones = [{"f": 0.0, "t": EARLY}, {"f": LATE, "t": 1.0}]
    shaded = over(mark("rect", zones, fill=colour("zone")), x=position, x2={"field": "t"})
    most = max(best.bins)
    scale = {"domain": [0, most + max(1, most // 8)], "nice": False}
    counts = field("k:Q", title="trials", scale=scale, axis=WHOLE)
    where = {"x": position, "x2": {"field": "e"}, "y": counts, "y2": {"field": "top"}}
    bars = [{"f": at / BINS, "e": (at + 1) / BINS, "k": 0, "top": count} for at, count in enumerate(best.bins) if count]
    looks: dict[str, Any] = {"strokeWidth": 1, "stroke": colour("paper"), "fill": colour("arm0"), "opacity": 0.85}
    blocks = over(mark("rect", bars, **looks), **where)
    ranked = [{"i": t.id, "s": rounded(t.step / steps)} for t in frame.report.trials if t.rank and t.step is not None]
    where_chosen = {"x": field("s:Q", scale=position["scale"]), "y": {"value": 190}, "y2": {"value": 0}}
    own = over(mark("rule", "steps", CHOSEN, strokeWidth=2, stroke=colour("ink")), **where_chosen)
    return frame.finish([shaded, blocks, own], width, 190, {"steps": ranked})
