"""The ledger as one HTML page that runs no script and loads nothing; it links to the reports beside it."""

from __future__ import annotations

import os
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from playbook_cli import atomic
from playbook_cli.report import log_words, theme, words

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.ledger.rows import Log, Row

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_FOOTER = (
    "A study's best result was selected, so it is optimistic; the mean of its repeats is not. Made by Playbook from "
    "the studies' own records."
)


def write(log: Log, path: Path) -> None:
    """Write the page, at once or not at all."""
    atomic.write(path, as_html(log, path.parent))


def as_html(log: Log, folder: Path) -> str:
    """The whole page, with links that are relative to `folder`."""
    base = os.path.relpath(log.runs, folder)
    rows = "".join(_row(row, base) for row in log.rows)
    style = resources.files("playbook_cli.report").joinpath("page", "log.css").read_text(encoding="utf-8")
    heads = "".join(f'<th class="{name}">{name}</th>' for name in ("study", "best", "trials", "notes", "reproduce"))
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            "<title>Studies · Playbook</title>",
            f"<style>{theme.properties()}{style}</style>",
            "</head>",
            "<body><main>",
            f"<h1>{'1 study' if len(log.rows) == 1 else f'{len(log.rows)} studies'}</h1>",
            f'<p class="how">{_standing(log)}</p>',
            table,
            f"<footer>{_FOOTER}</footer>",
            "</main></body>",
            "</html>",
            "",
        ]
    )


def _standing(log: Log) -> str:
    names = [words.escape(words.shortened(row.name, 80)) for row in log.rows if row.adopted is not None]
    return f"Oldest first. Baseline now: {', '.join(names)}." if names else "Oldest first. No study is adopted yet."


def _row(row: Row, base: str) -> str:
    cells = {"study": _study(row, base), "best": _best(row), "trials": words.escape(log_words.trials(row))}
    cells |= {"notes": _notes(row), "reproduce": _run(row)}
    columns = "".join(f'<td class="{name}">{cell}</td>' for name, cell in cells.items())
    return f"<tr>{columns}</tr>"


def _study(row: Row, base: str) -> str:
    name = words.escape(words.shortened(row.name, 80))
    title = f'<a href="{_link(base, row.report)}">{name}</a>' if row.report else name
    tags = '<span class="tag baseline">baseline</span>' if row.adopted is not None else ""
    tags += f'<span class="tag">{row.kind}</span>' if row.kind != "study" else ""
    goal = f"<p>{words.escape(words.shortened(row.goal, 400))}</p>" if row.goal else ""
    spec = f'<a href="{_link(base, row.spec)}">study.yaml</a>'
    since = f"{log_words.day(row.run.time)} · " if row.run else ""
    return f'<p class="name">{title} {tags}</p>{goal}<p class="soft">{since}{spec}</p>'


def _best(row: Row) -> str:
    if row.probe or row.best is None or row.metric is None:
        return f"<p>{words.escape(log_words.result(row))}</p>"
    metric = words.escape(words.shortened(row.metric.name, 40))
    again = log_words.repeats(row)
    said = f'<p class="soft">{metric}, trial {row.best.trial}, step {row.best.step} of {row.max_train_steps}</p>'
    repeats = f"<p>{words.escape(again)}</p>" if again else ""
    return f'<p class="value">{words.number(row.best.value)}</p>{said}{repeats}'


def _notes(row: Row) -> str:
    kind = ' class="problem"' if row.problem else ""
    notes = [words.escape(words.shortened(note, 600)) for note in log_words.notes(row)]
    return "".join(f"<p{kind if number == 0 else ''}>{note}</p>" for number, note in enumerate(notes))


def _run(row: Row) -> str:
    if row.run is None:
        return ""
    changed = " changes" if row.run.uncommitted_changes else ""
    command = words.shortened(log_words.command(row.run), 300)
    commit = log_words.commit(row.run) if row.run.commit else "no commit is known"
    return f'<p><code>{words.escape(command)}</code></p><p class="soft{changed}">{words.escape(commit)}</p>'


def _link(base: str, path: str) -> str:
    """A relative link; without a scheme it can only lead to a file."""
    return words.escape(quote(f"{'.' if base == '.' else base}/{path}"))
