"""How evenly trials cover a dimension."""

from __future__ import annotations

from playbook_cli.records import Parameter, TrialRecord
from playbook_cli.sampling.coverage import Coverage, coverage

X = Parameter(name="x", label="x", role="nuisance", kind="float", high=1.0)


def trials(*values, name="x", **others):
    return [
        TrialRecord(id=number, params={name: value, **others}, arm={}, seed=0) for number, value in enumerate(values)
    ]


def test_a_range_has_as_many_bins_as_trials():
    covered = coverage(X, trials(0.0, 0.3, 0.6, 1.0))
    assert covered == Coverage(label="x", trials=4, bins=4, occupied=4, counts=(1, 1, 1, 1))
    assert covered.share == 1.0


def test_trials_in_one_place_occupy_one_bin():
    covered = coverage(X, trials(0.5, 0.5, 0.5, 0.5))
    assert covered.counts == (0, 0, 4, 0)
    assert covered.share == 0.25


def test_choices_have_a_bin_each():
    p = Parameter(name="c", label="c", role="nuisance", kind="choice", choices=("a", "b", "c"))
    assert coverage(p, trials("a", "a", "c", "c", "c", name="c")).counts == (2, 0, 3)


def test_a_narrow_integer_range_has_a_bin_a_value_and_a_wide_one_a_bin_a_trial():
    def whole(high):
        return Parameter(name="n", label="n", role="nuisance", kind="int", low=1.0, high=high)

    assert coverage(whole(3.0), trials(1, 1, 2, 3, 3, name="n")).counts == (2, 1, 2)
    assert coverage(whole(100.0), trials(1, 100, name="n")).counts == (1, 1)


def test_only_trials_that_have_the_hyperparameter_count():
    p = Parameter(name="x", label="x", role="nuisance", kind="float", high=1.0, when={"on": (True,)})
    covered = coverage(p, [*trials(0.1, 0.9, on=True), *trials(0.5, name="other", on=False)])
    assert covered.trials == covered.bins == 2


def test_no_trials_cover_nothing():
    assert coverage(X, []).share == 0.0
