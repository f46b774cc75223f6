"""Any section is drawn by every medium: nothing is lost but what is meant for another one, or has no room."""

from __future__ import annotations

import io

from rich.console import Console

from playbook_cli.report import html
from playbook_cli.report.charts import field, layered, mark, over
from playbook_cli.report.frame import Frame
from playbook_cli.report.markdown import as_markdown
from playbook_cli.report.section import Cell, Chart, Column, Document, Note, Section, Sentence, Table
from playbook_cli.report.sections import SECTIONS, sections
from playbook_cli.report.terminal import Printer, render_document
from tests.report.test_html import _Reader as Reader

TABLE = Table(
    columns=[
        Column(name="name", left=True),
        Column(name="value"),
        Column(name="often", spare=1),
        Column(name="seldom", spare=2),
        Column(name="bar", room=(4, 12), only="terminal"),
        Column(name="words", left=True, fold=True, only="page markdown"),
    ],
    rows=[
        ["a<b>|c", Cell("0.25", key=0.25), "1", "2", lambda room: [("#" * room, "good")], [Cell("one"), Cell("two")]],
        ["second", Cell("4", key=4.0), "3", "4", lambda room: [("#" * (room // 2), "")], "three"],
    ],
)
CHART = Chart(
    name="line",
    description="A line.",
    spec=lambda width: layered(
        [over(mark("line", "rows"), x=field("x:Q"), y=field("y:Q"))],
        width=width,
        height=50,
        data={"rows": [{"x": 0, "y": 1}, {"x": 1, "y": 2}]},
    ),
    characters=lambda width: [[("_" * width, "")], [("/", "bad")]],
)
SECTION = Section(
    name="any",
    title="Any question?",
    how="How to read it.",
    heading="Any",
    aside="in a few words",
    parts=[
        CHART,
        TABLE,
        Sentence(text="said of it", title="it", mark="warning", command="playbook plan a.yaml"),
        Note("small print"),
        Note("not on paper", only="terminal"),
    ],
)
DOCUMENT = Document(name="any", study="s", kind="any answer", headline="So it is.", sure=True, sections=[SECTION])


def printed(section: Section, width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    Printer(Console(file=file, width=width)).sections([section])
    return raw.getvalue().decode(encoding)


def alone(*parts: Table) -> Section:
    return Section(name="any", parts=parts)


def test_a_terminal_shows_its_chart_its_table_and_what_is_said() -> None:
    shown = printed(SECTION, 80)
    assert shown.startswith("Any   in a few words\n")
    assert "_" * 78 in shown
    for said in ("a<b>|c", "0.25", "! it. said of it", "  -> playbook plan a.yaml", "small print", "not on paper"):
        assert said in shown
    assert "How to read it." not in shown
    assert "three" not in shown


def test_a_bar_takes_the_room_that_is_left() -> None:
    assert max(line.count("#") for line in printed(alone(TABLE), 80).splitlines()) == 12
    assert max(line.count("#") for line in printed(alone(TABLE), 38).splitlines()) == 4 + 2


def test_a_narrow_terminal_leaves_out_what_can_be_spared_and_then_lists_the_rows() -> None:
    assert "seldom" in printed(alone(TABLE), 44)
    narrower = printed(alone(TABLE), 34)
    assert "seldom" not in narrower.splitlines()[0]
    assert narrower.splitlines()[-1].split() == ["columns", "not", "shown:", "seldom"]
    assert "often" in narrower
    listed = " ".join(printed(alone(TABLE), 14).split())
    assert "name a<b>|c: value=0.25" in listed
    assert "name second: value=4" in listed


def test_a_terminal_that_knows_ascii_only_gets_it() -> None:
    table = Table(columns=[Column(name="±")], rows=[["1 – 2"], ["█▁…"]])  # noqa: RUF001 (a dash in a table is a dash)
    assert printed(alone(table), 40, "ascii").split() == ["+-", "1", "-", "2", "#", "~"]


def test_a_page_has_all_but_what_is_for_a_terminal_and_nothing_of_it_is_markup() -> None:
    reader = Reader()
    reader.feed(html.document(DOCUMENT))
    text = " ".join(" ".join(reader.texts).split())
    for said in ("So it is.", "Any question?", "How to read it.", "a<b>|c", "one two", "said of it", "small print"):
        assert said in text
    assert "not on paper" not in text
    assert reader.tags.count("svg") == 2  # for light and for dark screens
    assert "b" not in reader.tags


def test_markdown_is_a_line_a_row_whatever_stands_in_it() -> None:
    assert as_markdown(TABLE).splitlines() == [
        "| name | value | often | seldom | words |",
        "| --- | --- | --- | --- | --- |",
        "| a&lt;b&gt;\\|c | 0.25 | 1 | 2 | one<br>two |",
        "| second | 4 | 3 | 4 | three |",
    ]


def test_the_headline_says_where_it_is_no_answer() -> None:
    for sure, start in ((True, "So it is."), (False, "! So it is.")):
        out = io.StringIO()
        given = Document(name="any", study="s", kind="any", headline="So it is.", sure=sure)
        render_document(given, Console(file=out, width=60))
        assert out.getvalue().startswith(start)


def test_every_section_of_a_report_has_an_id_of_its_own() -> None:
    from playbook_cli.report.build import build
    from tests.report import studies

    names = [section.name for section in sections(Frame(build(studies.repeated(), [])))]
    assert len(set(names)) == len(names) <= len(SECTIONS)
