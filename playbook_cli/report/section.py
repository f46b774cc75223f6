"""What every answer is made of: sections of charts, tables and sentences, which any medium can draw.

`terminal`, `html` and `markdown` draw them, each in one file. Whoever makes a section decides what is said, in which
order and in which numbers; how it looks is decided there. `only` names the media that a part is
meant for, where they are not all: `page`, or `page markdown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from playbook_cli.acts import Command

Medium = Literal["terminal", "page", "markdown"]
Tone = Literal["", "good", "accent", "warning", "bad", "soft", "strong", "code"]
Mark = Literal["", "warning", "info", "ok", "undecided"]
Spans: TypeAlias = Sequence[tuple[str, Tone]]
"""One line of characters, each stretch with its tone."""
Spec: TypeAlias = dict[str, Any]
"""A chart in Vega-Lite, whose colours are signals with the names of `theme`."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """One thing that a reader can change about a chart: a choice, a range from 0 to 0.98, or on and off."""

    name: str
    """By which the page's script knows it."""
    label: str
    kind: Literal["choice", "range", "switch"]
    choices: Sequence[tuple[str, str]] = ()
    """Values, and what they are called."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart: what it shows in words, and how it is drawn, in Vega-Lite and where it can be in characters."""

    name: str
    """Unique, and fit for a file name."""
    title: str = ""
    """Its hyperparameter or metric; empty where the section says it all."""
    description: str = ""
    """For those who cannot see it."""
    spec: Callable[[int | None], Spec] | None = None
    """Draws it so many pixels wide, with its data inside; as wide as what contains it for None."""
    characters: Callable[[int], Sequence[Spans]] | None = None
    """Draws it for a terminal, in lines of at most so many columns."""
    controls: Sequence[Control] = ()
    """What a reader of a page can change about it."""
    only: str = ""
    """`page` for one that needs its script, `picture` for one that takes its place in a picture."""


@dataclass(frozen=True)
class Cell:
    """One value of a table, as it is read."""

    text: str | Spans
    key: float | None = None
    """The number behind it, by which a page sorts."""
    tone: Tone = ""
    link: str = ""
    about: str = ""
    """Shown where a reader points at it."""
    tags: Sequence[str] = ()


Content: TypeAlias = str | Cell | Sequence[Cell] | Callable[[int], Spans]
"""A text, a value, several one below the other, or what is drawn with as many characters as there is room for."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column, and what becomes of it where a terminal is narrow."""

    name: str
    left: bool = False
    """Whether it holds text; numbers stand to the right."""
    spare: int = 0
    """Terminals that are too narrow leave the columns of the highest number out first; never those of 0."""
    fold: bool = False
    """Whether its text goes on in the next line; else it is cut."""
    room: tuple[int, int] | None = None
    """Of a column that is drawn: the fewest and the most characters."""
    below: bool = False
    """Whether terminal and page write its cells below those of the column before."""
    only: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of values, a cell for each column, empty where there is nothing to say."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Content]]
    title: str = ""
    head: bool = True
    """Whether a terminal names the columns."""
    few: int | None = None
    """Rows that a terminal shows."""
    trials: Sequence[int] | None = None
    """Trial of each row, of a table of trials: a page sorts it, and a choice in a chart shows in it."""
    by: tuple[str, Literal["ascending", "descending"]] | None = None
    """The column that such a table is sorted by."""
    only: str = ""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One thing that is said, with what follows from it."""

    text: str
    mark: Mark = ""
    tone: Tone = ""
    title: str = ""
    """It in few words, as its first sentence."""
    shown: str = ""
    """The id of what shows the evidence on a page."""
    command: str = ""
    """What to do about it."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Numbers behind it, by name; a page has them behind a fold."""
    further: Sequence[str] = ()
    """The same of other subjects, in a sentence each; behind the same fold."""
    quote: str = ""
    """What a program printed."""
    log: tuple[str, str] | None = None
    """Where all of that is: the path as the user knows it, and as a page links to it."""
    only: str = ""


@dataclass(frozen=True, kw_only=True)
class Folded:
    """What needs no reading: on a terminal its lines in brief, on a page all of it behind its title."""

    mark: Mark
    title: str
    brief: Sequence[str]
    items: Sequence[str]


@dataclass(frozen=True)
class Note:
    """Small print."""

    text: str
    only: str = ""


@dataclass(frozen=True)
class Legend:
    """Marks of the charts that follow, by their kind in the page's style, and what they mean."""

    marks: Sequence[tuple[str, str]]
    whole: Mapping[str, str] = field(default_factory=dict)
    """Names that are shortened, whole."""
    arms: Mapping[str, int] = field(default_factory=dict)
    """Which arm of the report a name is: a page switches it."""

    def __add__(self, more: Sequence[tuple[str, str]]) -> Legend:
        return replace(self, marks=[*self.marks, *more])


Part: TypeAlias = Chart | Table | Sentence | Folded | Note | Legend


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question and what answers it: its parts, in reading order."""

    name: str
    """Its id on a page."""
    title: str = ""
    """The question, as a page asks it."""
    how: str = ""
    """How to read it."""
    heading: str = ""
    """A terminal's title: a few words, with `aside` behind them."""
    aside: str = ""
    small: bool = False
    """Whether its charts are small, so that many stand side by side."""
    cut: str = ""
    """What is not shown, since there is too much of it."""
    parts: Sequence[Part] = ()
    only: str = ""

    @property
    def charts(self) -> list[Chart]:
        """Those that a picture can show."""
        charts = [part for part in self.parts if isinstance(part, Chart) and part.spec is not None]
        return [chart for chart in charts if chart.only != "page"]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole answer that needs no script: its headline, what qualifies it, and the sections that it rests on."""

    name: str
    """Of its files."""
    study: str
    kind: str
    """What was done with the study, as in `learning-rate sweep`."""
    headline: str
    sure: bool
    """Whether the headline answers the question."""
    remarks: Sequence[str] = ()
    command: Command | None = None
    """What acts on it."""
    sections: Sequence[Section] = ()
    footer: str = ""
    picture: Literal["svg", "png"] = "svg"
    """What its first chart is written as, beside the page."""


def cells(content: Content) -> Sequence[Cell]:
    """The lines of what stands in a table; none for what is drawn."""
    if isinstance(content, str):
        return [Cell(content)]
    if isinstance(content, Cell):
        return [content]
    return [] if callable(content) else content


def plain(cell: Cell) -> str:
    """A cell's text, without its tones."""
    return cell.text if isinstance(cell.text, str) else "".join(text for text, _ in cell.text)


def meant(part: object, medium: Medium) -> bool:
    """Whether a section, a part or a column is meant for this medium."""
    only: str = getattr(part, "only", "")
    return not only or medium in only.split()


def for_medium(medium: Medium, table: Table) -> Table:
    """The table with those of its columns that this medium has; those that stand below others are lines of these."""
    kept = [at for at, column in enumerate(table.columns) if meant(column, medium)]
    heads = [at for at in kept if medium == "markdown" or not table.columns[at].below]
    groups = [
        [at for at in kept if at >= head and (nxt is None or at < nxt)]
        for head, nxt in zip(heads, [*heads[1:], None], strict=True)
    ]
    return replace(
        table,
        columns=[table.columns[at] for at in heads],
        rows=[
            [row[group[0]] if len(group) == 1 else _stacked([row[at] for at in group]) for group in groups]
            for row in table.rows
        ],
    )


def _stacked(contents: Sequence[Content]) -> list[Cell]:
    return [cell for content in contents for cell in cells(content) if cell.text]
