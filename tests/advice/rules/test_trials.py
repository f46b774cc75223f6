"""What the rules that count trials say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.acts import Next, Repeat
from playbook_cli.advice.rules.budget import budget
from playbook_cli.advice.rules.coverage import coverage
from playbook_cli.advice.rules.infeasible import infeasible
from tests.generators.space_cases import explored, repeated
from tests.generators.studies import halton, study, surface_study, trial
from tests.generators.surface_cases import tuned

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord


def results(*values: float) -> StudyRecord:
    return study(
        [trial(i, {}, v, state="completed" if math.isfinite(v) else "infeasible") for i, v in enumerate(values)]
    )


@pytest.mark.parametrize(
    ("bad", "good", "verdict", "severity"),
    [
        (5, 5, "few", "ok"),
        (6, 4, "too-many", "warning"),
        (0, 10, "few", "ok"),
        (3, 0, "too-many", "warning"),
        (2, 0, "too-many", "warning"),
        (1, 0, "undecided", "info"),
        (2, 1, "undecided", "info"),
        (0, 0, "undecided", "info"),
    ],
)
def test_more_than_half_infeasible_is_too_many(bad: int, good: int, verdict: str, severity: str) -> None:
    (finding,) = infeasible(results(*[math.inf] * bad, *[0.1] * good))
    assert (finding.verdict, finding.severity) == (verdict, severity)
    assert finding.evidence["infeasible"] == bad


def test_the_share_that_is_too_large_is_the_users_to_set() -> None:
    strict = replace(results(math.inf, 0.1, 0.2, 0.3), rules={"infeasible": {"share": 0.2}})
    assert infeasible(strict)[0].verdict == "too-many"


def test_where_nothing_can_be_trained_the_finding_says_what_to_try() -> None:
    (finding,) = infeasible(results(math.inf, math.inf))
    assert finding.message == (
        "both finished trials are infeasible (trial 0: loss is nan): lower the learning rate, change or reparameterize "
        "the space, or look for a bug"
    )
    assert finding.act is None  # no trial is left to narrow the space to


def test_failed_trials_are_told_and_not_counted() -> None:
    part = results(0.1, 0.2, 0.3, 0.4)
    failed = replace(trial(9, {}, math.nan), state="failed")
    (finding,) = infeasible(replace(part, trials=[*part.trials, failed]))
    assert finding.evidence["failed"] == 1
    assert finding.evidence["trials"] == 4
    assert "1 crashed trial not counted" in finding.message


def test_one_lucky_trial_is_a_sparse_good_region() -> None:
    (finding,) = coverage(results(0.1, 0.5, 0.6, 0.7, 0.8, 0.9))
    assert (finding.verdict, finding.severity, finding.evidence["good"]) == ("sparse", "info", 1)
    assert finding.act == Next(narrow=True)


def test_three_good_trials_are_enough() -> None:
    (finding,) = coverage(results(0.1, 0.11, 0.12, 0.7, 0.8, 0.9))
    assert (finding.verdict, finding.act) == ("enough", None)


def test_ties_at_the_best_are_all_good() -> None:
    (finding,) = coverage(results(*[0.1] * 6, 0.2, 0.3))
    assert finding.evidence["good"] == 6


def test_nothing_feasible_leaves_coverage_undecided() -> None:
    (finding,) = coverage(results(*[math.inf] * 6))
    assert finding.verdict == "undecided"
    assert "0 of them feasible" in finding.message


def test_more_trials_help_in_a_funnel_and_not_on_a_plateau() -> None:
    (funnel,) = budget(tuned(reach=True)(np.random.default_rng(0), 24, 2))
    assert (funnel.verdict, funnel.act) == ("more-trials-help", Next(trials=48))
    (plateau,) = budget(tuned(reach=False)(np.random.default_rng(0), 24, 2))
    assert (plateau.verdict, plateau.severity) == ("enough", "ok")


def test_noise_alone_asks_for_no_more_trials() -> None:
    said = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        (finding,) = budget(surface_study(halton(16, 2, rng), 1 + 0.01 * rng.normal(size=16)))
        said.append(finding.verdict)
        if "structure" in finding.evidence and finding.verdict == "undecided":
            assert "repeat the best trial" in finding.message
    assert said.count("more-trials-help") <= 1


def test_a_gain_within_the_noise_of_an_evaluation_is_none() -> None:
    funnel = tuned(reach=True)(np.random.default_rng(0), 24, 4)
    (finding,) = budget(replace(funnel, rules={"budget": {"noises": 1000.0}}))
    assert finding.verdict == "enough"
    assert "within the noise" in finding.message


def test_results_that_scatter_around_a_plateau_ask_for_no_more_trials() -> None:
    (finding,) = budget(explored(reach=False, good=0.5, noise=0.03)(np.random.default_rng(0), 48, 4))
    assert (finding.verdict, finding.act) == ("undecided", Repeat(top=1))
    assert finding.evidence["structure"] <= 0.1 < finding.evidence["unexplained_luck"]
    assert "hyperparameters do not explain" in finding.message


def test_repeats_say_that_a_gain_is_within_the_noise_of_the_training_seed() -> None:
    said = [budget(repeated("plateau", 0.02)(np.random.default_rng(seed), 24, 3))[0] for seed in range(6)]
    assert sum("within the noise of the training seed" in f.message for f in said if f.verdict == "enough") >= 3
    assert "more-trials-help" not in {finding.verdict for finding in said}
    (finding,) = budget(repeated("funnel", 0.005)(np.random.default_rng(0), 24, 3))
    assert finding.verdict == "more-trials-help"
    assert finding.act == Next(trials=48), "repeats are no trials of the search"


def test_a_tail_far_beyond_the_seed_noise_is_real_whatever_made_it() -> None:
    tail = repeated("flat", 0.001)(np.random.default_rng(0), 24, 3)
    hidden = [
        replace(t, best=replace(t.best, value=t.best.value - 0.05 * max(0, 6 - t.id) ** 2 / 36))
        if t.repeat_of is None and t.best is not None
        else t
        for t in tail.trials
    ]
    (finding,) = budget(replace(tail, trials=hidden, parameters=[]))
    assert finding.verdict == "more-trials-help"
    assert "structure" not in finding.evidence


def test_an_arm_with_few_trials_leaves_the_budget_undecided() -> None:
    arms = [{"a": 1}, {"a": 2}]
    trials = [trial(i, {}, 0.1 * i, arm=arms[i >= 10]) for i in range(12)]
    assert budget(study(trials, arms=arms))[0].verdict == "undecided"
