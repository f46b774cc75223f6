"""One file of another tool, of any kind: hyperparameters, or the rows of a log."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.files import regular
from playbook_cli.formats.tables import Table, read_csv, read_json_lines
from playbook_cli.formats.tensorboard import read_events
from playbook_cli.importing.values import flat, parsed
from playbook_cli.spec import source

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.records import Value

MAX_BYTES = 2**30
_TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson")


def hyperparameters(path: Path) -> list[dict[str, Value]]:
    """The settings in a file: one in JSON or YAML, one per row in CSV or JSON lines. Nested names are dotted.

    PlaybookError, naming the file, if it cannot be read.
    """
    if path.suffix in _TABLES:
        table = _whole(_csv(path), path)
        return [{name: parsed(cell) for name, cell in row.items() if cell and name} for row in table.rows]
    if path.suffix in _LINES:
        return [flat(row) for row in _whole(read_json_lines(content(path)), path).rows]
    found = data(path)
    if not isinstance(found, dict):
        raise PlaybookError("this file is not a mapping of hyperparameters", where=str(path))
    return [flat(of_wandb(found) if found.keys() & {"_wandb", "wandb_version"} else found)]


def log(path: Path) -> Table:
    """The rows of a log, as far as it can be read: CSV, JSON lines, a JSON list of objects, TensorBoard events, or
    the state of a Hugging Face Trainer.
    """
    if "tfevents" in path.name:
        events, problem = read_events(content(path))
        rows = [
            {"step (logged)" if name == "step" else name: value for name, value in event.scalars.items()}
            | {"step": event.step}
            for event in events
            if event.scalars
        ]
        return Table(rows=rows, problems=[problem] if problem else [])
    if path.suffix in _TABLES:
        return _csv(path)
    text = content(path)
    if path.suffix == ".json":
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError):
            return read_json_lines(text)
        if isinstance(whole, dict) and isinstance(whole.get("log_history"), list):  # state of Hugging Face's Trainer
            whole = whole["log_history"]
        listed = whole if isinstance(whole, list) else [whole]
        return read_json_lines("\n".join(json.dumps(item) for item in listed).encode())
    return read_json_lines(text)


def of_wandb(data: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a Weights & Biases run, without descriptions and W&B's own entries."""
    own = {name: given for name, given in data.items() if name not in ("_wandb", "wandb_version")}
    return {
        name: given["value"] if isinstance(given, dict) and "value" in given else given for name, given in own.items()
    }


def data(path: Path) -> Any:
    """The content of a JSON or YAML file. PlaybookError, naming the file, if it cannot be read."""
    if path.suffix in (".yaml", ".yml"):
        return source.read(path, foreign=True).data
    try:
        return json.loads(content(path))
    except RecursionError:
        raise PlaybookError("the file is nested too deeply", where=str(path)) from None
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise PlaybookError(f"this is not JSON: {getattr(error, 'msg', error)}", where=f"{path}{line}") from None


def _csv(path: Path) -> Table:
    try:
        return read_csv(content(path))
    except PlaybookError as error:
        raise PlaybookError(error.what, where=error.where or str(path), hint=error.hint) from None


def _whole(table: Table, path: Path) -> Table:
    if table.problems or not table.rows:
        raise PlaybookError(table.problems[0] if table.problems else "the file is empty", where=str(path))
    return table


def content(path: Path) -> bytes:
    """The bytes of a file. PlaybookError if it cannot be read, or is implausibly large."""
    try:
        with regular.opened(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise PlaybookError(f"the file is larger than {MAX_BYTES:,} bytes", where=str(path))
            return file.read()
    except OSError as error:
        raise PlaybookError(f"cannot read this file: {error.strerror}", where=str(path)) from None
