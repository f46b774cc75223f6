"""What a search selects is estimated from fresh results alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.analysis.selection import select
from tests.generators.studies import study, trial

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord


def repeated(scores: list[float], repeats: dict[int, list[float]]) -> StudyRecord:
    """A search with these scores, and repeats of some of its trials on shared seeds; infinity diverged."""
    search = [trial(number, {}, score) for number, score in enumerate(scores)]
    again = [
        replace(
            trial(0, {}, value, state="completed" if math.isfinite(value) else "infeasible"),
            seed=100 + seed,
            repeat_of=number,
        )
        for number, values in repeats.items()
        for seed, value in enumerate(values)
    ]
    return study([*search, *(replace(t, id=len(search) + n) for n, t in enumerate(again))])


def test_the_lucky_score_that_selected_a_trial_is_no_part_of_its_estimate() -> None:
    selected = select(repeated([0.1, 0.5, 0.9], {0: [0.4, 0.5, 0.6]}))
    assert selected is not None
    assert (selected.trial.id, selected.mean, selected.top) == (0, pytest.approx(0.5), 1)
    assert (selected.sd, selected.freedom) == (pytest.approx(0.1), 2)


def test_without_repeats_nothing_is_estimated() -> None:
    selected = select(repeated([0.1, 0.5], {}))
    assert selected is not None
    assert (selected.trial.id, selected.mean, selected.sd) == (0, None, None)
    assert select(study([])) is None


def test_of_several_repeated_trials_the_one_that_does_better_on_fresh_seeds_is_selected() -> None:
    selected = select(repeated([0.1, 0.2, 0.9], {0: [0.5, 0.6, 0.7], 1: [0.2, 0.3, 0.4]}))
    assert selected is not None
    assert (selected.trial.id, selected.best.id) == (1, 0)
    assert selected.mean == pytest.approx(0.3)


def test_choosing_among_equal_trials_brings_no_winners_curse_back() -> None:
    rng = np.random.default_rng(0)
    means = []
    for _ in range(400):
        scores = rng.normal(size=8).tolist()
        best = np.argsort(scores)[:4].tolist()
        selected = select(repeated(scores, {number: rng.normal(size=4).tolist() for number in best}))
        assert selected is not None
        assert selected.mean is not None
        means.append(selected.mean)
    assert abs(np.mean(means)) < 3 * np.std(means) / math.sqrt(len(means))


def test_a_repeat_that_diverges_counts_and_has_no_mean() -> None:
    selected = select(repeated([0.1, 0.5], {0: [0.4, math.inf, 0.6]}))
    assert selected is not None
    assert (selected.diverged, selected.mean) == (1, pytest.approx(0.5))


def test_where_every_trial_was_repeated_the_search_is_one_more_seed() -> None:
    selected = select(repeated([0.1, 0.5], {0: [0.2], 1: [0.6]}))
    assert selected is not None
    assert sorted(selected.scores) == pytest.approx([0.1, 0.2])


def test_only_trials_with_the_same_seeds_are_chosen_among() -> None:
    selected = select(repeated([0.1, 0.2, 0.9], {0: [0.5, 0.6, 0.7], 1: [0.2]}))
    assert selected is not None
    assert (selected.trial.id, selected.top) == (0, 1)
