"""The threshold for clipping, and how often it would act."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.instability.clipping import clipped, norms, threshold


def test_the_threshold_is_the_90th_percentile_of_the_norms():
    found = norms(np.arange(101.0))
    assert found is not None
    assert (found.median, found.quantile, found.largest) == (50.0, 90.0, 100.0)
    assert threshold(found) == 90.0


def test_what_is_not_finite_counts_as_clipped_and_not_for_the_threshold():
    values = np.array([1.0, 1.0, np.inf, np.nan])
    found = norms(values)
    assert found is not None
    assert found.largest == 1.0
    assert clipped(values, 1.0) == pytest.approx(1 / 3)


def test_without_norms_nothing_is_known():
    assert norms(np.array([np.nan])) is None
    assert clipped(np.array([np.nan]), 1.0) is None
