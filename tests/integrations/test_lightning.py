"""A trial in Lightning's own Trainer, in both packages that it comes in."""

from __future__ import annotations

import importlib.util
import math
import signal

import pytest

from tests.integrations.attempts import run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lightning")]

PROGRAM = """
import os, signal
import torch, torch._dynamo  # which the first step of an optimizer imports
from playbook_cli import current_trial
from playbook_cli.integrations.lightning import PlaybookCallback
from LIBRARY import Callback, LightningModule, Trainer, seed_everything

class Line(LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.lr = lr
        self.layer = torch.nn.Linear(3, 1)
    def error(self, batch):
        x, y = batch
        return (self.layer(x) - y).square().mean()
    def training_step(self, batch, index):
        loss = self.error(batch)
        print("batch loss:", loss.item())
        return loss
    def validation_step(self, batch, index):
        self.log("val_loss", self.error(batch))
        self.log("val_error", 0.5)
        self.log("undefined", float("nan"))
    test_step = validation_step
    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.5)
        return [optimizer], [{"scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9), "interval": "step"}]

class Killer(Callback):
    def __init__(self, die):
        self.die = die or ["", 0]
    def meet(self, event, trainer):
        if self.die[:2] == [event, trainer.global_step]:
            os.kill(os.getpid(), getattr(signal, self.die[2] if len(self.die) > 2 else "SIGKILL"))
    def on_train_batch_end(self, trainer, *_):
        self.meet("step", trainer)
    def on_validation_start(self, trainer, *_):
        self.meet("validation", trainer)
    def on_save_checkpoint(self, trainer, *_):
        self.meet("save", trainer)

def loader(count, seed, size):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=generator)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    return torch.utils.data.DataLoader(data, batch_size=size)

def train(die, epoch=6, test=False, **arguments):
    trial = current_trial(defaults={"lr": 0.1}, max_train_steps=4, eval_every=2)
    seed_everything(trial.seed)
    chosen = {"max_steps": trial.max_train_steps, "default_root_dir": trial.dir, "logger": False,
              "enable_progress_bar": False, **arguments}
    trainer = Trainer(callbacks=[PlaybookCallback(trial), Killer(die)], **chosen)
    module = Line(trial.params["lr"])
    trainer.validate(module, loader(8, 1, 8))
    trainer.fit(module, loader(4 * epoch, 0, 4), loader(8, 1, 8), ckpt_path=trial.last_checkpoint)
    print("steps made:", trainer.global_step)
    print("checkpoints by:", [type(callback).__name__ for callback in trainer.checkpoint_callbacks])
    if test:
        print("tested:", trainer.test(module, loader(8, 1, 8), ckpt_path="best")[0]["val_loss"])
"""
DEATHS = [["step", 3], ["step", 6], ["save", 8], ["validation", 8], ["step", 9], ["validation", 10]]
TRIALS = {
    "undisturbed": [{"further": {"test": True}}],
    "one_batch_epochs": [{"further": {"epoch": 1}}],
    "killed": [*({"die": die, "further": {"epoch": 1}} for die in DEATHS), {"further": {"epoch": 1}}, {}],
    "killed_within_an_epoch": [*({"die": die} for die in DEATHS), {}, {}],
    "terminated": [{"die": ["step", 6, "SIGTERM"]}],
    "diverged": [{"params": {"lr": 1e38}, "env": {"METRIC": "val_error"}}],
    "longer": [{"further": {"max_steps": 20}}],
    "epochs": [{"further": {"max_steps": -1, "max_epochs": 2}}],
    "unknown": [{"env": {"METRIC": "accuracy"}}],
    "accumulating": [{"further": {"accumulate_grad_batches": 3}}],
    "asked": [{"env": {"STOP_STEP": "6", "EVALUATE_FROM": "5"}}],
    "target": [{"env": {"TARGET": "100"}}],
    "hand": [{"env": {"TRIAL_ID": None}}],
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            library,
            marks=pytest.mark.skipif(
                importlib.util.find_spec(library.split(".")[0]) is None, reason=f"needs {library.split('.')[0]}"
            ),
        )
        for library in ("lightning.pytorch", "pytorch_lightning")
    ],
)
def tried(request, shared_folder):
    program = PROGRAM.replace("LIBRARY", request.param)
    return run(program, "val_loss", TRIALS, shared_folder(request.param))


def kept(trial):
    """The checkpoints there are, and the steps of the last and the best."""
    import torch

    folder = trial.folder / "checkpoints"
    steps = [torch.load(folder / name, weights_only=True)["global_step"] for name in ("last.pt", "best.pt")]
    return sorted(path.name for path in folder.iterdir()), *steps


def test_what_the_module_logs_is_on_record_where_an_evaluation_is_due(tried):
    trial = tried["undisturbed"]
    assert trial.codes == [0]
    assert "steps made: 10" in trial.log
    assert [record["step"] for record in trial.records] == [4, 8, 10]
    for record in trial.records:
        assert record.keys() == {"step", "val_loss", "val_error", "train_loss", "learning_rate"}
        assert record["learning_rate"] == pytest.approx(0.1 * 0.9 ** record["step"])
    assert trial.records[-1]["train_loss"] < trial.records[0]["train_loss"]


def test_the_last_checkpoint_and_the_best_are_kept_and_found(tried):
    trial = tried["undisturbed"]
    best = min(trial.records, key=lambda record: record["val_loss"])
    assert kept(trial) == (["best.pt", "last.pt"], 10, best["step"])
    assert "checkpoints by: ['PlaybookCallback']" in trial.log
    assert float(trial.log.split("tested: ")[1].split()[0]) == pytest.approx(best["val_loss"])


def test_a_trial_killed_at_any_moment_goes_on_to_the_very_metrics_of_an_undisturbed_one(tried):
    killed = tried["killed"]
    assert killed.codes == [-signal.SIGKILL] * len(DEATHS) + [0, 0]
    assert killed.records == tried["one_batch_epochs"].records
    assert not list(killed.folder.glob("metrics.jsonl.*"))
    assert kept(killed) == kept(tried["one_batch_epochs"])


def test_a_trial_killed_within_an_epoch_goes_on_too(tried):
    """Lightning begins the epoch's data anew there, unless the loader can be restored, so the metrics differ."""
    killed = tried["killed_within_an_epoch"]
    assert killed.codes == [-signal.SIGKILL] * len(DEATHS) + [0, 0]
    assert [record["step"] for record in killed.records] == [4, 8, 10]
    assert killed.records[0] == tried["undisturbed"].records[0]
    assert "steps made: 10" in killed.log
    assert "steps made: 11" not in killed.log


def test_a_trial_that_is_terminated_does_not_end_as_if_it_were_done(tried):
    assert tried["terminated"].codes == [128 + signal.SIGTERM]


def test_a_training_loss_that_is_not_a_number_ends_the_trial_as_infeasible(tried):
    trial = tried["diverged"]
    assert trial.codes == [0]
    assert "trial infeasible: " in trial.log
    (record,) = trial.records
    assert not math.isfinite(record["train_loss"])
    assert record["val_error"] == 0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("longer", "Trainer has max_steps = 20, but max_train_steps is 10"),
        ("epochs", "Trainer has max_steps = -1, but max_train_steps is 10"),
        ("unknown", "the study's metric is accuracy, but the module only logs undefined, val_error, val_loss"),
    ],
)
def test_a_trainer_that_does_not_fit_its_study_is_told_so(tried, name, message):
    assert tried[name].codes == [1]
    assert message in tried[name].log
    assert tried[name].records == []


def test_steps_are_updates_also_where_several_batches_make_one(tried):
    trial = tried["accumulating"]
    assert trial.codes == [0]
    assert [record["step"] for record in trial.records] == [4, 8, 10]
    losses = [line.split()[-1] for line in trial.log.splitlines() if "batch loss:" in line]
    assert trial.records[0]["train_loss"] == pytest.approx(float(losses[11]))


def test_trainer_validates_and_stops_where_a_learning_rate_sweep_asks_it_to(tried):
    assert tried["asked"].codes == [0]
    assert [record["step"] for record in tried["asked"].records] == [4, 5, 6]
    assert tried["target"].codes == [0]
    assert [record["step"] for record in tried["target"].records] == [4]


def test_by_hand_the_script_trains_with_its_defaults_and_prints(tried):
    trial = tried["hand"]
    assert trial.codes == [0]
    assert "step 4/4  " in trial.log
    assert "steps made: 4" in trial.log
    assert {path.name for path in trial.folder.rglob("*") if path.is_file()} == {"params.json", "log.txt"}
