"""`playbook lr-sweep` on trials whose steps to fit are known."""

from __future__ import annotations

import json
import os
import shlex
import signal

import pytest

from playbook_cli.files import journal
from tests.sweep.scripted import VALLEY, curve, study

SWEEP = "s-lr-sweep"


def swept(bench, body=VALLEY, *flags, **changes):
    """The JSON of a sweep that has to end well."""
    answer = bench("lr-sweep", study(bench, body, **changes), "--json", *flags)
    assert answer.code == 0, answer.err
    return answer.json


def fits(answer):
    return {point["learning_rate"]: point["steps_to_fit"] for point in answer["grid"]}


@pytest.mark.slow
def test_an_optimum_inside_the_grid_is_found_to_the_step(bench):
    answer = swept(bench)
    assert answer.keys() == {
        "verdict",
        "max_train_steps",
        "learning_rate",
        "grid",
        "steps_spent",
        "steps_of_full_grid",
    }
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 0.1)
    assert [point["learning_rate"] for point in answer["grid"]] == [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0]
    assert {point["state"] for point in answer["grid"]} == {"completed"}


@pytest.mark.slow
def test_racing_answers_as_the_full_grid_does_and_spends_less(bench):
    raced = swept(bench)
    full = swept(bench, VALLEY, "--no-race", "--anew")
    assert fits(full) == {1e-4: 160, 1e-3: 120, 1e-2: 80, 0.1: 37, 1.0: 80, 10.0: 120}
    assert [raced[key] for key in ("verdict", "max_train_steps", "learning_rate")] == ["ok", 37, 0.1]
    assert raced["steps_of_full_grid"] == full["steps_of_full_grid"] == 1200
    assert full["steps_spent"] == 40 + 37 + 80 + 80 + 120 + 120 + 160
    assert raced["steps_spent"] < full["steps_spent"]


@pytest.mark.slow
@pytest.mark.parametrize(("low", "high", "open_edge"), [(1e-6, 1e-2, "upper"), (1.0, 1e3, "lower")])
def test_a_grid_beside_the_optimum_grows_until_it_is_inside(bench, low, high, open_edge):
    grid = {"min": low, "max": high, "points": 5 if open_edge == "upper" else 4}
    answer = swept(bench, lr_sweep=grid)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 0.1)
    held = swept(bench, VALLEY, "--no-extend", "--anew", lr_sweep=grid)
    assert (held["verdict"], held["max_train_steps"], held["learning_rate"]) == ("edge", None, None)
    text = bench("lr-sweep", "study.yaml", "--no-extend")
    assert f"is at the {open_edge} edge" in text.out
    assert f"--{'max' if open_edge == 'upper' else 'min'}" in text.out


@pytest.mark.slow
def test_an_optimum_beyond_the_limit_stays_at_the_edge(bench):
    answer = swept(bench, lr_sweep={"min": 1e-8, "max": 1e-5, "points": 4, "steps": 400})
    assert (answer["verdict"], answer["max_train_steps"]) == ("edge", None)
    assert max(fits(answer)) == pytest.approx(1e-2)


@pytest.mark.slow
def test_an_optimum_right_below_divergence_is_inside(bench):
    body = curve('return "diverges" if x > 0.5 else round(50 - 10 * x)')
    answer = swept(bench, body)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 50, 1.0)
    assert [point["state"] for point in answer["grid"]][-2:] == ["completed", "infeasible"]
    text = bench("lr-sweep", "study.yaml")
    assert "the next higher learning rate diverges" in text.out.lower()


@pytest.mark.slow
def test_the_grid_grows_into_divergence_and_stops_there(bench):
    body = curve('return "diverges" if x > 0.5 else round(50 - 10 * x)')
    answer = swept(bench, body, lr_sweep={"max": 1.0, "points": 5})
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 50, 1.0)
    assert [point["state"] for point in answer["grid"]][-1] == "infeasible"


@pytest.mark.slow
def test_on_a_plateau_the_middle_is_taken(bench):
    body = curve("return 37 if -2.5 < x < 0.5 else 90")
    answer = swept(bench, body)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 0.1)
    assert fits(answer)[0.01] == fits(answer)[0.1] == fits(answer)[1.0] == 37


@pytest.mark.slow
def test_a_plateau_up_to_the_edge_is_an_edge_until_its_end_is_seen(bench):
    body = curve("return 37 if -0.5 < x < 2.5 else 90")
    held = swept(bench, body, "--no-extend")
    assert (held["verdict"], held["max_train_steps"]) == ("edge", None)
    answer = swept(bench, body)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 10.0)


@pytest.mark.slow
def test_fits_that_differ_by_less_than_an_evaluation_are_told_apart(bench):
    body = curve("return {-2: 39, -1: 33, 0: 36}.get(round(x), 90)")
    answer = swept(bench, body)
    assert (answer["max_train_steps"], answer["learning_rate"]) == (33, 0.1)
    assert fits(answer)[0.01] == 39
    assert fits(answer)[1.0] == 36


@pytest.mark.slow
def test_where_nothing_fits_there_is_no_number_but_what_came_closest(bench):
    answer = swept(
        bench, curve('return "never"'), unfit="abs(math.log10(trial.params['learning_rate']) + 1) / 10 + 0.1"
    )
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("never-fits", None, None)
    assert set(fits(answer).values()) == {None}
    assert answer["steps_spent"] == answer["steps_of_full_grid"] == 6 * 200
    text = bench("lr-sweep", "study.yaml").out
    assert "0.1 comes closest: 0.1" in " ".join(text.split())
    assert "train_loss falling" in text
    assert "compute-bound" in text


@pytest.mark.slow
def test_where_nothing_fits_and_the_closest_is_at_an_edge_the_grid_grows(bench):
    answer = swept(
        bench,
        curve("return round(150 + 40 * abs(x - 2)) if x > 0.5 else 'never'"),
        unfit="abs(math.log10(trial.params['learning_rate']) - 2) / 10 + 0.1",
        lr_sweep={"max": 1.0, "points": 5},
    )
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 150, 100.0)


@pytest.mark.slow
def test_where_all_are_equally_far_from_fitting_the_grid_does_not_grow(bench):
    answer = swept(bench, curve('return "never"'))
    assert answer["verdict"] == "never-fits"
    assert len(answer["grid"]) == 6


@pytest.mark.slow
def test_where_everything_diverges_lower_rates_are_tried(bench):
    answer = swept(bench, curve('return "diverges" if x > -4.5 else 60 if x > -5.5 else 90'))
    assert (answer["verdict"], answer["max_train_steps"]) == ("ok", 60)


@pytest.mark.slow
def test_a_metric_of_which_more_is_better_can_be_the_target(bench):
    path = study(bench)
    script = bench.folder / "scripted.py"
    script.write_text(script.read_text().replace("train_error=0.0 if fits else 1.0", "train_accuracy=float(fits)"))
    answer = bench("lr-sweep", path, "--target", "train_accuracy>=1", "--json")
    assert answer.json["max_train_steps"] == 37
    refused = bench("lr-sweep", path, "--target", "train_accuracy=1", "--json", "--anew")
    assert refused.code == 2
    assert "--target" in refused.err


@pytest.mark.slow
def test_finding_n_doubles_until_something_fits(bench):
    answer = bench("lr-sweep", study(bench, lr_sweep={"find": True, "steps": None}), "--json")
    assert (answer.json["verdict"], answer.json["max_train_steps"]) == ("ok", 37)
    assert answer.json["steps_of_full_grid"] == 6 * 40  # 20 steps are too few, 40 are enough
    stops = [bench.paths("s-lr-find").trial(number).metrics for number in range(12)]
    assert max(record["step"] for path in stops[:6] for record in journal.read(path)) == 20


@pytest.mark.slow
def test_finding_n_gives_up_at_the_limit(bench):
    path = study(bench, curve('return "never"'))
    answer = bench("lr-sweep", path, "--find", "--steps", 50, "--json")
    assert answer.json["verdict"] == "never-fits"
    assert answer.json["steps_spent"] == 6 * (20 + 40 + 50)
    assert (
        "no learning rate reaches train_error <= 0 within 50 steps"
        in bench("lr-sweep", path, "--find", "--steps", 50).out
    )


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on_and_answers_the_same(bench):
    path = study(bench)
    script = bench.folder / "scripted.py"
    script.write_text(
        script.read_text().replace("if trial.should", "__import__('time').sleep(0.01)\n        if trial.should")
    )
    running = bench.spawn("lr-sweep", path, "--json", "--jobs", 2)
    bench.wait(
        lambda: len(bench.events("ended", SWEEP)) >= 2 if bench.paths(SWEEP).journal.exists() else 0, "two trials"
    )
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    answer = bench("lr-sweep", path, "--json")
    assert (answer.json["verdict"], answer.json["max_train_steps"], answer.json["learning_rate"]) == ("ok", 37, 0.1)
    assert [event["trial"] for event in bench.events("planned", SWEEP)] == list(range(7))
    assert bench.processes() == []


@pytest.mark.slow
def test_the_last_trial_that_a_killed_sweep_was_training_is_trained_to_its_end(bench):
    first = swept(bench)
    log, best = bench.paths(SWEEP).journal, first["learning_rate"]
    events = [json.loads(line) for line in log.read_text().splitlines()]
    number = next(e["trial"] for e in bench.events("planned", SWEEP) if e["params"]["learning_rate"] == best)
    kept = [event for event in events if (event["event"], event.get("trial")) != ("ended", number)]
    log.write_text("".join(f"{json.dumps(event)}\n" for event in kept))
    bench.paths(SWEEP).trial(number).metrics.write_text("")
    again = bench("lr-sweep", "study.yaml", "--json").json
    assert (again["verdict"], again["max_train_steps"], again["learning_rate"]) == ("ok", 37, best)


@pytest.mark.slow
def test_ctrl_c_leaves_a_sweep_that_goes_on(bench):
    path = study(bench)
    script = bench.folder / "scripted.py"
    slow, fast = (
        script.read_text().replace("if trial.should", "__import__('time').sleep(0.05)\n        if trial.should"),
        script.read_text(),
    )
    script.write_text(slow)
    running = bench.spawn("lr-sweep", path)
    bench.wait(lambda: bench.paths(SWEEP).journal.exists() and bench.events("started", SWEEP), "a trial")
    running.send_signal(signal.SIGINT)
    stopped = bench.finish(running)
    assert stopped.code == 130
    assert stopped.out == ""
    script.write_text(fast)
    assert bench("lr-sweep", path, "--code-changed", "--json").json["max_train_steps"] == 37


@pytest.mark.slow
def test_asked_again_it_answers_from_what_is_there(bench):
    first = swept(bench)
    events = bench.events(name=SWEEP)
    assert bench("lr-sweep", "study.yaml", "--json").json == first
    assert bench.events(name=SWEEP) == events


@pytest.mark.slow
def test_other_learning_rates_join_those_that_are_there(bench):
    swept(bench)
    answer = bench("lr-sweep", "study.yaml", "--points", 11, "--json").json
    assert len(answer["grid"]) == 11
    assert len(bench.events("planned", SWEEP)) <= 13


@pytest.mark.slow
def test_a_sweep_under_other_settings_is_refused_until_it_is_set_aside(bench):
    swept(bench)
    refused = bench("lr-sweep", "study.yaml", "--steps", 100)
    assert refused.code == 2
    assert "max_train_steps" in refused.err
    assert "--anew" in refused.err
    assert bench("lr-sweep", "study.yaml", "--steps", 100, "--anew", "--json").json["max_train_steps"] == 37
    assert (bench.folder / "runs" / f"{SWEEP}.1" / "study.yaml").exists()


@pytest.mark.slow
def test_it_is_a_study_that_status_and_report_read(bench):
    swept(bench)
    status = bench("status", f"runs/{SWEEP}", "--json")
    assert status.json["trials"] == {
        "planned": 7,
        "completed": 7,
        "infeasible": 0,
        "failed": 0,
        "running": 0,
        "pending": 0,
    }
    report = bench("report", f"runs/{SWEEP}", "--json")
    assert report.code == 0
    reasons = [trial["reason"] for trial in report.json["trials"]]
    assert any("cannot win" in (reason or "") for reason in reasons)


@pytest.mark.slow
def test_the_answer_is_drawn_in_the_terminal_and_in_files(bench):
    answer = bench("lr-sweep", study(bench))
    assert answer.out.startswith("max_train_steps = 37: at learning rate 0.1 ")
    assert "@ fastest" in answer.out
    assert "7 trials" not in answer.out
    assert "steps spent" in answer.out
    report = bench.paths(SWEEP).report
    assert (report / "lr-sweep.png").read_bytes().startswith(b"\x89PNG")
    page = (report / "lr-sweep.html").read_text()
    assert "max_train_steps = 37" in page
    assert "<script" not in page
    assert 'src="' not in page


@pytest.mark.slow
def test_what_is_turned_off_and_held_still_is_said(bench):
    path = study(
        bench,
        nuisance={
            "learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"},
            "beta": {"min": 0.01, "max": 1.0, "scale": "log"},
        },
        scientific={"layers": [2, 3]},
        fixed={"dropout": 0.3, "label_smoothing": 0.0, "ema_decay": 0.9},
        lr_sweep={"off": {"dropout": 0.0}, "harmless": ["ema_decay"]},
    )
    answer = bench("lr-sweep", path)
    assert "turned off: dropout = 0.0, label_smoothing = 0.0" in answer.err
    assert "layers = 2, the first of its values" in answer.err
    assert "beta = 0.1, the middle of its range on a log scale" in answer.err
    assert "harmless according to the study file: ema_decay" in answer.err
    params = json.loads(bench.paths(SWEEP).trial(0).params.read_text())
    assert params == {
        "learning_rate": 0.1,
        "layers": 2,
        "beta": 0.1,
        "dropout": 0.0,
        "label_smoothing": 0.0,
        "ema_decay": 0.9,
    }


@pytest.mark.slow
def test_what_looks_like_regularization_must_be_turned_off(bench):
    refused = bench("lr-sweep", study(bench, fixed={"weight_decay": 1e-4}))
    assert refused.code == 2
    assert "study.yaml:" in refused.err
    assert "weight_decay would be on" in refused.err
    assert not (bench.folder / "runs").exists()
    assert bench("lr-sweep", "study.yaml", "--harmless", "weight_decay", "--json").json["max_train_steps"] == 37


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--points", "1"], "--points"),
        (["--steps", "0"], "--steps"),
        (["--min", "1", "--max", "0.1"], "min must be less than max"),
        (["--min", "-1"], "--min"),
        (["--parameter", "lr"], "this study has no hyperparameter named lr"),
        (["--target", "low"], "--target"),
        (["--target", "train_error=nan"], "--target"),
        (["--off", "dropout"], "--off"),
        (["--off", "learning_rate=0.1"], "the sweep varies learning_rate"),
        (["--eval-every", "500"], "--eval-every"),
    ],
)
def test_bad_options_are_refused_with_one_message_and_nothing_is_written(bench, flags, said):
    refused = bench("lr-sweep", study(bench), *flags)
    assert refused.code == 2
    assert said in refused.err
    assert "Traceback" not in refused.err
    assert refused.out == ""
    assert not (bench.folder / "runs").exists()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"points": 1}, "lr_sweep.points"),
        ({"min": 1.0, "max": 1.0}, "lr_sweep.min"),
        ({"parameter": "lr"}, "lr_sweep.parameter"),
        ({"steps": 0}, "lr_sweep.steps"),
        ({"target": {"metric": "train_accuracy"}}, "lr_sweep.target"),
    ],
)
def test_a_bad_section_is_refused_with_its_line(bench, section, said):
    refused = bench("lr-sweep", study(bench, lr_sweep=section))
    assert refused.code == 2
    assert said in refused.err
    assert "study.yaml:" in refused.err
    assert not (bench.folder / "runs").exists()


def test_a_script_that_does_not_report_the_target_is_told_so(bench):
    refused = bench("lr-sweep", study(bench), "--target", "train_loss_of_all=0", "--json")
    assert refused.code == 2
    assert "does not report the target's metric, train_loss_of_all" in refused.err
    assert "it reports train_loss, train_error" in refused.err
    assert refused.out == ""


@pytest.mark.slow
def test_a_program_that_knows_nothing_of_targets_is_watched_and_stopped(bench):
    path = study(bench, train=None, command=["${python}", "plain.py"])
    bench.write(
        "plain.py",
        """
        import json, math, os, time

        with open(os.environ["PLAYBOOK_PARAMS"]) as file:
            need = 40 + 40 * abs(math.log10(json.load(file)["learning_rate"]) + 1)
        with open(os.environ["PLAYBOOK_METRICS"], "a") as metrics:
            for step in range(7, int(os.environ["PLAYBOOK_MAX_TRAIN_STEPS"]) + 1, 7):
                time.sleep(0.005)
                metrics.write(json.dumps({"step": step, "train_error": float(step < need)}) + "\\n")
                metrics.flush()
        """,
    )
    answer = bench("lr-sweep", path)
    assert answer.out.startswith("max_train_steps = 42: at learning rate 0.1 ")
    assert "up to 6 steps earlier" in " ".join(answer.out.split())


def test_a_script_that_crashes_is_failed_work(bench):
    path = study(bench, curve("raise RuntimeError('broken')"), resources={"gpus": 0, "retries": 0})
    answer = bench("lr-sweep", path, "--json")
    assert answer.code == 1
    assert "broken" in answer.err
    assert answer.out == ""


def test_a_search_for_n_whose_later_rounds_all_crash_is_failed_work(bench):
    path = study(bench, curve('return "never"'), resources={"gpus": 0, "retries": 0})
    script = bench.folder / "scripted.py"
    broken = "def train(trial):\n    assert trial.eval_every == 1, 'broken'"
    script.write_text(script.read_text().replace("def train(trial):", broken))
    answer = bench("lr-sweep", path, "--find", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert " trials all crashed; trial " in answer.err
    assert "broken" in answer.err


@pytest.mark.slow
def test_a_learning_rate_that_crashes_bounds_nothing(bench):
    body = curve("return 50 - 10 * round(x) if x < 0.5 else 1 / 0")
    answer = swept(bench, body, "--no-extend", resources={"gpus": 0, "retries": 0})
    assert answer["verdict"] == "edge"
    assert [point["state"] for point in answer["grid"]][-1] == "failed"
    crashed = max(bench.events("planned", SWEEP), key=lambda event: event["params"]["learning_rate"])["trial"]
    assert [event["trial"] for event in bench.events("started", SWEEP)].count(crashed) == 1


@pytest.mark.slow
def test_the_number_is_written_into_the_study_file_and_nothing_else_changes(bench):
    path = study(bench)
    yaml = """# mine
name: s
train: scripted:train
metric: {name: val_error}   # é
max_train_steps: 3_00   # a guess
trials: 4
nuisance:
  learning_rate: {min: 1e-3, max: 1.0, scale: log}
resources: {gpus: 0}
lr_sweep: {min: 1e-4, max: 10, points: 6, steps: 200, eval_every: 10}"""
    path.write_bytes(yaml.replace("\n", "\r\n").encode())
    before = path.read_bytes().split(b"\r\n")
    refused = bench("lr-sweep", path, "-o", path)
    assert (refused.code, "this file already exists" in refused.err, "--overwrite" in refused.err) == (2, True, True)
    assert path.read_bytes().split(b"\r\n") == before
    assert bench("lr-sweep", path, "-o", path, "--overwrite", "--json").code == 0
    after = path.read_bytes().split(b"\r\n")
    assert after[4].startswith(b"max_train_steps: 37  # playbook lr-sweep")
    assert b"was 300" in after[4]
    assert after[:4] + after[5:] == before[:4] + before[5:]


@pytest.mark.slow
def test_the_command_that_is_advised_has_the_options_that_were_given(bench):
    study(bench)
    said = bench("lr-sweep", "study.yaml", "--eval-every", 1, "--no-race").out
    assert "-> playbook lr-sweep study.yaml --eval-every 1 --no-race --output study.yaml --overwrite" in " ".join(
        said.split()
    )
    assert bench("lr-sweep", "study.yaml", "--eval-every", 1, "--no-race", "--json").code == 0


def test_an_unknown_is_never_written(bench):
    path = study(bench, curve('return "never"'))
    before = path.read_bytes()
    assert bench("lr-sweep", path, "-o", path, "--overwrite").code == 0
    assert path.read_bytes() == before


def test_a_sweep_that_is_interrupted_when_all_is_trained_says_so(bench, monkeypatch):
    def drawn(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("playbook_cli.report.html.write", drawn)
    answer = bench("lr-sweep", study(bench, VALLEY))
    assert (answer.code, answer.err.splitlines()[-1]) == (130, "interrupted; run the same command again to resume")


HIDDEN = """
import math
{get}
slow = 1 + 3 * p["dropout"] + (2 if p["augment"] else 0)
fit = 40 * slow * (1 + (math.log10(p["learning_rate"]) + 2) ** 2)
for step in trial.steps():
    if trial.should_evaluate(step):
        trial.report(step, train_error=max(0.0, 1 - step / fit))
"""
OWN = (
    "from playbook_cli import current_trial\n"
    "trial = current_trial(defaults={'dropout': 0.5, 'augment': True, 'weight_decay': 0.1, 'learning_rate': 0.01})\n"
    "p = trial.params"
)


def hidden(bench, **lr_sweep):
    bench.write("hidden.py", HIDDEN.format(get=OWN))
    sweep = {"max": 1.0, "points": 5, "steps": 600} | lr_sweep
    return study(bench, train=None, command=["${python}", "hidden.py"], lr_sweep=sweep)


@pytest.mark.slow
def test_regularization_that_a_script_sets_itself_is_refused_with_the_line_to_add_and_then_turned_off(bench):
    refused = bench("lr-sweep", hidden(bench))
    assert refused.code == 2
    assert refused.out == ""
    assert "study.yaml:" in refused.err
    assert "dropout = 0.5, augment = True" in refused.err
    assert "weight_decay" not in refused.err  # never read
    assert "lr_sweep: {off: {dropout: 0.0, augment: false}}" in refused.err
    assert "{harmless: [dropout, augment]}" in refused.err
    assert bench.processes() == []
    answer = bench("lr-sweep", hidden(bench, off={"dropout": 0.0, "augment": False}), "--json")
    assert (answer.json["verdict"], answer.json["max_train_steps"]) == ("ok", 40)
    assert "the earlier one was moved to" in answer.err


@pytest.mark.slow
def test_regularization_of_the_script_may_be_declared_harmless(bench):
    assert bench("lr-sweep", hidden(bench)).code == 2
    answer = bench("lr-sweep", hidden(bench, harmless=["augment"], off={"dropout": 0.0}), "--json")
    assert answer.json["max_train_steps"] == 120


def test_a_default_beside_the_name_of_a_hyperparameter_counts_as_the_scripts_own(bench):
    path = study(bench)
    script = bench.folder / "scripted.py"
    script.write_text(
        script.read_text().replace("def train(trial):", "def train(trial):\n    trial.params.get('wd', 0.1)")
    )
    refused = bench("lr-sweep", path, "--find")
    assert refused.code == 2
    assert "the script itself sets wd = 0.1" in refused.err


ARGUMENTS = """
import argparse, math
parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float)
parser.add_argument("--dropout", type=float, default=0.5)
parser.add_argument("--no-augment", action="store_true")
args = parser.parse_args()
fit = 40 * (1 + 3 * args.dropout + 2 * (not args.no_augment)) * (1 + (math.log10(args.learning_rate) + 2) ** 2)
for step in range(1, 601):
    print(f"step {step} train_error {max(0.0, 1 - step / fit)}", flush=True)
"""
METRIC = {"name": "train_error"}
PRINTED = {"stdout": [r"step (?P<step>\d+) train_error (?P<train_error>\S+)"]}


def arguments(bench, *words, args=None, **changes):
    bench.write("plain.py", ARGUMENTS)
    sweep = {"max": 1.0, "points": 3, "steps": 600, "eval_every": 1} | changes.pop("lr_sweep", {})
    command = ["${python}", "plain.py", *words]
    return study(
        bench, train=None, command=command, metrics=PRINTED, metric=METRIC, args=args, lr_sweep=sweep, **changes
    )


@pytest.mark.slow
def test_the_arguments_of_a_program_are_judged_before_anything_runs(bench):
    refused = bench("lr-sweep", arguments(bench, "${args}"))
    assert refused.code == 2
    assert "dropout = 0.5, no_augment = False" in refused.err
    assert "{off: {dropout: 0.0, no_augment: true}}" in refused.err
    assert not (bench.folder / "runs").exists()
    assert "fixed: {no_augment: false} and args: {names: {no_augment: no-augment}}" in refused.err
    off = {"dropout": 0.0, "no_augment": True}
    args = {"booleans": "flag", "names": {"no_augment": "no-augment"}}
    named = arguments(bench, "${args}", args=args, fixed={"no_augment": False}, lr_sweep={"off": off})
    answer = bench("lr-sweep", named, "--json")
    assert (answer.json["verdict"], answer.json["max_train_steps"]) == ("ok", 40)


@pytest.mark.slow
def test_what_the_command_says_outright_counts(bench):
    rate = "--learning_rate=${learning_rate}"
    refused = bench("lr-sweep", arguments(bench, rate, "--no-augment", "--dropout", "0.2"))
    assert refused.code == 2
    assert "the script itself sets dropout = 0.2," in refused.err
    answer = bench("lr-sweep", arguments(bench, rate, "--no-augment", "--dropout=0"), "--json")
    assert answer.json["max_train_steps"] == 40


@pytest.mark.slow
def test_an_off_value_that_does_not_reach_the_program_is_refused(bench):
    rate = "--learning_rate=${learning_rate}"
    off = {"off": {"dropout": 0.0}}
    refused = bench("lr-sweep", arguments(bench, rate, "--no-augment", lr_sweep=off))
    assert refused.code == 2
    assert "dropout = 0.0 does not reach the program, whose default is dropout = 0.5" in refused.err
    assert "--dropout=${dropout}" in refused.err
    words = (rate, "--no-augment", "--dropout=${dropout}")
    answer = bench("lr-sweep", arguments(bench, *words, fixed={"dropout": 0.5}, lr_sweep=off), "--json")
    assert answer.json["max_train_steps"] == 40


RATES = """
import math

def train(trial):
    asked = trial.params["learning_rate"]
    trial.params.get("lr_schedule", "none")
    for step in trial.steps():
        if trial.should_evaluate(step):
            rate = {rate}
            error = max(0.0, 1 - step / (40 * (1 + (math.log10(asked) + 2) ** 2)))
            trial.report(step, train_error=error, **{{"{name}": rate}})
"""


def rates(bench, rate, name="learning_rate", **changes):
    path = study(bench, **changes)
    bench.write("scripted.py", RATES.format(rate=rate, name=name))
    return path


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        ("asked * 0.5 * (1 + math.cos(math.pi * step / trial.max_train_steps))", "learning_rate"),
        ("asked * min(1, step / 15)", "lr"),
        ("round(asked * 0.999 ** step, 8)", "optim/lr"),
    ],
)
def test_a_logged_learning_rate_that_moves_is_refused(bench, rate, name):
    refused = bench("lr-sweep", rates(bench, rate, name), "--json")
    assert refused.code == 2
    assert refused.out == ""
    assert f"logs as {name} changes from" in refused.err
    assert "{off: {schedule: constant}}" in refused.err
    assert f"harmless: [{name}]" in refused.err


def test_a_schedule_that_moves_the_rate_is_named_where_the_study_has_it(bench):
    path = rates(bench, "asked / step", lr_sweep={"harmless": ["lr_decay"]}, fixed={"lr_decay": 0.9})
    refused = bench("lr-sweep", path)
    assert refused.code == 2
    assert "off: {lr_decay: 0.0}" in refused.err


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["asked", "float(f'{asked:.1e}')", "float(f'{asked:.4g}')"])
def test_a_logged_learning_rate_that_stays_is_no_matter_how_it_is_rounded(bench, rate):
    answer = bench("lr-sweep", rates(bench, rate))
    assert answer.out.startswith("max_train_steps = 40: at learning rate 0.01 ")
    assert "logs a learning rate" not in answer.out


@pytest.mark.slow
def test_a_learning_rate_that_is_scaled_is_said(bench):
    answer = bench("lr-sweep", rates(bench, "asked / 8"))
    assert answer.out.startswith("max_train_steps = 40: at learning rate 0.01 ")
    assert "logs a learning rate of 1.25e-05 when learning_rate is 0.0001" in " ".join(answer.out.split())


def test_a_learning_rate_that_is_ignored_is_refused(bench):
    refused = bench("lr-sweep", rates(bench, "0.003"))
    assert refused.code == 2
    assert "the script ignores learning_rate: it logs learning_rate = 0.003" in refused.err
    assert "--parameter NAME" in refused.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--min", "-1"], ["--min", "--min 1e-4"]),
        (["--max", "0"], ["--max", "--max 10"]),
        (["--max", "1e-7"], ["--max:", "--min 1e-4 --max 10"]),
        (["--min", "2", "--max", "1"], ["--min --max:", "min must be less than max"]),
        (["--points", "1000000"], ["--points:", "--points 11"]),
        (["--parameter", "lr"], ["--parameter:", "--parameter NAME", "learning_rate"]),
        (["--target", "train_error=nan"], ["--target:", "--target train_error=0.0"]),
        (["--target", "train_accuracy=1"], ["--target:", "--target 'train_accuracy>=1.0'"]),
    ],
)
def test_what_is_wrong_with_the_grid_is_said_with_the_options_to_give(bench, flags, said):
    refused = bench("lr-sweep", study(bench), *flags)
    assert refused.code == 2
    assert all(text in refused.err for text in said), refused.err


@pytest.mark.slow
def test_a_search_for_n_gives_the_step_of_a_fit_also_of_a_program_that_trains_on(bench):
    path = study(
        bench, train=None, command=["${python}", "plain.py", "${learning_rate}"], metrics=PRINTED, metric=METRIC
    )
    bench.write(
        "plain.py",
        """
        import math, sys, time

        fit = 27 * (1 + (math.log10(float(sys.argv[1])) + 2) ** 2)
        for step in range(1, 100_000):
            time.sleep(0.01)
            print(f"step {step} train_error {max(0.0, 1 - step / fit):.5f}", flush=True)
        """,
    )
    answer = bench("lr-sweep", path, "--find", "--eval-every", 1, "--points", 3, "--max", 1, "--json")
    assert (answer.json["verdict"], answer.json["max_train_steps"], answer.json["learning_rate"]) == ("ok", 27, 0.01)
    assert {point["state"] for point in answer.json["grid"]} == {"completed"}
    spent = sum(trial["last_step"] for trial in bench("report", f"runs/{SWEEP}", "--json").json["trials"])
    assert answer.json["steps_spent"] == spent
    assert bench.processes() == []


@pytest.mark.slow
@pytest.mark.parametrize("in_file", [True, False])
def test_what_is_advised_at_an_edge_after_a_search_for_n_can_be_given(bench, in_file):
    sweep = {"min": 1.0, "max": 1e3, "points": 4, "steps": None, "find": in_file}
    flags = [] if in_file else ["--find"]
    body = curve("return round(37 + 40 * abs(x))")
    held = bench("lr-sweep", study(bench, body, lr_sweep=sweep), "--no-extend", *flags)
    advised = next(line for line in held.out.splitlines() if "-> playbook lr-sweep" in line)
    assert "is at the lower edge" in held.out
    answer = bench(*shlex.split(advised)[2:], "--json")
    assert (answer.code, answer.json["verdict"]) == (0, "ok"), answer.err


@pytest.mark.slow
def test_a_study_file_that_was_replaced_in_the_folder_takes_over_no_results_of_other_settings(bench):
    swept(bench)
    kept = bench.paths(SWEEP).spec
    kept.write_text(kept.read_text() + "env: {AUGMENT: '1'}\n")
    answer = bench("lr-sweep", study(bench, VALLEY, env={"AUGMENT": "1"}))
    assert answer.code == 2
    assert "is not the study file that trials 0, 1, 2, 3" in answer.err
