"""The digits workload: its data, what it reports, what its hyperparameters do."""

from __future__ import annotations

import math
import runpy
import sys

import pytest
import torch

from playbook_cli.client import Infeasible
from playbook_cli.errors import ProtocolError
from playbook_cli.workloads import digits


def test_without_the_package_that_brings_the_images_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if "site-packages" not in folder])
    monkeypatch.delitem(sys.modules, digits.__name__)
    with pytest.raises(ProtocolError, match="scikit-learn, which is not installed") as error:
        runpy.run_module(digits.__name__)
    assert error.value.hint == "pip install 'playbook-cli[demo]'"


def test_every_image_is_in_exactly_one_part():
    parts = digits.load()
    images = torch.cat([part.images for part in parts])
    assert images.shape == (1797, 64)
    assert len(images.unique(dim=0)) == 1797
    assert 0.0 == images.min() < images.max() == 1.0


def test_each_part_holds_its_share_of_every_digit():
    counts = torch.stack([part.labels.bincount() for part in digits.load()])
    shares = counts / counts.sum(0)
    assert shares.shape == (3, 10)
    assert torch.allclose(shares, torch.tensor([[0.5], [0.3], [0.2]]), atol=0.02)


def test_the_split_does_not_depend_on_the_seed():
    torch.manual_seed(1)
    first = digits.load()
    torch.manual_seed(2)
    for one, other in zip(first, digits.load(), strict=True):
        assert torch.equal(one.images, other.images)


@pytest.mark.slow
def test_an_evaluation_reports_losses_errors_and_the_learning_rate(evaluations):
    (record,) = evaluations(digits.train, {}, steps=10)
    assert record.keys() == {
        "step", "train_loss", "train_error", "val_loss", "val_error", "test_error", "learning_rate", "grad_norm"
    }  # fmt: skip
    assert record["step"] == 10
    assert 0.0 <= record["val_error"] <= 1.0


def test_train_error_counts_the_whole_training_set(evaluations):
    (record,) = evaluations(digits.train, {}, steps=10)
    wrong = record["train_error"] * len(digits.load()[0].labels)
    assert wrong == pytest.approx(round(wrong))


def test_a_constant_learning_rate_fits_the_training_set_perfectly(evaluations):
    (record,) = evaluations(digits.train, {"learning_rate": 0.3}, steps=300)
    assert record["train_error"] == 0.0
    assert record["val_error"] < 0.06


@pytest.mark.parametrize(("optimizer", "learning_rate"), [("sgd", 0.1), ("adam", 0.01), ("adamw", 0.01)])
@pytest.mark.parametrize("hidden_layers", [0, 1, 2])
@pytest.mark.slow
def test_every_optimizer_learns_at_every_depth(evaluations, optimizer, learning_rate, hidden_layers):
    params = {"optimizer": optimizer, "learning_rate": learning_rate, "hidden_layers": hidden_layers}
    (record,) = evaluations(digits.train, params, steps=100)
    assert record["val_error"] < 0.2


def test_momentum_can_be_off(evaluations):
    (record,) = evaluations(digits.train, {"one_minus_momentum": 1.0, "learning_rate": 1.0}, steps=50)
    assert record["val_error"] < 0.5


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_the_optimizer_gets_its_hyperparameters(optimizer):
    betas = {"one_minus_beta1": 0.25, "one_minus_beta2": 0.125}
    given = {"optimizer": optimizer, "weight_decay": 0.5, "one_minus_momentum": 0.25, **betas}
    made = digits.build_optimizer({**digits.DEFAULTS, **given}, torch.nn.Linear(1, 1)).defaults
    assert made["weight_decay"] == 0.5
    assert made["nesterov"] if optimizer == "sgd" else made["betas"] == (0.75, 0.875)
    assert made.get("momentum", 0.75) == 0.75


def test_a_weight_decay_shrinks_the_weights(evaluations):
    loss = [evaluations(digits.train, {"weight_decay": decay}, steps=200)[-1]["train_loss"] for decay in (0.0, 0.02)]
    assert loss[1] > 2 * loss[0]


def test_dropout_is_off_in_an_evaluation_and_on_again_after_it():
    training, _, _ = digits.load()
    model = digits.build_model({**digits.DEFAULTS, "dropout": 0.5})
    assert digits.evaluate(model, training) == digits.evaluate(model, training)
    assert model.training
    assert not torch.equal(model(training.images), model(training.images))


def test_losses_are_reported_without_label_smoothing(evaluations):
    still = {"learning_rate": 0.0}
    plain, smoothed = (evaluations(digits.train, {**still, "label_smoothing": s}, steps=1)[0] for s in (0.0, 0.5))
    assert plain.pop("grad_norm") != smoothed.pop("grad_norm")
    assert plain == smoothed


@pytest.mark.slow
def test_label_smoothing_trains_less_certain_answers(evaluations):
    plain, smoothed = (evaluations(digits.train, {"label_smoothing": s}, steps=200)[0] for s in (0.0, 0.3))
    assert smoothed["train_loss"] > 2 * plain["train_loss"]


def test_the_reported_learning_rate_is_the_one_that_was_used(evaluations):
    records = evaluations(
        digits.train, {"learning_rate": 0.4, "schedule": "linear", "warmup_steps": 1}, steps=5, every=1
    )
    assert [record["learning_rate"] for record in records] == pytest.approx([0.2, 0.4, 0.3, 0.2, 0.1])


def test_the_seed_decides_everything(evaluations):
    one, same, other = (evaluations(digits.train, {"dropout": 0.2}, steps=20, seed=seed) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_a_learning_rate_far_too_high_ends_the_trial_as_infeasible(evaluations):
    with pytest.raises(Infeasible):
        evaluations(digits.train, {"learning_rate": 1e30}, steps=5, every=1)


@pytest.mark.parametrize(
    ("params", "named"),
    [({"learning_rte": 0.1}, "learning_rte"), ({"optimizer": "lion"}, "lion"), ({"schedule": "step"}, "step")],
)
def test_a_hyperparameter_that_would_do_nothing_is_refused(evaluations, params, named):
    with pytest.raises(ProtocolError, match=named):
        evaluations(digits.train, params, steps=1)


@pytest.mark.slow
def test_it_runs_by_hand(capsys, monkeypatch):
    monkeypatch.delenv("PLAYBOOK_TRIAL_ID", raising=False)
    runpy.run_path(digits.__file__, run_name="__main__")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("step 600/600")
    assert "val_error" in last


def test_chance_is_where_it_starts(evaluations):
    (record,) = evaluations(digits.train, {"learning_rate": 0.0}, steps=1)
    assert record["val_loss"] == pytest.approx(math.log(10), abs=0.1)
