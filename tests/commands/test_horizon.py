"""`playbook horizon` on trainings whose loss at every length and learning rate is known."""

from __future__ import annotations

import json
import math
import signal

import pytest

from playbook_cli.spec.load import load
from playbook_cli.storage.store import Store
from tests.commands.finished import finish

SCRIPT = """
import math, os, random, time

def train(trial):
    rate, steps = trial.params["learning_rate"], trial.max_train_steps
    best = 0.1 * 2 ** ({drift} * math.log2(steps / 64))
    noise = random.Random(f"{{trial.seed}} {{steps}}").gauss(0.0, {noise})
    loss = {law} * math.exp(0.05 * math.log2(rate / best) ** 2 + noise)
    for step in trial.steps():
        time.sleep({pause})
        if trial.should_evaluate(step):
            trial.report(step, val_error=loss * (2 - step / steps) + 0 * os.getpid())
"""
FALLING = {"law": "(steps / 64) ** -0.5", "drift": 0.0, "noise": 0.002, "pause": 0}
FLAT = {**FALLING, "law": "(1 + 0.001 * (steps / 64) ** -1)"}


def study(bench, script=FALLING, **changes):
    """The folder of a study of three trials that is over; the best one's learning rate is 0.1."""
    keys = {
        "train": "scripted:train",
        "max_train_steps": 64,
        "eval_every": 16,
        "trials": None,
        "sampler": "grid",
        "nuisance": {"learning_rate": {"min": 0.01, "max": 1.0, "scale": "log", "points": 3}},
        "resources": {"gpus": 0, "retries": 0},
    }
    bench.write("scripted.py", SCRIPT.format(**script))
    finish(bench, lambda params: 1 + abs(math.log(params["learning_rate"] / 0.1)), name="s", **{**keys, **changes})
    return "runs/s"


def measured(bench, *flags, script=FALLING, **changes):
    """The JSON of a ladder that has to end well."""
    answer = bench("horizon", study(bench, script, **changes), "--json", *flags)
    assert answer.code == 0, answer.err
    return answer.json


@pytest.mark.slow
def test_a_loss_that_keeps_falling_wants_longer_training(bench):
    answer = measured(bench, "--worth", "0.05")
    assert answer.keys() == {
        "study", "verdict", "max_train_steps", "now", "metric", "worth", "lengths", "seeds", "points", "steps_spent",
        "steps_from_scratch", "remarks", "headline", "learning_rate",
    }  # fmt: skip
    assert answer["verdict"] == "longer-pays"
    assert answer["max_train_steps"] == 256
    assert answer["lengths"] == [32, 64, 128, 256]
    (point,) = answer["points"]
    low, high = point["doublings"][1]["interval"]
    assert low < 1 - 2**-0.5 < high
    assert point["drift"]["verdict"] == "none"
    predicted = {one["steps"]: one["interval"] for one in point["predictions"]}
    assert predicted[512][0] < 8**-0.5 < predicted[512][1]
    assert json.loads((bench.folder / "runs/s/report/horizon.json").read_text()) == answer
    assert "<svg" in (bench.folder / "runs/s/report/horizon.html").read_text()


@pytest.mark.slow
def test_the_ladder_of_a_flat_loss_ends_early(bench):
    answer = measured(bench, "--worth", "0.05", script=FLAT)
    assert answer["verdict"] == "shorter-will-do"
    assert answer["lengths"] == [32, 64]
    assert not bench.paths("s-horizon-128").dir.exists()


@pytest.mark.slow
def test_a_drift_is_measured_and_moves_the_range_of_the_next_study(bench):
    answer = bench("horizon", study(bench, {**FALLING, "drift": -0.3}), "--worth", "5%", "--write", "next.yaml")
    assert answer.code == 0, answer.err
    assert "changes with the training length: x0.8" in answer.out
    spec = load(bench.folder / "next.yaml")[0]
    assert spec.max_train_steps == 256
    assert spec.eval_every == 64
    assert spec.nuisance["learning_rate"][0].max == pytest.approx(2**-0.6, rel=0.1)


@pytest.mark.slow
def test_noise_is_undecided_and_the_next_command_adds_seeds_to_what_is_there(bench):
    noisy = {**FALLING, "law": "(steps / 64) ** -0.2", "noise": 0.15}
    answer = measured(bench, "--worth", "0.05", script=noisy)
    assert answer["verdict"] == "undecided"
    needed = answer["points"][0]["seeds_needed"]
    assert needed > 1
    again = bench("horizon", "runs/s", "--worth", "0.05", "--seeds", "2", "--json").json
    assert again["seeds"] == 2
    assert [event["attempt"] for event in bench.events("started", "s-horizon-64")] == [1] * 6


@pytest.mark.slow
def test_the_same_command_twice_trains_nothing_anew_and_answers_the_same(bench):
    first = measured(bench)
    before = {n: len(bench.events(name=f"s-horizon-{n}")) for n in first["lengths"]}
    assert bench("horizon", "runs/s", "--json").json == first
    assert {n: len(bench.events(name=f"s-horizon-{n}")) for n in first["lengths"]} == before


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_killed_anywhere_it_resumes_to_the_same_answer(bench, sent):
    slow = {**FALLING, "pause": 0.004}
    whole = measured(bench, script=slow)
    for steps in whole["lengths"]:
        bench.paths(f"s-horizon-{steps}").dir.rename(bench.folder / f"whole-{steps}")
    for when in ("s-horizon-32", "s-horizon-64", "s-horizon-256"):
        process = bench.spawn("horizon", "runs/s", "--json")
        bench.wait(
            lambda when=when: bench.paths(when).journal.exists() and bench.events("started", when),
            f"a trial of {when} to start",
        )
        process.send_signal(sent)
        answer = bench.finish(process)
        assert answer.code == (130 if sent == signal.SIGINT else -sent)
    again = bench.real("horizon", "runs/s", "--json")
    assert again.code == 0, again.err
    assert again.json == whole


@pytest.mark.slow
def test_every_arm_has_its_best_point_trained(bench):
    arms = {
        "scientific": {"width": [8, 16]},
        "sampler": "halton",
        "trials": 8,
        "nuisance": {"learning_rate": {"min": 0.05, "max": 0.2, "scale": "log"}},
    }
    answer = measured(bench, "--top", "2", "--lengths", "0.5,1", **arms)
    assert sorted(point["arm"]["width"] for point in answer["points"]) == [8, 8, 16, 16]


@pytest.mark.slow
def test_another_ladder_in_the_folder_is_refused_and_set_aside_on_request(bench):
    measured(bench, "--lengths", "0.5,1")
    other = bench("horizon", "runs/s", "--lengths", "0.5,1", "--rates", "5")
    assert other.code == 2
    assert "--anew" in other.err
    assert bench("horizon", "runs/s", "--lengths", "0.5,1", "--rates", "5", "--anew").code == 0
    assert (bench.folder / "runs/s-horizon-32.1").is_dir()


@pytest.mark.slow
def test_infeasible_rates_are_left_out(bench):
    path = study(bench)
    text = (bench.folder / "scripted.py").read_text()
    bench.write(
        "scripted.py", text.replace("    for step", "    if rate > 0.15: trial.infeasible('too fast')\n    for step")
    )
    answer = bench("horizon", path, "--json", "--code-changed")
    assert answer.code == 0, answer.err
    assert answer.json["points"][0]["drift"]["verdict"] == "undecided"


BAD = {
    ("--top", "0"): "--top",
    ("--lengths", "1"): "at least two lengths, all different",
    ("--lengths", "1,x"): "not a list of numbers",
    ("--lengths", "0.5,2"): "the study's own length",
    ("--lengths", "1,-2"): "above 0",
    ("--lengths", "1,1000"): "at most 64",
    ("--lengths", "1,nan"): "above 0",
    ("--rates", "2"): "cannot be centred",
    ("--rates", "1"): "how large the noise is",
    ("--rates", "0"): "--rates",
    ("--seeds", "0"): "--seeds",
    ("--worth", "none"): "is not a number",
    ("--worth", "0"): "the gain must be above 0",
    ("--worth", "-1%"): "the gain must be above 0",
    ("--worth", "inf"): "the gain must be above 0",
    ("--learning-rate", "nothing"): "no learning rate named nothing",
    ("--schedule", "nothing"): "no hyperparameter named nothing",
    ("--write", "study.yaml"): "this file already exists",
    ("--jobs", "0"): "--jobs",
}


@pytest.mark.parametrize("flags", BAD, ids=" ".join)
def test_a_bad_flag_is_one_message_and_nothing_is_trained(bench, flags):
    answer = bench("horizon", study(bench), *flags)
    assert answer.code == 2
    assert BAD[flags] in " ".join(answer.err.split())
    assert "Traceback" not in answer.err
    assert not list(bench.folder.glob("runs/s-*"))


@pytest.mark.slow
def test_a_study_without_results_and_a_probe_have_no_horizon(bench):
    bench.study()
    assert bench("horizon", "study.yaml").code == 2
    measured(bench, "--lengths", "0.5,1")
    answer = bench("horizon", "runs/s-horizon-64")
    assert answer.code == 2
    assert Store(bench.paths("s-horizon-64").dir).record().raced
