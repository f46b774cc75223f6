"""A trial's own seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.sampling.planned import trial_seed


@given(st.integers(0, 2**63), st.integers(0, 10**6))
def test_a_seed_fits_what_random_generators_take_and_never_changes(study, number):
    seed = trial_seed(study, number)
    assert 0 <= seed < 2**31
    assert trial_seed(study, number) == seed


def test_neighbouring_trials_and_studies_have_unrelated_seeds():
    seeds = [trial_seed(study, number) for study in range(30) for number in range(30)]
    assert len(set(seeds)) == 900
    assert trial_seed(0, 1) != trial_seed(1, 0)
