"""What the playbook objects to in the design of a study."""

from __future__ import annotations

import pytest

from playbook_cli.spec.check import problems
from playbook_cli.spec.design import CHECKS, objections
from playbook_cli.spec.model import StudySpec

RATE = {"min": 1e-3, "max": 1.0, "scale": "log"}


def study(**changes):
    base = {
        "name": "toy",
        "train": "toy:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 200,
        "trials": 16,
        "nuisance": {"learning_rate": RATE},
    }
    keys = {key: value for key, value in {**base, **changes}.items() if value is not None}
    spec = StudySpec.model_validate(keys)
    assert problems(spec) == []
    return spec


def objects(*, first=True, **changes):
    return objections(study(**changes), first=first)


def fixed(**settings):
    return objects(fixed=settings)


def test_a_plain_design_meets_no_objection():
    settings = {"batch_size": 64, "eval_batch_size": 64, "schedule": "constant", "warmup_steps": 0, "accum": 1}
    assert objects(scientific={"layers": [1, 2]}, fixed=settings) == {}


@pytest.mark.parametrize("name", ["learning_rate", "lr", "optim.lr", "--learning-rate"])
def test_a_scientific_learning_rate_is_objected_to(name):
    found = objects(scientific={name: RATE}, nuisance=None)
    assert list(found) == ["scientific-learning-rate"]
    assert found["scientific-learning-rate"].location == ("scientific", name)
    assert found["scientific-learning-rate"].hint == f"move {name} to nuisance:"


@pytest.mark.parametrize("scientific", [{"min_lr": [0.0, 0.1]}, {"lr_schedule": ["constant", "cosine"]}])
def test_what_only_belongs_to_the_learning_rate_may_be_asked_about(scientific):
    assert objects(scientific=scientific) == {}


@pytest.mark.parametrize("name", ["learning_rate", "lr", "optimizer.lr", "base_lr"])
def test_a_learning_rate_that_is_tuned_nowhere_is_objected_to(name):
    found = objects(nuisance={"width": [1, 2]}, fixed={name: 0.1})
    assert list(found) == ["fixed-learning-rate"]
    assert found["fixed-learning-rate"].what.startswith(f"{name} is 0.1 in all trials: the best learning rate")
    assert f"{name}: {{min: 0.01, max: 1, scale: log}}" in (found["fixed-learning-rate"].hint or "")


def test_one_of_several_learning_rates_may_be_fixed():
    assert fixed(lr_backbone=1e-4) == {}


def test_the_learning_rate_of_an_optimizer_that_estimates_it_may_be_fixed():
    assert objects(nuisance={"width": [1, 2]}, fixed={"lr": 1.0, "optimizer": "prodigy"}) == {}


def test_the_listed_points_of_a_round_tune_their_learning_rates():
    points = [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    assert objects(sampler="listed", points=points, trials=None) == {}


@pytest.mark.parametrize(("name", "values"), [("opt", ["sgd", "adam"]), ("algorithm", ["SGD", "AdamW"])])
def test_an_optimizer_as_a_nuisance_is_objected_to(name, values):
    rates = [{**RATE, "when": {name: value}} for value in values]
    found = objects(nuisance={name: values, "lr": rates})
    assert list(found) == ["nuisance-optimizer"]
    assert objects(scientific={name: values}, nuisance={"lr": rates}) == {}
    assert objects(nuisance={name: values[:1], "lr": RATE}) == {}


def test_more_than_three_scientific_hyperparameters_are_objected_to():
    names = ("depth", "width", "activation", "norm")
    asked = {name: [1, 2] for name in names}
    assert list(objects(scientific=asked, trials=80)) == ["many-scientific"]
    assert objects(scientific={**asked, "norm": [1]}, trials=80) == {}


@pytest.mark.parametrize(("trials", "small"), [(8, True), (10, False)])
def test_arms_of_fewer_than_five_trials_are_objected_to(trials, small):
    found = objects(scientific={"layers": [1, 2]}, trials=trials)
    assert list(found) == ["small-arms"] * small
    if small:
        assert found["small-arms"].what.startswith("8 trials in 2 arms, 4 each: too few")
        assert (found["small-arms"].hint or "").startswith("run 10 trials or more")


def test_the_arms_of_a_grid_are_as_large_as_its_points_make_them():
    rate = {**RATE, "points": 4}
    asked = {"scientific": {"layers": [1, 2]}, "sampler": "grid", "trials": None}
    assert list(objects(**asked, nuisance={"learning_rate": rate})) == ["small-arms"]
    assert objects(**asked, nuisance={"learning_rate": {**rate, "points": 5}}) == {}


def test_one_range_that_two_optimizers_share_is_objected_to():
    optimizers = {"optimizer": ["sgd", "adam", "lion"]}
    found = objects(
        scientific=optimizers, trials=18, nuisance={"lr": RATE, "beta1": {**RATE, "max": 0.9}, "dropout": RATE}
    )
    assert list(found) == ["shared-range"]
    assert found["shared-range"].what.startswith("sgd, adam and lion share one range of lr and beta1:")
    own = [{**RATE, "when": {"optimizer": name}} for name in ("sgd", "adam", "lion")]
    assert objects(scientific=optimizers, trials=18, nuisance={"lr": own, "beta1": own[1], "dropout": RATE}) == {}
    both = [{**RATE, "when": {"optimizer": ["sgd", "adam"]}}, own[2]]
    assert objects(scientific=optimizers, trials=18, nuisance={"lr": both})["shared-range"].what.startswith(
        "sgd and adam share"
    )


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_grid_beyond_two_dimensions_is_objected_to(dimensions):
    ranges = {name: {**RATE, "points": 3} for name in ("learning_rate", "momentum", "weight_decay")[:dimensions]}
    found = objects(nuisance=ranges, sampler="grid", trials=None)
    assert list(found) == ["wide-grid"] * (dimensions > 2)
    assert objects(nuisance=dict.fromkeys(ranges, RATE)) == {}


def test_the_dimensions_of_a_grid_are_those_that_a_trial_has_at_once():
    rate = {**RATE, "points": 3}
    own = {f"rate_{name}": {**rate, "when": {"optimizer": name}} for name in ("sgd", "adam")}
    nuisance = {"width": {**rate}, **own}
    assert objects(scientific={"optimizer": ["sgd", "adam"]}, nuisance=nuisance, sampler="grid", trials=None) == {}


@pytest.mark.parametrize(
    ("evaluation", "training"),
    [("eval_batch_size", "batch_size"), ("val_batch", "bs"), ("per_device_eval_batch_size", "per_device_batch_size")],
)
def test_evaluation_in_smaller_batches_than_training_is_objected_to(evaluation, training):
    assert list(fixed(**{training: 64, evaluation: 16})) == ["small-eval-batch"]
    assert fixed(**{training: 64, evaluation: 64}) == {}
    assert fixed(**{evaluation: 16}) == {}


def test_batches_of_one_device_are_not_compared_with_those_of_all():
    assert fixed(batch_size=64, per_device_eval_batch_size=16) == {}


@pytest.mark.parametrize(
    "name", ["accum", "grad_accum_steps", "gradient_accumulation_steps", "accumulate_grad_batches"]
)
def test_gradient_accumulation_is_objected_to(name):
    assert list(fixed(**{name: 8})) == ["gradient-accumulation"]
    assert fixed(**{name: 1}) == {}
    assert list(objects(scientific={name: [1, 4]})) == ["gradient-accumulation"]


@pytest.mark.parametrize(("name", "long", "short"), [("warmup_steps", 11, 10), ("warmup_ratio", 0.06, 0.05)])
def test_a_warm_up_beyond_a_twentieth_of_the_steps_is_objected_to(name, long, short):
    assert list(objects(first=False, fixed={name: long})) == ["long-warmup"]
    assert objects(first=False, fixed={name: short}) == {}


@pytest.mark.parametrize(
    "settings",
    [{"schedule": "cosine"}, {"lr_scheduler_type": "linear"}, {"lr_decay": 0.95}, {"warmup_steps": 5}],
)
def test_a_schedule_in_a_first_study_is_objected_to(settings):
    assert list(objects(fixed=settings)) == ["early-schedule"]
    assert objects(fixed=settings, first=False) == {}
    assert objects(fixed=settings, round={"number": 2, "after": "../runs/toy"}) == {}


@pytest.mark.parametrize(
    "settings",
    [{"schedule": "constant", "decay_steps": 10}, {"schedule": None, "warmup": 0}, {"noise_schedule": "linear"}],
)
def test_what_leaves_the_learning_rate_constant_is_no_schedule(settings):
    assert fixed(**settings) == {}


def test_a_first_study_may_ask_whether_a_schedule_helps():
    assert objects(scientific={"schedule": ["constant", "cosine"]}, fixed={"decay_steps": 50}) == {}
    assert list(objects(scientific={"schedule": ["linear", "cosine"]})) == ["early-schedule"]
    assert list(objects(nuisance={"schedule": ["constant", "cosine"], "lr": RATE})) == ["early-schedule"]


def test_an_objection_is_silenced_by_its_name_alone():
    settings = {"warmup_steps": 150, "grad_accum": 2}
    assert list(fixed(**settings)) == ["gradient-accumulation", "long-warmup", "early-schedule"]
    silent = objects(fixed=settings, silence=["long-warmup", "early-schedule"])
    assert list(silent) == ["gradient-accumulation"]


@pytest.mark.parametrize(("name", "hinted"), [("warmup", ["long-warmup"]), ("everything", list(CHECKS))])
def test_a_name_that_is_no_checks_is_refused_with_the_likely_one_or_all(name, hinted):
    spec = StudySpec.model_validate({**study().model_dump(exclude_unset=True), "silence": [name]})
    (problem,) = problems(spec)
    assert problem.location == ("silence", 0)
    assert f"there is no check named '{name}'" in problem.what
    assert all(each in (problem.hint or "") for each in hinted)


def test_a_warmup_in_updates_is_not_held_against_epochs():
    assert "long-warmup" not in objects(fixed={"warmup_steps": 500}, max_train_steps=10, step_unit="epochs")
    assert "long-warmup" in objects(fixed={"warmup_epochs": 5}, max_train_steps=10, step_unit="epochs")
    assert "long-warmup" in objects(fixed={"warmup_ratio": 0.5}, max_train_steps=10, step_unit="epochs")
