"""`playbook batch-size` on trials whose speed and memory are known, and on digits."""

from __future__ import annotations

import json
import os
import signal
from itertools import pairwise

import pytest
import yaml

from playbook_cli.files import journal
from tests.batch_size.scripted import study

PROBES = "s-batch-size"


def probed(bench, file, *flags):
    """The JSON of probes that have to end well."""
    answer = bench("batch-size", file, "--json", *flags)
    assert answer.code == 0, answer.err
    return answer.json


def states(answer):
    return {size["batch_size"]: size["state"] for size in answer["sizes"]}


@pytest.mark.slow
def test_the_size_is_found_where_doubling_stops_to_pay(bench):
    answer = probed(bench, study(bench, "0.02 if size <= 4 else 0.015 * size"), "--steps", 21)
    assert answer.keys() == {
        "study",
        "parameter",
        "verdict",
        "batch_size",
        "likely",
        "gain",
        "sizes",
        "held",
        "steps_to_target",
        "remarks",
    }
    assert (answer["verdict"], answer["batch_size"]) == ("ok", 4)
    assert answer["sizes"][0].keys() == {
        "batch_size",
        "state",
        "reason",
        "seconds_per_step",
        "interval",
        "examples_per_second",
        "speedup",
        "peak_bytes",
        "gpu_peak_bytes",
    }
    assert states(answer) == dict.fromkeys([1, 2, 4, 8, 16], "fits")
    assert answer["held"] == {"learning_rate": 0.03162}
    again = bench("batch-size", "study.yaml", "--steps", 21)
    assert len(bench.events("started", PROBES)) == 5, "what is there is not probed again"
    assert "-> playbook batch-size study.yaml --steps 21 --output s-b4.yaml" in again.out
    assert "tune the learning rate" in again.out
    assert (bench.paths(PROBES).report / "batch-size.html").exists()


@pytest.mark.slow
def test_memory_that_runs_out_for_real_is_survived(bench):
    file = study(bench, "0.02", bytes_each=40 * 2**20)
    answer = probed(bench, file, "--steps", 21, "--memory-limit", "200MiB", "--min", 2, "--max", 64)
    assert states(answer) == {2: "fits", 4: "fits", 8: "out-of-memory"}
    assert (answer["verdict"], answer["batch_size"]) == ("limit", 4)
    assert "MemoryError" in answer["sizes"][-1]["reason"]
    assert answer["sizes"][1]["peak_bytes"] > 160 * 2**20
    assert bench.ended(PROBES)[2][0] == "infeasible"
    assert not bench.processes()


@pytest.mark.slow
def test_a_size_that_was_killed_ran_out_of_memory_and_one_that_crashed_did_not(bench):
    killed = study(bench, "0.002", before="import os, signal; size < 4 or os.kill(os.getpid(), signal.SIGKILL)")
    assert states(probed(bench, killed, "--steps", 21, "--min", 2, "--max", 8)) == {2: "fits", 4: "out-of-memory"}
    crashed = study(bench, "0.002", before="assert size < 4, 'no room in the heap of ideas'")
    answer = probed(bench, crashed, "--steps", 21, "--min", 2, "--max", 8, "--anew")
    assert states(answer) == {2: "fits", 4: "failed"}
    assert any("4 failed, but did not run out of memory" in remark for remark in answer["remarks"])
    assert "no room in the heap of ideas" in answer["sizes"][-1]["reason"]


@pytest.mark.slow
def test_a_smallest_size_that_crashes_does_not_end_the_search(bench):
    file = study(bench, "0.002", before="assert size > 1, 'Expected more than 1 value per channel'")
    assert states(probed(bench, file, "--steps", 21, "--max", 2)) == {1: "failed", 2: "fits"}


@pytest.mark.slow
def test_a_program_that_works_with_no_size_is_an_error_with_what_it_printed(bench):
    answer = bench("batch-size", study(bench, before="raise RuntimeError('always')"), "--steps", 21)
    assert answer.code == 1
    assert "no batch_size works" in answer.err
    assert "RuntimeError: always" in answer.err
    assert "Traceback" not in answer.err.splitlines()[-1]


@pytest.mark.slow
def test_a_program_that_does_not_read_the_batch_size_is_found_out(bench):
    answer = probed(bench, study(bench, "0.002", of_size="0.0"), "--steps", 21)
    assert (answer["verdict"], answer["batch_size"]) == ("unread", None)
    assert states(answer) == {1: "same", 2: "same"}
    assert "gives identical results" in " ".join(bench("batch-size", "study.yaml", "--steps", 21).out.split())


@pytest.mark.slow
def test_batches_beyond_the_data_are_found_out(bench):
    answer = probed(bench, study(bench, "0.02", of_size="1e-3 / min(size, 3)"), "--steps", 21)
    assert states(answer) == {1: "fits", 2: "fits", 4: "same", 8: "same"}
    assert (answer["verdict"], answer["batch_size"]) == ("limit", 2)


@pytest.mark.slow
def test_a_command_is_probed_as_a_function_is(bench):
    bench.write(
        "train.py",
        """
        from playbook_cli import current_trial
        from scripted import train

        train(current_trial(defaults={"learning_rate": 0.1}))
        """,
    )
    file = study(bench, "0.002", train=None, command=["${python}", "train.py", "${args}"])
    assert states(probed(bench, file, "--steps", 21, "--max", 1)) == {1: "fits"}


@pytest.mark.slow
def test_a_program_that_can_not_be_changed_is_ended_when_it_was_seen_for_long_enough(bench):
    bench.write(
        "train.py",
        """
        import sys, time

        size = int(sys.argv[1])
        for step in range(1, 10**6):
            time.sleep(0.05)
            print(f"step {step} loss {1 / step + 1e-3 / size}", flush=True)
        """,
    )
    file = study(
        bench,
        train=None,
        command=["${python}", "train.py", "${batch_size}"],
        metrics={"stdout": [r"step (?P<step>\d+) loss (?P<val_error>\S+)"]},
    )
    answer = probed(bench, file, "--steps", 21, "--max", 1)
    assert states(answer) == {1: "fits"}
    assert answer["sizes"][0]["seconds_per_step"] == pytest.approx(0.05, rel=0.5)
    assert not bench.processes()


@pytest.mark.slow
def test_probes_go_on_after_the_command_was_killed(bench):
    file = study(bench, "0.01", before="import time; size < 2 or time.sleep(600)")
    first = bench.spawn("batch-size", file, "--steps", "21", "--max", "2")
    bench.wait(lambda: len(bench.events("started", PROBES)) == 2, "the second probe")
    os.kill(first.pid, signal.SIGKILL)
    bench.finish(first)
    study(bench, "0.01")
    refused = bench("batch-size", file, "--steps", 21, "--max", 2)
    assert refused.code == 2
    assert "scripted.py changed since trial 0 was trained" in refused.err
    assert states(probed(bench, file, "--steps", 21, "--max", 2, "--code-changed")) == {1: "fits", 2: "fits"}
    assert [event["trial"] for event in bench.events("planned", PROBES)] == [0, 1]
    assert not bench.processes()


@pytest.mark.slow
def test_sizes_outside_the_range_that_is_asked_for_do_not_count(bench):
    file = study(bench, "0.002")
    assert list(states(probed(bench, file, "--steps", 21, "--min", 2, "--max", 4))) == [2, 4]
    assert list(states(probed(bench, file, "--steps", 21, "--min", 1, "--max", 2))) == [1, 2]
    assert [event["params"]["batch_size"] for event in bench.events("planned", PROBES)] == [2, 4, 1]
    assert list(states(probed(bench, file, "--steps", 21, "--min", 1, "--max", 8))) == [1, 2, 4, 8]


@pytest.mark.slow
def test_an_interrupt_ends_the_probe_and_leaves_nothing_behind(bench):
    process = bench.spawn("batch-size", study(bench, "0.01", before="import time; time.sleep(600)"))
    bench.wait(lambda: bench.events("started", PROBES) and bench.processes(), "the first probe")
    process.send_signal(signal.SIGINT)
    answer = bench.finish(process)
    assert answer.code == 130
    assert "run the same command again to resume" in answer.err
    assert not bench.processes()


@pytest.mark.slow
def test_the_study_is_written_with_its_new_size(bench):
    file = study(
        bench,
        "0.02",
        nuisance={"learning_rate": {"min": 0.1, "max": 1.0}, "batch_size": {"values": [1, 2]}},
        fixed={"width": 3},
    )
    answer = bench("batch-size", file, "--steps", 21, "--max", 2, "-o", "next.yaml")
    assert answer.code == 0, answer.err
    text = (bench.folder / "next.yaml").read_text()
    written = yaml.safe_load(text)
    assert written["fixed"] == {"width": 3, "batch_size": 2}
    assert list(written["nuisance"]) == ["learning_rate"]
    assert written["name"] == "s-b2"
    assert "# playbook batch-size" in text
    assert bench("plan", "next.yaml").code == 0
    refused = bench("batch-size", file, "--steps", 21, "--max", 2, "--write", "next.yaml")
    assert (refused.code, "this file already exists" in refused.err) == (2, True)
    assert bench("batch-size", file, "--steps", 21, "--max", 2, "-o", "next.yaml", "--overwrite").code == 0
    assert (bench.folder / "next.yaml").read_text() == text


@pytest.mark.slow
def test_steps_to_a_target_are_searched_for_each_size(bench):
    bench.write(
        "scaled.py",
        """
        import math

        def train(trial):
            size, off = trial.params["batch_size"], abs(math.log10(trial.params["learning_rate"]) + 1.0)
            need = 8 * (1 + 4 / size) * (1 + off)
            for step in trial.steps():
                if trial.should_evaluate(step):
                    trial.report(step, val_error=max(0.0, 1 - step / need), grad_noise_scale=8.0, size=size)
        """,
    )
    file = study(bench, train="scaled:train", max_train_steps=200, eval_every=1)
    flags = ("--steps", 21, "--max", 16, "--steps-to-target", 0.0, "--trials", 4)
    answer = probed(bench, file, *flags)["steps_to_target"]
    points = answer["points"]
    assert [point["batch_size"] for point in points] == [1, 2, 4, 8, 16]
    assert all(a["steps"] >= b["steps"] for a, b in pairwise(points))
    assert answer["critical_batch_size"] == pytest.approx(4, rel=0.4)
    assert "diminishing returns" in points[2]["regime"]
    assert {point["noise_scale"] for point in points} == {8.0}
    text = bench("batch-size", file, *flags)
    assert "B_crit" in text.out
    assert "gradient noise scale of 8" in text.out
    page = (bench.paths(PROBES).report / "batch-size.html").read_text()
    assert "Steps to val_error" in page
    searched = "s-steps-to-target"
    report = bench("report", f"runs/{searched}", "--no-html", "--json").json
    assert {finding["rule"] for finding in report["findings"]} <= {"infeasible", "training-loss-rising"}
    for verb in ("repeat", "instability", "adopt"):
        refused = bench(verb, f"runs/{searched}")
        assert (refused.code, "playbook batch-size --steps-to-target ended these trials early" in refused.err) == (
            2,
            True,
        )
    kinds = {row["name"]: row["kind"] for row in bench("log", "--json").json["studies"]}
    assert kinds == {PROBES: "batch-size", searched: "steps-to-target"}


def test_a_target_needs_a_learning_rate_to_tune(bench):
    file = study(bench, nuisance={"width": {"min": 1, "max": 4}})
    answer = bench("batch-size", file, "--steps-to-target", 0.1)
    assert (answer.code, "tunes the learning rate for each batch size" in answer.err) == (2, True)
    assert not (bench.folder / "runs").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--parameter", "size"], "this study has no hyperparameter named size; it has learning_rate, batch_size"),
        (["--at", "batch_size=3"], "batch-size varies it"),
        (["--at", "width=3"], "cannot hold width fixed"),
        (["--at", "learning_rate"], "is not NAME=VALUE"),
        (["--min", "8", "--max", "4"], "--max 4 is below --min 8"),
        (["--gain", "0.9"], "is not a gain per doubling"),
        (["--memory-limit", "lots"], "is not a memory size"),
        (["--memory-limit", "10"], "is not a memory size"),
        (["--memory-limit", "9" * 320], "is not a memory size"),
        (["--at", "learning_rate={a: 1}"], "--at: learning_rate: "),
        (["--at", "learning_rate=.nan"], "--at: learning_rate: "),
        (["--steps", "3"], "--steps"),
        (["--min", "0"], "--min"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_runs(bench, flags, said):
    answer = bench("batch-size", study(bench), *flags)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (bench.folder / "runs").exists()


@pytest.mark.slow
def test_probes_under_other_settings_are_not_mixed(bench):
    file = study(bench, "0.002")
    probed(bench, file, "--steps", 21, "--max", 1)
    answer = bench("batch-size", file, "--steps", 21, "--max", 1, "--at", "learning_rate=0.5")
    assert (answer.code, "fixed.learning_rate: 0.03162 -> 0.5" in answer.err) == (2, True)
    assert probed(bench, file, "--steps", 21, "--max", 1, "--at", "learning_rate=0.5", "--anew")
    assert (bench.folder / "runs" / f"{PROBES}.1").is_dir()


def test_help_ends_with_an_example(bench):
    answer = bench("batch-size", "--help")
    assert "Example:  playbook batch-size" in answer.out


@pytest.mark.slow
def test_digits_is_timed_for_real_and_its_data_hold_no_larger_batch(bench):
    keys = {
        "name": "s",
        "train": "playbook_cli.workloads.digits:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 100,
        "trials": 4,
        "nuisance": {"learning_rate": {"min": 1e-2, "max": 1.0, "scale": "log"}},
        "fixed": {"batch_size": 64},
        "resources": {"gpus": 0},
    }
    file = bench.write("study.yaml", json.dumps(keys))
    answer = probed(bench, file, "--steps", 21, "--min", 512, "--max", 2048)
    assert states(answer) == {512: "fits", 1024: "same", 2048: "same"}
    assert answer["batch_size"] == 512
    folder = bench.paths(PROBES).trial(0).dir
    assert not (folder / "checkpoints").exists()
    assert journal.read(folder / "metrics.jsonl")


EPOCHS = """
import argparse, time
p = argparse.ArgumentParser()
p.add_argument("--batch_size", type=int)
p.add_argument("--epochs", type=int)
a = p.parse_args()
for epoch in range(1, min(a.epochs, 24) + 1):
    time.sleep(0.15)
    print(f"Epoch {epoch} val_error {a.batch_size + 1 / epoch}", flush=True)
"""
"""An epoch over 3,000 examples takes as long whatever the batch size is."""


@pytest.mark.slow
def test_epochs_are_refused_and_converted_where_their_size_is_known(bench):
    bench.write("t.py", EPOCHS)
    command = ["${python}", "t.py", "${args}", "--epochs=${max_train_steps}"]
    pattern = r"Epoch (?P<step>\d+) val_error (?P<val_error>\S+)"
    keys = {"train": None, "command": command, "metrics": {"stdout": [pattern]}, "eval_every": None}
    file = bench.study(None, **keys, nuisance=None, fixed={"batch_size": 64}, sampler="random")
    answer = bench("batch-size", file, "--min", 16, "--max", 32)
    assert (answer.code, "its steps are epochs" in answer.err) == (2, True)
    assert "--examples-per-epoch N" in answer.err
    found = probed(bench, file, "--min", 16, "--max", 32, "--examples-per-epoch", 3000)
    speeds = [size["examples_per_second"] for size in found["sizes"]]
    assert len(speeds) == 2
    assert 0.5 < speeds[1] / speeds[0] < 1.5, "as fast, and not twice as fast"
    assert all(speed < 30_000 for speed in speeds)
    bench.study(None, **keys, nuisance=None, fixed={"batch_size": 64}, sampler="random", step_unit="tokens")
    assert "its steps are tokens" in bench("batch-size", file).err
