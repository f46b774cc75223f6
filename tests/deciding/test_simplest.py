"""Which of equal points is the simplest."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.deciding.simplest import Baseline, ordered, preferences, reason
from playbook_cli.errors import PlaybookError
from playbook_cli.records import Curve, TrialRecord


def trial(number: int, parameters: float | None = None, **params: object) -> TrialRecord:
    values = {} if parameters is None else {"num_params": np.array([parameters])}
    return TrialRecord(id=number, params=params, arm={}, seed=0, curve=Curve(steps=np.array([1]), values=values))  # type: ignore[arg-type]


ADOPTED = Baseline(label="the baseline old", params={"width": 8, "dropout": 0.1})
TRIALS = [trial(4, width=16, dropout=0.3), trial(2, width=8, dropout=0.2), trial(7, width=4, dropout=0.1)]
"""Best first."""


def ids(trials: list[TrialRecord]) -> list[int]:
    return [one.id for one in trials]


def test_without_any_hint_the_better_one_in_the_search_comes_first() -> None:
    assert ids(ordered(TRIALS, [], None)) == [4, 2, 7]
    assert reason(TRIALS[0], TRIALS[1:], TRIALS, [], None) == "the better one in the search"


def test_fewer_changes_from_the_baseline_come_first_and_ties_keep_the_order() -> None:
    assert ids(ordered(TRIALS, [], ADOPTED)) == [2, 7, 4]
    why = reason(TRIALS[1], [TRIALS[0]], TRIALS, [], ADOPTED)
    assert why == "fewest settings changed from the baseline old: 1"
    assert reason(TRIALS[1], [TRIALS[2]], TRIALS, [], ADOPTED) == "the better one in the search"


def test_the_number_of_parameters_goes_before_changes_where_every_trial_reports_it() -> None:
    sized = [trial(4, 5000.0, width=16), trial(2, 3000.0, width=8), trial(7, 1000.0, width=4)]
    assert ids(ordered(sized, [], ADOPTED)) == [7, 2, 4]
    assert reason(sized[2], sized[:2], sized, [], ADOPTED) == "smallest model: 1,000 parameters"
    assert ids(ordered([*sized[:2], trial(7, width=4)], [], None)) == [4, 2, 7]


def test_what_the_user_prefers_goes_before_all() -> None:
    preferred = preferences(["dropout=high"], TRIALS)
    assert ids(ordered(TRIALS, preferred, ADOPTED)) == [4, 2, 7]
    assert "--prefer dropout=high" in reason(TRIALS[0], TRIALS[1:], TRIALS, preferred, ADOPTED)


@pytest.mark.parametrize("text", ["dropout", "dropout=small", "depth=low", "=low"])
def test_a_preference_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(PlaybookError, match="--prefer"):
        preferences([text], TRIALS)
