"""Studies for training scripts, of one optimizer and number of trials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playbook_cli.errors import PlaybookError, SpecError
from playbook_cli.spec import check
from playbook_cli.spec.fill import with_stand_ins
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.script import draft_script

ADAM = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=3e-4)
p.add_argument("--wd", type=float, default=0.1)
p.add_argument("--dropout", type=float, default=0.1)
p.add_argument("--beta1", type=float, default=0.9)
p.add_argument("--beta2", type=float, default=0.95)
p.add_argument("--adam_eps", type=float, default=1e-8)
p.add_argument("--momentum", type=float, default=0.9)
"""
CHOICE = 'p.add_argument("--optim", choices=["SGD", "AdamW"], default="SGD")\n'
FLAG = 'p.add_argument("--nesterov", action="store_true")\n'


@pytest.fixture
def draft(tmp_path):
    def make(source, **how):
        script = tmp_path / "train.py"
        script.write_text(source)
        made = draft_script(script, tmp_path, **how)
        read = parse(made.text("study.yaml"), "study.yaml")
        return made, validate(replace(read, data=with_stand_ins(read.data)))[0]

    return make


@pytest.mark.parametrize(
    ("trials", "tuned"),
    [
        (8, {"learning_rate"}),
        (10, {"learning_rate", "beta1"}),
        (16, {"learning_rate", "beta1", "weight_decay"}),
        (30, {"learning_rate", "beta1", "weight_decay", "dropout", "epsilon"}),
        (60, {"learning_rate", "beta1", "weight_decay", "dropout", "epsilon", "beta2"}),
    ],
)
def test_what_the_script_takes_is_tuned_by_the_tiers_and_the_rest_stays_at_its_own_values(draft, trials, tuned):
    made, study = draft(ADAM, optimizer="adamw", trials=trials)
    assert study.trials == trials
    assert set(study.nuisance) == tuned
    defaults = {"weight_decay": 0.1, "dropout": 0.1, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "momentum": 0.9}
    assert study.fixed == {**{k: v for k, v in defaults.items() if k not in tuned}, "optimizer": "adamw"}
    assert check.warnings(study) == []
    assert made.comments["nuisance",].startswith(f"AdamW in {trials} trials: the learning rate is tuned first")


def test_an_optimizer_that_is_no_argument_of_the_script_is_said_to_be_none(draft):
    _, study = draft(ADAM, optimizer="adamw")
    assert study.args.omit == ["optimizer"]


def test_the_scripts_own_choice_of_optimizers_is_set(draft):
    _, study = draft(ADAM + CHOICE, optimizer="adamw")
    assert study.fixed["optim"] == "AdamW"
    assert study.scientific == {}
    assert "optimizer" not in study.fixed
    assert study.args.omit == []


def test_sgd_stands_for_its_momentum_where_the_script_has_no_other_name_for_it(draft):
    _, study = draft(ADAM + CHOICE + FLAG, optimizer="nesterov", trials=16)
    assert study.fixed["optim"] == "SGD"
    assert study.fixed["nesterov"] is True
    assert "momentum" in study.nuisance
    assert "beta1" in study.fixed
    assert draft(ADAM + CHOICE + FLAG, optimizer="momentum")[1].fixed["nesterov"] is False


def test_an_optimizer_that_the_script_does_not_offer_is_refused(draft):
    with pytest.raises(SpecError, match=r"train.py:11: its --optim has no NAdam") as error:
        draft(ADAM + CHOICE, optimizer="nadam")
    assert error.value.hint == "it takes SGD, AdamW"


def test_fewer_trials_tune_less_of_any_script(draft):
    _, study = draft(ADAM, trials=8)
    assert set(study.nuisance) == {"learning_rate"}


def test_what_the_script_does_not_take_is_told(draft):
    made, _ = draft(
        'import argparse\np = argparse.ArgumentParser()\np.add_argument("--lr", type=float, default=0.1)\n',
        optimizer="adam",
    )
    assert (
        "the script does not take these hyperparameters of Adam: one_minus_beta1, epsilon, one_minus_beta2"
        in made.notes
    )


def test_without_a_number_there_are_trials_enough_for_what_is_tuned(draft):
    _, study = draft(ADAM)
    assert check.warnings(study) == []


def test_trials_are_shared_by_the_arms(draft):
    with pytest.raises(PlaybookError, match="--trials 15 can't be shared equally by the 2 arms"):
        draft(ADAM + CHOICE, trials=15)


def test_of_few_trials_the_learning_rate_is_tuned_whatever_it_is_called(tmp_path):
    (tmp_path / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--model.drop_path', type=float, default=0.1)\n"
        "p.add_argument('--trainer.base_lr', type=float, default=0.1)\n"
    )
    assert list(draft_script(tmp_path / "train.py", tmp_path, trials=3).data["nuisance"]) == ["trainer.base_lr"]
