from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from playbook_cli.report.build import build
from playbook_cli.report.html import as_html, safe_json
from tests.report import studies
from tests.report.contract import RendererContract

if TYPE_CHECKING:
    from playbook_cli.report.value import Report


class TestHtml(RendererContract):
    def draw(self, report: Report) -> str:
        reader = _Reader()
        reader.feed(as_html(report))
        reader.close()
        return " ".join(reader.texts)


@pytest.fixture(scope="module")
def hostile() -> _Reader:
    reader = _Reader()
    reader.feed(as_html(build(studies.ODD["hostile names"](), studies.findings())))
    reader.close()
    return reader


@pytest.mark.slow
def test_a_script_in_the_goal_stays_text(hostile: _Reader) -> None:
    assert hostile.tags.count("script") == 3
    assert any("<script>window.hacked=1</script>" in text for text in hostile.texts)


def test_the_page_refers_to_nothing_outside(hostile: _Reader) -> None:
    """Logs are named, not linked: the page's script makes links of them where it was written."""
    assert [link for link in hostile.links if not re.fullmatch(r"#[a-z0-9-]+|data:,", link)] == []


def test_json_for_a_page_has_no_markup_in_it() -> None:
    assert safe_json({"</script><!--": "\u2028&"}) == '{"\\u003c/script\\u003e\\u003c!--":"\\u2028\\u0026"}'


@pytest.mark.slow
def test_a_thousand_long_trials_are_a_page_of_less_than_5_mb() -> None:
    study = studies.digits(1000, evaluations=1000, max_train_steps=10_000)
    assert len(as_html(build(study, studies.findings())).encode()) < 5_000_000


class _Reader(HTMLParser):
    """Tags, links, and the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and value is not None]
        self._hidden = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)
