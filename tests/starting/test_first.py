"""The study and the script for one optimizer and number of trials."""

from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.spec import check
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.first import first_study
from playbook_cli.starting.optimizers import OPTIMIZERS


def made(optimizer=None, trials=None):
    texts = first_study(optimizer, trials)
    return validate(parse(texts["study.yaml"], "study.yaml"))[0], texts["train.py"]


@pytest.mark.parametrize(
    ("trials", "tuned"),
    [
        (8, {"learning_rate"}),
        (12, {"learning_rate", "one_minus_beta1"}),
        (16, {"learning_rate", "one_minus_beta1", "weight_decay"}),
        (32, {"learning_rate", "one_minus_beta1", "weight_decay", "epsilon", "dropout"}),
        (64, {"learning_rate", "one_minus_beta1", "weight_decay", "epsilon", "one_minus_beta2", "dropout"}),
    ],
)
def test_adamw_is_tuned_by_the_tiers(trials, tuned):
    study, _ = made("adamw", trials)
    assert study.trials == trials
    assert set(study.nuisance) == tuned
    knobs = {knob.name for knob in OPTIMIZERS["adamw"].knobs}
    assert knobs <= {*study.nuisance, *study.fixed}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("trials", [4, 16, 64])
def test_what_is_written_has_no_warning_and_the_script_takes_all_of_it(optimizer, trials):
    study, script = made(optimizer, trials)
    assert check.warnings(study) == []
    assert study.fixed["optimizer"] == optimizer
    compile(script, "train.py", "exec")
    for name in {*study.scientific, *study.nuisance, *study.fixed} - {"optimizer"}:
        assert f'"{name}": ' in script


def test_one_minus_beta_is_on_a_log_scale():
    study, script = made("adam", 64)
    for name in ("one_minus_beta1", "one_minus_beta2"):
        assert study.nuisance[name][0].scale == "log"
    assert 'betas=(1 - p["one_minus_beta1"], 1 - p["one_minus_beta2"])' in script


def test_the_optimizer_is_known_by_any_case():
    assert made("AdamW")[0] == made("adamw")[0]


def test_the_learning_rates_of_the_sweep_are_those_of_the_optimizer():
    study, _ = made("adamw")
    assert (study.lr_sweep.min, study.lr_sweep.max) == (1e-4, 0.1)
    assert study.lr_sweep.off == {"dropout": 0.0, "weight_decay": 0.0}


def test_few_trials_of_the_plain_study_leave_dropout_out():
    study, _ = made(trials=8)
    assert set(study.nuisance) == {"learning_rate"}
    assert study.fixed["dropout"] == 0.0
    assert check.warnings(study) == []


def test_an_unknown_optimizer_is_told_the_ones_there_are():
    with pytest.raises(PlaybookError, match="--optimizer lion: there is no such optimizer") as error:
        first_study("lion")
    assert error.value.hint == "it is one of sgd, momentum, nesterov, adam, adamw, nadam"


@pytest.mark.parametrize(("trials", "write"), [(1, "2"), (15, "14 or 16")])
def test_trials_that_the_arms_cannot_share_are_refused(trials, write):
    with pytest.raises(PlaybookError, match="can't be shared equally by the 2 arms") as error:
        first_study("adam", trials)
    assert error.value.hint == f"write --trials {write}"
