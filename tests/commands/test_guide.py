"""The page for scripts says what is so."""

from __future__ import annotations

import re

import pytest

from playbook_cli.commands.guide import FIELDS, LOOP, page
from playbook_cli.commands.verbs import VERBS
from playbook_cli.errors import EXIT_CODES

ASKED = {
    "plan": ["study.yaml"],
    "try": ["study.yaml"],
    "run": ["study.yaml"],
    "status": ["runs/toy"],
    "report": ["runs/toy"],
    "check": ["runs/toy"],
    "repeat": ["runs/toy", "--seeds", "1"],
    "pursue": ["study.yaml", "--budget", "1000", "--steps-of-the-loop", "1"],
    "devices": [],
    "explain": [],
    "log": [],
}


@pytest.mark.slow
def test_verbs_that_scripts_read_have_the_fields_that_the_guide_names(bench):
    bench.study(trials=2)
    assert set(ASKED) == set(FIELDS)
    for verb, arguments in ASKED.items():
        found = set(bench(verb, *arguments, "--json").json)
        assert set(FIELDS[verb]) <= found, verb


def test_the_page_has_every_verb_and_exit_code(bench):
    answer = bench("guide")
    assert answer.code == 0
    for name in VERBS:
        assert f"- `{name}`: " in answer.out
    for code in EXIT_CODES:
        assert f"| {code} |" in answer.out


@pytest.mark.parametrize("given", [given for given, _ in LOOP])
def test_every_command_of_the_loop_is_one(bench, given):
    verb, *words = given.split()
    helped = bench(verb, "--help").out
    for option in re.findall(r"--[a-z-]+", " ".join(words)):
        assert option in helped
    assert page()
