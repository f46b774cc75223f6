"""The ledger as an answer to draw: a row a study, with links to the reports beside its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.acts import run
from playbook_cli.report import log_words, words
from playbook_cli.report.section import Cell, Column, Document, Section, Sentence, Table

if TYPE_CHECKING:
    from playbook_cli.ledger.rows import Log, Row
    from playbook_cli.report.section import Content

_FOOTER = (
    "A study's best result was selected, so it is optimistic; the mean of its repeats is not. Made by Playbook from "
    "the studies' own records."
)
_WRITTEN = "page markdown"
_COLUMNS = (
    Column(name="study", left=True, fold=True, only="terminal"),
    Column(name="study", left=True, fold=True, only=_WRITTEN),
    Column(name="goal", below=True, only=_WRITTEN),
    Column(name="trials", left=True, fold=True, spare=2),
    Column(name="best", left=True, fold=True),
    Column(name="step", below=True, only="page"),
    Column(name="repeats", below=True),
    Column(name="notes", left=True, fold=True, only="terminal"),
    Column(name="notes", left=True, fold=True, only=_WRITTEN),
    Column(name="command", left=True, fold=True, spare=3),
    Column(name="commit", below=True),
)


def document(log: Log, base: str = ".") -> Document:
    """All that is shown of it; `base` is the folder of all studies as links name it."""
    names = [words.shortened(row.name, 80) for row in log.rows if row.adopted is not None]
    standing = f"Baseline now: {', '.join(names)}." if names else "No study is adopted yet."
    adopted = [
        Sentence(text=f"{words.shortened(row.name, 60)}: {log_words.adoption(row.adopted, stands=True)}")
        for row in log.rows
        if row.adopted is not None
    ]
    nothing = Sentence(text=f"no study in {log.runs} yet", command=str(run("STUDY.YAML", log.runs)), only="terminal")
    return Document(
        name="log",
        study="",
        kind="Studies",
        headline="1 study" if len(log.rows) == 1 else f"{len(log.rows)} studies",
        sure=True,
        remarks=[f"Oldest first. {standing}"],
        sections=[
            Section(name="ledger", parts=[table(log, base) if log.rows else nothing]),
            *([Section(name="baselines", parts=adopted, only="terminal")] if adopted else []),
        ],
        footer=_FOOTER,
    )


def table(log: Log, base: str = ".") -> Table:
    """A row a study."""
    return Table(columns=_COLUMNS, rows=[_row(row, base) for row in log.rows])


def _row(row: Row, base: str) -> list[Content]:
    tags = [*(["baseline"] if row.adopted is not None else []), *([row.kind] if row.kind != "study" else [])]
    name = Cell(words.shortened(row.name, 80), tone="strong", link=_link(base, row.report), tags=tags)
    since = f"{log_words.day(row.run.time)} · " if row.run else ""
    spec = Cell(f"{since}study.yaml", tone="soft", link=_link(base, row.spec))
    steps = f"step {row.best.step:,} of {row.max_train_steps:,}" if row.best is not None and not row.probe else ""
    notes = [Cell(words.shortened(note, 600)) for note in log_words.notes(row)]
    if row.problem is not None:
        notes[0] = Cell(notes[0].text, tone="bad")
    told = [words.shortened(note, 240) for note in log_words.notes(row, standing=False)]
    commit = log_words.commit(row.run)
    changed = row.run is not None and bool(row.run.uncommitted_changes)
    return [
        Cell(f"{'* ' if row.adopted is not None else ''}{name.text}", tags=[t for t in tags if t != "baseline"]),
        [name, spec],
        words.shortened(row.goal, 400),
        log_words.trials(row),
        Cell("cannot be read" if row.problem else log_words.result(row), tone="strong"),
        Cell(steps, tone="soft"),
        log_words.repeats(row),
        [Cell(note) for note in told] or words.shortened(row.goal, 160),
        notes,
        Cell(words.shortened(log_words.command(row.run), 300), tone="code"),
        Cell("" if commit == words.NOTHING else commit, tone="warning" if changed else "soft"),
    ]


def _link(base: str, path: str | None) -> str:
    """A relative link; without a scheme it can only lead to a file."""
    return "" if path is None else f"{base}/{path}"
