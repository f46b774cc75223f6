"""One short trial, before a study is run."""

from __future__ import annotations

import pytest

PROGRAM = r"""
import argparse, sys
p = argparse.ArgumentParser()
p.add_argument("--x", type=float)
p.add_argument("--steps", type=int, default=100)
p.add_argument("--seed", type=int)
a = p.parse_args()
for s in range(1, a.steps + 1):
    print(f"step {s} val_error {a.x / s}")
"""
COMMAND = ["${python}", "t.py", "${args}", "--steps=${max_train_steps}", "--seed=${seed}"]
PATTERN = r"step (?P<step>\d+) val_error (?P<val_error>\S+)"


@pytest.fixture
def tried(bench):
    def call(program=PROGRAM, *more, **changes):
        bench.write("t.py", program)
        keys = {"train": None, "command": COMMAND, "metrics": {"stdout": [PATTERN]}, "eval_every": None}
        bench.study(None, **{**keys, "max_train_steps": 40, **changes})
        return bench("try", "study.yaml", *more)

    return call


def test_a_study_that_works_is_shown_and_nothing_is_kept(tried, bench):
    answer = tried()
    assert answer.code == 0
    assert answer.out.startswith("toy can run: val_error")
    assert "-> playbook run study.yaml" in answer.out
    assert "--x=0.5 --steps=4" in answer.out
    assert "step 1 val_error 0.5" in answer.out
    assert "4 of 40 steps" in answer.out
    assert "4 at most" in answer.out
    assert not (bench.folder / "runs").exists()


def test_the_json_of_a_try_has_these_keys(tried):
    found = tried(PROGRAM, "--json").json
    assert set(found) == {
        *("study", "works", "problems", "command", "cwd", "trial", "arrives", "metrics", "seconds"),
        *("trials_at_once", "gpu_memory_bytes"),
    }
    assert found["works"] is True
    assert found["problems"] == []
    assert {each["name"]: each["arrives"] for each in found["arrives"]} == {
        "x": True,
        "seed": True,
        "max_train_steps": True,
        "eval_every": False,
    }
    assert found["metrics"][0]["matched"] == 4
    assert set(found["seconds"]) == {"tried", "trial", "study", "at_most"}
    assert found["trial"]["last_step"] == 4


@pytest.mark.slow
def test_a_near_miss_is_a_problem_and_no_crash(tried):
    answer = tried(PROGRAM.replace("val_error {", "val error {"))
    assert answer.code == 1
    assert "the pattern expects '_error (?P<val_error>\\S+)', but the line has ' error'" in " ".join(answer.out.split())
    assert "crash" not in answer.out + answer.err
    assert answer.out.count("0.25") == 0  # no tail: the difference says it


def test_a_crash_is_told_with_its_tail_once(tried):
    answer = tried("import sys; print('some words'); sys.exit('no such data set')")
    assert answer.code == 1
    assert "it crashed with exit code 1" in answer.out
    assert (answer.out + answer.err).count("no such data set") == 1
    assert "steps in" not in answer.out, "it is not known how many"


@pytest.mark.slow
def test_a_program_that_evaluates_rarely_is_tried_at_full_length(tried):
    rare = PROGRAM.replace("    print(", "    if s % 20 == 0: print(")
    found = tried(rare, "--json").json
    assert found["trial"]["steps"] == 40
    assert found["works"] is True
    assert "every 20 steps" in found["problems"][0]["message"]
    assert found["problems"][0]["fatal"] is False


@pytest.mark.slow
def test_a_program_that_trains_as_long_as_it_likes_is_named_unless_that_is_right(tried):
    command = ["${python}", "t.py", "${args}", "--seed=${seed}"]
    assert "max_train_steps = 40 doesn't reach the program" in tried(command=command).out
    found = tried(PROGRAM, "--json", command=command, max_train_steps=100).json
    assert found["works"] is True
    assert [problem["fatal"] for problem in found["problems"]] == [False]


@pytest.mark.slow
def test_a_metric_that_is_evaluated_before_training_only_is_no_result(tried):
    program = PROGRAM.replace("range(1, a.steps + 1)", "range(a.steps)").replace("    print(", "    if not s: print(")
    program = program.replace("a.x / s", "a.x")
    answer = tried(program)
    assert answer.code == 1
    assert "val_error is evaluated at step 0 only, before any training" in answer.out


def test_a_hyperparameter_that_a_function_never_reads_is_named(bench):
    bench.study(nuisance={"x": {"min": 0.0, "max": 1.0}, "unused": [1, 2]}, fixed={"width": 3})
    found = bench("try", "study.yaml", "--json").json
    messages = [problem["message"] for problem in found["problems"]]
    assert messages[0] == "the program never reads unused, width, so they change nothing"
    assert "the seed doesn't reach the program" in messages[1]
    assert found["works"] is False
    bench.study(
        "def train(trial):\n  p = dict(trial.params)\n  trial.seed\n  for s in trial.steps():\n"
        "    if trial.should_evaluate(s): trial.report(s, val_error=p['x'])\n"
    )
    assert bench("try", "study.yaml", "--json").json["problems"] == []


def test_a_metric_of_another_name_is_named(bench):
    bench.study("def train(trial):\n  for s in trial.steps(): trial.report(s, val_err=trial.params['x'])\n")
    answer = bench("try", "study.yaml")
    assert answer.code == 1
    assert "the program reports val_err" in answer.out


@pytest.mark.slow
def test_columns_of_a_file_are_named_where_the_metric_is_not_among_them(tried):
    program = "import sys\nopen(sys.argv[1], 'w').write('step,val_err\\n1,0.5\\n2,0.4\\n')\n"
    command = ["${python}", "t.py", "${trial_dir}/log.csv", "${args}", "${max_train_steps}"]
    answer = tried(program, command=command, metrics={"csv": "${trial_dir}/log.csv"})
    assert answer.code == 1
    assert "there is no val_error, but val_err: did you mean val_err?" in " ".join(answer.out.split())


def test_a_program_that_evaluates_by_itself_as_the_study_says_is_all_right(tried):
    answer = tried(eval_every=1)
    assert "not needed: it is the program's own interval" in " ".join(answer.out.split())
    assert "To look at" not in answer.out
    assert "doesn't reach the program" not in answer.out
