"""What a training script gets from its trial, in a study and by hand."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from playbook_cli import Trial, current_trial
from playbook_cli.client import Enough, Infeasible
from playbook_cli.errors import ProtocolError
from playbook_cli.files import journal


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Makes this process that of a trial; keys that are None are left out."""

    def make(**changes):
        (tmp_path / "params.json").write_text(json.dumps({"lr": 0.5}))
        values = {
            "TRIAL_ID": "3",
            "TRIAL_DIR": str(tmp_path),
            "PARAMS": str(tmp_path / "params.json"),
            "SEED": "42",
            "MAX_TRAIN_STEPS": "10",
            "EVAL_EVERY": "4",
            "METRICS": str(tmp_path / "metrics.jsonl"),
            "METRIC": "loss",
            "GOAL": "minimize",
            **changes,
        }
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(f"PLAYBOOK_{name}", raising=False)
            else:
                monkeypatch.setenv(f"PLAYBOOK_{name}", value)
        return tmp_path

    return make


@pytest.fixture
def trial(environment):
    environment()
    return current_trial()


def recorded(folder, name="metrics.jsonl"):
    return journal.read(folder / name)


class Counter:
    """Training state in plain Python."""

    def __init__(self):
        self.count = 0

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Dice:
    """Random state in plain Python."""

    def __init__(self):
        self.state = 0

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state


def test_a_trial_has_what_the_study_decided(environment):
    folder = environment()
    trial = current_trial(defaults={"lr": 0.1, "width": 8}, max_train_steps=99, seed=7)
    assert trial.params == {"lr": 0.5, "width": 8}
    assert (trial.id, trial.seed, trial.max_train_steps, trial.eval_every, trial.dir) == (3, 42, 10, 4, folder)


def test_by_hand_the_defaults_are_what_is_trained_with(monkeypatch, capsys):
    monkeypatch.delenv("PLAYBOOK_TRIAL_ID", raising=False)
    trial = current_trial(defaults={"lr": 0.1}, max_train_steps=3, eval_every=2, seed=7)
    assert (trial.params, trial.seed, trial.id, trial.dir) == ({"lr": 0.1}, 7, None, None)
    for step in trial.steps(model=Counter()):
        if trial.should_evaluate(step):
            trial.report(step, loss=1 / step)
    assert capsys.readouterr().out == "step 2/3  loss 0.5\nstep 3/3  loss 0.333333\n"


def test_by_hand_a_point_that_diverges_ends_the_script_too(monkeypatch, capsys):
    monkeypatch.delenv("PLAYBOOK_TRIAL_ID", raising=False)
    with pytest.raises(Infeasible) as ended:
        current_trial().report(1, loss=math.nan)
    assert ended.value.code == 0
    assert "trial infeasible: loss is nan at step 1" in capsys.readouterr().err
    with pytest.raises(Infeasible):
        current_trial().infeasible("too wide")


@pytest.mark.parametrize("missing", ["PARAMS", "SEED", "MAX_TRAIN_STEPS", "EVAL_EVERY", "TRIAL_DIR", "METRICS"])
def test_half_an_environment_is_an_error_that_says_what_is_missing(environment, missing):
    environment(**{missing: None})
    with pytest.raises(ProtocolError, match=f"PLAYBOOK_{missing}") as error:
        current_trial()
    assert "unset PLAYBOOK_TRIAL_ID" in (error.value.hint or "")


@pytest.mark.parametrize("wrong", [{"SEED": "x"}, {"PARAMS": "/nowhere"}, {"TRIAL_ID": ""}, {"MAX_TRAIN_STEPS": "1.5"}])
def test_an_environment_that_makes_no_sense_is_an_error(environment, wrong):
    environment(**wrong)
    with pytest.raises(ProtocolError, match="missing or invalid"):
        current_trial()


def test_a_missing_hyperparameter_is_named_with_those_there_are(trial):
    with pytest.raises(ProtocolError, match="no hyperparameter 'width'; it has lr"):
        trial.params["width"]
    assert trial.params.get("width", 3) == 3
    with pytest.raises(ProtocolError, match="it has none"):
        Trial(params={}, seed=0, max_train_steps=1, eval_every=1).params["lr"]


def test_steps_count_updates_from_one_to_max_train_steps(trial):
    assert list(trial.steps()) == list(range(1, 11))


def test_evaluations_are_due_every_so_many_steps_and_after_the_last(trial):
    assert [step for step in range(1, 11) if trial.should_evaluate(step)] == [4, 8, 10]


def test_a_report_is_one_line_with_its_step(trial, tmp_path):
    trial.report(4, loss=0.5, acc=1)
    trial.report(8, loss=0.25)
    assert recorded(tmp_path) == [{"step": 4, "loss": 0.5, "acc": 1.0}, {"step": 8, "loss": 0.25}]


def test_one_step_may_be_reported_in_parts_and_step_nought_is_before_training(trial, tmp_path):
    trial.report(0, loss=2.0)
    trial.report(4, loss=1.0)
    trial.report(4, acc=0.5)
    trial.report(4.0, lr=0.1)
    assert [record["step"] for record in recorded(tmp_path)] == [0, 4, 4, 4]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss", "train_loss"])
def test_a_metric_that_is_not_finite_ends_the_trial_and_is_on_record(trial, tmp_path, capsys, name, value):
    with pytest.raises(Infeasible) as ended:
        trial.report(4, **{"lr": 0.1, name: value})
    assert ended.value.code == 0
    assert f"trial infeasible: {name} is {value} at step 4" in capsys.readouterr().err
    (record,) = recorded(tmp_path)
    assert not math.isfinite(record[name])


def test_a_script_may_say_that_its_point_cannot_be_trained(trial, tmp_path):
    trial.report(4, loss=1.0)
    with pytest.raises(Infeasible):
        trial.infeasible("out of memory")
    assert recorded(tmp_path)[-1] == {"step": 4, "infeasible": "out of memory"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.report(11, loss=1.0), "got step 11, beyond max_train_steps = 10"),
        (lambda t: (t.report(8, loss=1.0), t.report(4, loss=1.0)), "got step 4 after step 8: steps must not decrease"),
        (lambda t: t.report(4), r"trial.report\(4\) got no metric"),
        (lambda t: t.report(-1, loss=1.0), "step must be a whole number of at least 0, not -1"),
        (lambda t: t.report(1.5, loss=1.0), "step must be a whole number of at least 0, not 1.5"),
        (lambda t: t.report(True, loss=1.0), "step must be a whole number of at least 0, not True"),  # noqa: FBT003
        (lambda t: t.report("4", loss=1.0), "step must be a whole number of at least 0, not '4'"),
        (lambda t: t.report(math.nan, loss=1.0), "step must be a whole number of at least 0, not nan"),
        (lambda t: t.report(math.inf, loss=1.0), "step must be a whole number of at least 0, not inf"),
        (lambda t: t.report(None, loss=1.0), "step must be a whole number of at least 0, not None"),
        (lambda t: t.report(4, loss=None), r"trial.report\(loss=...\) got NoneType, not a number"),
        (lambda t: t.report(4, loss="low"), r"trial.report\(loss=...\) got str, not a number"),
        (lambda t: t.report(4, loss=[1.0]), r"trial.report\(loss=...\) got list, not a number"),
        (lambda t: list(t.steps(model=object())), r"trial.steps\(model=...\) got object, which has no state_dict"),
    ],
)
def test_a_script_that_uses_its_trial_wrongly_is_told_so(trial, call, message):
    with pytest.raises(ProtocolError, match=message):
        call(trial)


def test_an_attempt_that_starts_anew_starts_with_empty_metrics_and_keeps_the_last_ones_aside(environment, tmp_path):
    environment()
    current_trial().report(4, loss=1.0)
    again = current_trial()
    list(again.steps())
    assert recorded(tmp_path) == []
    again.report(8, loss=0.5)
    assert recorded(tmp_path) == [{"step": 8, "loss": 0.5}]
    assert recorded(tmp_path, "metrics.jsonl.1") == [{"step": 4, "loss": 1.0}]


def trained(until, *, values=None, goal="minimize", **stateful):
    """One attempt that dies right after its report at step `until`; the steps it made."""
    trial = current_trial()
    made = []
    for step in trial.steps(**stateful):
        made.append(step)
        for thing in stateful.values():
            if isinstance(thing, Counter):
                thing.count += 1
        if trial.should_evaluate(step):
            trial.report(step, loss=(values or {}).get(step, 1 / step))
        if step == until:
            break
    return made


def loaded(tmp_path, name):
    import torch

    return torch.load(tmp_path / "checkpoints" / f"{name}.pt", weights_only=True)


def test_a_trial_resumes_after_its_last_checkpoint_with_the_records_up_to_it(environment, tmp_path):
    environment()
    assert trained(9, model=Counter()) == list(range(1, 10))
    journal.Journal(tmp_path / "metrics.jsonl").append({"step": 9, "loss": 0.0})  # after the last checkpoint
    resumed = Counter()
    assert trained(10, model=resumed) == [9, 10]
    assert resumed.count == 10
    assert [record["step"] for record in recorded(tmp_path)] == [4, 8, 10]
    assert not (tmp_path / "metrics.jsonl.1").exists()


@pytest.mark.parametrize("left", [0, 100, 0.5, "zeros", "text"])
def test_a_checkpoint_that_a_power_loss_cut_short_costs_no_more_than_the_training(environment, tmp_path, capsys, left):
    environment()
    trained(9, model=Counter())
    last = tmp_path / "checkpoints" / "last.pt"
    whole = last.read_bytes()
    if left == "text":
        last.write_bytes(b"half a fi")
    else:
        cut = len(whole) // 2 if left in (0.5, "zeros") else int(left)
        last.write_bytes(whole[:cut] + (b"\0" * (len(whole) - cut) if left == "zeros" else b""))
    assert trained(10, model=Counter()) == list(range(1, 11))
    assert f"the checkpoint {last} can't be read" in capsys.readouterr().err
    assert [record["step"] for record in recorded(tmp_path)] == [4, 8, 10]
    assert loaded(tmp_path, "last")["step"] == 10


def test_records_that_a_power_loss_damaged_do_not_end_a_framework_that_resumes(environment, tmp_path):
    environment()
    trial = current_trial()
    trial.resume_at(0)
    trial.report(4, loss=1.0)
    trial.report(8, loss=0.5)
    lines = (tmp_path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "metrics.jsonl").write_bytes(lines[0] + b"\0" * 30 + b"\n" + lines[1])
    again = current_trial()
    again.resume_at(8)
    again.report(10, loss=0.25)
    assert [record["step"] for record in recorded(tmp_path)] == [4, 8, 10]


def test_the_last_and_the_best_checkpoint_are_kept(environment, tmp_path):
    environment()
    trained(10, values={4: 2.0, 8: 1.0, 10: 3.0}, model=Counter())
    assert loaded(tmp_path, "last")["step"] == 10
    assert loaded(tmp_path, "best")["step"] == 8
    assert loaded(tmp_path, "best")["state"] == {"model": {"count": 8}}
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["best.pt", "last.pt"]


def test_the_best_is_the_largest_where_more_is_better(environment, tmp_path):
    environment(GOAL="maximize")
    trained(10, values={4: 1.0, 8: 3.0, 10: 2.0}, model=Counter())
    assert loaded(tmp_path, "best")["step"] == 8


def test_a_resumed_trial_knows_the_best_of_before(environment, tmp_path):
    environment()
    trained(8, values={4: 1.0, 8: 2.0}, model=Counter())
    trained(10, values={10: 1.5}, model=Counter())
    assert loaded(tmp_path, "last")["step"] == 10
    assert loaded(tmp_path, "best")["step"] == 4


def test_a_best_checkpoint_that_the_last_attempt_had_no_time_to_make_is_made(environment, tmp_path):
    environment()
    trained(8, model=Counter())
    (tmp_path / "checkpoints" / "best.pt").unlink()
    trained(9, model=Counter())
    assert loaded(tmp_path, "best")["step"] == 8


@pytest.mark.parametrize("died", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("keep", [4, 6])
def test_the_state_after_one_update_is_kept_wherever_the_trial_died(environment, tmp_path, keep, died):
    environment()
    trained(died, keep=keep, model=Counter())
    trained(10, keep=keep, model=Counter())
    assert loaded(tmp_path, "stable")["step"] == keep
    assert loaded(tmp_path, "stable")["state"] == {"model": {"count": keep}}


def test_by_hand_no_state_is_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("PLAYBOOK_TRIAL_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    assert list(current_trial(max_train_steps=5).steps(model=Counter(), keep=2)) == [1, 2, 3, 4, 5]
    assert not list(tmp_path.iterdir())


def test_without_state_nothing_is_kept_and_a_trial_starts_anew(environment, tmp_path):
    environment()
    trained(8)
    assert not (tmp_path / "checkpoints").exists()
    assert trained(10) == list(range(1, 11))


def test_a_report_without_the_studys_metric_makes_no_checkpoint(environment, tmp_path):
    environment()
    trial = current_trial()
    next(trial.steps(model=Counter()))
    trial.report(1, other=1.0)
    assert not (tmp_path / "checkpoints").exists()


def test_a_checkpoint_of_another_version_of_the_script_is_not_used(environment, tmp_path):
    environment()
    trained(8, model=Counter())
    assert trained(10, model=Counter(), schedule=Counter()) == list(range(1, 11))
    assert recorded(tmp_path, "metrics.jsonl.1")[0]["step"] == 4


def test_generators_are_saved_and_restored(environment):
    environment()
    dice = Dice()
    trial = current_trial()
    for step in trial.steps(dice=dice):
        dice.state = 10 * step
        if step == 4:
            trial.report(step, loss=1.0)
        if step == 6:
            break
    again = Dice()
    next(current_trial().steps(dice=again))
    assert again.state == 40


def test_a_file_system_without_links_gets_a_copy(environment, tmp_path, monkeypatch):
    environment()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best.pt.tmp").write_text("left by an attempt that died")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    trained(4, model=Counter())
    best, last = tmp_path / "checkpoints" / "best.pt", tmp_path / "checkpoints" / "last.pt"
    assert best.read_bytes() == last.read_bytes()
    assert not best.samefile(last)


def test_a_target_ends_the_trial_where_it_is_reached(environment, tmp_path):
    environment(TARGET="0.2")
    with pytest.raises(Enough) as ended:
        trained(10)
    assert ended.value.code == 0
    assert [record["step"] for record in recorded(tmp_path)] == [4, 8]


def test_a_trial_that_is_wanted_no_further_stops_there(environment, tmp_path):
    environment(STOP_STEP="6", EVALUATE_FROM="5")
    with pytest.raises(Enough):
        trained(10)
    assert [record["step"] for record in recorded(tmp_path)] == [4, 5, 6]
    with pytest.raises(Enough):
        list(current_trial().steps())


def test_the_random_state_of_every_gpu_is_saved_and_that_of_those_still_there_restored(environment, monkeypatch):
    import torch

    restored = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [torch.tensor([7]), torch.tensor([8])])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.extend)
    environment()
    trained(4, model=Counter())
    next(current_trial().steps(model=Counter()))
    assert [state.tolist() for state in restored] == [[7]]


def test_a_framework_resumes_with_the_records_up_to_where_it_does(environment, tmp_path):
    environment()
    trial = current_trial()
    trial.resume_at(0)
    for step in (4, 8):
        trial.report(step, loss=1 / step)
    again = current_trial()
    again.resume_at(4)
    assert again.best_step == 4
    again.report(10, loss=0.5)
    assert [record["step"] for record in recorded(tmp_path)] == [4, 10]
    assert again.best_step == 4
    assert not (tmp_path / "metrics.jsonl.1").exists()
    assert again.last_checkpoint is again.best_checkpoint is None


def test_a_framework_that_starts_anew_has_the_last_attempts_records_set_aside_also_in_one_process(
    environment, tmp_path
):
    environment()
    trial = current_trial()
    trial.resume_at(0)
    trial.report(4, loss=0.1)
    trial.resume_at(0)
    trial.report(4, loss=0.5)
    assert recorded(tmp_path) == [{"step": 4, "loss": 0.5}]
    assert recorded(tmp_path, "metrics.jsonl.1") == [{"step": 4, "loss": 0.1}]
    assert trial.best_step == 4


def test_what_a_framework_saves_is_kept_as_the_last_and_the_best_checkpoint(environment, tmp_path):
    environment()
    trial = current_trial()
    trial.resume_at(0, save=lambda path: Path(path).write_text("weights"))
    for step, loss in {4: 2.0, 8: 1.0, 10: 3.0}.items():
        trial.report(step, loss=loss)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["best.pt", "last.pt"]
    assert trial.last_checkpoint == str(tmp_path / "checkpoints" / "last.pt")
    assert trial.best_checkpoint == str(tmp_path / "checkpoints" / "best.pt")
    (tmp_path / "checkpoints" / "best.pt").unlink()
    again = current_trial()
    again.resume_at(8, save=print)
    assert (tmp_path / "checkpoints" / "best.pt").exists()


def test_of_several_processes_of_a_trial_one_writes_and_all_end_where_it_ends(environment, tmp_path, capsys):
    environment(TARGET="0.2")
    saved = []
    trial = current_trial()
    trial.resume_at(0, save=saved.append, writes=False)
    trial.report(4, loss=1.0)
    with pytest.raises(Enough):
        trial.report(8, loss=0.1)
    with pytest.raises(Infeasible):
        trial.report(8, loss=math.nan)
    assert not (tmp_path / "metrics.jsonl").exists()
    assert saved == [str(tmp_path / "checkpoints" / "last.pt.tmp")]  # which all of them take part in
    assert capsys.readouterr().out == ""


RESUMING = """
import os, random, signal, sys
import numpy, torch, torch._dynamo  # which the first step of an optimizer imports
from playbook_cli import current_trial

def train(die_at):
    trial = current_trial()
    torch.manual_seed(trial.seed); numpy.random.seed(trial.seed); random.seed(trial.seed)
    batches = torch.Generator().manual_seed(trial.seed)
    x, y = torch.randn(64, 4), torch.randn(64, 1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.params["lr"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, trial.max_train_steps)
    for step in trial.steps(model=model, optimizer=optimizer, schedule=schedule, batches=batches):
        rows = torch.randint(64, (8,), generator=batches)
        noise = numpy.random.normal() + random.random()
        loss = (model(x[rows]) - y[rows] - noise).square().mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step(); schedule.step()
        if trial.should_evaluate(step):
            trial.report(step, loss=loss, lr=schedule.get_last_lr()[0])
        if step == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

for folder, deaths in (("killed", [5, 8, 9, None]), ("undisturbed", [None])):
    os.environ["PLAYBOOK_TRIAL_DIR"] = os.path.join(sys.argv[1], folder)
    os.environ["PLAYBOOK_METRICS"] = os.path.join(sys.argv[1], folder, "metrics.jsonl")
    os.mkdir(os.environ["PLAYBOOK_TRIAL_DIR"])
    for die_at in deaths:  # each attempt is a process, and torch is imported once for all of them
        child = os.fork()
        if child == 0:
            train(die_at)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == (signal.SIGKILL if die_at else 0)
"""


@pytest.mark.slow
def test_a_killed_trial_resumes_to_the_very_metrics_of_an_undisturbed_one(environment, tmp_path):
    environment()
    process = subprocess.run([sys.executable, "-c", RESUMING, tmp_path], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    resumed = (tmp_path / "killed" / "metrics.jsonl").read_bytes()
    assert resumed == (tmp_path / "undisturbed" / "metrics.jsonl").read_bytes()
    records = recorded(tmp_path / "killed")
    assert [record["step"] for record in records] == [4, 8, 10]
    best = min(records, key=lambda record: record["loss"])
    assert loaded(tmp_path / "killed", "best")["step"] == best["step"]
    assert loaded(tmp_path / "killed", "last")["step"] == 10
    assert set(loaded(tmp_path / "killed", "best")["state"]) == {"model", "optimizer", "schedule", "batches"}


FAST = """
import sys
from playbook_cli import current_trial
trial = current_trial()
for step in trial.steps():
    trial.report(step, loss=1 / step)
    if step == 1234:
        {then}
"""


@pytest.mark.parametrize(
    "then", ["pass", "break", "sys.exit(1)", "1 / 0", "trial.infeasible('no')", "trial.report(step, loss=1e999)"]
)
def test_reports_that_come_faster_than_they_are_written_are_all_there_at_the_end(environment, tmp_path, then):
    environment(MAX_TRAIN_STEPS="2345")
    code = FAST.format(then=then)
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    losses = {r["step"]: r["loss"] for r in recorded(tmp_path) if math.isfinite(r.get("loss", math.inf))}
    assert losses == {step: 1 / step for step in range(1, 2346 if then == "pass" else 1235)}


def test_a_last_step_is_on_record_even_where_the_process_ends_right_after_it(environment, tmp_path):
    environment(MAX_TRAIN_STEPS="1234")
    code = FAST.format(then="import os; os._exit(0)")
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert len(recorded(tmp_path)) == 1234


def test_a_checkpoint_never_comes_before_the_records_that_it_covers(environment, tmp_path, monkeypatch):
    environment(MAX_TRAIN_STEPS="200", EVAL_EVERY="1")
    trial = current_trial()
    covered = []
    trial.resume_at(0, save=lambda path: (Path(path).touch(), covered.append(len(recorded(tmp_path)))))
    for step in range(1, 101):
        trial.report(step, loss=1 / step)
    assert covered == list(range(1, 101))


@pytest.mark.slow
def test_a_checkpoint_that_finds_no_room_says_so(tmp_path):
    code = """
import resource, sys
import torch
from playbook_cli import Trial
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
model = torch.nn.Linear(9, 9)
trial = Trial(params={}, seed=0, max_train_steps=2, eval_every=1, directory=sys.argv[1], goal_metric="loss")
for step in trial.steps(model=model):
    trial.report(step, loss=1.0)
"""
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"can't write the checkpoint {tmp_path}/checkpoints/last.pt.tmp (" in ended.stderr.splitlines()[-1]


def test_the_gradient_norm_is_that_of_all_parameters_together_and_changes_nothing(trial):
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    assert trial.grad_norm(model.parameters()) == 0.0
    model(torch.ones(5, 3)).square().sum().backward()
    before = [parameter.grad.clone() for parameter in model.parameters()]
    expected = math.sqrt(sum(float(grad.square().sum()) for grad in before))
    assert trial.grad_norm(model.parameters()) == pytest.approx(expected, rel=1e-5)
    assert all(torch.equal(p.grad, grad) for p, grad in zip(model.parameters(), before, strict=True))


def test_a_trial_that_is_to_keep_no_checkpoints_keeps_none(environment, tmp_path):
    environment(CHECKPOINTS="none")
    trial = current_trial()
    for step in trial.steps(counter=Counter(), keep=2):
        trial.report(step, loss=1 / step)
    assert len(recorded(tmp_path)) == 10
    assert not (tmp_path / "checkpoints").exists()


def test_no_folder_is_made_where_the_trials_own_is_away(environment, tmp_path):
    environment()
    trial = current_trial()
    steps = trial.steps(model=Counter())
    trial.report(next(steps), loss=1.0)
    (tmp_path / "checkpoints").rename(tmp_path / "away")
    tmp_path.rename(tmp_path.with_name("gone"))
    with pytest.raises(FileNotFoundError):
        trial.report(4, loss=0.5)
    assert not tmp_path.exists()


READS = {
    "by its name": lambda params: params["dropout"],
    "with a default beside it": lambda params: params.get("dropout", 0.3),
    "taken out": lambda params: params.pop("dropout"),
    "all as arguments": lambda params: SimpleNamespace(**params),
    "all as a plain dictionary": dict,
    "in a copy": lambda params: params.copy(),
    "joined with others": lambda params: params | {"more": 1},
    "joined to others": lambda params: {"more": 1} | params,
    "one by one": lambda params: list(params.items()),
    "as values": lambda params: list(params.values()),
    "as JSON": json.dumps,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_which_of_its_own_values_a_script_reads_is_on_record(environment, tmp_path, read):
    environment()
    trial = current_trial(defaults={"lr": 0.1, "dropout": 0.1})
    read(trial.params)
    trial.report(1, val_error=1.0)
    assert json.loads((tmp_path / "defaults.json").read_text()) == {"dropout": 0.1}


def test_what_a_script_does_not_read_is_not_on_record(environment, tmp_path):
    environment()
    trial = current_trial(defaults={"lr": 0.1, "dropout": 0.1})
    assert "dropout" in trial.params
    assert sorted(trial.params) == ["dropout", "lr"]
    assert trial.params["lr"] == 0.5
    trial.report(1, val_error=1.0)
    assert not (tmp_path / "defaults.json").exists()


def test_a_default_that_stands_where_it_is_read_is_on_record_too(environment, tmp_path):
    environment()
    trial = current_trial()
    assert trial.params.get("dropout", 0.3) == 0.3
    assert trial.params.get("lr", 0.3) == 0.5
    assert trial.params.pop("augment", True) is True
    assert trial.params.setdefault("shape", (2, 3)) == (2, 3)
    trial.report(1, val_error=1.0)
    recorded = json.loads((tmp_path / "defaults.json").read_text())
    assert recorded == {"dropout": 0.3, "augment": True, "shape": [2, 3]}


def test_the_record_is_written_again_only_where_more_was_read(environment, tmp_path):
    environment()
    trial = current_trial(defaults={"dropout": 0.1, "augment": True})
    assert trial.params["dropout"] == 0.1
    trial.report(1, val_error=1.0)
    (tmp_path / "defaults.json").unlink()
    trial.report(2, val_error=1.0)
    assert not (tmp_path / "defaults.json").exists()
    assert trial.params["augment"] is True
    trial.report(3, val_error=1.0)
    assert json.loads((tmp_path / "defaults.json").read_text()) == {"dropout": 0.1, "augment": True}


def test_by_hand_what_is_read_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.delenv("PLAYBOOK_TRIAL_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    trial = current_trial(defaults={"dropout": 0.1})
    assert trial.params["dropout"] == 0.1
    trial.report(1, val_error=1.0)
    assert list(tmp_path.iterdir()) == []
