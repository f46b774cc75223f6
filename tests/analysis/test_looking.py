"""Intervals that hold however often one looks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from playbook_cli.analysis import looking
from playbook_cli.analysis.contrast import Contrast


@pytest.mark.parametrize("points", [1, 2, 3])
def test_few_sequences_of_intervals_ever_miss_the_truth(points: int) -> None:
    cases, most = 4000, 40
    x = np.random.default_rng(points).normal(size=(cases, points, most))
    missed = np.zeros(cases, bool)
    for seeds in range(looking.FIRST, most + 1):
        mean, variance = x[:, :, :seeds].mean(2), x[:, :, :seeds].var(2, ddof=1).mean(1)
        gap = mean[:, 0] if points == 1 else mean[:, 0] - mean[:, 1]
        t = stdtrit(points * (seeds - 1), 1 - looking.alpha(seeds) / 2)
        missed |= np.abs(gap) > t * np.sqrt(variance * min(points, 2) / seeds)
    assert 0.03 < missed.mean() < 0.058, "5%, and not far below"


def test_an_interval_for_looking_is_wider_and_its_p_value_agrees_with_it() -> None:
    plain = Contrast(gain=1.0, error=0.4, freedom=8)
    looked = Contrast(gain=1.0, error=0.4, freedom=8, alpha=looking.alpha(5))
    assert looked.half > plain.half
    assert (plain.exceeds(), plain.p_value() < 0.05) == (True, True)
    assert (looked.exceeds(), looked.p_value() < 0.05) == (False, False)
