"""What reaches a program, as its command and its files tell."""

from __future__ import annotations

import pytest

from playbook_cli.launch.reaching import lost, reach
from playbook_cli.spec.load import load
from playbook_cli.trying.trial import middle

WHOLE = ["${python}", "t.py", "${args}", "--steps=${max_train_steps}", "--seed=${seed}"]
PRINTED = {"stdout": [r"step (?P<step>\d+) val_error (?P<val_error>\S+)"]}


@pytest.fixture
def study(bench):
    def made(program="", **changes):
        bench.write("t.py", program)
        path = bench.study(None, train=None, **{"command": WHOLE, "metrics": PRINTED, "eval_every": None, **changes})
        spec = load(path)[0]
        return spec, middle(spec), bench.folder

    return made


def said(study):
    return [(each.problem.what.split()[0], each.fatal) for each in lost(*study)]


def test_nothing_is_lost_where_all_is_passed(study):
    assert said(study()) == []
    assert reach(*study()).seed == "argument"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"metrics": None}, [("nothing", True)]),
        ({"command": ["${python}", "t.py", "${args}"]}, [("max_train_steps", True)]),
        ({"command": ["${python}", "t.py", "--steps=${max_train_steps}"]}, [("x", True)]),
        ({"args": {"omit": ["x"]}}, [("x", True)]),
        ({"eval_every": 2}, [("eval_every:", False)]),
        ({"command": [*WHOLE, "--every=${eval_every}"], "eval_every": 2}, []),
        ({"command": ["${python}", "t.py", "${args}", "--steps=4"]}, []),
        ({"command": ["${python}", "t.py", "${args}"], "fixed": {"steps": 4}}, []),
        ({"command": ["${python}", "t.py", "${params_file}", "${max_train_steps}"]}, []),
        ({"command": ["${python}", "t.py", "${args}"], "env": {"STEPS": "${max_train_steps}"}}, []),
        ({"command": ["sh", "-c", "python t.py ${x} $PLAYBOOK_MAX_TRAIN_STEPS"]}, []),
    ],
)
def test_what_does_not_reach_a_program_that_does_not_call_playbook(study, changes, expected):
    assert said(study(**changes)) == expected


@pytest.mark.parametrize(
    ("program", "unit", "expected"),
    [
        ("", "epochs", []),
        ("", "updates", [("eval_every:", False)]),
        ("parser.add_argument('--eval-interval', default=5)", "epochs", [("eval_every:", False)]),
    ],
)
def test_a_program_without_an_option_for_it_evaluates_at_every_epoch(study, program, unit, expected):
    assert said(study(program, eval_every=1, step_unit=unit)) == expected


@pytest.mark.parametrize(
    ("program", "length", "expected"),
    [
        ("for e in range(cf.epochs): pass", 4, []),
        ("first, n = cf.first, cf.epochs\nfor e in range(first, first + n): pass", 4, []),
        ("for e in range(cf.epochs): pass", 5, [("max_train_steps", True)]),
        ("for e in range(cf.other): pass", 4, [("max_train_steps", True)]),
    ],
)
def test_a_length_that_is_written_in_a_module_of_settings_is_known(study, bench, program, length, expected):
    bench.write("cf.py", f"first = 1\nepochs = {length}\nother = 9\n")
    assert said(study(program, command=["${python}", "t.py", "${args}"])) == expected


@pytest.mark.parametrize(
    "program", ["from playbook_cli import current_trial", "import os; os.environ['PLAYBOOK_PARAMS']"]
)
def test_a_program_that_calls_playbook_may_ask_for_all(study, program):
    assert said(study(program, command=["${python}", "t.py"], metrics=None)) == []


def test_a_program_whose_module_calls_playbook_is_known(study, bench):
    bench.write("inner.py", "from playbook_cli import current_trial")
    assert said(study("import inner", command=["${python}", "t.py"], metrics=None)) == []


def test_of_a_program_that_cannot_be_read_nothing_is_said(study, bench):
    program = bench.write("compiled", "")
    program.write_bytes(b"\x7fELF\0\0")
    program.chmod(0o755)
    assert said(study(command=["./compiled"], metrics=None)) == []
    assert reach(*study(command=["./compiled"])).hyperparameters == {"x": "maybe"}


def test_what_a_config_is_filled_with_arrives(study):
    config = {"file": "t.py", "set": {"epochs": "${max_train_steps}"}}
    found = reach(*study("x = 1\nepochs = 2\n", command=["${python}", "${config}"], config=config))
    assert (found.hyperparameters, found.max_train_steps, found.seed) == ({"x": "config"}, "config", None)


def test_a_length_that_the_script_has_as_a_number_is_no_other(study):
    command = ["${python}", "t.py", "${args}"]
    for loop in ("range(40)", "range(1, 41)", "range(start, start + 40)"):
        assert reach(*study(f"for epoch in {loop}: ...", command=command, max_train_steps=40)).max_train_steps
    assert reach(*study("for epoch in range(41): ...", command=command, max_train_steps=40)).max_train_steps is None
