"""How findings write numbers, values and commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playbook_cli import wording
from playbook_cli.records import Parameter

RATE = Parameter(name="lr", label="lr", role="nuisance", kind="float", low=1e-3, high=1.0, scale="log")


@pytest.mark.parametrize(
    ("p", "text"), [(0.00004, "p < 0.0001"), (0.0004, "p = 0.0004"), (0.234, "p = 0.2"), (1.0, "p = 1")]
)
def test_a_p_value_has_one_digit(p: float, text: str) -> None:
    assert wording.p_text(p) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0%"), (0.004, "0.4%"), (0.055, "5.5%"), (0.25, "25%"), (1.0, "100%")]
)
def test_small_shares_are_finer(share: float, text: str) -> None:
    assert wording.percent(share) == text


def test_values_are_written_in_the_scale_of_their_range() -> None:
    assert wording.at(RATE, 0.5) == "0.03162"
    assert wording.at(replace(RATE, scale="linear", low=0.0, high=0.5), 0.75) == "0.375"
    assert wording.at(replace(RATE, kind="int", scale="linear", low=1, high=4), 0.9) == "4"
    assert wording.span(RATE) == "0.001 to 1"


def test_one_trial_is_no_trials() -> None:
    assert (wording.plural(1, "trial"), wording.plural(0, "trial")) == ("1 trial", "0 trials")


def test_a_name_that_is_almost_known_is_suggested_and_any_other_gets_the_list():
    assert wording.did_you_mean("boundry", ["boundary", "budget"], "the list") == "did you mean boundary?"
    assert wording.did_you_mean("x", ["boundary", "budget"], "the list") == "the list"
