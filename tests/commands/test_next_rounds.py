"""`playbook next --round`: the best points of a short round, trained for longer."""

from __future__ import annotations

import json

import pytest
import torch

from playbook_cli.files import journal
from playbook_cli.spec.load import load
from playbook_cli.storage.store import Store
from tests.commands.finished import finish


def rising(params):
    """Better towards low x."""
    return params["x"]


def second(bench, *options):
    """The study file that `next --round 2` writes, read again."""
    answer = bench("next", "runs/toy", "--round", "2", *options, "-o", "second.yaml")
    assert answer.code == 0, answer.err
    return load(bench.folder / "second.yaml")[0]


def test_the_best_points_are_trained_for_longer(bench):
    finish(bench, rising, trials=12)
    spec = second(bench, "--max-train-steps", "12")
    record = json.loads(bench("report", "runs/toy", "--json", "--no-html").out)
    ranked = sorted(record["trials"], key=lambda trial: trial["value"])[:5]
    assert [point["x"] for point in spec.points] == [trial["params"]["x"] for trial in ranked]
    assert (spec.name, spec.max_train_steps, spec.eval_every, spec.seed) == ("toy-round2", 12, 6, 1)
    assert (spec.round.number, spec.round.trials) == (2, [trial["id"] for trial in ranked])
    assert spec.round.after == str(bench.folder / "runs" / "toy")
    assert bench("plan", "second.yaml").code == 0


def test_a_round_has_points_of_every_arm_also_where_one_is_far_ahead(bench):
    finish(bench, lambda params: params["x"] + 10 * (params["arm"] != "a"), trials=12, scientific={"arm": list("abc")})
    arms = [point["arm"] for point in second(bench, "--max-train-steps", "12", "--top", "3").points]
    assert sorted(arms) == ["a", "b", "c"]
    again = bench("next", "runs/toy", "--round", "2", "--max-train-steps", "12", "--top", "1", "-o", "one.yaml")
    assert len(load(bench.folder / "one.yaml")[0].points) == 3
    assert "each of the 3 arms needs one" in again.out + again.err


def test_every_hyperparameter_is_marked_by_the_playbooks_table(bench):
    fixed = {"warmup_steps": 2, "learning_rate": 0.1, "schedule": "cosine"}
    finish(bench, rising, trials=4, fixed=fixed)
    second(bench, "--max-train-steps", "40")
    comments = [line for line in (bench.folder / "second.yaml").read_text().split("\n") if line.strip().startswith("#")]
    for mark in ("warmup_steps: keep", "learning_rate: recheck", "schedule: retune", "x: recheck"):
        assert any(mark in line for line in comments), mark


def test_a_linear_decay_keeps_its_length_by_a_hyperparameter_that_is_new(bench):
    finish(bench, rising, trials=4, fixed={"schedule": "linear", "warmup_steps": 1})
    spec = second(bench, "--max-train-steps", "40")
    assert spec.fixed == {"schedule": "linear", "warmup_steps": 1, "decay_steps": 3}
    assert "the script must accept it" in (bench.folder / "second.yaml").read_text()


def test_only_points_with_a_linear_decay_get_the_length_of_theirs(bench):
    finish(bench, rising, trials=4, scientific={"schedule": ["linear", "cosine"]})
    spec = second(bench, "--max-train-steps", "40", "--top", "4")
    assert {point["schedule"]: point.get("decay_steps") for point in spec.points} == {"linear": 4, "cosine": None}


def test_a_warmup_that_is_tuned_keeps_its_length_also_outside_its_old_range(bench):
    nuisance = {"x": {"min": 0.0, "max": 1.0}, "warmup_ratio": {"min": 0.05, "max": 0.2}}
    finish(bench, rising, trials=4, nuisance=nuisance)
    spec = second(bench, "--max-train-steps", "40", "--top", "4")
    assert all(0.005 <= point["warmup_ratio"] <= 0.02 for point in spec.points)
    assert spec.nuisance["warmup_ratio"][0].min < 0.02


def test_lengths_that_differ_between_the_points_become_a_hyperparameter_of_each(bench):
    nuisance = {"x": {"min": 0.0, "max": 1.0}, "warmup_steps": [0, 2]}
    finish(bench, rising, trials=8, nuisance=nuisance, fixed={"schedule": "linear"})
    spec = second(bench, "--max-train-steps", "40", "--top", "8")
    assert {(point["warmup_steps"], point["decay_steps"]) for point in spec.points} == {(0, 4), (2, 2)}


def test_of_a_script_without_a_known_schedule_nothing_is_guessed(bench):
    finish(bench, rising, trials=4, fixed={"policy": "linear"})
    assert second(bench, "--max-train-steps", "40").fixed == {"policy": "linear"}
    assert "--schedule NAME" in (bench.folder / "second.yaml").read_text().replace("\n# ", " ")
    answer = bench(
        "next", "runs/toy", "--round", "2", "--max-train-steps", "40", "--schedule", "policy", "-o", "it.yaml"
    )
    assert answer.code == 0
    assert load(bench.folder / "it.yaml")[0].fixed["decay_steps"] == 4


@pytest.mark.slow
def test_rounds_grow_and_shrink_and_the_last_one_is_the_last(bench):
    finish(bench, rising, trials=20)
    assert bench("next", "runs/toy", "--rounds", "3", "--growth", "2").code == 0
    two = load(bench.folder / "toy-round2.yaml")[0]
    assert (two.max_train_steps, len(two.points), two.round.of, two.round.growth) == (8, 10, 3, 2.0)
    assert "round 3: 5 trials of 16 steps" in (bench.folder / "toy-round2.yaml").read_text()
    run = bench("run", "toy-round2.yaml")
    assert run.code == 0, run.err
    assert bench("next", "runs/toy-round2").code == 0
    three = load(bench.folder / "toy-round3.yaml")[0]
    assert (three.max_train_steps, len(three.points), three.round.number) == (16, 5, 3)
    report = json.loads(bench("report", "runs/toy-round2", "--json", "--no-html").out)
    (ranking,) = [finding for finding in report["findings"] if finding["rule"] == "ranking"]
    assert ranking["verdict"] == "held"
    assert bench("run", "toy-round3.yaml").code == 0
    answer = bench("next", "runs/toy-round3", "--round", "4", "--max-train-steps", "99")
    assert answer.code == 2
    assert "the last of 3" in answer.err


@pytest.mark.slow
def test_a_round_in_another_folder_knows_where_the_shorter_one_lies(bench):
    finish(bench, rising, trials=6)
    second(bench, "--max-train-steps", "8")
    assert bench("run", "second.yaml", "--runs", "others").code == 0
    assert bench("run", "second.yaml").code == 0
    there, here = (Store(bench.folder / runs / "toy-round2").record().earlier for runs in ("others", "runs"))
    assert (there.study, there.folder) == ("toy", str(bench.folder / "runs/toy"))
    assert (here.study, here.folder) == ("toy", None)


def test_without_the_earlier_rounds_folder_there_is_no_word_on_the_ranking(bench):
    finish(bench, rising, trials=12)
    second(bench, "--max-train-steps", "8", "--top", "6")
    assert bench("run", "second.yaml").code == 0
    (bench.folder / "runs" / "toy").rename(bench.folder / "gone")
    report = json.loads(bench("report", "runs/toy-round2", "--json", "--no-html").out)
    assert not [finding for finding in report["findings"] if finding["rule"] == "ranking"]


WRONG = {
    "no length": (["--round", "2"], "a round needs a number of steps"),
    "no longer": (["--round", "2", "--max-train-steps", "4"], "no longer than the 4 steps"),
    "a round too far": (["--round", "3", "--max-train-steps", "9"], "this is round 1"),
    "with a wider range": (["--round", "2", "--max-train-steps", "9", "--widen", "x"], "unchanged"),
    "an unknown schedule": (["--round", "2", "--max-train-steps", "9", "--schedule", "s"], "no such hyperparameter"),
    "top without a round": (["--top", "3"], "--top applies only to a round"),
    "rounds that do not grow": (["--rounds", "3", "--growth", "1"], "each round must be longer"),
    "a folder that is not there": (["--round", "2", "--max-train-steps", "9", "-o", "no/it.yaml"], "can't be written"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_makes_no_sense_is_refused(bench, name):
    options, message = WRONG[name]
    finish(bench, rising, trials=4)
    answer = bench("next", "runs/toy", *options)
    assert answer.code == 2
    assert message in answer.err
    assert list(bench.folder.glob("*.yaml")) == [bench.folder / "study.yaml"]


def test_without_a_completed_trial_there_is_no_round(bench):
    finish(bench, rising, trials=4)
    bench.paths().journal.write_text("")
    answer = bench("next", "runs/toy", "--round", "2", "--max-train-steps", "9")
    assert answer.code == 2
    assert "no trial has completed" in answer.err


def test_a_learning_rate_sweep_has_no_rounds(bench):
    finish(bench, rising, trials=4)
    spec = bench.paths().spec
    spec.write_text(f"{spec.read_text()}probe: lr-sweep\n")
    answer = bench("next", "runs/toy", "--round", "2", "--max-train-steps", "9")
    assert (answer.code, "playbook lr-sweep ended these trials early" in answer.err) == (2, True)


def test_more_steps_without_a_round_say_what_becomes_of_the_decay(bench):
    finish(bench, rising, trials=4, fixed={"schedule": "linear", "decay_steps": 2})
    assert "still decays over 2 steps, and later" in bench("next", "runs/toy", "--max-train-steps", "8").out


def test_listed_points_have_no_space_to_change(bench):
    finish(bench, rising, sampler="listed", points=[{"x": 0.1}, {"x": 0.2}], trials=None)
    assert bench("next", "runs/toy", "--narrow").code == 2
    assert bench("next", "runs/toy", "--max-train-steps", "8").code == 0
    assert load(bench.folder / "toy-2.yaml")[0].points == [{"x": 0.1}, {"x": 0.2}]


def test_an_unfinished_study_is_told_on_stderr(bench):
    finish(bench, rising, trials=4)
    lines = bench.paths().journal.read_text().splitlines(keepends=True)
    bench.paths().journal.write_text("".join(lines[:-1]))
    answer = bench("next", "runs/toy", "--json", "--trials", "8")
    assert "1 of 4 trials have not finished yet" in answer.err
    assert answer.json["study"]["trials"] == 8


def test_the_json_of_a_revision_has_these_keys_and_no_file_is_written(bench):
    finish(bench, rising, trials=24)
    answer = bench("next", "runs/toy", "--json")
    assert answer.code == 0
    assert answer.json.keys() == {"study", "changes", "left"}
    assert answer.json["study"]["name"] == "toy-2"
    assert all(change.keys() == {"key", "reason"} for change in answer.json["changes"])
    assert "seed" in [change["key"] for change in answer.json["changes"]]
    assert not list(bench.folder.glob("toy-*.yaml"))
    named = bench("next", "runs/toy", "--round", "2", "--max-train-steps", "8", "--json", "-o", "it.yaml")
    assert named.json["study"]["name"] == load(bench.folder / "it.yaml")[0].name == "toy-round2"


@pytest.mark.slow
def test_a_second_round_of_real_trainings_is_written_run_and_read(bench):
    """One arm a schedule; the one with a stable part goes on where its decay began."""
    schedules = ["constant", "linear", "cosine", "warmup-stable-decay"]
    changes = {
        "train": "playbook_cli.workloads.digits:train",
        "max_train_steps": 20,
        "eval_every": 2,
        "scientific": {"schedule": schedules},
        "nuisance": None,
        "fixed": {"warmup_steps": 3, "dropout": 0.2, "learning_rate": 0.1},
        "resources": {"gpus": 0, "timeout": "5m"},
    }
    bench.study(None, **changes)
    assert bench("run", "study.yaml").code == 0
    spec = second(bench, "--max-train-steps", "40", "--top", "4", "--eval-every", "2")
    assert [("from" in point, point["schedule"]) for point in spec.points if "from" in point] == [(True, schedules[3])]
    run = bench("run", "second.yaml")
    assert run.code == 0, run.err
    assert set(bench.ended("toy-round2").values()) == {("completed", None)}
    rates = {}
    for trial, (point, before) in enumerate(zip(spec.points, spec.round.trials, strict=True)):
        here, there = bench.metrics(trial, "toy-round2"), bench.metrics(before)
        rates[point["schedule"]] = [record["learning_rate"] for record in here]
        assert [record["step"] for record in here] == list(range(2, 41, 2))
        if "from" in point:
            assert here[:8] == there[:8]  # 16 steps, where the last fifth of 20 begins
            assert here[8] != there[8]
    assert rates["warmup-stable-decay"][1:16] == [0.1] * 15
    assert rates["linear"][1:11] == [0.1] * 10
    assert rates["linear"][12] < 0.1
    assert bench("run", "second.yaml").code == 0, "it is finished"
    report = bench("report", "runs/toy-round2", "--json", "--no-html")
    assert report.code == 0
    seeds = {trial["id"]: trial["seed"] for trial in report.json["trials"]}
    short = {event["trial"]: event["seed"] for event in bench.events("planned")}
    continued = next(n for n, point in enumerate(spec.points) if "from" in point)
    assert [n for n in seeds if seeds[n] == short[spec.round.trials[n]]] == [continued]


@pytest.mark.slow
def test_a_trial_whose_source_is_gone_is_refused_before_anything_runs_but_one_that_has_begun_goes_on(bench):
    program = """
    class State(dict):
        def state_dict(self): return dict(self)
        def load_state_dict(self, state): self.update(state)

    def train(trial):
        state = State(sum=0.0)
        for step in trial.steps(state=state, keep=2):
            state["sum"] += trial.params["x"] * step
            if trial.should_evaluate(step):
                trial.report(step, val_error=state["sum"])
    """
    bench.study(program, trials=1)
    assert bench("run", "study.yaml").code == 0
    checkpoint = bench.paths().trial(0).stable_checkpoint
    assert torch.load(checkpoint, weights_only=True)["step"] == 2
    x = bench.events("planned")[0]["params"]["x"]
    point = {"x": x, "from": str(checkpoint.relative_to(bench.folder))}
    changes = {"name": "more", "sampler": "listed", "trials": None, "points": [point], "max_train_steps": 6}
    path = bench.study(program, **changes)
    assert bench("run", path).code == 0
    assert [record["val_error"] for record in bench.metrics(0, "more")] == pytest.approx([3 * x, 10 * x, 21 * x])
    checkpoint.unlink()
    assert bench("run", path).code == 0, "nothing of it is missing"
    other = bench.study(program, **{**changes, "name": "other"})
    answer = bench("run", other)
    assert answer.code == 2
    assert str(checkpoint) in answer.err
    assert not journal.read(bench.paths("other").journal)


KEEPING = """
class State(dict):
    def state_dict(self): return dict(self)
    def load_state_dict(self, state): self.update(state)

def train(trial):
    state = State(sum=0.0)
    for step in trial.steps({given}):
        state["sum"] += trial.params["x"] * step
        if trial.should_evaluate(step):
            trial.report(step, val_error=state["sum"])
"""


def continued(bench, given):
    """A study whose trial kept a checkpoint, and one that goes on from it, with this given to trial.steps."""
    bench.study(KEEPING.format(given="state=state, keep=2"), trials=1)
    assert bench("run", "study.yaml").code == 0
    point = bench.events("planned")[0]["params"] | {"from": str(bench.paths().trial(0).stable_checkpoint)}
    changes = {"name": "more", "sampler": "listed", "trials": None, "points": [point, {"x": 0.5}], "max_train_steps": 6}
    path = bench.study(KEEPING.format(given=given), **changes)
    return bench("run", path)


@pytest.mark.slow
@pytest.mark.parametrize("given", ["", "other=state"])
def test_a_script_that_ignores_the_checkpoint_it_is_given_is_told_of(bench, given):
    answer = continued(bench, given)
    assert answer.code == 0
    state, reason = bench.ended("more")[0]
    assert state == "completed"
    assert reason.startswith("it trained from its start: the script did not continue from")
    assert bench.ended("more")[1] == ("completed", None), "it was given none"
    assert "trained from its start" in " ".join(answer.err.split())


@pytest.mark.slow
def test_repeats_of_a_point_that_went_on_from_a_checkpoint_train_from_their_start_and_that_is_told(bench):
    assert continued(bench, "state=state").code == 0
    assert bench.ended("more")[0] == ("completed", None)
    answer = bench("repeat", "runs/more", "--trial", "0", "--seeds", "2")
    assert answer.code == 0
    said = " ".join(answer.err.split())
    assert "trial 0 continued from a checkpoint; repeats start from scratch, so they train all 6 steps" in said
    assert [record["step"] for record in bench.metrics(2, "more")] == [2, 4, 6]
    assert "went on" not in bench("repeat", "runs/more", "--trial", "1", "--seeds", "2").err


MEASURED = {
    "study": "toy",
    "verdict": "longer-pays",
    "max_train_steps": 16,
    "now": 4,
    "metric": "val_error",
    "learning_rate": "learning_rate",
    "headline": "Longer pays.",
    "points": [
        {
            "trial": 0,
            "verdict": "longer-pays",
            "seeds_needed": None,
            "lengths": [{"steps": 4, "best_learning_rate": {"value": 0.1, "interval": [0.08, 0.125]}}],
            "predictions": [{"steps": 16, "best_learning_rate": {"value": 0.05, "interval": [0.04, 0.0625]}}],
        }
    ],
}
RATES = {
    "trials": 12,
    "nuisance": {
        "learning_rate": {"min": 0.01, "max": 1.0, "scale": "log"},
        "schedule": ["linear", "cosine"],
        "x": {"min": 0.0, "max": 1.0},
    },
}


def test_rates_move_with_the_measured_drift_and_its_interval_is_their_range(bench):
    finish(bench, lambda p: abs(p["learning_rate"] - 0.1), **RATES)
    bench.write("runs/toy/report/horizon.json", json.dumps(MEASURED))
    spec = second(bench, "--max-train-steps", "16", "--add", "6")
    before = {trial.id: trial.params for trial in Store(bench.paths().dir).record().trials}
    carried = spec.points[:5]
    for trial, point in zip(spec.round.trials, carried, strict=True):
        assert point["learning_rate"] == pytest.approx(before[trial]["learning_rate"] / 2, rel=1e-3)
        assert (point["x"], point["schedule"]) == (before[trial]["x"], before[trial]["schedule"])
    new = spec.points[5:]
    assert len(new) == 6
    assert all(0.04 <= point["learning_rate"] <= 0.0625 for point in new)
    assert len({point["learning_rate"] for point in new}) == 6
    assert {point["schedule"] for point in new} == {"linear", "cosine"}
    rates = [point["learning_rate"] for point in spec.points]
    given = spec.nuisance["learning_rate"][0]
    assert (given.min, given.max) == pytest.approx((min(0.04, *rates), max(0.0625, *rates)))
    comments = " ".join((bench.folder / "second.yaml").read_text().replace("#", " ").split())
    assert "playbook horizon: the best value at this length is between 0.04 and 0.0625" in comments
    assert bench("plan", "second.yaml").code == 0


def test_new_points_without_a_measurement_lie_in_a_bracket_around_the_best_rate(bench):
    finish(bench, lambda p: abs(p["learning_rate"] - 0.1), **RATES)
    spec = second(bench, "--max-train-steps", "16", "--top", "2", "--add", "3")
    best = spec.points[0]["learning_rate"]
    assert all(best / 2 <= point["learning_rate"] <= best * 2 for point in spec.points[2:])
    assert bench("plan", "second.yaml").code == 0


def test_a_round_carries_as_many_points_as_its_ranking_needs_and_new_ones_do_not_disturb_it(bench):
    finish(bench, rising, trials=12)
    spec = second(bench, "--max-train-steps", "8", "--add", "2")
    assert (len(spec.points), len(spec.round.trials)) == (7, 5)
    assert bench("run", "second.yaml").code == 0
    findings = {f["rule"]: f for f in bench("report", "runs/toy-round2", "--json", "--no-html").json["findings"]}
    assert findings["ranking"]["evidence"]["points"] == 5


def test_new_points_are_of_a_round(bench):
    finish(bench, rising, trials=4)
    answer = bench("next", "runs/toy", "--add", "3")
    assert answer.code == 2
    assert "--add applies only to a round" in answer.err
