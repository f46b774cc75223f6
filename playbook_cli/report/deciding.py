"""The choice among repeated points as a section to draw and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.analysis import looking
from playbook_cli.report import words
from playbook_cli.report.section import Column, Note, Section, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.deciding.answer import Answer, Row
    from playbook_cli.deciding.judge import Point
    from playbook_cli.records import Metric


def section(answer: Answer, metric: Metric, arms: Mapping[int, str]) -> Section:
    """A row a point: how it does on new seeds, and how much worse it is than the one that is taken or leads.

    `arms` names the arm of each trial, where the study has several.
    """
    columns = [
        Column(name="point", left=True),
        *([Column(name="arm", left=True, spare=4)] if arms else []),
        Column(name="repeats"),
        Column(name="mean"),
        Column(name="worse by"),
        Column(name="95%", spare=1),
        Column(name="than", left=True, spare=3),
        Column(name="", left=True),
    ]
    rows = [
        [
            row.point.name,
            *([arms.get(row.point.trial, words.NOTHING)] if arms else []),
            str(len(row.point.losses)),
            words.number(mean(row.point, metric)),
            words.NOTHING if row.loss is None else words.number(row.loss.gain),
            words.NOTHING if row.loss is None else words.span(*row.loss.interval),
            row.against.name if row.against is not None else words.NOTHING,
            row.standing,
        ]
        for row in answer.rows()
    ]
    heading = f"{metric.name} on new seeds"
    return Section(name="deciding", heading=heading, parts=[Table(columns=columns, rows=rows), Note(answer.method())])


def mean(point: Point, metric: Metric) -> float | None:
    """Of the completed repeats, in the metric's own units; None without any."""
    values = point.first(len(point.losses))
    return metric.loss(float(np.mean(values))) if values.size else None


def as_json(answer: Answer, metric: Metric) -> dict[str, Any]:
    """The verdict and where each point stands."""
    judged, taken = answer.judged, answer.point
    return {
        "verdict": judged.verdict,
        "trial": taken.trial if taken else None,
        "message": answer.message() if judged.verdict else None,
        "budget": answer.asked.budget,
        "seeds": judged.seeds,
        "seeds_needed": judged.needed if judged.verdict == "budget-spent" else 0 if judged.verdict else None,
        "early": judged.early,
        "simplest_by": answer.why or None,
        "sd": judged.sd,
        "bound": None if judged.sd is None else answer.asked.bound * judged.sd,
        "method": looking.METHOD,
        "points": [_point(row, metric) for row in answer.rows()],
    }


def _point(row: Row, metric: Metric) -> dict[str, Any]:
    return {
        "study": row.point.study or None,
        "trial": row.point.trial,
        "standing": row.standing,
        "n": len(row.point.losses),
        "mean": mean(row.point, metric),
        "worse_by": None if row.loss is None else row.loss.gain,
        "interval": None if row.loss is None else list(row.loss.interval),
        "than": None if row.against is None else row.against.trial,
    }
