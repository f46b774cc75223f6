"""What live pages say: how one study is going, and a table of all studies."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from playbook_cli.report import words
from playbook_cli.report.html import document_body
from playbook_cli.report.section import Cell, Column, Document, Section, Table
from playbook_cli.serving.watched import Page
from playbook_cli.serving.worker import tag_of
from playbook_cli.wording import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.section import Content
    from playbook_cli.running.standing import Running, Standing
    from playbook_cli.serving.watched import Watched

_COLUMNS = (
    Column(name="study", left=True, fold=True),
    Column(name="state", left=True),
    Column(name="trials"),
    Column(name="best", left=True, fold=True),
    Column(name="time left", left=True),
)


def state(study: Watched) -> dict[str, Any]:
    """How a study is going, for the script of its page, and which report there is."""
    now = study.standing
    return {
        "mode": _mode(study),
        "headline": f"{_words(study)}: {now.counted}" if now is not None else _words(study),
        "text": now.text if now is not None else "",
        "progress": f"({now.ended}/{now.planned})" if now is not None else "",
        "trials": [_trial(one, now) for one in now.running] if now is not None else [],
        "note": study.problem,
        "stale": study.stale,
        "built": study.built,
        "version": study.page.tag if study.page is not None else None,
    }


def state_of_table(page: Page, said: str) -> dict[str, Any]:
    """The same of the table of all studies."""
    return {
        "mode": "running" if said else "idle",
        "headline": said or "no study is running",
        "text": "",
        "progress": "",
        "trials": [],
        "note": "Updated while studies run.",
        "stale": False,
        "built": None,
        "version": page.tag,
    }


def counted(studies: Sequence[Watched]) -> str:
    """`2 studies are running`; empty if none is."""
    going = sum(_mode(study) == "running" for study in studies)
    return "" if not going else "1 study is running" if going == 1 else f"{going} studies are running"


def table(studies: Sequence[Watched]) -> Page:
    """All studies, those that run first."""
    ordered = sorted(studies, key=lambda study: (_mode(study) != "running", study.folder.name))
    parts = [Table(columns=_COLUMNS, rows=[_row(study) for study in ordered])] if ordered else []
    body = document_body(
        Document(
            name="studies",
            study="",
            kind="Studies",
            headline="1 study" if len(studies) == 1 else f"{len(studies)} studies" if studies else "No studies yet",
            sure=True,
            sections=[Section(name="studies", parts=parts)],
        )
    ).encode()
    return Page(body=gzip.compress(body, 6, mtime=0), tag=tag_of(body))


def _mode(study: Watched) -> str:
    return "running" if study.standing is not None and study.standing.goes_on else "idle"


def _words(study: Watched) -> str:
    now = study.standing
    if now is None:
        return "cannot be read" if study.problem else "reading"
    if now.goes_on:
        return "running"
    return "finished" if now.ended >= now.planned else "not running"


def _trial(one: Running, now: Standing) -> dict[str, Any]:
    again = "" if one.repeat_of is None else f" (repeat of {one.repeat_of})"
    share = min(1.0, one.step / now.max_train_steps)
    return {"name": f"trial {one.trial}{again}", "share": share, "text": one.text(now.metric, now.max_train_steps)}


def _row(study: Watched) -> list[Content]:
    name, now = study.folder.name, study.standing
    goal = study.goal if now is not None else study.problem or ""
    title = Cell(words.shortened(name, 80), tone="strong", link=f"{name}/")
    mode = Cell(_words(study), tone="good" if _mode(study) == "running" else "" if now is not None else "bad")
    if now is None:
        return [[title, Cell(words.shortened(goal, 240), tone="soft")], mode, "", "", ""]
    best = f"{words.shortened(now.metric.name, 40)} {words.number(now.best.value)}" if now.best is not None else ""
    left = f"about {duration(now.seconds_left)}" if now.seconds_left is not None else ""
    return [
        [title, Cell(words.shortened(goal, 160), tone="soft")],
        mode,
        f"{now.ended:,} of {now.planned:,}",
        best,
        left,
    ]
