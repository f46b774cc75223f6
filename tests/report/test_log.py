"""The drawings of the ledger: nothing that a user wrote becomes markup, and every study is there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from playbook_cli.ledger.entries import Note
from playbook_cli.ledger.rows import Log, Repeats, Row, Run
from playbook_cli.records import Best, Metric
from playbook_cli.report import html, log_words, markdown
from playbook_cli.report.ledger import document, table
from playbook_cli.report.terminal import Printer
from tests.ledger.test_entries import ADOPTED
from tests.report.studies import HOSTILE

TRIALS = {"planned": 36, "completed": 30, "infeasible": 2, "failed": 0, "running": 0, "pending": 4}
ROW = Row(
    folder="digits",
    name="digits",
    goal="Is it worth it?",
    metric=Metric(name="val_error"),
    max_train_steps=600,
    trials=TRIALS,
    repeated=5,
    best=Best(trial=8, value=0.01654, step=360, params={}),
    repeats=Repeats(trial=8, n=5, mean=0.01823, sd=0.00112),
    run=Run(
        time=1e9,
        command=["playbook", "run", "a b.yaml"],
        source="a b.yaml",
        commit="0123456789abcdef",
        uncommitted_changes=True,
        other_commits=["fedcba9876543210"],
    ),
    report="digits/report/index.html",
    adopted=ADOPTED,
    history=[ADOPTED],
)
WILD = Row(
    folder="a b#?%",
    name=HOSTILE,
    goal=f"{HOSTILE}\n| a | b |",
    metric=Metric(name=HOSTILE),
    trials=TRIALS,
    best=Best(trial=0, value=float("inf"), step=1, params={}),
    answer=HOSTILE,
    run=Run(time=float("inf"), command=[HOSTILE, "`|`"], source=None, commit=HOSTILE, uncommitted_changes=None),
    report="a b#?%/report/index.html",
    notes=[Note(time=0.0, user="ada", study="x", text="javascript:alert(1) [x](http://example.com)")],
)
BROKEN = Row(folder="broken", name="broken", problem="broken/study.yaml:1: not valid YAML")
LOG = Log(runs=Path("runs"), rows=[ROW, WILD, BROKEN], adopted=[ADOPTED])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src") and value is not None]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page() -> _Reader:
    reader = _Reader()
    reader.feed(html.document(document(LOG)))
    return reader


def test_the_page_runs_no_script_and_loads_nothing(page: _Reader) -> None:
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.tags.count("tr") == 4
    assert HOSTILE.split("\x1b", maxsplit=1)[0][:40] in page.text


def test_the_page_links_only_to_files_of_the_studies(page: _Reader) -> None:
    links = [link for link in page.links if link != "data:,"]
    assert links[:2] == ["./digits/report/index.html", "./digits/study.yaml"]
    assert all(re.fullmatch(r"\./[\w%.-]+(/report)?/(index\.html|study\.yaml)", link) for link in links)


def test_every_study_says_what_it_came_to_and_how_to_run_it_again(page: _Reader) -> None:
    text = " ".join(page.text.split())
    for said in (
        "0.01654",
        "30 completed, 2 infeasible, 4 pending of 36; 5 repeats",
        "0.01823 ± 0.0011, 5 repeats of trial 8",
        "playbook run 'a b.yaml'",
        "012345678, uncommitted changes; later runs at fedcba987",
        "cannot be read: broken/study.yaml:1: not valid YAML",
    ):
        assert said in text


def test_markdown_keeps_one_line_a_study_whatever_users_write() -> None:
    lines = markdown.as_markdown(table(LOG)).splitlines()
    assert len(lines) == 5
    assert {re.sub(r"\\.", "", line).count("|") for line in lines} == {9}
    assert not re.search(r"<(?!br>)", markdown.as_markdown(table(LOG)))
    assert not re.search(r"(?<!\\)\]\((?!\./)", markdown.as_markdown(table(LOG)))
    assert "\x1b" not in markdown.as_markdown(table(LOG))


@pytest.mark.parametrize("width", [24, 50, 70, 100, 160])
def test_any_terminal_shows_every_study_and_no_control_character(width: int) -> None:
    out = StringIO()
    Printer(Console(file=out, width=width, highlight=False, markup=False, force_terminal=False)).sections(
        document(LOG).sections
    )
    text = out.getvalue()
    assert "\x1b" not in text
    assert "digits" in text
    assert "broken" in text
    assert "cannot" in text


@pytest.mark.parametrize("width", [50, 160])
def test_the_note_of_an_adoption_is_told_once_and_apart_from_what_speaks_against_it(width: int) -> None:
    out = StringIO()
    shown = document(Log(runs=Path("runs"), rows=[ROW], adopted=[ADOPTED]))
    Printer(Console(file=out, width=width, highlight=False, markup=False)).sections(shown.sections)
    text = " ".join(out.getvalue().split())
    assert text.count("it works") == 1
    assert "with trial 3; 1 point against it. Note: it works" in log_words.notes(ROW)[0]
    assert "against it:" not in text


def test_a_study_that_is_whole_does_not_say_of_how_many() -> None:
    whole = {**dict.fromkeys(TRIALS, 0), "planned": 4, "completed": 4}
    assert log_words.trials(Row(folder="a", name="a", trials=whole)) == "4 completed"
    assert log_words.trials(Row(folder="a", name="a", trials={**whole, "completed": 0})) == "none of 4"
