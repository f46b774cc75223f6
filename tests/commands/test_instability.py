"""`playbook instability` on trials whose stability is known: unstable above a rate that a warmup raises."""

from __future__ import annotations

import json
import math
import signal

import pytest

from playbook_cli.spec.load import load
from tests.commands.finished import finish

SCRIPT = """
import math, time

def train(trial):
    rate, warmup = trial.params["learning_rate"], trial.params.get("warmup_steps", 0)
    clip = trial.params.get("clip_norm")
    stable_up_to = {limit} * (1 + {raised} * warmup)
    for step in trial.steps():
        fall = math.exp(-step * rate / 2)
        bump = 3 * math.exp(-(((step - {when} - warmup) / 6) ** 2)) if rate > stable_up_to else 0.0
        norm = 0.5 + fall + 10 * bump
        if clip and norm > clip:
            bump *= 0.02
        time.sleep({pause})
        if trial.should_evaluate(step):
            trial.report(step, {report})
"""
LOSSES = "train_loss=2 * fall + bump + 0.1, val_error=abs(math.log(rate / 0.1))"
EARLY = {"limit": 0.15, "raised": 1, "when": 8, "pause": 0, "report": f"{LOSSES}, grad_norm=norm"}


def study(bench, script=None, **changes):
    """The folder of a study of three trials that is over; the best one's learning rate is 0.1."""
    keys = {
        "train": "scripted:train",
        "max_train_steps": 200,
        "eval_every": 50,
        "trials": None,
        "sampler": "grid",
        "nuisance": {"learning_rate": {"min": 0.01, "max": 1.0, "scale": "log", "points": 3}},
        "fixed": {"warmup_steps": 0, "clip_norm": None},
        "resources": {"gpus": 0, "retries": 0},
    }
    bench.write("scripted.py", SCRIPT.format(**{**EARLY, **(script or {})}))
    finish(bench, lambda params: abs(math.log(params["learning_rate"] / 0.1)), name="s", **{**keys, **changes})
    return "runs/s"


def probed(bench, *flags, script=None, **changes):
    """The JSON of a probe that has to end well."""
    answer = bench("instability", study(bench, script, **changes), "--json", *flags)
    assert answer.code == 0, answer.err
    return answer.json


@pytest.mark.slow
def test_what_is_stable_at_twice_the_best_rate_is_called_stable(bench):
    answer = probed(bench, script={"limit": 0.5})
    assert answer["verdict"] == "stable"
    assert {probe["multiple"]: probe["learning_rate"] for probe in answer["probes"]} == pytest.approx(
        {1.0: 0.1, 2.0: 0.2}
    )
    assert [answer[key] for key in ("unstable_learning_rate", "warmup", "clipping", "repair", "next")] == [None] * 5
    assert answer["steps_spent"] == 400
    assert {probe["last_step"] for probe in answer["probes"]} == {200}


@pytest.mark.slow
def test_instability_is_found_confirmed_and_mended(bench):
    answer = probed(bench, script={"raised": 2})
    assert answer.keys() == {
        "verdict", "study", "trial", "parameter", "learning_rate", "verdict_at_best", "unstable_learning_rate",
        "steps", "loss", "early_until", "probes", "warmup", "clipping", "repair", "steps_spent", "message",
        "remarks", "next",
    }  # fmt: skip
    assert answer["verdict"] == "unstable-early"
    assert answer["verdict_at_best"] == "stable"
    assert "at the best learning rate itself (0.1), training is stable" in answer["message"]
    assert answer["unstable_learning_rate"] == 0.2
    assert [probe["verdict"] for probe in answer["probes"]] == ["stable", "unstable", "unstable"]
    warmup = answer["warmup"]
    # 0.15 x (1 + 2 x steps) has to reach ten times 0.2: of 20, 10, 5, 2 steps that is 10
    assert (warmup["steps"], warmup["peak_multiple"], warmup["peak_learning_rate"]) == (10, 10.0, 2.0)
    assert [rung["warmup"] for rung in warmup["ladder"]] == [20, 10, 5]
    clipping = answer["clipping"]
    assert clipping["probe"]["verdict"] == "stable"
    assert clipping["share_clipped"] < 0.5
    assert not clipping["too_often"]
    assert answer["repair"] == "warmup"
    assert answer["next"] == "playbook instability runs/s --output s-warmup.yaml"


@pytest.mark.slow
def test_what_is_unstable_at_the_best_rate_itself_is_said_to_be(bench):
    answer = probed(bench, script={"limit": 0.05, "raised": 2})
    assert answer["verdict"] == "unstable-early"
    assert answer["verdict_at_best"] == "unstable"
    assert answer["unstable_learning_rate"] == answer["learning_rate"]
    assert "at the best learning rate (0.1)" in answer["message"]


@pytest.mark.slow
def test_where_ten_times_the_rate_can_not_be_reached_the_ladder_says_so_and_ends_lower(bench):
    folder = study(bench, {"raised": 0.2})
    text = " ".join(bench("instability", folder).out.split())
    assert "unstable early: at 2x the best learning rate (0.2)" in text
    assert "10x that rate (2) stable; no warmup of up to 20 steps" in text
    assert "makes 0.4 stable (2x the unstable rate)" in text


@pytest.mark.slow
def test_instability_that_begins_beyond_any_warm_up_is_later(bench):
    answer = probed(bench, script={"when": 100, "raised": 0})
    assert answer["verdict"] == "unstable-later"
    assert answer["warmup"]["steps"] is None
    assert answer["repair"] == "clipping"


@pytest.mark.slow
def test_clipping_more_than_half_of_the_updates_is_no_repair(bench):
    loud = {"raised": 0, "report": f"{LOSSES}, grad_norm=norm if rate <= 0.15 else 100.0"}
    answer = probed(bench, script=loud)
    assert answer["clipping"]["share_clipped"] == 1.0
    assert answer["clipping"]["too_often"]
    assert answer["repair"] is None
    text = " ".join(bench("instability", "runs/s").out.split())
    assert "lower the learning rate instead" in text
    assert "another optimizer" in text


@pytest.mark.slow
def test_a_rate_that_diverges_is_unstable(bench):
    diverging = LOSSES.replace("+ bump", "+ (math.nan if bump > 2 else 0.0)")
    answer = probed(bench, script={"report": diverging})
    assert answer["verdict"] == "unstable-early"
    assert answer["probes"][1]["state"] == "infeasible"


@pytest.mark.slow
def test_without_norms_and_without_a_warm_up_it_says_what_to_add(bench):
    folder = study(bench, {"report": LOSSES}, fixed={"batch_size": 8})
    text = " ".join(bench("instability", folder).out.split())
    assert "unstable early" in text
    assert "trial.grad_norm(model.parameters())" in text
    assert "playbook_cli.schedules.scheduler" in text


@pytest.mark.slow
def test_a_warm_up_that_the_study_does_not_name_can_be_named(bench):
    answer = probed(bench, "--warmup", "warmup_steps", fixed={"batch_size": 8})
    assert answer["warmup"]["steps"] == 20
    assert "warmup_steps" not in bench.events("planned", "s-instability")[0]["params"]


@pytest.mark.slow
def test_runs_end_at_the_step_that_is_asked_for_and_keep_no_checkpoints(bench):
    answer = probed(bench, "--steps", 60)
    assert {probe["last_step"] for probe in answer["probes"]} == {60}
    assert not list(bench.paths("s-instability").dir.glob("trials/*/checkpoints"))


@pytest.mark.slow
def test_the_second_time_nothing_is_trained(bench):
    first = probed(bench)
    events = len(bench.events(name="s-instability"))
    again = bench("instability", "study.yaml", "--json").json
    assert first["next"] == "playbook instability runs/s --output s-warmup.yaml"
    assert again == first | {"next": "playbook instability study.yaml --output s-warmup.yaml"}
    assert len(bench.events("started", "s-instability")) == len(bench.events("planned", "s-instability"))
    assert len(bench.events(name="s-instability")) == events


@pytest.mark.slow
def test_a_killed_probe_goes_on_where_it_was(bench):
    folder = study(bench, {"pause": 0.01})
    process = bench.spawn("instability", folder)
    bench.wait(lambda: len(bench.events("ended", "s-instability")) >= 2, "two runs to end")
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {event["trial"] for event in bench.events("ended", "s-instability")}
    answer = bench("instability", folder, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["verdict"] == "unstable-early"
    started = [event["trial"] for event in bench.events("started", "s-instability")]
    assert all(started.count(trial) == 1 for trial in before)


@pytest.mark.slow
def test_a_run_that_a_killed_probe_was_training_is_trained_to_its_end_and_not_planned_again(bench):
    first = probed(bench)
    log = bench.paths("s-instability").journal
    lines = log.read_text().splitlines()
    last = max(n for n, line in enumerate(lines) if json.loads(line)["event"] == "ended")
    number = json.loads(lines.pop(last))["trial"]
    log.write_text("\n".join(lines) + "\n")
    bench.paths("s-instability").trial(number).metrics.write_text("")
    again = bench("instability", "runs/s", "--json").json
    assert again["probes"] == first["probes"]
    assert again["warmup"] == first["warmup"]
    started = {run["trial"] for run in bench.events("started", "s-instability")}
    assert len(bench.events("planned", "s-instability")) == len(started)


@pytest.mark.slow
def test_a_threshold_at_which_the_study_clips_already_is_no_new_run(bench):
    norm = {"raised": 0, "report": f"{LOSSES}, grad_norm=100.0"}
    answer = probed(bench, script=norm, fixed={"warmup_steps": 0, "clip_norm": 100.0})
    assert answer["clipping"]["threshold"] == 100.0
    assert answer["clipping"]["probe"]["trial"] == answer["probes"][1]["trial"]


@pytest.mark.slow
def test_the_studys_own_warm_up_is_trained_to_its_end_and_beyond(bench):
    late = {"limit": 0.15, "raised": 0, "when": 10}
    answer = probed(bench, "--steps", 30, script=late, fixed={"warmup_steps": 40, "clip_norm": None})
    assert {probe["last_step"] for probe in answer["probes"]} == {120}
    assert answer["verdict"].startswith("unstable")


@pytest.mark.slow
def test_a_metric_of_which_more_is_better_is_judged_with_its_sign(bench):
    report = {"limit": 0.15, "raised": 1, "report": "val_acc=1 - 0.4 * fall - 0.2 * bump"}
    answer = probed(bench, "--trial", 1, script=report, metric={"name": "val_acc", "goal": "maximize"})
    assert (answer["verdict"], answer["loss"]) == ("unstable-early", "-val_acc")
    assert "-val_acc rises by" in answer["message"]
    assert -1.0 <= answer["probes"][0]["lowest"] <= -0.9


@pytest.mark.slow
def test_it_can_be_asked_for_from_inside_the_studys_folder(bench, monkeypatch):
    folder = study(bench)
    monkeypatch.chdir(bench.folder / folder)
    answer = bench("instability", ".", "--json")
    assert answer.code == 0, answer.err
    assert bench.paths("s-instability").dir.is_dir()


@pytest.mark.slow
def test_options_that_were_given_are_given_again_to_write(bench):
    answer = probed(bench, "--steps", 150, "--trial", 1)
    assert answer["next"] == "playbook instability runs/s --trial 1 --steps 150 --output s-warmup.yaml"


@pytest.mark.slow
def test_all_runs_have_the_seed_of_the_trial_and_its_point(bench):
    probed(bench)
    best = bench.events("planned", "s")[1]
    runs = bench.events("planned", "s-instability")
    assert {run["seed"] for run in runs} == {best["seed"]}
    assert runs[0]["params"] == best["params"]


@pytest.mark.slow
def test_the_study_that_is_written_has_the_warm_up_prepended_and_a_reason_for_each_change(bench):
    folder = study(bench, {"raised": 2})
    answer = bench("instability", folder, "--write", "mended.yaml")
    assert answer.code == 0, answer.err
    assert "-> playbook run mended.yaml" in answer.out
    written, source = load(bench.folder / "mended.yaml")
    assert (written.name, written.max_train_steps, written.fixed["warmup_steps"]) == ("s-warmup", 210, 10)
    assert written.nuisance["learning_rate"][0].max == 2.0
    lines = (bench.folder / "mended.yaml").read_text().splitlines()
    for key in (("max_train_steps",), ("nuisance", "learning_rate"), ("seed",)):
        assert lines[source.lines[key] - 2].strip().startswith("#")
    again = bench("instability", folder, "--write", "mended.yaml")
    assert (again.code, "this file already exists" in again.err) == (2, True)


@pytest.mark.slow
def test_where_nothing_needs_mending_nothing_is_written(bench):
    answer = bench("instability", study(bench, {"limit": 0.5}), "--write", "mended.yaml")
    assert answer.code == 0
    assert "mended.yaml was not written" in answer.err
    assert not (bench.folder / "mended.yaml").exists()


@pytest.mark.slow
def test_the_page_loads_nothing_and_shows_the_answer(bench):
    probed(bench)
    page = (bench.paths("s-instability").report / "instability.html").read_text()
    assert "unstable early: at 2x the best learning rate (0.2)" in page
    assert "gradient norm" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "<script" not in page


@pytest.mark.slow
def test_few_evaluations_are_undecided(bench):
    rare = SCRIPT.format(**EARLY).replace("trial.should_evaluate(step)", "step % 50 == 0")
    study(bench)
    bench.write("scripted.py", rare)
    answer = bench("instability", "runs/s", "--json")
    assert answer.json["verdict"] == "undecided"
    assert "needs at least" in answer.json["message"]


@pytest.mark.slow
def test_other_settings_need_another_folder(bench):
    probed(bench)
    answer = bench("instability", "runs/s", "--steps", 50)
    assert answer.code == 2
    assert "--anew" in answer.err
    assert bench("instability", "runs/s", "--steps", 50, "--anew").code == 0
    assert (bench.folder / "runs/s-instability.1").is_dir()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--learning-rate", "lr"], "no hyperparameter lr"),
        (["--learning-rate", "note"], "not a learning rate"),
        (["--learning-rate", "warmup_steps"], "not a learning rate"),
        (["--warmup", "note"], "not a number of warmup steps"),
        (["--clip", "note"], "clipped at a number"),
        (["--clip", "learning_rate"], "can be only one of"),
        (["--loss", "nothing"], "does not report nothing"),
        (["--trial", 99], "no trial with this number"),
        (["--steps", 1000], "more than max_train_steps"),
    ],
)
def test_bad_input_is_refused_in_words(bench, flags, said):
    folder = study(bench, fixed={"warmup_steps": 0, "note": "text"})
    answer = bench("instability", folder, *flags)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_study_without_a_completed_trial_has_no_best_rate(bench):
    finish(bench, lambda params: 1.0, name="s", nuisance={"learning_rate": {"min": 0.1, "max": 1.0}})
    journal = bench.paths("s").journal
    journal.write_text(journal.read_text().replace('"completed"', '"infeasible"'))
    answer = bench("instability", "runs/s")
    assert answer.code == 2
    assert "no trial has completed" in answer.err


def test_an_imported_study_has_no_program_to_run(bench):
    bench.write("table.csv", "learning_rate,step,val_error\n0.1,1,0.5\n0.2,1,0.4\n")
    assert bench("import", "table.csv", "--into", "runs/s", "--metric", "val_error").code == 0
    answer = bench("instability", "runs/s")
    assert answer.code == 2
    assert "imported" in answer.err


def test_a_run_that_crashes_is_named(bench):
    folder = study(bench)
    bench.write("scripted.py", SCRIPT.format(**{**EARLY, "report": "val_error=1 / (rate < 0.15)"}))
    answer = bench("instability", folder)
    assert answer.code == 1
    assert "trial 1" in answer.err
