"""The documents for whoever changes Playbook name what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from playbook_cli import __version__
from tests.test_imports import PARTS

ROOT = Path(__file__).parent.parent
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md")


@pytest.mark.parametrize("part", PARTS)
def test_the_picture_of_the_rooms_shows_every_part(part):
    picture = ARCHITECTURE.split("```")[1]
    assert re.search(rf"(?<![\w/]){re.escape(part)}(?!\w)", picture)


def named(document):
    """The files and folders that a document names, but for those that are still to be written."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return sorted(
        {path for path in re.findall(r"`([\w./-]+(?:\.(?:py|md|txt|toml|yaml|jsonl)|/))`", text) if "NAME" not in path}
    )


@pytest.mark.parametrize(("document", "path"), [(document, path) for document in DOCUMENTS for path in named(document)])
def test_a_path_that_is_named_is_there(document, path):
    assert (ROOT / path).exists() or (ROOT / "playbook_cli" / path).exists() or path in WRITTEN


WRITTEN = ("dist/", "study.yaml", "trials.jsonl", "trials/0007/")
"""What is made when a study is run, or a release."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_of_make_that_is_named_is_one(document):
    text = (ROOT / document).read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+(?: [\w-]+)*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    assert set(re.findall(r"(?:`|^    )make ([\w-]+)", text, re.MULTILINE)) <= known


def test_what_ci_runs_holds_the_test_command_of_the_readme_and_each_test_it_leaves_out():
    rules = dict(re.findall(r"^([\w-]+):[^\n]*\n\t([^\n]*)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    (checked,) = re.findall(r"^check: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert checked.split() == ["format", "lint", "types", "docs", "test", "test-slow", "gate"]
    fast, slow = (rules[name].partition("-m pytest")[2] for name in ("test", "test-slow"))
    assert (fast, slow) == (' -n 2 -m "not slow"', " -n 3 --dist loadgroup -m slow")
    assert "\nmake check\n" in (ROOT / ".ci/run").read_text()


def test_the_version_stands_in_one_place():
    files = [ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "README.md", *(ROOT / "playbook_cli").rglob("*.py")]
    saying = [path for path in files if f'"{__version__}"' in path.read_text(encoding="utf-8")]
    assert saying == [ROOT / "playbook_cli/__init__.py"]


def test_the_changelog_has_a_heading_for_this_version():
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
TRIED = {"hypothesis", "pyarrow", "pytest", "pytest-xdist"}
"""Of what tests need, what `make lowest` installs."""


@pytest.mark.parametrize(
    "requirement",
    [
        *PROJECT["dependencies"],
        *EXTRAS["bayes"],
        *EXTRAS["demo"],
        *(given for given in EXTRAS["dev"] if Requirement(given).name in TRIED),
    ],
)
def test_the_oldest_allowed_version_is_the_one_that_make_lowest_tries(requirement):
    wanted = Requirement(requirement)
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").split("\n")
    pinned = {given.name: next(iter(given.specifier)).version for line in lines if (given := pin(line))}
    (bound,) = (Version(part.version).release for part in wanted.specifier if part.operator == ">=")
    assert Version(pinned[wanted.name]).release[: len(bound)] == bound or wanted.name == "torch"


def pin(line):
    text = line.partition("#")[0].strip()
    return Requirement(text) if text else None
