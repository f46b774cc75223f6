from __future__ import annotations

import re
from pathlib import Path

import typer

from playbook_cli.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_that_the_readme_names_exists():
    known = set(typer.main.get_command(app).commands)
    named = set(re.findall(r"`?playbook ([a-z][a-z-]+)\b", README)) - {"playbook"}
    assert named <= known
    assert known <= named, "each command has its line in the README"
