from __future__ import annotations

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.spec.model import LrSweepSpec, StudySpec
from playbook_cli.sweep.setting import settle


def study(**changes):
    keys = {
        "name": "s",
        "train": "m:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 800,
        "trials": 8,
        "nuisance": {"learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"}},
    }
    return StudySpec.model_validate(keys | changes)


def settled(sweep=None, **changes):
    return settle(study(**changes), LrSweepSpec.model_validate(sweep or {}), "study.yaml:1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dropout", 0.1),
        ("attention_drop_path", 0.1),
        ("weightDecay", 1e-4),
        ("wd", 1e-4),
        ("l2", 0.01),
        ("label_smoothing", 0.1),
        ("mixup_alpha", 0.2),
        ("cutmix", True),
        ("augmentation", "randaugment"),
        ("lr_schedule", "cosine"),
        ("lr_scheduler", "step"),
        ("warmup_steps", 10),
        ("lr_decay", 0.97),
    ],
)
def test_what_looks_like_regularization_or_a_schedule_is_refused_unless_it_is_off_or_harmless(name, value):
    with pytest.raises(SpecError, match=f"{name} would be on") as refused:
        settled(fixed={name: value})
    assert name in (refused.value.hint or "")
    assert settled({"harmless": [name]}, fixed={name: value}).harmless == (name,)
    assert settled({"off": {name: 0.0}}, fixed={name: value}).fixed[name] == 0.0


@pytest.mark.parametrize("value", [0, 0.0, False, None, "none", "Constant", "off"])
def test_what_is_off_in_the_study_needs_no_word(value):
    assert settled(fixed={"augment_schedule": value}).off == {"augment_schedule": value}


@pytest.mark.parametrize(
    "name", ["momentum", "one_minus_momentum", "beta1", "width", "batch_size", "clip_norm", "seed"]
)
def test_other_hyperparameters_raise_no_suspicion(name):
    assert settled(fixed={name: 3}).fixed == {name: 3}


def test_a_range_of_regularization_is_refused_too():
    rate = {"learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"}}
    with pytest.raises(SpecError, match="dropout would be on"):
        settled(nuisance=rate | {"dropout": {"min": 0.0, "max": 0.5}})


def test_what_varies_gets_one_value_and_it_is_said_which():
    setting = settled(
        scientific={"optimizer": ["sgd", "adam"]},
        nuisance={
            "learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"},
            "one_minus_momentum": {"min": 1e-2, "max": 1.0, "scale": "log", "when": {"optimizer": "sgd"}},
            "beta1": {"min": 0.8, "max": 0.99, "when": {"optimizer": "adam"}},
            "width": {"min": 10, "max": 20},
        },
    )
    assert setting.fixed == {"optimizer": "sgd", "one_minus_momentum": 0.1, "width": 15}
    assert setting.chosen["optimizer"] == "sgd, the first of its values"
    assert setting.chosen["one_minus_momentum"] == "0.1, the middle of its range on a log scale"
    assert "beta1" not in setting.chosen


def test_the_user_can_say_at_which_values():
    rate = {"learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"}}
    setting = settled({"at": {"width": 12}}, nuisance=rate | {"width": {"min": 10, "max": 20}})
    assert setting.fixed == {"width": 12}
    assert setting.chosen == {}


def test_what_depends_on_a_schedule_goes_when_the_schedule_is_off():
    setting = settled(
        {"off": {"schedule": "constant"}},
        nuisance={
            "learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"},
            "schedule": ["cosine", "constant"],
            "final_share": {"min": 0.0, "max": 0.1, "when": {"schedule": "cosine"}},
        },
    )
    assert setting.fixed == {"schedule": "constant"}


def test_the_learning_rate_may_be_fixed_in_the_study():
    setting = settled(nuisance={}, fixed={"learning_rate": 0.1, "width": 3})
    assert setting.fixed == {"width": 3}


def test_the_sweeps_study_is_one_of_its_own():
    spec = settled(fixed={"width": 3}, resources={"timeout": "5m"}).spec("lr-sweep", 400, [0.1, 0.01])
    assert (spec.name, spec.metric.name, spec.max_train_steps, spec.trials) == ("s-lr-sweep", "train_error", 400, 2)
    assert spec.eval_every == 4  # the study's own is 16
    assert spec.resources.timeout == 300
    (rate,) = spec.parameters()
    assert (rate.low, rate.high, rate.scale) == (0.01, 0.1, "log")
