"""`playbook lr-sweep` on trials whose steps to fit are known."""

from __future__ import annotations

import json
import os
import signal

import pytest

from playbook_cli import journal
from tests.sweep.scripted import VALLEY, curve, study

SWEEP = "s-lr-sweep"


def swept(bench, body=VALLEY, *flags, **changes):
    """The JSON of a sweep that has to end well."""
    answer = bench("lr-sweep", study(bench, body, **changes), "--json", *flags)
    assert answer.code == 0, answer.err
    return answer.json


def fits(answer):
    return {point["learning_rate"]: point["steps_to_fit"] for point in answer["grid"]}


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


def test_racing_answers_as_the_full_grid_does_and_spends_less(bench):
    raced = swept(bench)
    full = swept(bench, VALLEY, "--no-race", "--anew")
    assert fits(full) == {1e-4: 160, 1e-3: 120, 1e-2: 80, 0.1: 37, 1.0: 80, 10.0: 120}
    assert [raced[key] for key in ("verdict", "max_train_steps", "learning_rate")] == ["ok", 37, 0.1]
    assert raced["steps_of_full_grid"] == full["steps_of_full_grid"] == 1200
    assert full["steps_spent"] == 40 + 37 + 80 + 80 + 120 + 120 + 160
    assert raced["steps_spent"] < full["steps_spent"]


@pytest.mark.parametrize(("low", "high", "open_edge"), [(1e-6, 1e-2, "upper"), (1.0, 1e3, "lower")])
def test_a_grid_beside_the_optimum_grows_until_it_is_inside(bench, low, high, open_edge):
    grid = {"min": low, "max": high, "points": 5 if open_edge == "upper" else 4}
    answer = swept(bench, lr_sweep=grid)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 0.1)
    held = swept(bench, VALLEY, "--no-extend", "--anew", lr_sweep=grid)
    assert (held["verdict"], held["max_train_steps"], held["learning_rate"]) == ("edge", None, None)
    text = bench("lr-sweep", "study.yaml", "--no-extend")
    assert f"sits at the {open_edge} edge" in text.out
    assert f"--{'max' if open_edge == 'upper' else 'min'}" in text.out


def test_an_optimum_beyond_the_limit_stays_at_the_edge(bench):
    answer = swept(bench, lr_sweep={"min": 1e-8, "max": 1e-5, "points": 4, "steps": 400})
    assert (answer["verdict"], answer["max_train_steps"]) == ("edge", None)
    assert max(fits(answer)) == pytest.approx(1e-2)


def test_an_optimum_right_below_divergence_is_inside(bench):
    body = curve('return "diverges" if x > 0.5 else round(50 - 10 * x)')
    answer = swept(bench, body)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 50, 1.0)
    assert [point["state"] for point in answer["grid"]][-2:] == ["completed", "infeasible"]
    text = bench("lr-sweep", "study.yaml")
    assert "the next higher learning rate diverges" in text.out.lower()


def test_the_grid_grows_into_divergence_and_stops_there(bench):
    body = curve('return "diverges" if x > 0.5 else round(50 - 10 * x)')
    answer = swept(bench, body, lr_sweep={"max": 1.0, "points": 5})
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 50, 1.0)
    assert [point["state"] for point in answer["grid"]][-1] == "infeasible"


def test_on_a_plateau_the_middle_is_taken(bench):
    body = curve("return 37 if -2.5 < x < 0.5 else 90")
    answer = swept(bench, body)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 0.1)
    assert fits(answer)[0.01] == fits(answer)[0.1] == fits(answer)[1.0] == 37


def test_a_plateau_up_to_the_edge_is_an_edge_until_its_end_is_seen(bench):
    body = curve("return 37 if -0.5 < x < 2.5 else 90")
    held = swept(bench, body, "--no-extend")
    assert (held["verdict"], held["max_train_steps"]) == ("edge", None)
    answer = swept(bench, body)
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 37, 10.0)


def test_fits_that_differ_by_less_than_an_evaluation_are_told_apart(bench):
    body = curve("return {-2: 39, -1: 33, 0: 36}.get(round(x), 90)")
    answer = swept(bench, body)
    assert (answer["max_train_steps"], answer["learning_rate"]) == (33, 0.1)
    assert fits(answer)[0.01] == 39
    assert fits(answer)[1.0] == 36


def test_where_nothing_fits_there_is_no_number_but_what_came_closest(bench):
    answer = swept(
        bench, curve('return "never"'), unfit="abs(math.log10(trial.params['learning_rate']) + 1) / 10 + 0.1"
    )
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("never-fits", None, None)
    assert set(fits(answer).values()) == {None}
    assert answer["steps_spent"] == answer["steps_of_full_grid"] == 6 * 200
    text = bench("lr-sweep", "study.yaml").out
    assert "0.1 comes closest, to 0.1" in text
    assert "train_loss falling" in text
    assert "compute-bound" in text


def test_where_nothing_fits_and_the_closest_is_at_an_edge_the_grid_grows(bench):
    answer = swept(
        bench,
        curve("return round(150 + 40 * abs(x - 2)) if x > 0.5 else 'never'"),
        unfit="abs(math.log10(trial.params['learning_rate']) - 2) / 10 + 0.1",
        lr_sweep={"max": 1.0, "points": 5},
    )
    assert (answer["verdict"], answer["max_train_steps"], answer["learning_rate"]) == ("ok", 150, 100.0)


def test_where_all_are_equally_far_from_fitting_the_grid_does_not_grow(bench):
    answer = swept(bench, curve('return "never"'))
    assert answer["verdict"] == "never-fits"
    assert len(answer["grid"]) == 6


def test_where_everything_diverges_lower_rates_are_tried(bench):
    answer = swept(bench, curve('return "diverges" if x > -4.5 else 60 if x > -5.5 else 90'))
    assert (answer["verdict"], answer["max_train_steps"]) == ("ok", 60)


def test_a_metric_of_which_more_is_better_can_be_the_target(bench):
    path = study(bench)
    script = bench.folder / "scripted.py"
    script.write_text(script.read_text().replace("train_error=0.0 if fits else 1.0", "train_accuracy=float(fits)"))
    answer = bench("lr-sweep", path, "--target", "train_accuracy>=1", "--json")
    assert answer.json["max_train_steps"] == 37
    refused = bench("lr-sweep", path, "--target", "train_accuracy=1", "--json", "--anew")
    assert refused.code == 2
    assert "--target" in refused.err


def test_finding_n_doubles_until_something_fits(bench):
    answer = bench("lr-sweep", study(bench, lr_sweep={"find": True, "steps": None}), "--json")
    assert (answer.json["verdict"], answer.json["max_train_steps"]) == ("ok", 37)
    assert answer.json["steps_of_full_grid"] == 6 * 40  # 20 steps are too few, 40 are enough
    stops = [bench.paths("s-lr-find").trial(number).metrics for number in range(12)]
    assert max(record["step"] for path in stops[:6] for record in journal.read(path)) == 20


def test_finding_n_gives_up_at_the_limit(bench):
    path = study(bench, curve('return "never"'))
    answer = bench("lr-sweep", path, "--find", "--steps", 50, "--json")
    assert answer.json["verdict"] == "never-fits"
    assert answer.json["steps_spent"] == 6 * (20 + 40 + 50)
    assert (
        "no learning rate reaches train_error <= 0 within 50 steps"
        in bench("lr-sweep", path, "--find", "--steps", 50).out
    )


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
    assert bench("lr-sweep", path, "--json").json["max_train_steps"] == 37


def test_asked_again_it_answers_from_what_is_there(bench):
    first = swept(bench)
    events = bench.events(name=SWEEP)
    assert bench("lr-sweep", "study.yaml", "--json").json == first
    assert bench.events(name=SWEEP) == events


def test_other_learning_rates_join_those_that_are_there(bench):
    swept(bench)
    answer = bench("lr-sweep", "study.yaml", "--points", 11, "--json").json
    assert len(answer["grid"]) == 11
    assert len(bench.events("planned", SWEEP)) <= 13


def test_a_sweep_under_other_settings_is_refused_until_it_is_set_aside(bench):
    swept(bench)
    refused = bench("lr-sweep", "study.yaml", "--steps", 100)
    assert refused.code == 2
    assert "max_train_steps" in refused.err
    assert "--anew" in refused.err
    assert bench("lr-sweep", "study.yaml", "--steps", 100, "--anew", "--json").json["max_train_steps"] == 37
    assert (bench.folder / "runs" / f"{SWEEP}.1" / "study.yaml").exists()


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
    assert "beta = 0.1, the middle of its range, log scale" in answer.err
    assert "harmless, by the study file: ema_decay" in answer.err
    params = json.loads(bench.paths(SWEEP).trial(0).params.read_text())
    assert params == {
        "learning_rate": 0.1,
        "layers": 2,
        "beta": 0.1,
        "dropout": 0.0,
        "label_smoothing": 0.0,
        "ema_decay": 0.9,
    }


def test_what_looks_like_regularization_must_be_turned_off(bench):
    refused = bench("lr-sweep", study(bench, fixed={"weight_decay": 1e-4}))
    assert refused.code == 2
    assert "study.yaml:" in refused.err
    assert "weight_decay would act" in refused.err
    assert not (bench.folder / "runs").exists()
    assert bench("lr-sweep", "study.yaml", "--harmless", "weight_decay", "--json").json["max_train_steps"] == 37


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--points", "1"], "--points"),
        (["--steps", "0"], "--steps"),
        (["--min", "1", "--max", "0.1"], "min must be less than max"),
        (["--min", "-1"], "--min"),
        (["--parameter", "lr"], "lr is no hyperparameter of this study"),
        (["--target", "low"], "--target"),
        (["--target", "train_error=nan"], "--target"),
        (["--off", "dropout"], "--off"),
        (["--off", "learning_rate=0.1"], "learning_rate is what the sweep varies"),
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
    assert "does not report train_loss_of_all" in refused.err
    assert "it reports train_loss, train_error" in refused.err
    assert refused.out == ""


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
    assert "up to 6 steps earlier" in answer.out


def test_a_script_that_crashes_is_failed_work(bench):
    path = study(bench, curve("raise RuntimeError('broken')"), resources={"gpus": 0, "retries": 0})
    answer = bench("lr-sweep", path, "--json")
    assert answer.code == 1
    assert "broken" in answer.err
    assert answer.out == ""


def test_a_learning_rate_that_crashes_bounds_nothing(bench):
    body = curve("return 50 - 10 * round(x) if x < 0.5 else 1 / 0")
    answer = swept(bench, body, "--no-extend", resources={"gpus": 0, "retries": 0})
    assert answer["verdict"] == "edge"
    assert [point["state"] for point in answer["grid"]][-1] == "failed"
    crashed = max(bench.events("planned", SWEEP), key=lambda event: event["params"]["learning_rate"])["trial"]
    assert [event["trial"] for event in bench.events("started", SWEEP)].count(crashed) == 1


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
    assert bench("lr-sweep", path, "--write", "--json").code == 0
    after = path.read_bytes().split(b"\r\n")
    assert after[4].startswith(b"max_train_steps: 37  # playbook lr-sweep")
    assert b"it was 300" in after[4]
    assert after[:4] + after[5:] == before[:4] + before[5:]


def test_the_command_that_is_advised_has_the_options_that_were_given(bench):
    study(bench)
    said = bench("lr-sweep", "study.yaml", "--eval-every", 1, "--no-race").out
    assert "-> playbook lr-sweep study.yaml --eval-every 1 --no-race --write" in " ".join(said.split())
    assert bench("lr-sweep", "study.yaml", "--eval-every", 1, "--no-race", "--json").code == 0


def test_an_unknown_is_never_written(bench):
    path = study(bench, curve('return "never"'))
    before = path.read_bytes()
    assert bench("lr-sweep", path, "--write").code == 0
    assert path.read_bytes() == before


def test_a_sweep_that_is_interrupted_when_all_is_trained_says_so(bench, monkeypatch):
    def drawn(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("playbook_cli.report.sweep_chart.write", drawn)
    answer = bench("lr-sweep", study(bench, VALLEY))
    assert (answer.code, answer.err.splitlines()[-1]) == (130, "interrupted; the same command goes on from here")
