"""Which trial of a study is adopted, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playbook_cli.errors import StudyError
from playbook_cli.ledger.evidence import against, best_trial, chosen, estimate
from playbook_cli.records import Finding
from tests.generators.studies import study, trial


def again(number: int, of: int, value: float):
    state = "completed" if value < 1 else "infeasible"
    return replace(trial(number, {}, value, state=state), repeat_of=of, seed=100 + number % 2)


SEARCH = [trial(i, {}, value) for i, value in enumerate([0.3, 0.1, 0.2, 0.4])]
REPEATED = [again(4, 1, 0.25), again(5, 1, 0.27), again(6, 2, 0.21), again(7, 2, 0.22)]


def test_the_best_trial_is_the_best_of_the_search() -> None:
    assert best_trial(study(SEARCH)).id == 1


def test_where_there_are_repeats_their_mean_decides_among_the_repeated_trials() -> None:
    assert best_trial(study([*SEARCH, *REPEATED])).id == 2


def test_a_trial_that_diverged_on_a_fresh_seed_is_said_to() -> None:
    half = [*REPEATED[:3], again(7, 2, float("inf"))]
    assert against(study([*SEARCH, *half]), SEARCH[2], []) == ["trial 2 diverged in 1 of 2 repeats"]


def test_the_estimate_is_of_the_repeats_alone() -> None:
    found = estimate(study([*SEARCH, *REPEATED]), 2)
    assert found is not None
    assert (found.n, found.mean) == (2, pytest.approx(0.215))
    assert found.sd == pytest.approx(0.00707, rel=1e-3)
    assert estimate(study(SEARCH), 2) is None


@pytest.mark.parametrize(("number", "why"), [(9, "no trial 9"), (4, "repeats trial 1"), (8, "infeasible")])
def test_a_trial_without_a_result_of_its_own_is_refused(number: int, why: str) -> None:
    trials = [*SEARCH, *REPEATED, trial(8, {}, float("inf"), state="infeasible")]
    with pytest.raises(StudyError, match=why):
        chosen(study(trials), number, "runs/toy")


def test_a_study_without_a_result_is_refused() -> None:
    with pytest.raises(StudyError, match="completed"):
        chosen(study([trial(0, {}, 0.1, state="failed")]), None, "runs/toy")


def test_warnings_missing_trials_and_missing_repeats_speak_against_it() -> None:
    finding = Finding(rule="boundary", subject="x", severity="warning", verdict="upper-edge", evidence={}, message="m")
    silent = replace(finding, severity="info")
    open_study = study([*SEARCH, trial(4, {}, 0.5, state="pending")], planned=6)
    said = against(open_study, SEARCH[1], [finding, silent])
    assert said[0] == "boundary (x): m"
    assert said[1] == "2 of 6 trials have no result"
    assert "was not repeated" in said[2]
    assert len(said) == 3


def test_nothing_speaks_against_a_finished_study_with_repeats() -> None:
    assert against(study([*SEARCH, *REPEATED]), SEARCH[2], []) == []
