"""The report as files: index.html to look at, report.json for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playbook_cli.files import atomic
from playbook_cli.report.as_json import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.report.value import Report


def write(report: Report, directory: Path) -> None:
    """Write both files into `directory`, each at once or not at all; the directory is made where it does not exist."""
    write_json(report, directory)
    from playbook_cli.report.html import as_html

    atomic.write(directory / "index.html", as_html(report))


def write_json(report: Report, directory: Path) -> None:
    """Write report.json alone, which takes a fraction of the time."""
    directory.mkdir(parents=True, exist_ok=True)
    atomic.write(directory / "report.json", json.dumps(as_json(report), indent=1, allow_nan=False) + "\n")
