"""The documentation says what the program does: generated pages are current, commands exist, studies are studies."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from playbook_cli.advice.rules import rules
from playbook_cli.cli import app
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
named = {"ids": lambda page: str(page.relative_to(ROOT))}


def _reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says():
    for name, text in _reference().pages().items():
        assert (ROOT / "docs/reference" / name).read_text(encoding="utf-8") == text, "run: python docs/reference.py"


def test_every_rule_has_a_picture_where_it_speaks_and_one_where_it_is_silent():
    page = (ROOT / "docs/concepts/rules.md").read_text(encoding="utf-8")
    for name in rules():
        for said in ("speaks", "silent"):
            assert f"(rules/{name}-{said}.png)" in page
            assert (ROOT / f"docs/concepts/rules/{name}-{said}.png").is_file()


def commands(page):
    """The command lines of a page, as words: in blocks of code and in running text, without comments."""
    text = page.read_text(encoding="utf-8")
    shown = [block for kind, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL) if kind in ("bash", "", "sh")]
    shown += re.findall(r"^    (playbook .*)$", text, re.MULTILINE)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    shown += [span for span in re.findall(r"`([^`]+)`", prose) if span.startswith("playbook ")]
    for line in "\n".join(shown).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["playbook"] and len(words) > 1 and re.fullmatch(r"[a-z][a-z-]*", words[1]):
            yield [word for word in words[1:] if word != ">"]


@pytest.mark.parametrize("page", WRITTEN, **named)
def test_every_command_line_is_one_that_the_program_takes(page):
    group = typer.main.get_command(app)
    for verb, *words in commands(page):
        command = group.get_command(click.Context(group), verb)
        assert command is not None, f"there is no playbook {verb}"
        flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} - {"--help", "-h"}
        assert used <= flags, f"playbook {verb} has no {used - flags}"


def test_the_readme_has_each_verb_in_one_row():
    listed = re.findall(r"^\| `playbook ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(typer.main.get_command(app).commands)


@pytest.mark.parametrize("page", WRITTEN, **named)
def test_every_whole_study_file_is_one(page):
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if re.match(r"name:", block):
            validate(parse(block, page.name))


@pytest.mark.parametrize("page", PAGES, **named)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(((?!http)[^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        linked = page if not path else page.parent / path
        assert linked.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, target
