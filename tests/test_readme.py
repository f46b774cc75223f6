from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from playbook_cli.cli import app
from playbook_cli.commands.explain import table
from playbook_cli.commands.guide import exit_codes
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_rules_is_the_one_that_explain_prints():
    (shown,) = re.findall(r"<!-- rules -->\n(.*?)\n<!-- /rules -->", README, re.DOTALL)
    assert shown.split("\n") == table(), "paste the output of: playbook explain --markdown"


def test_the_table_of_exit_codes_is_the_one_that_guide_prints():
    (shown,) = re.findall(r"<!-- exit codes -->\n(.*?)\n<!-- /exit codes -->", README, re.DOTALL)
    assert shown.split("\n") == exit_codes(), "paste the output of: playbook guide --markdown"


def test_ci_runs_the_commands_of_the_workflow_in_the_readme():
    (workflow,) = re.findall(r"```yml\n(.*?)```", README, re.DOTALL)
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


def test_the_study_in_the_readme_is_a_study():
    for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL):
        validate(parse(block, "README.md"))


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()
