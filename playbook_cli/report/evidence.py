"""The page's plots, section by section in the playbook's reading order, each with how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import arms_html, importance_html, words
from playbook_cli.report.importance import HOW, sentences
from playbook_cli.report.theme import ARM_COLOURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Best
    from playbook_cli.report.charts.frame import Chart
    from playbook_cli.report.rows import Rows
    from playbook_cli.report.value import Repeats, Report

NOTHING = '<p class="how">Nothing to show yet.</p>'


def chart_id(chart: Chart) -> str:
    """The id of the element that a chart is drawn into."""
    return f"chart-{chart.name}"


def space(report: Report, charts: Sequence[Chart], rows: Rows) -> str:
    metric = words.escape(words.shortened(report.metric.name, 60))
    how = (
        f"Each point is a trial: its best {metric} against one hyperparameter. Strong points are the best trials. Good "
        "trials that crowd into a shaded end say that the range ends too early."
    )
    marks = [
        ('<i class="cross">&times;</i>', "infeasible"),
        *([('<i class="cross failed">&times;</i>', "failed")] if report.counts["failed"] else []),
        ('<i class="triangle"></i>', "worse than the scale shows"),
        ('<i class="band"></i>', f"outer {report.edge_zone:.0%} of the range"),
    ]
    return _plots("space", how, charts, [*_arms(report, rows), *marks])


def coverage(report: Report, charts: Sequence[Chart]) -> str:
    counted = ", ".join(
        f"{words.shortened(axis.label, 48)} {axis.tenths} of {len(axis.choices) or 10}"
        for axis in report.axes
        if axis.points
    )
    how = "A line is a trial, a dot one of the best. There is no test for this: look where the dots are, and how alone."
    return _plots(
        "coverage",
        how,
        charts,
        wide=True,
        after=f"Tenths of the range, or choices, tried: {counted}." if counted else "",
    )


def curves(report: Report, charts: Sequence[Chart], rows: Rows) -> str:
    how = (
        "The best trials, the best of every arm among them; a dot marks the best evaluation, which is the trial's "
        "result. The steep start is cut off above."
    )
    marks = [('<i class="dash"></i>', "training")] if any(panel.training for panel in report.panels) else []
    return _plots("curves", how, charts, [*_arms(report, rows), *marks], wide=True)


def steps(report: Report, charts: Sequence[Chart]) -> str:
    best = report.best_steps
    how = (
        f"When each completed trial was at its best: {best.early} of {best.trials} within the first 10% (where that is "
        f"all of them, far too many steps), {best.late} in the last 25% (train longer, unless a schedule that ends "
        "there explains it)."
    )
    return _plots("steps", how, charts, wide=True)


def arms(report: Report, charts: Sequence[Chart]) -> str:
    """How each arm was tuned; empty where all arms search one space."""
    if not report.own_spaces:
        return ""
    how = (
        "The arms have spaces of their own, and the comparison hinges on them: each is as good as its space and its "
        "trials let it be. A range that ends too early is to be widened before any arm is called better; a ✓ says "
        "that nothing speaks for that. The curves say what the best of n trials of an arm would have been, on average "
        "over all choices of n out of those that were run; bands hold for all n at once with 95%, for independent "
        "draws, so only roughly for quasi-random ones."
    )
    shown = any(chart.section == "arms" for chart in charts)
    curves = _plots("arms", "What n trials of each arm come to; thin lines are the other arms.", charts)
    return f'<p class="how">{how}</p>{arms_html.table(report)}{curves if shown else ""}'


def question(report: Report, charts: Sequence[Chart]) -> str:
    if not report.isolation:
        return (
            '<p class="how">No scientific hyperparameter varies in this study: it looks for the best trial, and '
            "compares nothing.</p>"
        )
    how = (
        "Isolation plot: each setting at its best trial (diamond) over all other hyperparameters. The bar reaches to "
        "where the best attainable result lies with 95% confidence; the luck of the training seed is not in it."
    )
    if any(plot.repeated(report.fresh) for plot in report.isolation):
        how += " The upright line below it is what that trial comes to on fresh seeds, with its 95% interval."
    tables = "".join(_isolation_table(report, index) for index in range(len(report.isolation)))
    return _plots("question", how, charts, wide=True, table=tables)


def _isolation_table(report: Report, index: int) -> str:
    metric = words.escape(words.shortened(report.metric.name, 40))
    fresh = report.isolation[index].repeated(report.fresh)
    known = ["on fresh seeds (95%)"] if fresh else []
    names = (metric, *known, "attainable (95%)", "trials", "infeasible", "best trial")
    heads = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f'<tr><td class="text">{words.escape(words.shortened(row.label or "all trials", 80))}</td>'
        f"<td>{words.number(None if row.best is None else row.best.value)}</td>"
        f"{_fresh(row.best, fresh)}"
        f"<td>{words.NOTHING if row.low is None else f'{row.low:.3g} to {row.high:.3g}'}</td>"
        f"<td>{row.ended}</td><td>{row.infeasible}</td>"
        f"<td>{words.NOTHING if row.best is None else row.best.trial}</td></tr>"
        for row in report.isolation[index].rows
    )
    return (
        f'<div class="summary"><table><thead><tr><th class="text">setting</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _fresh(best: Best | None, fresh: Mapping[int, Repeats]) -> str:
    if not fresh:
        return ""
    one = None if best is None else fresh[best.trial]
    return f"<td>{words.NOTHING if one is None else words.estimate(one.mean, one.interval)}</td>"


def luck(report: Report, charts: Sequence[Chart]) -> str:
    """What the repeats say; empty where there are none."""
    if not report.repeats:
        return ""
    how = (
        "The best trials trained again on fresh seeds, a dot each; the upright line below is their mean with its 95% "
        "interval. The diamond is the result that the trial was selected for: selected results are lucky ones, so it "
        "lies on the better side more often than not. Only the mean is an estimate of what to expect."
    )
    said = "".join(f"<li>{words.escape(sentence)}</li>" for sentence in report.luck)
    return f'{_plots("luck", how, charts, wide=True, table=_luck_table(report))}<ul class="said">{said}</ul>'


def _luck_table(report: Report) -> str:
    names = ("selected", "mean", "sd", "95%", "luck", "repeats", "infeasible")
    heads = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f'<tr><td class="text">{words.escape(words.shortened(one.label, 80))}</td>'
        f"<td>{words.number(one.selected)}</td><td>{words.number(one.mean)}</td><td>{words.number(one.sd)}</td>"
        f"<td>{words.NOTHING if one.interval is None else words.span(*one.interval)}</td>"
        f"<td>{words.luck(one.luck)}</td><td>{len(one.values)}</td><td>{one.infeasible}</td></tr>"
        for one in report.repeats
    )
    return (
        f'<div class="summary"><table><thead><tr><th class="text">trial</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def importance(report: Report, charts: Sequence[Chart], rows: Rows) -> str:
    """What mattered; empty where the study's points say nothing about it, or nothing has ended."""
    if report.importance is None or not report.ended:
        return ""
    said = "".join(f"<li>{words.escape(sentence)}</li>" for sentence in sentences(report.importance))
    listed = f'<ul class="said">{said}</ul>'
    if not report.importance.effects:
        return listed
    legend = importance_html.legend(rows.map, report.metric.name)
    table = importance_html.table(report.importance)
    return f"{_plots('importance', HOW, charts, legend, wide=True, table=table)}{listed}"


def budget(report: Report, charts: Sequence[Chart], rows: Rows) -> str:
    how = (
        "What the best of n trials would have been, on average over all choices of n out of those that were run; bands "
        "hold for all n at once with 95%, for independent draws, so only roughly for quasi-random ones. Where arms "
        "have different numbers of trials, compare them at the same n."
    )
    return _plots("budget", how, charts, _arms(report, rows), wide=True)


def _arms(report: Report, rows: Rows) -> list[tuple[str, str]]:
    if not 1 < len(report.arms) <= ARM_COLOURS:
        return []
    return [(f'<i style="background:var(--arm{index})"></i>', name) for index, name in enumerate(rows.arms)]


def _plots(
    section: str,
    how: str,
    charts: Sequence[Chart],
    legend: Sequence[tuple[str, str]] = (),
    *,
    wide: bool = False,
    after: str = "",
    table: str = "",
) -> str:
    shown = [chart for chart in charts if chart.section == section]
    figures = "".join(_figure(chart) for chart in shown)
    if not figures:
        return NOTHING
    size = "small" if not wide else "wide" if len(shown) > 1 else "one"
    keys = "".join(f"<li>{mark}{words.escape(name)}</li>" for mark, name in legend)
    listed = f'<ul class="legend">{keys}</ul>' if keys else ""
    below = f'<p class="how">{words.escape(after)}</p>' if after else ""
    return f'<p class="how">{how}</p>{listed}<div class="grid {size}">{figures}</div>{below}{table}'


def _figure(chart: Chart) -> str:
    title = words.escape(words.shortened(chart.title, 90))
    caption = f'<figcaption title="{words.escape(chart.title)}">{title}</figcaption>' if title else ""
    return (
        f'<figure>{caption}<div class="chart" id="{chart_id(chart)}" role="img" '
        f'aria-label="{words.escape(chart.description)}"></div></figure>'
    )
