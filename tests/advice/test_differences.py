"""What two pipelines differ by, and what they share."""

from __future__ import annotations

from dataclasses import replace

from playbook_cli.advice.differences import differences, limits, shared, together
from playbook_cli.analysis.arm import of_arm
from playbook_cli.records import Metric, Parameter, StudyRecord, TrialRecord


def ranged(name, low=1e-3, high=1.0, **more):
    made = {"label": name, "role": "nuisance", "kind": "float", "scale": "log", **more}
    return Parameter(name=name, low=low, high=high, **made)


def study(*parameters, fixed=None, arms=({},), trials=(), steps=100):
    return StudyRecord(
        name="toy",
        goal="",
        metric=Metric(name="val_error"),
        max_train_steps=steps,
        eval_every=5,
        parameters=parameters,
        fixed=fixed or {},
        arms=arms,
        planned=len(trials),
        trials=trials,
    )


def changes(one, other):
    return {str(difference): difference.counts for difference in differences(one, other)}


def test_equal_pipelines_differ_by_nothing():
    one = study(ranged("learning_rate"), fixed={"width": 64})
    assert changes(one, replace(one, fixed={"width": 64.0})) == {}


def test_true_is_not_the_number_one():
    assert changes(study(fixed={"extra": True}), study(fixed={"extra": 1})) == {"extra True and 1": True}


def test_a_range_that_both_search_is_listed_and_counts_as_no_change():
    narrow, wide = study(ranged("learning_rate")), study(ranged("learning_rate", high=10.0))
    assert changes(narrow, wide) == {"learning_rate 0.001 to 1 (log) and 0.001 to 10 (log)": False}


def test_what_one_side_fixes_and_the_other_tunes_is_a_change():
    tuned = study(ranged("dropout", 0.0, 0.5, scale="linear"))
    assert changes(study(fixed={"dropout": 0.1}), tuned) == {"dropout 0.1 and 0 to 0.5": True}


def test_a_longer_training_is_a_change_and_its_evaluations_are_none():
    one = study()
    longer = replace(one, max_train_steps=200, eval_every=10)
    assert changes(one, longer) == {"max_train_steps 100 and 200": True, "eval_every 5 and 10": False}


def test_what_exists_only_under_another_setting_comes_with_it():
    optimizer = Parameter(
        name="optimizer", label="optimizer", role="scientific", kind="choice", choices=("sgd", "adam")
    )
    of_sgd = ranged("momentum", when={"optimizer": ("sgd",)})
    trials = [
        TrialRecord(id=0, params={"optimizer": "sgd", "momentum": 0.9, "width": 8}, arm={"optimizer": "sgd"}, seed=1),
        TrialRecord(id=1, params={"optimizer": "adam", "width": 8}, arm={"optimizer": "adam"}, seed=2),
    ]
    arms = [{"optimizer": "sgd"}, {"optimizer": "adam"}]
    whole = study(optimizer, of_sgd, fixed={"width": 8}, arms=arms, trials=trials)
    one, other = of_arm(whole, 0), of_arm(whole, 1)
    assert changes(one, other) == {
        "optimizer sgd and adam": True,
        "momentum 0.001 to 1 (log) in the baseline only": False,
    }
    assert shared(one, other) == {"max_train_steps": 100, "width": 8}


def test_a_headline_names_the_first_settings_and_counts_the_others():
    same = shared(*[study(fixed=dict.fromkeys("abcdef", 1))] * 2)
    assert limits(same) == "limited to max_train_steps 100, a 1, b 1, c 1, d 1, 2 more settings"


def test_one_change_needs_no_warning():
    assert together(["width"]) is None
    assert (together(["width", "depth"]) or "").startswith("2 changes at once (width, depth)")
