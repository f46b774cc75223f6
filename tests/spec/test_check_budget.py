"""What a plan says of a study that tunes more than its trials can carry."""

from __future__ import annotations

import pytest

from playbook_cli.spec.check_budget import budget_warnings
from playbook_cli.spec.model import StudySpec

RANGE = {"min": 0.1, "max": 1.0}


def warned(**changes):
    base = {
        "name": "toy",
        "train": "toy:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 100,
        "nuisance": {"learning_rate": RANGE},
        "trials": 8,
    }
    return budget_warnings(StudySpec.model_validate({**base, **changes}))


def tuning(*names, **changes):
    return warned(nuisance=dict.fromkeys(names, RANGE), **changes)


@pytest.mark.parametrize("trials", [1, 8, 64])
def test_the_learning_rate_alone_is_never_too_much(trials):
    assert warned(trials=trials) == []


@pytest.mark.parametrize(("name", "least"), [("one_minus_beta1", 10), ("epsilon", 25), ("beta2", 50)])
def test_adams_hyperparameters_are_too_much_below_their_tier_and_not_from_it_on(name, least):
    (problem,) = tuning("learning_rate", name, trials=least - 1)
    assert problem.location == ("nuisance", name)
    assert (
        f"{name} is tuned with {least - 1} trials: the playbook tunes only Adam's learning rate below 10"
        in problem.what
    )
    assert problem.hint.startswith(f"fix {name} at its default, or run {least} trials or more")
    assert tuning("learning_rate", name, trials=least) == []


def test_a_number_that_is_not_the_playbooks_is_said_to_be_our_own():
    (problem,) = tuning("learning_rate", "beta2", trials=30)
    assert problem.hint.endswith("(default, not from the Google playbook)")


def test_the_least_important_is_named_first():
    problems = tuning("learning_rate", "beta1", "epsilon", "beta2", trials=8)
    assert [p.location[1] for p in problems] == ["beta2", "epsilon", "beta1"]


def test_too_many_ranges_for_the_edges_to_be_judged_name_what_to_fix_and_how_many_trials_it_takes():
    names = ("learning_rate", "one_minus_momentum", "weight_decay", "dropout")
    (problem,) = tuning(*names, trials=12)
    assert problem.what.startswith("12 trials tune 4 ranges")
    assert "that takes 18 trials with a result" in problem.what
    assert problem.hint == "fix weight_decay and dropout first, or run 18 trials"
    assert tuning(*names, trials=18) == []


def test_arms_that_search_one_space_count_together():
    assert tuning("learning_rate", "beta1", trials=16, scientific={"layers": [1, 2]}) == []


def test_an_arm_with_a_space_of_its_own_counts_alone_and_the_trials_it_takes_are_shared_equally():
    own = [{**RANGE, "when": {"optimizer": name}} for name in ("sgd", "adam")]
    (problem,) = warned(
        scientific={"optimizer": ["sgd", "adam"]},
        nuisance={"learning_rate": own, "beta1": {**RANGE, "when": {"optimizer": "adam"}}, "dropout": RANGE},
        trials=24,
    )
    assert problem.what.startswith("12 trials of optimizer=adam tune 3 ranges")
    assert problem.hint == "fix dropout first, or run 28 trials"


def test_a_hyperparameter_that_has_alternatives_is_located_in_the_one_that_is_meant():
    alternatives = [{**RANGE, "when": {"optimizer": name}} for name in ("adam", "nadam")]
    problems = warned(scientific={"optimizer": ["adam", "nadam"]}, nuisance={"beta1": alternatives}, trials=16)
    assert [p.location for p in problems] == [("nuisance", "beta1", 0), ("nuisance", "beta1", 1)]


def test_a_category_that_others_depend_on_shares_its_trials_among_its_values():
    def study(trials):
        return warned(
            nuisance={
                "optimizer": {"values": ["sgd", "adam"]},
                "learning_rate": RANGE,
                "beta1": {**RANGE, "when": {"optimizer": "adam"}},
            },
            trials=trials,
        )

    assert any("beta1 is tuned with 9 trials" in problem.what for problem in study(18))
    assert study(20) == []


@pytest.mark.parametrize(
    "changes", [{"sampler": "grid", "trials": None}, {"points": [{"beta1": 0.5}], "sampler": "listed"}]
)
def test_points_that_were_chosen_by_hand_are_not_judged(changes):
    assert warned(nuisance={"beta1": {**RANGE, "points": 3}}, **changes) == []


def test_categories_that_make_more_spaces_than_trials_are_counted_and_not_built():
    names = [f"c{number}" for number in range(40)]
    opened = {f"x{number}": {**RANGE, "when": {name: 1}} for number, name in enumerate(names)}
    (problem,) = warned(nuisance={**{name: [0, 1] for name in names}, **opened}, trials=64)
    assert problem.location == ("nuisance",)
    assert (
        "decide which hyperparameters a trial has, with 1,099,511,627,776 combinations: too many for 64 trials"
        in problem.what
    )


def test_a_space_that_not_even_one_trial_falls_into_is_too_crowded():
    arms = {name: {**RANGE, "when": {"optimizer": list("abcde")}} for name in ("learning_rate", "momentum")}
    others = {"depth": {**RANGE, "when": {"optimizer": ["f"]}}, "width": {**RANGE, "when": {"optimizer": ["f"]}}}
    found = warned(nuisance={"optimizer": list("abcdef"), **arms, **others}, trials=2)
    assert [problem.location for problem in found] == [("nuisance",), ("nuisance",)]
