"""Answers on a terminal: narrow ones, pipes and those that know ASCII alone get the same content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.table import Table as Grid
from rich.text import Text

from playbook_cli.report import facts, words
from playbook_cli.report.excerpt import excerpt
from playbook_cli.report.frame import Frame
from playbook_cli.report.section import Chart, Folded, Legend, Note, Sentence, Table, cells, for_medium, meant, plain
from playbook_cli.report.sections import sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from playbook_cli.report.section import Cell, Column, Content, Document, Section, Spans
    from playbook_cli.report.value import Report

_MARKS = {"warning": ("!", "bold yellow"), "info": ("i", "cyan"), "ok": ("ok", "green"), "undecided": ("?", "dim")}
_STYLES = {
    "good": "green",
    "accent": "blue",
    "warning": "bold yellow",
    "bad": "red",
    "soft": "dim",
    "strong": "bold",
    "code": "",
    "": "",
}
_WIDEST = 100
"""Columns of a chart where nobody says how wide the terminal is."""
_GAP = 2
"""Columns between those of a table."""
_NAME, _SHORTEST = 24, 8
"""Characters of a name, and those that are left of it in a table that is too wide."""
_NUMBER = 32
"""Characters of what stands to the right, which is hardly ever cut."""
_LONGEST = 600
"""Characters of text that goes on in the next line."""
_FOLDED = 20
"""Columns below which text does not go on in the next line, as far as there is room."""
_ASCII = str.maketrans({"●": "o", "·": ".", "█": "#", "─": "-", "┊": ":", words.NOTHING: "-", "…": "~", "±": "+-"})


def render(report: Report, console: Console) -> None:
    """Print the whole report."""
    report, out = excerpt(report, trials=False), Printer(console)
    out.line(report.study, "bold")
    if report.goal:
        out.line(report.goal, "italic")
    console.print()
    out.line(report.answer.text, "bold")
    if report.answer.sure:
        out.line(report.answer.sure)
    if report.answer.command:
        out.line(f"Next: {report.answer.why}")
        out.command(report.answer.command)
    out.line(", ".join(facts.counted(report)), "dim")
    out.sections(sections(Frame(report)))


def render_document(document: Document, console: Console) -> None:
    """Print the whole answer: its headline, what qualifies it, the next command, and its sections."""
    out = Printer(console)
    mark, style = ("", "bold green") if document.sure else ("! ", "bold yellow")
    out.line(f"{mark}{document.headline}", style)
    for remark in document.remarks:
        out.line(f"  {remark}", "dim" if document.sure else "")
    if document.command is not None:
        out.command(str(document.command))
    out.sections(document.sections)


class Printer:
    """Prints sections, and what may stand between them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = not console.encoding.lower().startswith("utf")
        self._first = True

    def sections(self, sections: Iterable[Section]) -> None:
        """Print those that are meant for a terminal."""
        for section in sections:
            if meant(section, "terminal"):
                self._section(section)

    def line(self, text: str, style: str = "") -> None:
        """Print a line, wrapped where it is too long."""
        self._console.print(self._text(text, style))
        self._first = False

    def command(self, command: str) -> None:
        """Print what to do next; not wrapped, since a command is to be copied in one piece."""
        self._console.print(self._text(f"  -> {command}"), soft_wrap=True)

    def _section(self, section: Section) -> None:
        if not self._first:
            self._console.print()
        self._first = False
        if section.heading:
            aside = self._text(f"   {section.aside}", "dim") if section.aside else ""
            self._console.print(Text.assemble(self._text(section.heading, "bold"), aside))
        if section.cut:
            self._marked(" ", "dim", section.cut)
        before: object = None
        for part in section.parts:
            if not meant(part, "terminal"):
                continue
            if (isinstance(part, Table) and before is not None) or (isinstance(part, Note) and type(before) is Table):
                self._console.print()
            self._part(part)
            if not isinstance(part, Legend) and (not isinstance(part, Chart) or part.characters):
                before = part

    def _part(self, part: object) -> None:
        match part:
            case Chart(characters=draw) if draw is not None:
                for spans in draw(min(self._console.width, _WIDEST) - 2):
                    self._console.print(Text("  ") + self._spans(spans), no_wrap=True, overflow="crop")
            case Table():
                self._table(part)
            case Sentence():
                self._sentence(part)
            case Folded():
                for text in part.brief:
                    self._marked(*_MARKS[part.mark], text)
            case Note():
                self.line(part.text, "dim")

    def _sentence(self, said: Sentence) -> None:
        mark, style = _MARKS[said.mark] if said.mark else (" ", "")
        self._marked(mark, style, f"{said.title}. {said.text}" if said.title else said.text, _STYLES[said.tone])
        for text in said.further:
            self._marked(" ", "", text, "dim")
        if said.quote:
            self._marked(" ", "", said.quote)
        if said.log is not None:
            self._console.print(self._text(f"  full log: {said.log[0]}"), soft_wrap=True)
        if said.command:
            self.command(said.command)

    def _marked(self, mark: str, style: str, text: str, tone: str = "") -> None:
        """`text` behind its mark, its further lines below its first."""
        indent = len(mark) + 1
        lines = self._text(text, tone).wrap(self._console, max(self._console.width - indent, 10))
        for number, line in enumerate(lines):
            line.rstrip()
            start = Text(f"{mark} ", style=style) if number == 0 else Text(" " * indent)
            self._console.print(start.append_text(line))

    def _table(self, given: Table) -> None:
        table = for_medium("terminal", given)
        rows = list(table.rows[: table.few])
        if not rows:
            return
        if table.title:
            self.line(f"  {table.title}", "bold")
        fitting = _fitting(table, rows, self._console.width - 2)
        if fitting is None:
            self._listed(table, rows)
            return
        widths, limit = fitting
        named = _names(table, rows, limit)
        framed = table.head and not self._ascii
        gap = 1 if framed or not table.head else _GAP
        grid = Grid(box=box.SIMPLE_HEAD if framed else None, show_edge=False, pad_edge=False, show_header=table.head)
        grid.padding = (0, gap, 0, 0)
        for place in widths:
            column = table.columns[place]
            grid.add_column(
                self._text(named[-1][words.printable(column.name)]),
                justify="left" if column.left or column.room else "right",
                no_wrap=not column.fold,
                overflow="fold" if column.fold else "ellipsis",
            )
        spare = self._console.width - 2 - sum(widths.values()) - (gap + framed) * (len(widths) - 1)
        for row in rows:
            grid.add_row(*(self._content(row[place], table.columns[place], named[place], spare) for place in widths))
        options = self._console.options.update(width=self._console.width - 2)
        for line in self._console.render_lines(grid, options, pad=False):
            text = Text.assemble("  ", *((segment.text, segment.style or "") for segment in line))
            text.rstrip()
            self._console.print(text, no_wrap=True, overflow="crop")
        if gone := [column.name for place, column in enumerate(table.columns) if place not in widths]:
            self.line(f"  columns not shown: {', '.join(gone)}", "dim")

    def _content(self, content: Content, column: Column, named: Mapping[str, str], spare: int) -> Text:
        if callable(content):
            least, most = column.room or (0, 0)
            return self._spans(content(min(most, least + max(spare, 0))))
        text = Text(overflow="fold" if column.fold else "ellipsis")
        for number, cell in enumerate(cells(content)):
            text.append("\n" if number else "")
            text.append_text(self._cell(cell, column, named))
        return text

    def _cell(self, cell: Cell, column: Column, named: Mapping[str, str]) -> Text:
        if not isinstance(cell.text, str):
            return self._spans(cell.text)
        told = words.printable(_tagged(cell))
        return self._text(named.get(told) or words.shortened(told, _most(column)), _STYLES[cell.tone])

    def _listed(self, table: Table, rows: Sequence[Sequence[Content]]) -> None:
        """Rows with more columns than there is room for."""
        for row in rows:
            texts = [
                _one_line(" ".join(map(_tagged, cells(content))), _LONGEST if column.fold else _NAME)
                for content, column in zip(row, table.columns, strict=True)
            ]
            names = [_one_line(column.name, _NAME) for column in table.columns]
            pairs = ", ".join(f"{n}={t}" for n, t in zip(names[1:], texts[1:], strict=True) if t)
            self._marked(" ", "", f"{names[0]} {texts[0]}: {pairs}".strip())

    def _spans(self, spans: Spans) -> Text:
        return Text.assemble(*(self._text(text, _STYLES[tone]) for text, tone in spans))

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._plain(text), style=style, overflow="fold")

    def _plain(self, text: str) -> str:
        return ascii_only(words.printable(text)) if self._ascii else words.printable(text)


def ascii_only(text: str) -> str:
    """`text` for terminals that know ASCII only."""
    for level in "▁▂▃▄▅▆▇":
        text = text.replace(level, "#" if level >= "▄" else " ")
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def _fitting(table: Table, rows: Sequence[Sequence[Content]], room: int) -> tuple[dict[int, int], int] | None:
    """The widths of the columns that fit, by their places, and the characters of a name at which they do.

    None where they never fit.
    """
    places = list(range(len(table.columns)))
    for spare in [*sorted({column.spare for column in table.columns} - {0}, reverse=True), 0]:
        for limit in range(_NAME, (_NAME if spare else _SHORTEST) - 1, -1):
            named = _names(table, rows, limit)
            widths = {place: _width(table, rows, place, named) for place in places}
            if sum(widths.values()) + _GAP * (len(widths) - 1) <= room:
                return widths, limit
        places = [place for place in places if not spare or table.columns[place].spare != spare]
    return None


def _names(table: Table, rows: Sequence[Sequence[Content]], limit: int) -> list[dict[str, str]]:
    """What is shown of each text of each column, and at the end of each head: short, and none like another."""
    return [
        words.apart((words.printable(_tagged(cell)) for row in rows for cell in cells(row[place])), limit)
        if column.left and not column.fold and not column.room
        else {}
        for place, column in enumerate(table.columns)
    ] + [words.apart((words.printable(column.name) for column in table.columns), limit)]


def _width(table: Table, rows: Sequence[Sequence[Content]], place: int, named: Sequence[Mapping[str, str]]) -> int:
    column = table.columns[place]
    if column.room:
        return column.room[0]
    head = cell_len(named[-1][words.printable(column.name)]) if table.head else 0
    told = [words.printable(_tagged(cell)) for row in rows for cell in cells(row[place])]
    widest = max((cell_len(named[place].get(text) or words.shortened(text, _most(column))) for text in told), default=0)
    return max(head, min(widest, _FOLDED) if column.fold else widest)


def _most(column: Column) -> int:
    """Characters of a cell whose text is no name."""
    return _LONGEST if column.fold else _NUMBER


def _tagged(cell: Cell) -> str:
    """A cell's text, and its tags in brackets."""
    return " ".join([plain(cell), *(f"({tag})" for tag in cell.tags)])


def _one_line(text: str, width: int) -> str:
    return words.shortened(words.printable(text), width)
