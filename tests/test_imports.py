"""Imports run one way, and a training script pays for nothing that it does not use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import playbook_cli
from playbook_cli.commands.verbs import VERBS

PACKAGE = Path(playbook_cli.__file__).parent
PARTS = [
    "acts",
    "errors",
    "regular",
    "atomic",
    "fingerprint",
    "records",
    "paths",
    "inside",
    "logs",
    "failures",
    "gone",
    "versions",
    "journal",
    "client",
    "integrations",
    "schedules",
    "space",
    "spec",
    "starting",
    "curves",
    "measures",
    "divergence",
    "identity",
    "events",
    "columns",
    "who",
    "flock",
    "nodes",
    "store",
    "taking",
    "claim",
    "sampling",
    "sources",
    "launch",
    "ingest",
    "workloads",
    "analysis",
    "exporting",
    "advice",
    "study",
    "provenance",
    "progress",
    "sweep",
    "batch_size",
    "instability",
    "horizon",
    "ledger",
    "report",
    "commands",
    "cli",
    "__main__",
]
"""A part imports from the parts before it."""
VERB_FILES = [PACKAGE / "commands" / f"{verb.place.partition(':')[0]}.py" for verb in VERBS.values()]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def part_of(module: str) -> str:
    """playbook_cli.spec.model -> spec; the package itself, whose names are those of client, counts as client."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "client"


def imported(path: Path) -> set[str]:
    """The parts of the package that a file names in any import, also in those for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {part_of(alias.name) for alias in node.names if alias.name.split(".")[0] == "playbook_cli"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it goes"
            if node.module == "playbook_cli":
                found |= {
                    a.name if (PACKAGE / a.name).exists() or (PACKAGE / f"{a.name}.py").exists() else "client"
                    for a in node.names
                }
            elif (node.module or "").startswith("playbook_cli."):
                found.add(part_of(node.module or ""))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_parts_above_its_own(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = {own, *PARTS[: PARTS.index(own)]}
    assert imported(path) <= allowed


def test_every_import_of_a_package_is_seen():
    assert imported(PACKAGE / "client.py") == {"errors", "journal"}
    assert imported(PACKAGE / "provenance.py") == {"client"}
    assert {"spec", "curves", "records", "paths"} <= imported(PACKAGE / "store.py")


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_client_loads_json_and_nothing_more():
    before = modules_after("import __future__, json, os, atexit, math")
    assert modules_after("import playbook_cli") - before == {"playbook_cli"}
    more = modules_after("from playbook_cli import current_trial") - before
    assert more == {"playbook_cli", "playbook_cli.client", "playbook_cli.errors", "playbook_cli.journal"}


def test_help_loads_no_verb():
    loaded = modules_after("from playbook_cli import cli; import typer; typer.main.get_command(cli.app)")
    assert "playbook_cli.commands.verbs" in loaded
    assert not loaded & {f"playbook_cli.commands.{path.stem}" for path in VERB_FILES}


def test_verbs_load_nothing_heavy_before_they_are_called():
    loaded = modules_after(
        "from playbook_cli import cli; import typer; list(typer.main.get_command(cli.app).commands.values())"
    )
    assert "playbook_cli.commands.report" in loaded
    assert not loaded & {"numpy", "scipy", "torch", "pydantic", "yaml", "psutil", "altair", "sklearn", "rich.table"}
