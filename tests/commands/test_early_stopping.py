"""`early_stopping: honest`, as a user meets it."""

from __future__ import annotations

import csv
import json
import os
import signal

import pytest

from playbook_cli.storage.store import Store

TRAIN = """
import math, time
def train(trial):
    floor = 0.05 + trial.params["x"] ** 2
    for step in trial.steps():
        time.sleep(0.004)
        if trial.should_evaluate(step):
            trial.report(step, val_error=floor + 0.5 * math.exp(-step / 40) + 0.002 * math.sin(7 * step + 100 * floor))
"""
STUDY = {"max_train_steps": 200, "eval_every": 4, "trials": 8, "early_stopping": "honest"}
POINTS = {"sampler": "listed", "points": [{"x": x} for x in (0.1, 0.12, 0.15, 0.14, 0.11, 0.95, 0.13, 0.9)]}


def raced(bench, *arguments, **changes):
    bench.study(TRAIN, **{**STUDY, **POINTS, **changes})
    return bench("run", "study.yaml", "--jobs", 1, *arguments)


@pytest.mark.slow
def test_hopeless_trials_are_stopped_and_said_to_be(bench):
    answer = raced(bench)
    assert answer.code == 0
    ended = bench.ended()
    assert {number for number, (state, _) in ended.items() if state == "stopped"} == {5, 7}
    assert "its chance of becoming the best was" in ended[5][1]
    assert "6 of 8 trials completed, 2 stopped" in answer.out
    decisions = bench.events("stopped")
    assert [one["trial"] for one in decisions] == [5, 7]
    assert all(one["chance"] < 0.05 and one["against"] == 0 for one in decisions)

    report = bench("report", "runs/toy", "--json", "--no-html").json
    trials = {trial["id"]: trial for trial in report["trials"]}
    assert trials[5]["stopped"]["expected"] > report["best"]["value"]
    assert report["best"]["trial"] == 0
    assert report["steps_saved"] == sum(200 - trials[number]["last_step"] for number in (5, 7)) > 0
    assert "2 stopped, which saved" in bench("report", "runs/toy", "--no-html").out
    shown = bench("show", "runs/toy", 5)
    assert "trial 5: stopped" in shown.out
    assert "expected val_error" in shown.out

    # it is done: nothing of it runs again, and no trial that was stopped is taken for one that has a result
    raced(bench)
    assert len(bench.events("started")) == 8
    assert bench("check", "runs/toy", "--expect", "stopped<3").code == 0
    assert Store(bench.paths().dir).record().trials[5].stopped is not None


@pytest.mark.slow
def test_other_tools_read_which_trials_were_stopped(bench):
    raced(bench)
    stopped = {number for number, (state, _) in bench.ended().items() if state == "stopped"}
    assert stopped
    assert bench("export", "runs/toy", "--format", "wandb", "--to", "w").code == 0
    with (bench.folder / "w" / "runs.csv").open(newline="") as file:
        states = [row["State"] for row in csv.DictReader(file)]
    assert {number for number, state in enumerate(states) if state == "killed"} == stopped
    assert states.count("finished") == 8 - len(stopped)
    optuna = pytest.importorskip("optuna")
    assert bench("export", "runs/toy", "--to", "o.db").code == 0
    there = optuna.load_study(study_name="toy", storage=f"sqlite:///{bench.folder / 'o.db'}").trials
    pruned = {trial.number for trial in there if trial.state == optuna.trial.TrialState.PRUNED}
    assert pruned == stopped
    assert all(0 < max(there[number].intermediate_values) < 200 for number in pruned)
    mlflow = pytest.importorskip("mlflow")
    assert bench("export", "runs/toy", "--format", "mlflow", "--to", "sqlite:///m.db").code == 0
    runs = mlflow.MlflowClient(f"sqlite:///{bench.folder / 'm.db'}")
    experiment = runs.get_experiment_by_name("toy").experiment_id
    assert sum(run.info.status == "KILLED" for run in runs.search_runs([experiment])) == len(stopped)


def test_plan_says_what_will_be_stopped(bench):
    bench.study(TRAIN, **STUDY)
    assert (
        "trials unlikely to become its best are stopped (total risk of losing the best: 5.0%)"
        in bench("plan", "study.yaml").out
    )
    assert bench("plan", "study.yaml", "--json").json["early_stopping"] == {"method": "honest", "risk": 0.05}


def test_the_risk_can_be_chosen_and_is_checked(bench):
    bench.study(TRAIN, **{**STUDY, "early_stopping": {"risk": 0.001}})
    assert bench("plan", "study.yaml", "--json").json["early_stopping"]["risk"] == 0.001
    for wrong in ("hyperband", {"risk": 0.9}, {"risk": 0}):
        bench.study(TRAIN, **{**STUDY, "early_stopping": wrong})
        answer = bench("plan", "study.yaml")
        assert (answer.code, "early_stopping" in answer.err) == (2, True)


def test_searches_in_which_every_result_counts_refuse_it(bench):
    bench.study(TRAIN, **{**STUDY, "nuisance": {}, "scientific": {"x": {"min": 0.0, "max": 1.0}}})
    answer = bench("plan", "study.yaml")
    assert answer.code == 2
    assert "x is a scientific range" in answer.err


@pytest.mark.slow
def test_a_killed_study_makes_the_decisions_that_it_would_have_made(bench):
    """SIGKILL once right after a decision, before the trial has ended, and again later."""
    bench.study(TRAIN, **{**STUDY, **POINTS})
    for decisions in (1, 2):
        process = bench.spawn("run", "study.yaml", "--jobs", 1)
        bench.wait(lambda many=decisions: len(bench.events("stopped")) >= many, "a decision to stop a trial")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert bench("run", "study.yaml", "--jobs", 1).code == 0
    assert {number for number, (state, _) in bench.ended().items() if state == "stopped"} == {5, 7}
    killed = [(one["trial"], one["against"], one["known"]) for one in bench.events("stopped")]
    bench.paths().dir.rename(bench.paths().dir.with_name("killed"))
    bench("run", "study.yaml", "--jobs", 1)
    assert killed == [(one["trial"], one["against"], one["known"]) for one in bench.events("stopped")]


@pytest.mark.slow
def test_a_real_study_stops_real_trials(bench):
    """The digits with learning rates from useless to good."""
    bench.study(
        None,
        name="digits",
        train="playbook_cli.workloads.digits:train",
        max_train_steps=600,
        eval_every=10,
        trials=16,
        nuisance={"learning_rate": {"min": 1e-5, "max": 0.3, "scale": "log"}},
        early_stopping="honest",
    )
    assert bench("run", "study.yaml", "--jobs", 1).code == 0
    report = json.loads(bench("report", "runs/digits", "--json", "--no-html").out)
    stopped = [trial for trial in report["trials"] if trial["state"] == "stopped"]
    assert stopped
    assert all(trial["stopped"]["expected"] > report["best"]["value"] for trial in stopped)
    assert all(trial["params"]["learning_rate"] < 1e-2 for trial in stopped)
    assert report["steps_saved"] > 0
