"""The report on a terminal: the answer, what was found, then the evidence in the playbook's reading order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.records import WHOLE
from playbook_cli.report import arms_terminal, importance_terminal, repeats_terminal, strips, words
from playbook_cli.report.excerpt import excerpt
from playbook_cli.report.importance import sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from playbook_cli.analysis.isolation import Isolated
    from playbook_cli.failures import Failure
    from playbook_cli.records import Finding
    from playbook_cli.report.value import Isolation, Repeats, Report, Trial

SHOWN = 8
"""Trials in the table of the best ones."""
_MARKS = {"warning": ("!", "bold yellow"), "info": ("i", "cyan"), "ok": ("ok", "green")}
_NAME = 24
"""Characters of a name."""
_SUBJECTS = 6
"""Hyperparameters that are listed after one rule; of more, the number is told."""
_WIDE = 70
"""Columns that a whole table needs."""


def render(report: Report, console: Console) -> None:
    """Print the whole report; narrow terminals, pipes and ASCII-only ones get the same content."""
    _Printer(report, console).everything()


class _Printer:
    def __init__(self, report: Report, console: Console) -> None:
        self._report = excerpt(report, trials=False)
        self._console = console
        self._ascii = not console.encoding.lower().startswith("utf")

    def everything(self) -> None:
        self._head()
        self._findings()
        self._best_trials()
        self._repeats()
        self._axes()
        self._best_steps()
        if self._report.own_spaces:
            self._heading("Arms", "each tuned in a space of its own; what the best of n trials comes to")
            self._cut("arms")
            arms_terminal.render(self._report, self._console)
        if self._report.isolation:
            self._cut("question")
        for isolation in self._report.isolation:
            self._isolation(isolation)
        self._importance()

    def _head(self) -> None:
        report = self._report
        self._line(report.study, "bold")
        if report.goal:
            self._line(report.goal, "italic")
        self._console.print()
        self._line(report.answer, "bold")
        self._line(", ".join(_counted(report)), "dim")

    def _findings(self) -> None:
        if self._report.findings or self._report.failures or self._report.caveats:
            self._heading("Findings")
        for caveat in self._report.caveats:
            self._marked(*_MARKS["warning"], caveat)
        for failure in self._report.failures:
            self._failure(failure)
        for finding in self._report.spoken:
            mark, style = _MARKS[finding.severity]
            self._marked(mark, style, _with_subject(finding))
            if command := self._report.command(finding):
                # Not wrapped here: a command is to be copied in one piece.
                self._console.print(self._text(f"  -> {command}"), soft_wrap=True)
        for message, undecided in _by_message(self._report.undecided).items():
            self._marked("?", "dim", f"{', '.join(_by_rule(undecided))}: {message}")
        if self._report.silent:
            mark, style = _MARKS["ok"]
            self._marked(mark, style, "; ".join(_by_rule(self._report.silent)))

    def _failure(self, failure: Failure) -> None:
        self._marked(*_MARKS["warning"], failure.message)
        if failure.said:
            self._marked(" ", "", failure.said)
        if failure.log:
            self._console.print(self._text(f"  all of it: {failure.log}"), soft_wrap=True)

    def _best_trials(self) -> None:
        report = self._report
        rows = report.ranked[:SHOWN]
        if not rows:
            return
        names = report.hyperparameters
        self._heading("Best trials")
        cells = [[_setting(trial, name) for name in names] for trial in rows]
        taken = 2 + 7 + max(_width(report.metric.name), 9) + 2 + 7
        widths = _column_widths(names, cells, self._console.width - taken)
        if names and not widths:
            self._listed(rows)
            return
        table = self._table("trial", report.metric.name, "step")
        for name, width in zip(names, widths, strict=True):
            table.add_column(self._name(name, width), justify="right", no_wrap=True)
        for trial, row in zip(rows, cells, strict=True):
            varied = [self._name(cell, width) for cell, width in zip(row, widths, strict=True)]
            table.add_row(str(trial.id), words.number(trial.value), str(trial.step), *varied)
        self._indented(table)

    def _repeats(self) -> None:
        report = self._report
        if not report.repeats:
            return
        self._heading("Repeats", "the best trials again on fresh seeds: what is left of a result that was selected")
        repeats_terminal.render(report.repeats, self._console)
        for sentence in report.luck:
            self._marked(" ", "", sentence)

    def _listed(self, trials: Sequence[Trial]) -> None:
        """Trials with more settings than columns have room for."""
        metric = _one_line(self._report.metric.name, _NAME)
        for trial in trials:
            varied = {name: _setting(trial, name) for name in self._report.hyperparameters if name in trial.params}
            pairs = (f"{_one_line(name, _NAME)}={_one_line(value, _NAME)}" for name, value in varied.items())
            head = f"trial {trial.id}: {metric} {words.number(trial.value)} at step {trial.step}; "
            self._marked(" ", "", f"{head}{', '.join(pairs)}")

    def _axes(self) -> None:
        report = self._report
        if not any(axis.points for axis in report.axes):
            return
        zone = f"┊ outer {report.edge_zone:.0%}"
        failed = f"{strips.FAILED} failed   " if report.counts["failed"] else ""
        legend = f"{strips.GOOD} best   {strips.OTHER} others   {strips.INFEASIBLE} infeasible   {failed}{zone}"
        self._heading("Where the trials lie", legend)
        self._cut("space")
        trials = {trial.id: trial for trial in report.trials}
        width = max(self._console.width, 40)
        name_width = min(max(len(axis.label) for axis in report.axes), max(width // 4, 12))
        strip_width = min(max(width - name_width - 2 * 9 - 8, 10), 60)
        table = Table.grid(padding=(0, 1))
        for justify in ("left", "right", "left", "left"):
            table.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
        for axis in report.axes:
            name = self._name(axis.label, name_width)
            if axis.zones is None:
                for row, (choice, here) in enumerate(strips.counted(axis, report.trials)):
                    marks = "".join(mark * count for mark, count in here.items())
                    if len(marks) > strip_width:
                        marks = "  ".join(f"{count} {mark}" for mark, count in here.items() if count)
                    table.add_row(name if row == 0 else "", self._name(choice, 9), self._text(marks), "")
            else:
                strip = self._text(f"|{strips.axis_strip(axis, trials, strip_width, report.edge_zone)}|")
                scale = f"{words.number(axis.high)}{' log' if axis.scale == 'log' else ''}"
                table.add_row(name, words.number(axis.low), strip, scale)
        self._indented(table)

    def _best_steps(self) -> None:
        best_steps = self._report.best_steps
        if best_steps.trials < 2:
            return
        self._heading("Best step of every completed trial", f"0 to {self._report.max_train_steps} steps")
        for row in strips.histogram(best_steps):
            self._console.print(Padding(self._text(row, no_wrap=True), (0, 0, 0, 2)))
        early, late = (words.share(n, best_steps.trials) for n in (best_steps.early, best_steps.late))
        self._line(
            f"  {best_steps.early} of {best_steps.trials} ({early}) within the first 10%, "
            f"{best_steps.late} ({late}) in the last 25%"
        )

    def _isolation(self, isolation: Isolation) -> None:
        metric = self._report.metric.name
        self._heading("Isolation", f"{_one_line(isolation.subject, 40)}: each setting at the best of its trials")
        fresh = isolation.repeated(self._report.fresh)
        interval = "on fresh seeds (95%)" if fresh else "attainable (95%)"
        columns = ["setting", metric, interval, "trials", "infeasible", "trial"]
        shown = len(columns) if self._console.width >= _WIDE else 3
        table = self._table(*columns[:shown])
        for row in isolation.rows:
            best = row.best
            cells: list[Text | str] = [
                self._name(row.label),
                words.number(None if best is None else best.value),
                self._interval(row, fresh),
                str(row.ended),
                str(row.infeasible),
                words.NOTHING if best is None else str(best.trial),
            ]
            table.add_row(*cells[:shown])
        self._indented(table)

    def _importance(self) -> None:
        importance = self._report.importance
        if importance is None or not self._report.ended:
            return
        self._heading("What mattered", importance_terminal.LEGEND if importance.effects else "")
        longest = min(max((len(effect.label) for effect in importance.effects), default=0), _NAME)
        table = Table.grid(padding=(0, 1))
        for justify in ("left", "left", "right", "left"):
            table.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
        for label, bar, share, p_value in importance_terminal.bars(importance, self._console.width, longest):
            table.add_row(self._name(label), self._text(bar), share, p_value)
        self._indented(table)
        for sentence in sentences(importance):
            self._marked(" ", "", sentence)

    def _interval(self, row: Isolated, fresh: Mapping[int, Repeats]) -> str:
        """What the best trial comes to on fresh seeds where that is known, else what tuning could attain."""
        if row.best is not None and row.best.trial in fresh:
            again = fresh[row.best.trial]
            return words.estimate(again.mean, again.interval)
        return words.NOTHING if fresh or row.low is None or row.high is None else words.span(row.low, row.high)

    def _cut(self, section: str) -> None:
        """What the section does not show."""
        if section in self._report.cuts:
            self._marked(" ", "dim", self._report.cuts[section])

    def _table(self, *columns: str) -> Table:
        lines, gap = (None, 2) if self._ascii else (box.SIMPLE_HEAD, 1)
        table = Table(box=lines, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
        for index, column in enumerate(columns):
            table.add_column(self._name(column), justify="right" if index else "left", no_wrap=True)
        return table

    def _heading(self, text: str, aside: str = "") -> None:
        self._console.print()
        line = self._text(text, style="bold")
        if aside:
            line = Text.assemble(line, "   ", self._text(aside, style="dim"))
        self._console.print(line)

    def _marked(self, mark: str, style: str, text: str) -> None:
        """`text` behind its mark, its further lines below its first."""
        indent = len(mark) + 1
        for number, line in enumerate(self._text(text).wrap(self._console, max(self._console.width - indent, 10))):
            line.rstrip()
            start = Text(f"{mark} ", style=style) if number == 0 else Text(" " * indent)
            self._console.print(start.append_text(line))

    def _indented(self, table: Table) -> None:
        self._console.print(Padding(table, (0, 0, 0, 2)))

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(self._text(text, style=style))

    def _name(self, text: str, width: int = _NAME) -> Text:
        return self._text(_one_line(text, width), no_wrap=True)

    def _text(self, text: str, style: str = "", *, no_wrap: bool = False) -> Text:
        text = words.printable(text)
        return Text(strips.plain(text) if self._ascii else text, style=style, no_wrap=no_wrap, overflow="fold")


def _counted(report: Report) -> Iterable[str]:
    steps = report.max_train_steps
    yield words.count(report.counts["planned"], "trial")
    for state in ("completed", "infeasible", "failed", "running", "pending"):
        if report.counts[state]:
            part = f" ({words.share(report.counts[state], report.ended)})" if state == "infeasible" else ""
            yield f"{report.counts[state]} {state}{part}"
    repeats = report.repeat_counts
    if repeats["planned"]:
        yield f"{repeats['completed'] + repeats['infeasible']} of {repeats['planned']} repeats"
    early = [t.last_step for t in report.trials if t.state == "completed" and 0 < t.last_step < WHOLE * steps]
    if early:
        where = f"step {early[0]}" if len(set(early)) == 1 else f"steps {min(early)} to {max(early)}"
        yield f"{len(early)} of {report.counts['completed']} stopped early, at {where} of {steps}"
    else:
        yield f"{steps} steps each"


def _with_subject(finding: Finding) -> str:
    return f"{finding.subject}: {finding.message}" if finding.subject else f"{finding.rule}: {finding.message}"


def _by_message(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    alike: dict[str, list[Finding]] = {}
    for finding in findings:
        alike.setdefault(finding.message, []).append(finding)
    return alike


def _by_rule(findings: Iterable[Finding]) -> list[str]:
    """One entry a rule, with what it looked at: `boundary (dropout, width)`, or how many where they are too many."""
    subjects: dict[str, list[str]] = {}
    for finding in findings:
        subjects.setdefault(finding.rule, []).extend([_one_line(finding.subject, _NAME)] if finding.subject else [])
    named = {
        rule: names if len(names) <= _SUBJECTS else [f"{len(names)} hyperparameters"]
        for rule, names in subjects.items()
    }
    return [f"{rule} ({', '.join(names)})" if names else rule for rule, names in named.items()]


def _width(name: str) -> int:
    return min(len(name), _NAME)


def _setting(trial: Trial, name: str) -> str:
    return words.setting(trial.params[name]) if name in trial.params else ""


def _column_widths(names: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths at which all columns fit into `room`, long headers cut where they must be; [] where they never fit."""
    gap = 2
    for longest in range(_NAME, 7, -1):
        widths = [
            max(min(len(name), longest), *(min(len(row[i]), longest) for row in cells)) for i, name in enumerate(names)
        ]
        if sum(widths) + gap * len(widths) <= room:
            return widths
    return []


def _one_line(text: str, width: int) -> str:
    return words.shortened(words.printable(text), width)
