"""What `playbook run` says and how it exits."""

from __future__ import annotations

import math

import pytest

KEYS = {"study", "trials", "repeats", "best"}
COUNTS = {"planned", "completed", "infeasible", "failed", "running", "pending"}


def test_the_json_of_a_run_has_these_keys_and_is_alone_on_stdout(bench):
    bench.study(fixed={"b": 1})
    answer = bench("run", "study.yaml", "--jobs", 2, "--json")
    assert set(answer.json) == KEYS
    assert answer.json["trials"] == {
        "planned": 4,
        "completed": 4,
        "infeasible": 0,
        "failed": 0,
        "running": 0,
        "pending": 0,
    }
    assert set(answer.json["trials"]) == set(answer.json["repeats"]) == COUNTS
    assert set(answer.json["best"]) == {"trial", "value", "step", "params"}
    best = answer.json["best"]
    lowest = min(bench.events("planned"), key=lambda event: event["params"]["x"])
    assert (best["trial"], best["step"], best["params"]) == (lowest["trial"], 4, lowest["params"])
    assert math.isclose(best["value"], lowest["params"]["x"] + 0.25)


def test_a_study_without_a_result_has_no_best(bench):
    bench.study("def train(trial): trial.infeasible('no')\n", trials=2)
    assert bench("run", "study.yaml", "--json").json["best"] is None


def test_only_a_completed_trial_is_best(bench):
    bench.study(
        "def train(trial):\n    trial.report(2, val_error=trial.id)\n    if not trial.id: trial.infeasible('no')\n",
        trials=3,
    )
    assert bench("run", "study.yaml", "--json").json["best"]["trial"] == 1


def test_the_largest_is_best_where_more_is_better(bench):
    bench.study(
        "def train(trial): trial.report(2, acc=trial.id)\n", metric={"name": "acc", "goal": "maximize"}, trials=3
    )
    assert bench("run", "study.yaml", "--json").json["best"]["trial"] == 2


def test_the_words_of_a_run_name_the_best_trial_and_the_next_command(bench):
    bench.study(
        "def train(trial): trial.report(2, val_error=0.5)\n", nuisance=None, fixed={"b": 1, "c": 0.25}, trials=1
    )
    answer = bench("run", "study.yaml")
    assert answer.out.replace("\n", " ") == (
        "toy: 1 of 1 trials completed best val_error: 0.5 at step 2 of trial 0 (b=1, c=0.25) "
        "-> analyse it: playbook report runs/toy "
    )
    assert answer.err.splitlines() == [
        "-> watch it: playbook watch runs/toy --web",
        answer.err.splitlines()[1],
        "trial 0 started on cpu0",
        "[1/1] trial 0 completed: val_error 0.5 at step 2 (best so far); ended at step 2 of 4",
    ]
    assert answer.err.splitlines()[1].startswith("1 trial to run, ")


def test_another_folder_may_hold_the_studies(bench):
    bench.study()
    answer = bench("run", "study.yaml", "--runs", "elsewhere/deep")
    assert answer.code == 0
    assert (bench.folder / "elsewhere" / "deep" / "toy" / "trials.jsonl").exists()
    assert not (bench.folder / "runs").exists()


def test_a_study_file_in_another_folder_imports_from_there(bench):
    bench.write("sub/toy.py", "import beside\ndef train(trial): trial.report(4, val_error=beside.VALUE)\n")
    bench.write("sub/beside.py", "VALUE = 0.5\n")
    path = bench.study(None)
    path.rename(bench.folder / "sub" / "study.yaml")
    assert bench("run", "sub/study.yaml", "--json").json["best"]["value"] == 0.5
    assert (bench.folder / "runs" / "toy").exists()


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_trials_run_at_once_as_were_asked_for(bench, jobs):
    bench.study(
        f"""
        import time
        def train(trial):
            (trial.dir / "here").touch()
            deadline = time.monotonic() + 60
            while len(list(trial.dir.parent.glob("*/here"))) < {jobs}:
                if time.monotonic() > deadline: raise TimeoutError
                time.sleep(0.01)
            print(len(list(trial.dir.parent.glob("*/here"))) - len(list(trial.dir.parent.glob("*/gone"))))
            (trial.dir / "gone").touch()
            trial.report(4, val_error=1.0)
        """,
        trials=6,
    )
    assert bench("run", "study.yaml", "--jobs", jobs).code == 0
    at_once = [int(bench.paths().trial(trial).stdout.read_text()) for trial in range(6)]
    assert max(at_once) <= jobs
    assert {event["slot"] for event in bench.events("started")} == {f"cpu{n}" for n in range(jobs)}
