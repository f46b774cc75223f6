"""Imports run one way, and a training script pays for nothing that it does not use."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import playbook_cli
from playbook_cli.commands.verbs import VERBS

PACKAGE = Path(playbook_cli.__file__).parent
PARTS = [
    "acts",
    "errors",
    "files",
    "records",
    "wording",
    "client",
    "integrations",
    "schedules",
    "formats",
    "spec",
    "starting",
    "storage",
    "sampling",
    "sources",
    "launch",
    "following",
    "importing",
    "workloads",
    "analysis",
    "exporting",
    "advice",
    "running",
    "sweep",
    "batch_size",
    "instability",
    "horizon",
    "racing",
    "deciding",
    "trying",
    "ledger",
    "checking",
    "pursuit",
    "report",
    "serving",
    "commands",
    "cli",
    "__main__",
]
"""A part imports from the parts before it."""
VERB_FILES = [PACKAGE / "commands" / f"{verb.place.partition(':')[0]}.py" for verb in VERBS.values()]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


@cache
def modules(path: Path) -> set[str]:
    """The modules that a file names in any import, also in functions and for type checkers.

    The names of the package itself are those of its client.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "playbook_cli"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it goes"
            if (node.module or "").split(".")[0] == "playbook_cli":
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in MODULES else str(node.module) for name in names}
    return {"playbook_cli.client" if name == "playbook_cli" else name for name in found}


def imported(path: Path) -> set[str]:
    """The parts of the package that a file names: playbook_cli.spec.model is of the part `spec`."""
    return {module.split(".")[1] for module in modules(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_parts_above_its_own(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = {own, *PARTS[: PARTS.index(own)]}
    assert imported(path) <= allowed


def test_no_modules_import_one_another_in_a_circle():
    graph = {module: modules(path) - {module} for module, path in MODULES.items()}
    assert graph["playbook_cli.commands.screen"]
    list(TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_every_import_of_a_package_is_seen():
    assert imported(PACKAGE / "client.py") == {"errors", "files"}
    assert imported(PACKAGE / "running" / "provenance.py") == {"client"}
    assert {"spec", "records", "files"} <= imported(PACKAGE / "storage" / "store.py")


def test_no_test_imports_a_benchmark():
    files = [path for path in Path(__file__).parent.rglob("*.py") if ".venv" not in path.parts]
    assert len(files) > 100
    assert not [path for path in files if re.search(r"^\s*(from|import) benchmarks\b", path.read_text(), re.MULTILINE)]


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_client_loads_json_and_nothing_more():
    before = modules_after("import __future__, json, os, atexit, math")
    assert modules_after("import playbook_cli") - before == {"playbook_cli"}
    more = modules_after("from playbook_cli import current_trial") - before
    own = {
        "playbook_cli",
        "playbook_cli.client",
        "playbook_cli.errors",
        "playbook_cli.files",
        "playbook_cli.files.journal",
    }
    assert more == own


def test_help_loads_no_verb():
    loaded = modules_after("from playbook_cli import cli; import typer; typer.main.get_command(cli.app)")
    assert "playbook_cli.commands.verbs" in loaded
    assert not loaded & {f"playbook_cli.commands.{path.stem}" for path in VERB_FILES}


@pytest.mark.slow
def test_verbs_load_nothing_heavy_before_they_are_called():
    loaded = modules_after(
        "from playbook_cli import cli; import typer; list(typer.main.get_command(cli.app).commands.values())"
    )
    assert "playbook_cli.commands.report" in loaded
    assert not loaded & {"numpy", "scipy", "torch", "pydantic", "yaml", "psutil", "altair", "sklearn", "rich.table"}
