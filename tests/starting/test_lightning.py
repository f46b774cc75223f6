"""Programs of Lightning: what they log, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playbook_cli.spec.fill import with_stand_ins
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting import lightning
from playbook_cli.starting.script import draft_script

MODULE = """
import lightning as L
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
class Net(L.LightningModule):
    def __init__(self, width: int = 8, learning_rate: float = 1e-3): ...
    def training_step(self, batch, i):
        self.log("train_loss", loss, on_epoch=True)
    def validation_step(self, batch, i):
        self.shared(batch, "val")
    def test_step(self, batch, i):
        self.shared(batch, "test")
        self.log("valid_score", score)
    def shared(self, batch, stage):
        self.log(f"{stage}_acc", acc)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
"""


@pytest.fixture
def study(tmp_path):
    def make(source):
        script = tmp_path / "fit.py"
        script.write_text(MODULE + source)
        made = draft_script(script, tmp_path)
        read = parse(made.text("study.yaml"), "study.yaml")
        return made, validate(replace(read, data=with_stand_ins(read.data)))[0]

    return make


@pytest.mark.parametrize("installed", [True, False])
def test_the_default_logger_writes_below_the_folder_of_the_trial(study, monkeypatch, installed):
    monkeypatch.setattr(lightning, "find_spec", lambda _: object() if installed else None)
    made, found = study("def main():\n    trainer = L.Trainer(max_epochs=20)\n")
    assert found.metric.name == "val_acc"
    assert made.data["cwd"] == "${trial_dir}"
    if installed:
        assert made.data["metrics"] == {"tensorboard": "${trial_dir}/lightning_logs/*", "step": "epoch"}
    else:
        assert made.data["metrics"] == {"csv": "${trial_dir}/lightning_logs/version_*/metrics.csv", "step": "epoch"}
    assert made.data["config"]["set"] == {"main.trainer.max_epochs": "${max_train_steps}"}
    assert made.data["config"]["names"] == {"learning_rate": "Net.configure_optimizers.SGD.lr"}


def test_a_logger_that_is_named_says_where_it_writes(study):
    made, _ = study("trainer = L.Trainer(max_epochs=2, logger=CSVLogger('out', name='net'))\n")
    assert made.data["metrics"]["csv"] == "${trial_dir}/out/net/version_*/metrics.csv"
    made, _ = study("log = TensorBoardLogger('tb')\ntrainer = L.Trainer(max_epochs=2, logger=log)\n")
    assert made.data["metrics"]["tensorboard"] == "${trial_dir}/tb/lightning_logs/*"
    made, _ = study("trainer = L.Trainer(max_epochs=2, logger=WandbLogger())\n")
    assert "stdout" in made.data["metrics"], "what W&B gets is nowhere to be read"


def test_the_command_line_of_lightning_has_the_parameters_of_the_module_and_of_its_data(study):
    made, found = study(
        "from lightning.pytorch.cli import LightningCLI\n"
        "class Data(L.LightningDataModule):\n    def __init__(self, batch_size=32): ...\n"
        "cli = LightningCLI(Net, Data, trainer_defaults={'max_epochs': 10})\n"
    )
    assert found.command[1:5] == ["fit.py", "fit", "${args}", "--trainer.max_epochs=${max_train_steps}"]
    assert "--seed_everything=${seed}" in found.command
    assert "--trainer.logger=CSVLogger" in found.command
    assert (found.max_train_steps, found.fixed) == (10, {"model.width": 8, "data.batch_size": 32})
    assert list(found.nuisance) == ["model.learning_rate"]
    assert made.data["metrics"] == {"csv": "${trial_dir}/lightning_logs/version_*/metrics.csv", "step": "epoch"}


def test_what_is_logged_by_step_and_by_epoch_has_the_name_that_lightning_gives_it(study):
    made, _ = study(
        "class Other(L.LightningModule):\n    def validation_step(self, b, i):\n"
        "        self.log('val_loss', loss, on_step=True)\ntrainer = L.Trainer(max_epochs=2)\n"
    )
    assert made.data["metric"]["name"] in ("val_loss_epoch", "val_acc")
