"""All trials: results and settings, best first; and the best ones alone, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.section import Cell, Column, Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Content
    from playbook_cli.report.value import Report, Trial


SHOWN = 8
"""Trials on a terminal."""


def best(frame: Frame) -> Section | None:
    """The best trials, which a page has at the top of all of them; None where none has a result."""
    ranked = frame.report.ranked[:SHOWN]
    if not ranked:
        return None
    return Section(name="best", heading="Best trials", parts=[results(frame.report, ranked)], only="terminal")


def section(frame: Frame) -> Section:
    """A table to sort and to choose from, for a page."""
    report = frame.report
    ordered = [*report.ranked, *(trial for trial in report.trials if trial.rank is None), *report.again]
    about = ""
    if report.timed:
        about = (
            f" {words.TIMESCALE}: 1 / (learning rate x weight decay), the number of steps over which AdamW averages "
            f"its updates (Wang and Aitchison 2024), also as a multiple of the {report.max_train_steps} steps of "
            "training: far above 1, weight decay has little effect."
        )
    return Section(
        name="trials",
        title="All trials",
        how='Click a trial, here or in a chart, to highlight it everywhere; Ctrl-click, or press "compare" first, to '
        "see how several differ. Escape clears. Click a column to sort. Filter by a condition (<, <=, >, >=, ==, !=, "
        "~ for text or a regular expression; and, or, not, brackets) or by any text; the charts follow." + about,
        parts=[results(report, ordered)],
        only="page",
    )


def results(report: Report, trials: Sequence[Trial]) -> Table:
    """A row a trial: its result, and what varies between trials."""
    names = report.hyperparameters
    told = {name: any(isinstance(trial.params.get(name), str) for trial in report.trials) for name in names}
    columns = [
        Column(name="trial", left=True),
        Column(name="state", left=True, only="page"),
        Column(name=report.metric.name),
        Column(name="step"),
        *(Column(name=name, left=told[name]) for name in names),
        *([Column(name=words.TIMESCALE, only="page")] if report.timed else []),
        Column(name="log", left=True, only="page"),
    ]
    return Table(
        columns=columns,
        rows=[_row(trial, names, report) for trial in trials],
        trials=[trial.id for trial in trials],
        by=(report.metric.name, "ascending" if report.metric.goal == "minimize" else "descending"),
    )


def _row(trial: Trial, names: Sequence[str], report: Report) -> list[Content]:
    result = trial.value if trial.state in {"completed", "running"} else None
    again = "" if trial.repeat_of is None else f", repeats {trial.repeat_of}"
    return [
        str(trial.id),
        Cell(f"{trial.state}{again}", tone="bad" if trial.state == "infeasible" else "", about=trial.reason or ""),
        Cell(words.number(result) if result is not None else "", key=result),
        Cell(f"{trial.step:,}", key=trial.step) if result is not None and trial.step is not None else "",
        *(_setting(trial, name) for name in names),
        *([_timescale(trial.timescale, report.max_train_steps)] if report.timed else []),
        Cell("log", link=trial.log),
    ]


def _setting(trial: Trial, name: str) -> Content:
    if name not in trial.params:
        return ""
    value = trial.params[name]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return Cell(words.shortened(words.setting(value), 60), key=number)


def _timescale(steps: float | None, max_train_steps: int) -> Content:
    return "" if steps is None else Cell(words.timescale(steps, max_train_steps), key=steps)
