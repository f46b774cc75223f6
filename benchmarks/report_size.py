"""How large and how slow the report on a large study is: python benchmarks/report_size.py [TRIALS] [EVALUATIONS]."""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from rich.console import Console

from playbook_cli.advice import advise
from playbook_cli.report import files
from playbook_cli.report.build import build
from playbook_cli.report.terminal import render
from tests.report import studies


def main(trials: int = 1000, evaluations: int = 1000) -> None:
    study = studies.digits(trials, evaluations=evaluations, max_train_steps=10 * evaluations)
    start = time.perf_counter()

    def lap(name: str, size: int | None = None) -> None:
        nonlocal start
        now = time.perf_counter()
        print(f"{name:<12}{now - start:>8.2f} s" + (f"{size / 1e6:>10.2f} MB" if size is not None else ""))
        start = time.perf_counter()

    findings = advise(study)
    lap("advice")
    report = build(study, findings)
    lap("build")
    render(report, Console(file=io.StringIO()))
    lap("terminal")
    with tempfile.TemporaryDirectory() as folder:
        files.write_json(report, Path(folder))
        lap("report.json", (Path(folder) / "report.json").stat().st_size)
        files.write(report, Path(folder))
        lap("both files", (Path(folder) / "index.html").stat().st_size)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
