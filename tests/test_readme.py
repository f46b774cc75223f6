from __future__ import annotations

import re
from pathlib import Path

import typer
import yaml

from playbook_cli.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_commands_of_the_workflow_in_the_documentation():
    page = (ROOT / "docs/how-to/ci.md").read_text(encoding="utf-8")
    (workflow,) = re.findall(r"```yml\n(.*?)```", page, re.DOTALL)
    steps = [step["run"] for step in yaml.safe_load(workflow)["jobs"]["smoke"]["steps"] if "run" in step]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for step in steps[1:]:
        verb, folder, *options = step.removeprefix("playbook ").split(maxsplit=2)
        line = f"playbook {verb} {folder.replace('runs/', 'build/gate/')}"
        assert re.search(rf"^\t\$\(BIN\)/{re.escape(line)}.*{re.escape(''.join(options))}$", makefile, re.MULTILINE)
    assert re.search("^check:.* gate$", makefile, re.MULTILINE)


def test_every_command_that_the_readme_names_exists():
    known = set(typer.main.get_command(app).commands)
    named = set(re.findall(r"`?playbook ([a-z][a-z-]+)\b", README)) - {"playbook"}
    assert named <= known
    assert known <= named, "each command has its line in the README"
