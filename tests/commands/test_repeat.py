"""The best trials again, on fresh seeds."""

from __future__ import annotations

import json
import signal

import pytest

from tests.commands.finished import finish

NOISY = """
import random
def train(trial):
    luck = random.Random(trial.seed).gauss(0.0, 0.05)
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + luck + 1 / step)
"""
PATIENT = """
import time
from pathlib import Path
def train(trial):
    trial.report(2, val_error=trial.params["x"])
    deadline = time.monotonic() + 300
    while not Path("go").exists():
        if time.monotonic() > deadline: raise TimeoutError
        time.sleep(0.01)
    trial.report(4, val_error=trial.params["x"] + 0.5)
"""
ROW = {
    "trial",
    "selected",
    "mean",
    "sd",
    "interval",
    "n",
    "infeasible",
    "luck",
    "seeds",
    "values",
    "trials",
}


@pytest.fixture
def searched(bench):
    """The toy study, finished without training; what is trained from here on is noisy."""
    finish(bench, lambda params: params["x"])
    bench.write("toy.py", NOISY)
    return bench


def best_first(bench, name="toy"):
    planned = [event for event in bench.events("planned", name) if "repeat_of" not in event]
    return [event["trial"] for event in sorted(planned, key=lambda event: event["params"]["x"])]


def repeats(bench, name="toy"):
    return [event for event in bench.events("planned", name) if event.get("repeat_of") is not None]


def test_the_best_trials_are_trained_again_on_fresh_seeds_in_the_same_folder(searched):
    answer = searched("repeat", "runs/toy", "--top", 2, "--seeds", 3, "--json")
    assert answer.code == 0
    first, second = best_first(searched)[:2]
    planned = {event["trial"]: event for event in searched.events("planned")}
    made = repeats(searched)
    assert [event["trial"] for event in made] == list(range(4, 10))
    assert sorted(event["repeat_of"] for event in made) == sorted([first] * 3 + [second] * 3)
    assert all(event["params"] == planned[event["repeat_of"]]["params"] for event in made)
    assert {event["seed"] for event in made}.isdisjoint(planned[number]["seed"] for number in range(4))
    assert set(answer.json) == {"study", "selected_from", "repeats", "baseline"}
    assert answer.json["baseline"] is None
    assert [set(row) for row in answer.json["repeats"]] == [ROW, ROW]
    assert [row["trial"] for row in answer.json["repeats"]] == [first, second]
    row = answer.json["repeats"][0]
    assert (row["n"], len(row["values"]), row["infeasible"]) == (3, 3, 0)
    assert row["mean"] == pytest.approx(sum(row["values"]) / 3)
    assert row["luck"] == pytest.approx(row["mean"] - row["selected"])
    assert row["seeds"] == [event["seed"] for event in made if event["repeat_of"] == first]
    assert answer.json["repeats"][1]["seeds"] == row["seeds"], "trials are paired by seed"


def test_the_words_say_what_is_left_of_the_result_and_what_to_do_next(searched):
    answer = searched("repeat", "runs/toy", "--top", 2, "--seeds", 3)
    first, second = best_first(searched)[:2]
    said = " ".join(answer.out.split())
    assert f"trial {first} was selected at val_error" in said
    assert "over 3 repeats (95%: " in said
    assert (
        f"trial {first} is still the best of the 2 that were repeated" in said or f"trial {second} does better" in said
    )
    assert "-> analyse it: playbook report runs/toy" in said
    assert "-> adopt it: playbook adopt runs/toy" in said
    assert answer.err.startswith("6 repeats to run, ")
    assert f"(repeat of trial {first}) completed" in answer.err


@pytest.mark.slow
def test_the_same_command_twice_changes_nothing_and_more_seeds_add_what_is_missing(searched):
    first = searched("repeat", "runs/toy", "--top", 1, "--seeds", 2, "--json")
    before = searched.paths().journal.read_bytes()
    again = searched("repeat", "runs/toy", "--top", 1, "--seeds", 2, "--json")
    assert again.out == first.out
    assert searched.paths().journal.read_bytes() == before
    more = searched("repeat", "study.yaml", "--top", 1, "--seeds", 4, "--json").json["repeats"][0]
    assert more["n"] == 4
    assert more["values"][:2] == first.json["repeats"][0]["values"]
    assert len(repeats(searched)) == 4
    fewer = searched("repeat", "runs/toy", "--top", 1, "--seeds", 1, "--json").json["repeats"][0]
    assert fewer["n"] == 4


@pytest.mark.slow
def test_what_is_read_of_the_search_does_not_change(searched):
    status = searched("status", "runs/toy", "--json").json
    report = searched("report", "runs/toy", "--json", "--no-html").json
    searched("repeat", "runs/toy", "--top", 2, "--seeds", 2)
    after = searched("status", "runs/toy", "--json").json
    assert after["trials"] == status["trials"]
    assert after["best"] == status["best"]
    assert status["repeats"]["planned"] == 0
    assert (after["repeats"]["planned"], after["repeats"]["completed"]) == (4, 4)
    assert "toy: 4 of 4 trials completed\n  and 4 of 4 repeats completed" in searched("status", "runs/toy").out
    read = searched("report", "runs/toy", "--json", "--no-html").json
    assert read["counts"] == report["counts"]
    assert read["best"] == report["best"]
    assert [f for f in read["findings"] if f["rule"] != "isolation"] == [
        f for f in report["findings"] if f["rule"] != "isolation"
    ]
    assert [trial["repeat_of"] is None for trial in read["trials"]] == [True] * 4 + [False] * 4


@pytest.mark.slow
def test_a_study_that_grows_after_repeats_has_the_points_of_one_without(bench):
    points = {}
    for name, repeat in (("with", True), ("without", False)):
        bench.study(NOISY, name=name, trials=4)
        bench("run", "study.yaml")
        if repeat:
            assert bench("repeat", f"runs/{name}", "--top", 1, "--seeds", 2).code == 0
        bench.study(NOISY, name=name, trials=7)
        answer = bench("run", "study.yaml", "--json")
        assert answer.json["trials"]["completed"] == answer.json["trials"]["planned"] == 7
        planned = [
            event for event in bench.events("planned", name) if "repeat_of" not in event or event["repeat_of"] is None
        ]
        points[name] = [(event["params"], event["seed"]) for event in planned]
    assert points["with"] == points["without"]
    assert [event["trial"] for event in repeats(bench, "with")] == [4, 5]


@pytest.mark.slow
@pytest.mark.parametrize("finishing", [["repeat", "runs/toy", "--top", "1", "--seeds", "2"], ["run", "study.yaml"]])
def test_interrupted_repeats_are_finished_by_the_same_command_and_by_run(bench, finishing):
    finish(bench, lambda params: params["x"])
    bench.write("toy.py", PATIENT)
    running = bench.spawn("repeat", "runs/toy", "--top", 1, "--seeds", 2, "--jobs", 1)
    bench.wait(lambda: bench("status", "runs/toy", "--json").json["repeats"]["running"] == 1, "a repeat that runs")
    refused = bench("repeat", "runs/toy")
    assert (refused.code, "runs/toy: the study is still running: process" in refused.err) == (2, True)
    assert "(repeat of trial" in bench("status", "runs/toy").out
    running.send_signal(signal.SIGINT)
    answer = bench.finish(running)
    assert answer.code == 130
    assert answer.out == "interrupted; run the same command again to resume\n"
    assert "2 repeats left" in bench("status", "runs/toy").out
    bench.write("go", "")
    assert bench(*finishing).code == 0
    assert len(repeats(bench)) == 2
    assert bench("status", "runs/toy", "--json").json["repeats"]["completed"] == 2


@pytest.mark.slow
def test_the_best_of_every_arm_are_repeated(bench):
    changes = {"scientific": {"depth": {"values": [1, 2]}}, "trials": 8}
    finish(bench, lambda params: params["x"] + params["depth"], **changes)
    bench.write("toy.py", NOISY)
    answer = bench("repeat", "runs/toy", "--top", 2, "--seeds", 2, "--json")
    depth = {event["trial"]: event["params"]["depth"] for event in bench.events("planned")}
    assert sorted(depth[row["trial"]] for row in answer.json["repeats"]) == [1, 1, 2, 2]
    assert "depth=2: trial" in bench("repeat", "runs/toy", "--top", 2, "--seeds", 2).out


def test_a_trial_may_be_named_in_place_of_the_best(searched):
    worst = best_first(searched)[-1]
    answer = searched("repeat", "runs/toy", "--trial", worst, "--seeds", 2, "--json")
    assert [row["trial"] for row in answer.json["repeats"]] == [worst]


@pytest.mark.slow
def test_the_best_trial_of_a_baseline_is_repeated_in_its_own_folder_on_the_same_seeds(searched):
    finish(searched, lambda params: params["x"] + 1.0, name="base", trials=3)
    searched.write("toy.py", NOISY)
    answer = searched("repeat", "runs/toy", "--top", 1, "--seeds", 3, "--baseline", "runs/base", "--json")
    ours, theirs = answer.json["repeats"][0], answer.json["baseline"]["repeats"][0]
    assert answer.json["baseline"]["study"] == "base"
    assert theirs["trial"] == best_first(searched, "base")[0]
    assert theirs["seeds"] == ours["seeds"]
    assert len(repeats(searched, "base")) == 3
    assert (
        "playbook compare runs/base runs/toy"
        in searched("repeat", "runs/toy", "--top", 1, "--seeds", 3, "--baseline", "runs/base").out
    )


def test_repeats_that_diverge_are_counted_apart(searched):
    searched.write(
        "toy.py",
        "def train(trial):\n    if trial.seed % 2: trial.infeasible('diverged')\n    trial.report(4, val_error=1.0)\n",
    )
    answer = searched("repeat", "runs/toy", "--top", 1, "--seeds", 6, "--json")
    row = answer.json["repeats"][0]
    odd = sum(event["seed"] % 2 for event in repeats(searched))
    assert 0 < odd < 6
    assert (row["n"], row["infeasible"]) == (6 - odd, odd)
    assert f"{odd} more diverged" in " ".join(searched("repeat", "runs/toy", "--top", 1, "--seeds", 6).out.split())


@pytest.mark.slow
def test_trials_of_the_search_that_failed_are_left_as_they_are(bench):
    program = NOISY.replace("luck =", "assert trial.id not in (3, 4, 5)\n    luck =")
    bench.study(program, resources={"retries": 0}, trials=6)
    bench("run", "study.yaml", "--jobs", 1)
    before = bench.ended()
    answer = bench("repeat", "runs/toy", "--top", 1, "--seeds", 2, "--json")
    assert answer.code == 0
    assert {number: state for number, state in bench.ended().items() if number < 6} == before
    assert len([event for event in bench.events("started") if event["trial"] in (3, 4, 5)]) == 3


@pytest.mark.slow
def test_repeats_that_all_crash_are_failed_work(searched):
    searched.write("toy.py", "def train(trial): raise ValueError('broken')\n")
    answer = searched("repeat", "runs/toy", "--top", 1, "--seeds", 2)
    assert answer.code == 1
    assert "every repeat failed; trial 4: crashed with exit code 1" in answer.err
    searched.write("toy.py", NOISY)
    assert searched("repeat", "runs/toy", "--top", 1, "--seeds", 2, "--json").json["repeats"][0]["n"] == 2


@pytest.mark.slow
def test_a_study_whose_folder_moved_is_repeated_from_where_its_file_is_now(bench):
    bench.write("old/toy.py", NOISY)
    path = bench.study(None)
    path.rename(bench.folder / "old" / "study.yaml")
    assert bench("run", "old/study.yaml").code == 0
    (bench.folder / "old").rename(bench.folder / "new")
    answer = bench("repeat", "runs/toy", "--top", 1, "--seeds", 1)
    assert answer.code == 2
    assert "old/study.yaml, but that folder no longer exists" in answer.err
    assert "playbook repeat STUDY.YAML" in answer.err
    assert bench("repeat", "new/study.yaml", "--top", 1, "--seeds", 1, "--json").json["repeats"][0]["n"] == 1
    assert bench("repeat", "runs/toy", "--top", 1, "--seeds", 2, "--json").json["repeats"][0]["n"] == 2


BAD = {
    "no such study": (["runs/nowhere"], "there is no such folder"),
    "no such trial": (["runs/toy", "--trial", "77"], "--trial 77: runs/toy has no such trial"),
    "seeds below one": (["runs/toy", "--seeds", "0"], "--seeds"),
    "seeds beyond any study": (["runs/toy", "--seeds", "100000000"], "exceed the limit of 100,000 trials per study"),
    "seeds of all trials beyond it": (
        ["runs/toy", "--top", "2", "--seeds", "60000"],
        "2 trials with 60,000 seeds each",
    ),
    "top below one": (["runs/toy", "--top", "0"], "--top"),
    "itself as baseline": (["runs/toy", "--baseline", "runs/toy"], "the baseline is the study itself"),
    "another metric": (["runs/toy", "--baseline", "runs/more"], "it maximizes val_error, but toy minimizes val_error"),
    "another length": (["runs/toy", "--baseline", "runs/long"], "its trials train for 6 steps, but those of toy for 4"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_repeated_is_refused_and_nothing_is_written(searched, arguments, message):
    finish(searched, lambda params: params["x"], name="long", max_train_steps=6)
    finish(searched, lambda params: params["x"], name="more", metric={"name": "val_error", "goal": "maximize"})
    before = searched.paths().journal.read_bytes()
    answer = searched("repeat", *arguments)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert "Traceback" not in answer.err
    assert searched.paths().journal.read_bytes() == before


def test_a_search_that_is_not_over_is_to_be_finished_first(searched):
    spec = searched.paths().spec
    spec.write_text(spec.read_text().replace("trials: 4", "trials: 9"))
    answer = searched("repeat", "runs/toy")
    assert answer.code == 2
    assert "5 of 9 trials have not been run" in answer.err
    assert "-> playbook run " in answer.err


def test_a_learning_rate_sweep_is_refused(searched):
    spec = searched.paths().spec
    spec.write_text(f"{spec.read_text()}probe: lr-sweep\n")
    answer = searched("repeat", "runs/toy")
    assert (answer.code, "playbook lr-sweep ended these trials early" in answer.err) == (2, True)


def test_a_study_without_a_result_and_one_that_is_read_only_are_refused(bench):
    bench.study("def train(trial): trial.infeasible('no')\n", trials=2)
    bench("run", "study.yaml")
    answer = bench("repeat", "runs/toy")
    assert (answer.code, "no trial has completed" in answer.err) == (2, True)
    bench.write("log.csv", "run,lr,step,loss\na,0.1,1,2.0\na,0.1,2,1.0\nb,0.2,1,2.0\nb,0.2,2,1.5\n")
    assert bench("import", "log.csv", "--into", "runs/theirs").code == 0
    answer = bench("repeat", "runs/theirs")
    assert (answer.code, "so it can't be run" in answer.err) == (2, True)


def test_the_trial_that_a_repeat_repeats_is_named_where_the_repeat_is_asked_for(searched):
    searched("repeat", "runs/toy", "--top", 1, "--seeds", 1)
    answer = searched("repeat", "runs/toy", "--trial", 4)
    first = best_first(searched)[0]
    assert (answer.code, f"--trial 4: this is a repeat of trial {first}" in answer.err) == (2, True)


def test_an_export_tells_repeats_from_the_search(searched):
    searched("repeat", "runs/toy", "--top", 1, "--seeds", 1)
    assert searched("export", "runs/toy", "--to", "out", "--format", "jsonl").code == 0
    rows = [json.loads(line) for line in (searched.folder / "out" / "trials.jsonl").read_text().splitlines()]
    assert [row["repeat_of"] for row in rows] == [None] * 4 + [best_first(searched)[0]]
