"""The verdict on two pipelines of known difference: it must speak, be silent, and be blocked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.stats

from playbook_cli.advice.decision import decide
from playbook_cli.advice.obstacles import Obstacle, of_divergence, of_findings, of_unreached
from playbook_cli.advice.weighing import Contender, Weighed, weigh
from playbook_cli.analysis.comparison import Side, compare
from playbook_cli.analysis.selection import select
from playbook_cli.records import Curve, Finding
from tests.generators.decision_cases import Pair, studies, tally
from tests.generators.studies import halton, parameters, surface_study

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord

SMOOTH = Pair(rise=5.0, ranges=1, trials=24)


def weighed(a: StudyRecord, b: StudyRecord, **options: float) -> Weighed:
    return weigh(Contender(label="A", study=a), Contender(label="B", study=b), **options)


def pair(gain: float, made: Pair = SMOOTH, seed: int = 0) -> tuple[StudyRecord, StudyRecord]:
    return studies(made, gain, np.random.default_rng(seed))


@pytest.mark.slow
def test_a_difference_of_four_trial_deviations_is_adopted_almost_always() -> None:
    assert tally(SMOOTH, 4.0, cases=40, seed=7).verdicts["adopt"] >= 38


@pytest.mark.parametrize("made", [SMOOTH, Pair(rise=20.0, ranges=2), Pair(ratio=3.0), Pair(repeats=3)], ids=str)
@pytest.mark.slow
def test_without_a_difference_the_candidate_is_hardly_ever_adopted(made: Pair) -> None:
    said = tally(made, 0.0, cases=40, seed=7).verdicts
    assert said["adopt"] <= 4
    assert said.keys() <= {"adopt", "keep", "not-yet"}


@pytest.mark.slow
def test_a_candidate_that_is_worse_is_kept_out() -> None:
    said = Counter(weighed(*pair(-4.0, seed=s)).decision.verdict for s in range(10))
    assert said["keep"] >= 9


def test_a_gain_that_is_not_worth_the_complexity_is_kept_out() -> None:
    a, b = pair(4.0)
    assert weighed(a, b).decision.verdict == "adopt"
    kept = weighed(a, b, least=8.0).decision
    assert kept.verdict == "keep"
    assert "below the required 8" in kept.message


@pytest.mark.slow
def test_an_unsettled_comparison_says_how_many_runs_would_settle_it() -> None:
    said = [weighed(*pair(1.0, seed=s)).decision for s in range(12)]
    open_ones = [d for d in said if d.verdict == "not-yet" and d.settle]
    assert open_ones
    assert all(d.settle.runs > 0 and f"{d.settle.runs} more runs" in d.message for d in open_ones if d.settle)


def test_without_repeats_the_advice_is_to_repeat() -> None:
    a, b = pair(4.0)
    decision = weighed(a.search, b.search).decision
    assert decision.verdict == "not-yet"
    assert decision.settle is not None
    assert (decision.settle.runs, decision.settle.repeats) == (10, 5)
    assert "which are optimistic" in decision.message
    one_sided = weighed(a, b.search).decision
    assert one_sided.settle is not None
    assert one_sided.settle.runs == 5


def edge(study: StudyRecord, *, baseline: bool) -> list[Obstacle]:
    warned = Finding(rule="boundary", subject="p0", severity="warning", verdict="upper-edge", evidence={}, message="")
    return of_findings("X", study, [warned, replace(warned, rule="late-variance")], baseline=baseline)


def test_a_finding_blocks_only_the_verdict_that_mending_it_could_overturn() -> None:
    a, b = pair(6.0)
    up, down = compare(Side(study=a), Side(study=b)), compare(Side(study=b), Side(study=a))
    assert up is not None
    assert down is not None
    weak_baseline, weak_candidate = edge(a, baseline=True), edge(b, baseline=False)
    blocked = decide(up, weak_baseline, least=0.0, unit="val_error")
    assert (blocked.verdict, blocked.blocked_by) == ("not-yet", ["X: boundary (p0): upper-edge"])
    fine = decide(up, weak_candidate, least=0.0, unit="val_error")
    assert (fine.verdict, fine.blocked_by) == ("adopt", [])
    assert fine.harmless == ["X: boundary (p0): upper-edge"]
    assert decide(down, weak_candidate, least=0.0, unit="val_error").verdict == "not-yet"
    assert decide(down, weak_baseline, least=0.0, unit="val_error").verdict == "keep"


def test_a_gain_is_adopted_where_the_interval_that_the_verdict_quotes_lies_above_zero() -> None:
    a, b = (Side(study=study) for study in pair(4.0))
    compared = compare(a, b)
    assert compared is not None
    quantile = float(scipy.stats.t.ppf(0.975, compared.freedom))
    shown, not_yet = (replace(compared, gain=compared.error * quantile * times) for times in (1.001, 0.999))
    adopted = decide(shown, [], least=0.0, unit="val_error")
    assert adopted.verdict == "adopt"
    assert f"95% {shown.interval[0]:.4g} to {shown.interval[1]:.4g}: above zero" in adopted.message
    assert decide(not_yet, [], least=0.0, unit="val_error").verdict == "not-yet"
    assert decide(shown, [], least=shown.gain / 100, unit="val_error").verdict == "not-yet", (
        "worth it is more than that"
    )


def test_a_training_loss_that_rises_blocks_both_verdicts() -> None:
    a, b = pair(6.0)
    rising = Finding(
        rule="training-loss-rising", subject=None, severity="warning", verdict="yes", evidence={}, message=""
    )
    for baseline in (True, False):
        (obstacle,) = of_findings("X", a, [rising], baseline=baseline)
        assert set(obstacle.overturns) == {"adopt", "keep"}
    assert weighed(a, b).decision.verdict == "adopt"


def test_a_boundary_of_an_arm_blocks_also_the_verdict_that_it_could_only_strengthen() -> None:
    points = halton(32, 1, np.random.default_rng(0))
    a, b = pair(6.0)
    beyond = surface_study(points, 100.0 * (1.3 - points[:, 0]))
    best = min(beyond.trials, key=lambda t: t.best.value if t.best else 0.0)
    repeats = [replace(t, id=t.id + 50, repeat_of=best.id) for t in b.trials if t.repeat_of is not None]
    edge_bound = replace(beyond, trials=[*beyond.trials, *repeats])
    of_studies = weigh(Contender(label="A", study=a), Contender(label="B", study=edge_bound))
    assert of_studies.decision.blocked_by == []
    of_arms = weigh(Contender(label="A", study=a, arms=2), Contender(label="B", study=edge_bound, arms=2))
    assert of_studies.decision.verdict == "adopt"
    assert of_arms.decision.verdict == "not-yet"
    assert of_arms.decision.blocked_by == ["B: boundary (p0): upper-edge"]


def test_a_boundary_of_the_baseline_is_found_in_its_search() -> None:
    points = halton(32, 1, np.random.default_rng(0))
    a, b = pair(6.0)
    beyond = surface_study(points, 100.0 * (1.3 - points[:, 0]))
    assert beyond.parameters == parameters(1)
    repeats = [t for t in a.trials if t.repeat_of is not None]
    best = min(beyond.trials, key=lambda t: t.best.value if t.best else 0.0)
    a = replace(beyond, trials=[*beyond.trials, *(replace(t, id=t.id + 50, repeat_of=best.id) for t in repeats)])
    assert any("A: boundary (p0): upper-edge" in text for text in weighed(a, b).decision.blocked_by)


def broken(study: StudyRecord, count: int) -> StudyRecord:
    """So many repeats diverged."""
    numbers = [t.id for t in study.trials if t.repeat_of is not None][:count]
    trials = [replace(t, state="infeasible", best=None) if t.id in numbers else t for t in study.trials]
    return replace(study, trials=trials)


def test_a_selected_point_that_diverges_again_blocks() -> None:
    a, b = pair(6.0)
    decision = weighed(a, broken(b, 2)).decision
    assert decision.verdict == "not-yet"
    assert decision.blocked_by == ["B: 2 of 5 repeats of what it selects diverged"]
    selected = select(a)
    assert selected is not None
    assert of_divergence("A", selected) == []


def test_what_never_reaches_the_target_blocks_what_it_flatters() -> None:
    a, _ = pair(0.0)
    some, most = select(broken(a, 1)), select(broken(a, 3))
    assert some is not None
    assert most is not None
    assert of_unreached("A", some, baseline=True)[0].overturns == ("keep",)
    assert of_unreached("B", some, baseline=False)[0].overturns == ("adopt",)
    assert set(of_unreached("A", most, baseline=True)[0].overturns) == {"adopt", "keep"}


def falling(study: StudyRecord, speed: float) -> StudyRecord:
    """Curves that fall from 100 over 1000 steps, the faster the larger `speed`."""
    steps = np.arange(20, 1001, 20)
    rng = np.random.default_rng(0)
    trials = []
    for t in study.trials:
        losses = 100.0 * np.exp(-speed * (1 + 0.05 * rng.normal()) * steps / 1000)
        trials.append(replace(t, curve=Curve(steps=steps, values={study.metric.name: losses})))
    return replace(study, trials=trials)


@pytest.mark.slow
def test_the_time_to_a_target_is_compared_in_steps() -> None:
    a, b = pair(0.0)
    faster = weighed(falling(a, 4.0), falling(b, 8.0), target=10.0)
    assert faster.unit == "steps"
    assert faster.gain == pytest.approx(1000 * np.log(10) * (1 / 4 - 1 / 8), rel=0.15)
    assert faster.decision.verdict == "adopt"
    assert weighed(falling(b, 8.0), falling(a, 4.0), target=10.0).decision.verdict == "keep"


def test_a_target_that_most_trainings_miss_decides_nothing() -> None:
    a, b = pair(0.0)
    decision = weighed(falling(a, 4.0), falling(b, 8.0), target=1e-9).decision
    assert decision.verdict == "not-yet"
    assert any("never reached the target" in text for text in decision.blocked_by)


def test_what_else_differs_is_said() -> None:
    a, b = pair(6.0)
    other = replace(b, max_train_steps=2000, fixed={"batch_size": 128})
    caveats = "\n".join(weighed(a, other).caveats)
    assert "A trains for 1000 steps, B for 2000" in caveats
    assert "batch_size 64 and 128" in caveats


def test_a_best_trial_without_repeats_and_a_larger_search_are_said() -> None:
    a, b = pair(6.0, replace(SMOOTH, more=8))
    assert any("A had 32 trials, the other side 24" in text for text in weighed(a, b).caveats)
    lucky = replace(b.trials[0], id=999, best=replace(b.trials[0].best, value=-1e6) if b.trials[0].best else None)
    caveats = weighed(a, replace(b, trials=[*b.trials, lucky])).caveats
    assert any("trial 999, the best of the search, has no repeats" in text for text in caveats)
