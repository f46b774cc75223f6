"""Every command that a finding recommends is one that the command line has."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from playbook_cli.cli import app

ADVICE = Path(__file__).parent.parent.parent / "playbook_cli" / "advice"


def test_findings_recommend_only_commands_that_exist():
    verbs = set(typer.main.get_command(app).commands)
    source = "\n".join(path.read_text(encoding="utf-8") for path in ADVICE.glob("*.py"))
    recommended = set(re.findall(r'wording\.command\("([a-z-]+)"', source))
    assert recommended
    assert recommended <= verbs


def test_findings_recommend_only_options_that_the_command_has():
    commands = typer.main.get_command(app).commands
    source = "\n".join(path.read_text(encoding="utf-8") for path in ADVICE.glob("*.py"))
    recommended = set(re.findall(r'wording\.command\("([a-z-]+)", study, "(--[a-z-]+)"', source))
    assert {verb for verb, _ in recommended} >= {"next", "repeat"}
    for verb, option in recommended:
        assert option in {name for parameter in commands[verb].params for name in parameter.opts}
