"""A trial in Hugging Face's own Trainer, with a transformer of a thousand weights."""

from __future__ import annotations

import json
import math
import signal

import pytest

from tests.integrations.attempts import run

pytest.importorskip("accelerate", reason="needs accelerate, which Hugging Face's Trainer needs")
pytest.importorskip("transformers", reason="needs Hugging Face's transformers")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("huggingface")]

PROGRAM = """
import os, signal
import torch, torch._dynamo  # which the first step of an optimizer imports
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments, set_seed
from playbook_cli import current_trial
from playbook_cli.integrations.huggingface import PlaybookCallback, training_arguments

def examples(count, seed):
    tokens = torch.randint(32, (count, 8), generator=torch.Generator().manual_seed(seed))
    return [{"input_ids": row, "labels": row} for row in tokens]

class Killer(TrainerCallback):
    def __init__(self, die):
        self.die = die or ["", 0]
    def meet(self, event, state):
        if self.die == [event, state.global_step]:
            os.kill(os.getpid(), signal.SIGKILL)
    def on_step_end(self, args, state, control, **_):
        self.meet("step", state)
    def on_evaluate(self, args, state, control, **_):
        self.meet("evaluate", state)
    def on_save(self, args, state, control, **_):
        self.meet("save", state)

def measures(prediction):
    error = float((prediction.predictions.argmax(-1)[:, :-1] != prediction.label_ids[:, 1:]).mean())
    return {"error": error, "undefined": float("nan")}

def train(die, bare=None, evaluate=False, parts=False, **arguments):
    trial = current_trial(defaults={"lr": 0.01}, max_train_steps=4, eval_every=2)
    set_seed(trial.seed)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=8, n_embd=8, n_layer=1, n_head=2,
                                       bos_token_id=0, eos_token_id=0))
    usual = {"learning_rate": trial.params["lr"], "per_device_train_batch_size": 4, "dataloader_pin_memory": False}
    if bare is not None:
        own = {"output_dir": str(trial.dir / "own"), "max_steps": 10, "seed": trial.seed}
        chosen = TrainingArguments(**{**own, **usual, **bare})
    else:
        chosen = training_arguments(trial, **usual, **arguments)
    data = examples(24, 0), examples(8, 1)  # six updates an epoch
    trainer = Trainer(model=model, args=chosen, train_dataset=data[0], compute_metrics=measures,
                      eval_dataset={"a": data[1], "b": data[0]} if parts else data[1],
                      callbacks=[Killer(die), PlaybookCallback(trial)])
    if evaluate:
        trainer.evaluate()
    trainer.train(resume_from_checkpoint=trial.last_checkpoint)
    trainer.evaluate()
    print("steps made:", trainer.state.global_step)
"""
DEATHS = [["step", 3], ["save", 8], ["evaluate", 8], ["save", 10]]
TRIALS = {
    "undisturbed": [{}],
    "killed": [*({"die": die} for die in DEATHS), {}, {}],
    "diverged": [{"params": {"lr": 1e38}}],
    "error": [{"env": {"METRIC": "error"}}],
    "longer": [{"further": {"max_steps": 20}}],
    "epochs": [{"further": {"bare": {"max_steps": -1, "num_train_epochs": 3}}}],
    "shared": [{"further": {"output_dir": "../shared_folder"}}],
    "unknown": [{"env": {"METRIC": "val_error"}}],
    "bare": [{"die": ["step", 6], "further": {"bare": {}}}, {"further": {"bare": {}}}],
    "asked": [{"env": {"STOP_STEP": "6", "EVALUATE_FROM": "5"}}],
    "target": [{"env": {"TARGET": "100"}}],
    "validated": [{}, {"further": {"evaluate": True}}],
    "parts": [{"env": {"METRIC": "eval_b_loss"}, "further": {"parts": True}}],
    "unsaved": [{"further": {"save_strategy": "no"}}],
    "hand": [{"env": {"TRIAL_ID": None}}],
}


@pytest.fixture(scope="module")
def tried(shared_folder):
    return run(PROGRAM, "eval_loss", TRIALS, shared_folder("huggingface"))


def kept(trial):
    """The checkpoints there are, and the steps of the last and the best."""
    folder = trial.folder / "checkpoints"
    states = [json.loads((folder / name / "trainer_state.json").read_text()) for name in ("last.pt", "best.pt")]
    return sorted(path.name for path in folder.iterdir()), *(state["global_step"] for state in states)


def test_losses_metrics_and_the_learning_rate_are_on_record_where_an_evaluation_is_due(tried):
    trial = tried["undisturbed"]
    assert trial.codes == [0]
    assert "steps made: 10" in trial.log
    by_step = trial.by_step()
    assert sorted(by_step) == [4, 8, 10]
    for values in by_step.values():
        assert values.keys() == {"train_loss", "learning_rate", "grad_norm", "eval_loss", "eval_error"}
        assert 0 < values["eval_loss"] < 2 * math.log(32)
    assert by_step[10]["train_loss"] < by_step[4]["train_loss"]
    assert by_step[4]["learning_rate"] > by_step[10]["learning_rate"]


def test_a_trial_killed_at_any_moment_goes_on_to_the_very_metrics_of_an_undisturbed_one(tried):
    killed = tried["killed"]
    assert killed.codes == [-signal.SIGKILL] * len(DEATHS) + [0, 0]
    assert killed.records == tried["undisturbed"].records
    assert len(list(killed.folder.glob("metrics.jsonl.*"))) == 0
    assert kept(killed) == kept(tried["undisturbed"])


def test_a_trial_that_was_killed_after_its_last_step_makes_no_further_one(tried):
    assert "it had already trained its last step, 10" in tried["killed"].log
    assert "steps made: 11" not in tried["killed"].log


def test_the_last_checkpoint_and_the_best_are_kept_and_found(tried):
    trial = tried["undisturbed"]
    best = min(trial.by_step().items(), key=lambda item: item[1]["eval_loss"])[0]
    names, last_step, best_step = kept(trial)
    assert (last_step, best_step) == (10, best)
    assert names == sorted({"last.pt", "best.pt", "checkpoint-10", f"checkpoint-{best}"})
    assert (trial.folder / "checkpoints" / "best.pt" / "model.safetensors").exists()


def test_a_loss_that_is_not_a_number_ends_the_trial_as_infeasible(tried):
    trial = tried["diverged"]
    assert trial.codes == [0]
    assert "trial infeasible: train_loss is nan at step 4" in trial.log
    assert math.isnan(trial.records[-1]["train_loss"])


def test_a_study_may_leave_out_what_trainer_puts_before_its_metrics(tried):
    assert tried["error"].by_step()[4].keys() >= {"error", "eval_loss"}
    assert "eval_error" not in tried["error"].by_step()[4]
    assert kept(tried["error"])[1] == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("longer", "Trainer would train for 20 steps, but max_train_steps is 10"),
        ("epochs", "Trainer would train for 18 steps, but max_train_steps is 10"),
        ("shared", "Trainer would save its checkpoints in ../shared_folder"),
        ("unknown", "the study's metric is val_error, but Trainer only has eval_error, eval_loss, grad_norm,"),
    ],
)
def test_a_trainer_that_does_not_fit_its_study_is_told_so(tried, name, message):
    assert tried[name].codes == [1]
    assert message in tried[name].log
    assert 10 not in tried[name].by_step()


def test_the_callback_alone_evaluates_saves_and_resumes_as_the_study_wants(tried):
    trial = tried["bare"]
    assert trial.codes == [-signal.SIGKILL, 0]
    assert trial.records == tried["undisturbed"].records
    assert (trial.folder / "checkpoints" / "last.pt").resolve() == trial.folder / "own" / "checkpoint-10"


def test_trainer_evaluates_and_stops_where_a_learning_rate_sweep_asks_it_to(tried):
    assert tried["asked"].codes == [0]
    assert [step for step, values in tried["asked"].by_step().items() if "eval_loss" in values] == [4, 5, 6]
    assert tried["target"].codes == [0]
    assert sorted(tried["target"].by_step()) == [4]


def test_evaluations_before_and_after_training_are_not_the_trials(tried):
    trial = tried["validated"]
    assert trial.codes == [0, 0]
    assert trial.records == tried["undisturbed"].records


def test_of_several_data_sets_each_is_on_record(tried):
    assert tried["parts"].codes == [0]
    for values in tried["parts"].by_step().values():
        assert values.keys() >= {"eval_a_loss", "eval_b_loss", "eval_a_error", "eval_b_error", "train_loss"}
    assert kept(tried["parts"])[2] in (4, 8, 10)


def test_checkpoints_are_the_scripts_to_refuse(tried):
    assert tried["unsaved"].codes == [0]
    assert sorted(tried["unsaved"].by_step()) == [4, 8, 10]
    assert not list(tried["unsaved"].folder.rglob("checkpoint-*"))


def test_by_hand_the_script_trains_with_its_defaults_and_prints(tried):
    trial = tried["hand"]
    assert trial.codes == [0]
    assert "step 2/4  train_loss" in trial.log
    assert "steps made: 4" in trial.log
    assert {path.name for path in trial.folder.rglob("*") if path.is_file()} == {"params.json", "log.txt"}


STUDY = """
import os, signal
import torch, torch._dynamo
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, set_seed
from playbook_cli.integrations.huggingface import PlaybookCallback, training_arguments

class Killer(TrainerCallback):
    def on_step_begin(self, args, state, control, **_):
        if state.global_step == 3 and not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

def train(trial):
    set_seed(trial.seed)
    size = {"vocab_size": 32, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
    tokens = torch.randint(32, (8, 8))
    data = [{"input_ids": row, "labels": row} for row in tokens]
    trainer = Trainer(
        model=GPT2LMHeadModel(GPT2Config(**size)),
        args=training_arguments(trial, learning_rate=trial.params["x"]),
        train_dataset=data,
        eval_dataset=data,
        callbacks=[Killer(), PlaybookCallback(trial)],
    )
    trainer.train(resume_from_checkpoint=trial.last_checkpoint)
    print("steps made here:", trainer.state.global_step - trainer._initial_global_step)
"""


def test_a_study_of_trainers_resumes_a_trial_that_crashed(bench, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    bench.study(STUDY, trials=1, metric={"name": "eval_loss"})
    assert bench.real("run", "study.yaml").code == 0
    crash, success = bench.events("ended")
    assert crash["reason"] == "it crashed with signal 9"
    assert success["state"] == "completed"
    assert [record["step"] for record in bench.metrics(0)] == [2, 4]
    paths = bench.paths().trial(0)
    assert "steps made here: 2" in paths.stdout.read_text()
    assert not list(paths.dir.glob("metrics.jsonl.*"))
