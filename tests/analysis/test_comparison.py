"""Two pipelines whose true difference is known, compared."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.analysis.comparison import Comparison, Side, compare, selected_gain
from playbook_cli.analysis.settling import settling, visible
from playbook_cli.records import Metric, StudyRecord
from tests.generators.decision_cases import Pair, studies


def compared(pair: Pair, gain: float, seed: int = 0, **changes: int) -> Comparison:
    a, b = studies(replace(pair, **changes), gain, np.random.default_rng(seed))
    result = compare(Side(study=a), Side(study=b))
    assert result is not None
    return result


def searched(study: StudyRecord) -> StudyRecord:
    return study.search


@pytest.mark.slow
def test_the_intervals_hold_the_true_gain_about_as_often_as_they_say() -> None:
    held = [low <= 1.0 <= high for s in range(120) for low, high in [compared(Pair(), 1.0, s).interval]]
    assert 0.88 <= np.mean(held) <= 0.995


def test_a_large_gain_is_seen_and_its_sign_is_that_of_the_candidate() -> None:
    better, worse = compared(Pair(rise=0.0), 10.0), compared(Pair(rise=0.0), -10.0)
    assert better.interval[0] > 0.0
    assert better.probability_better > 0.95
    assert worse.interval[1] < 0.0
    assert worse.probability_better < 0.05
    assert better.p_value() < 0.001


def test_a_gain_is_shown_exactly_where_its_interval_leaves_out_what_it_must_exceed() -> None:
    seen = compared(Pair(), 1.0)
    low, high = seen.interval
    assert [seen.p_value(least) for least in (low, seen.gain, high)] == pytest.approx([0.05, 1.0, 0.05])
    assert [seen.exceeds(least) for least in (low - 1e-9, low + 1e-9)] == [True, False]
    assert [seen.within(bound) for bound in (max(-low, high) + 1e-9, max(-low, high) - 1e-9)] == [True, False]
    certain = replace(seen, error=0.0)
    assert certain.interval == (seen.gain, seen.gain)
    assert (certain.p_value(seen.gain), certain.p_value(0.0)) == (1.0, 0.0)


def test_for_a_metric_to_maximize_more_is_better() -> None:
    a, b = studies(Pair(rise=0.0), 10.0, np.random.default_rng(0))
    up = Metric(name="val_error", goal="maximize")
    flipped = compare(Side(study=replace(a, metric=up)), Side(study=replace(b, metric=up)))
    assert flipped is not None
    assert flipped.gain < -5.0


def test_without_repeats_there_is_no_comparison_but_a_first_impression() -> None:
    a, b = studies(Pair(rise=0.0), 10.0, np.random.default_rng(0))
    assert compare(Side(study=a), Side(study=searched(b))) is None
    assert compare(Side(study=searched(a)), Side(study=b)) is None
    first = selected_gain(searched(a), searched(b))
    assert first is not None
    assert first > 5.0


@pytest.mark.slow
def test_more_repeats_make_the_interval_narrower_and_search_luck_makes_it_wider() -> None:
    def width(pair: Pair) -> float:
        return float(np.mean([np.ptp(compared(pair, 0.0, s).interval) for s in range(10)]))

    assert width(Pair(rise=0.0, repeats=10)) < width(Pair(rise=0.0, repeats=5)) < width(Pair(rise=0.0, repeats=3))
    assert width(Pair(rise=100.0, ranges=4)) > 2 * width(Pair(rise=0.0, ranges=4))


@pytest.mark.slow
def test_a_larger_search_is_taken_back_to_the_smaller_ones_budget() -> None:
    pairs = [compared(Pair(rise=100.0, trials=8, more=56), 0.0, s) for s in range(30)]
    assert all(c.trials == 8 and c.shift > 0.0 for c in pairs)
    gains = np.array([c.gain for c in pairs])
    assert abs(gains.mean()) < 3 * gains.std() / np.sqrt(gains.size)
    assert gains.mean() > np.mean([c.gain - c.shift for c in pairs]), "uncorrected, the larger search looks better"


def test_further_searches_show_the_luck_of_searching_themselves() -> None:
    pair = Pair(rise=100.0, ranges=4)
    a, b = studies(pair, 0.0, np.random.default_rng(0))
    more = [studies(pair, 0.0, np.random.default_rng(s))[0] for s in (1, 2, 3)]
    alone, together = compare(Side(study=a), Side(study=b)), compare(Side(study=a, further=more), Side(study=b))
    assert alone is not None
    assert together is not None
    assert together.baseline.searches == 4
    assert together.baseline.study_variance < alone.baseline.study_variance


def test_a_fixed_list_of_points_holds_no_luck_of_a_search() -> None:
    a, b = (replace(s, listed=True) for s in studies(Pair(rise=100.0), 0.0, np.random.default_rng(0)))
    result = compare(Side(study=a), Side(study=b))
    assert result is not None
    assert result.baseline.study_variance == 0.0


def test_what_would_settle_it_grows_as_the_gain_shrinks() -> None:
    small, large = (compared(Pair(rise=0.0), gain, seed=3) for gain in (0.0, 3.0))
    few = settling(replace(large, gain=2.0), 0.0)
    many = settling(replace(small, gain=1.0), 0.0)
    assert few is not None
    assert many is not None
    assert few.runs < many.runs
    assert settling(replace(small, gain=0.0), 0.0) is None
    assert not visible(replace(small, gain=0.01), 0.0, 100)
    assert visible(replace(small, gain=3.0), 0.0, 100)


def test_where_repeats_cannot_settle_it_the_searches_are_to_grow() -> None:
    result = compared(Pair(rise=1000.0, ranges=1), 0.0)
    found = settling(replace(result, gain=3.0), 0.0)
    assert found is not None
    assert found.trials is not None
    assert found.trials > 24
    assert found.runs >= 2 * (found.trials - 24 + found.repeats)


def test_where_larger_searches_bring_nothing_more_of_them_are_to_be_run() -> None:
    result = compared(Pair(rise=0.0), 0.0, seed=3)
    found = settling(replace(result, gain=0.8), 0.0)
    assert found is not None
    assert found.searches > 1
    assert found.runs >= 2 * (found.searches - 1) * 24


def test_two_studies_of_100_trials_take_no_time() -> None:
    a, b = studies(Pair(ranges=4, trials=100), 0.0, np.random.default_rng(0))
    start = time.process_time()
    compare(Side(study=a), Side(study=b))
    assert time.process_time() - start < 1.0
