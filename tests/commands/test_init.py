"""`playbook init`, from nothing, from a script, from a sweep."""

from __future__ import annotations

import sys

import pytest

from tests.starting.test_script import SCRIPT


@pytest.mark.slow
def test_what_it_writes_from_nothing_runs_and_is_reported(bench):
    answer = bench("init", "first")
    assert answer.code == 0
    assert (
        answer.out == "wrote first/study.yaml, first/train.py\n-> see what would run: playbook plan first/study.yaml\n"
    )
    assert bench("plan", "first/study.yaml").code == 0
    study = bench.folder / "first/study.yaml"
    study.write_text(study.read_text().replace("max_train_steps: 300 ", "max_train_steps: 20 ").replace("16  ", "2  "))
    assert bench("run", "first/study.yaml").code == 0
    assert set(bench.ended("first").values()) == {("completed", None)}
    assert {"train_error", "val_error"} <= bench.metrics(0, "first")[-1].keys()
    assert bench("report", "runs/first").code == 0


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [("a", "a", "a/study.yaml"), ("deep/my study", "my-study", "'deep/my study/study.yaml'"), ("true", "'true'", None)],
)
@pytest.mark.parametrize("origin", [[], ["--from", "train.py"]], ids=["nothing", "script"])
def test_the_study_is_named_after_its_folder_and_tells_the_commands_for_it(bench, folder, name, path, origin):
    bench.write("train.py", SCRIPT)
    assert bench("init", folder, *origin).code == 0
    study = bench.folder / folder / "study.yaml"
    text = study.read_text()
    assert f"\nname: {name}" in text
    assert f"playbook plan {path or 'true/study.yaml'}" in text
    assert "first" not in text.replace("finds a first value", "").replace("a first guess", "")
    assert bench("plan", study).code == 0


def test_without_a_folder_the_study_is_named_after_its_script(bench):
    bench.write("toy.py", SCRIPT)
    bench("init", "--from", "toy.py")
    assert "\nname: toy\n" in (bench.folder / "study.yaml").read_text()


@pytest.mark.slow
def test_the_script_that_it_writes_runs_by_hand(bench):
    import subprocess

    bench("init")
    script = bench.folder / "train.py"
    script.write_text(script.read_text().replace("max_train_steps=300", "max_train_steps=10"))
    done = subprocess.run([sys.executable, "train.py"], cwd=bench.folder, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("step 10/10  train_loss")


def test_without_the_data_of_its_script_it_says_what_to_install(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    answer = bench("init")
    assert answer.code == 0
    said = "! train.py trains on data of scikit-learn, which is not installed: pip install 'playbook-cli[demo]'"
    assert said in " ".join(answer.out.split())


@pytest.mark.parametrize("name", ["study.yaml", "train.py"])
def test_what_a_call_that_was_killed_has_not_written_is_added(bench, name):
    assert bench("init", "study").code == 0
    lost = bench.folder / "study" / name
    text = lost.read_text()
    lost.unlink()
    assert bench("init", "study").code == 0
    assert lost.read_text() == text
    assert bench("init", "study").code == 2


@pytest.mark.parametrize("name", ["study.yaml", "train.py"])
def test_nothing_is_ever_written_over(bench, name):
    kept = bench.write(name, "mine\n")
    answer = bench("init")
    assert answer.code == 2
    assert f"{name}: this file already exists, and init never overwrites files" in answer.err
    assert [path.name for path in bench.folder.iterdir()] == [name]
    assert kept.read_text() == "mine\n"


def test_a_study_for_a_script_can_be_planned_at_once(bench):
    bench.write("code/train.py", SCRIPT)
    answer = bench("init", "--from", "code/train.py")
    assert answer.code == 0
    assert "! left at the program's defaults: num_workers\n" in answer.out
    assert "roles and ranges are guesses" in answer.out
    assert bench("plan", "study.yaml").code == 0


@pytest.mark.slow
def test_a_program_and_its_proposed_study_work_together_unedited(bench):
    bench.write(
        "train.py",
        """
        import argparse
        p = argparse.ArgumentParser()
        p.add_argument("--lr", type=float, default=0.1)
        p.add_argument("--max-iters", type=int, default=3)
        p.add_argument("--nesterov", action=argparse.BooleanOptionalAction, default=True)
        args = p.parse_args()
        for iter_num in range(args.max_iters + 1):
            losses = {"train": args.lr, "val": args.lr + args.nesterov + 1 / (iter_num + 1)}
            print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        """,
    )
    assert bench("init", "--from", "train.py").code == 0
    answer = bench("run", "study.yaml")
    assert answer.code == 0, answer.err
    assert "32 of 32 trials completed" in answer.out
    for event in bench.events("planned", "train")[:4]:
        last = bench.metrics(event["trial"], "train")[-1]
        params = event["params"]
        assert last["val_loss"] == pytest.approx(params["learning_rate"] + params["nesterov"] + 0.25, abs=1e-4)


@pytest.mark.slow
def test_the_script_that_init_writes_is_read_and_its_study_runs(bench):
    bench("init", "first")
    assert bench("init", "again", "--from", "first/train.py").code == 0
    study = bench.folder / "again/study.yaml"
    assert "learning_rate: {min: 0.01, max: 1.0, scale: log}" in study.read_text()
    study.write_text(study.read_text().replace("max_train_steps: 300", "max_train_steps: 20").replace(" 16", " 2"))
    answer = bench("run", study)
    assert answer.code == 0, answer.err
    assert "2 of 2 trials completed" in answer.out


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["nesterov", "adamw"])
def test_a_study_of_one_optimizer_runs_as_it_is_written(bench, optimizer):
    assert bench("init", "first", "--optimizer", optimizer, "--trials", 2).code == 0
    warned = [line.partition(":")[0] for line in bench("plan", "first/study.yaml").out.splitlines() if "!" in line]
    assert warned == ["! small-arms"], "two trials in two arms are few, and nothing else is wrong"
    study = bench.folder / "first/study.yaml"
    study.write_text(study.read_text().replace("max_train_steps: 300 ", "max_train_steps: 20 "))
    assert bench("run", "first/study.yaml").code == 0
    assert set(bench.ended("first").values()) == {("completed", None)}


def test_a_study_of_a_script_tunes_what_the_trials_carry(bench):
    bench.write("code/train.py", SCRIPT)
    answer = bench("init", "--from", "code/train.py", "--optimizer", "nesterov", "--trials", 20)
    assert answer.code == 0
    study = (bench.folder / "study.yaml").read_text()
    assert "# SGD with Nesterov momentum in 20 trials: the learning rate is tuned first" in study
    assert "opt: sgd" in study
    assert "!" not in bench("plan", "study.yaml").out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--optimizer", "lion"], "--optimizer lion: there is no such optimizer"),
        (["--trials", "15"], "--trials 15 can't be shared equally by the 2 arms of the study"),
        (["--from", "sweep.yaml", "--trials", "16"], "sweep.yaml: --trials works only with a training script"),
        (["--from", "sweep.yaml", "--optimizer", "adam"], "sweep.yaml: --optimizer works only with a training script"),
    ],
)
def test_an_optimizer_or_trials_that_do_not_fit_are_told_and_nothing_is_written(bench, arguments, problem):
    answer = bench("init", *arguments)
    assert answer.code == 2
    assert problem in answer.err
    assert list(bench.folder.iterdir()) == []


LOGISTIC = """
import argparse, math, random
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.5)
p.add_argument("--epochs", type=int, default=4, metavar="N")
p.add_argument("--seed", type=int, default=1)
p.add_argument("--save-model", action="store_true")
p.add_argument("--data", required=True, help="how many points")
args = p.parse_args()
random.seed(args.seed)
points = [(x, x > 0.2) for x in (random.uniform(-1, 1) for _ in range(int(args.data)))]
weight = bias = 0.0
for epoch in range(1, args.epochs + 1):
    for i, (x, y) in enumerate(points):
        error = 1 / (1 + math.exp(-weight * x - bias)) - y
        weight, bias = weight - args.lr * error * x, bias - args.lr * error
        if i % 50 == 0:
            print("Train Epoch: {} [{}/{}]\\tLoss: {:.6f}".format(epoch, i, len(points), abs(error)))
    wrong = sum((weight * x + bias > 0) != y for x, y in points)
    print("\\nTest set: Average loss: {:.4f}, Accuracy: {}/{}\\n".format(wrong / len(points), 0, 1))
"""


@pytest.mark.slow
def test_a_program_that_says_nearly_all_is_filled_in_at_one_place_and_trains(bench):
    bench.write("mine/main.py", LOGISTIC)
    answer = bench("init", "mine", "--from", "mine/main.py")
    assert answer.code == 0
    assert "! fill in command: --data (how many points)" in answer.out
    assert "-> replace each FILL-IN, then see what would run: playbook plan mine/study.yaml" in answer.out
    study = bench.folder / "mine/study.yaml"
    refused = bench("plan", study)
    assert refused.code == 2
    assert "--data=FILL-IN is still to be filled in" in refused.err
    study.write_text(study.read_text().replace("FILL-IN", "100").replace("trials: 16", "trials: 2"))
    ran = bench("run", study)
    assert ran.code == 0, ran.err
    assert "2 of 2 trials completed" in ran.out
    assert [each["step"] for each in bench.metrics(0, "mine")][-1] == 4
    assert "test_average_loss" in bench.metrics(0, "mine")[-1]


def test_a_config_file_that_cannot_be_guessed_is_named(bench):
    program = "import json, sys\nargs = json.load(open(sys.argv[1]))\n"
    bench.write("fit.py", program)
    bench.write("small.json", '{"lr": 0.1, "epochs": 3}')
    assert "name it with --config FILE" in bench("init", "a", "--from", "fit.py").out
    assert bench("init", "b", "--from", "fit.py", "--config", "small.json").code == 0
    text = (bench.folder / "b/study.yaml").read_text()
    assert "file: ../small.json" in text
    assert "learning_rate: lr" in text


def test_a_sweep_becomes_a_study_and_says_what_it_lost(bench):
    bench.write(
        "sweep.yaml",
        """
        program: train.py
        method: bayes
        metric: {name: val_loss, goal: minimize}
        parameters:
          lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
        early_terminate: {type: hyperband}
        """,
    )
    answer = bench("init", "new", "--from", "sweep.yaml")
    assert answer.code == 0
    assert "! `early_terminate` was not carried over\n" in answer.out
    assert "lr: {min: 1.0e-05, max: 0.1, scale: log}" in (bench.folder / "new/study.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("train.py", "def f(:\n", "train.py:1: this is not Python"),
        ("train.py", None, "train.py: the script can't be read: No such file or directory"),
        ("sweep.yaml", "a: [", "sweep.yaml:1: not valid YAML"),
        ("sweep.yaml", None, "sweep.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_written(bench, name, text, problem):
    if text is not None:
        bench.write(name, text)
    answer = bench("init", "--from", name)
    assert answer.code == 2
    assert problem in answer.err
    assert not (bench.folder / "study.yaml").exists()
