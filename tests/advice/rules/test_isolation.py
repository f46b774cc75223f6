"""The answer to the study's question, or why there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.acts import CompareArms, Repeat
from playbook_cli.advice import advise
from playbook_cli.advice.decision import decide
from playbook_cli.advice.rules.isolation import isolation
from playbook_cli.analysis.arm import of_arms
from playbook_cli.analysis.comparison import Side, compare
from playbook_cli.records import Finding, Parameter, StudyRecord
from tests.generators.arm_cases import arms
from tests.generators.curve_cases import OVERFIT, SATURATED
from tests.generators.learning_curves import curve_study
from tests.generators.studies import halton, study, surface_study, trial


def answer(study: StudyRecord) -> Finding:
    return next(f for f in advise(study) if f.rule == "isolation")


def with_arms(kind: str, gap: float, n: int = 48, count: int = 2, seed: int = 0) -> StudyRecord:
    return arms(kind, gap, count=count)(np.random.default_rng(seed), n, 2)


def test_a_real_difference_is_found_and_the_best_trials_are_to_be_repeated() -> None:
    finding = answer(with_arms("same", 0.1))
    assert (finding.verdict, finding.subject, finding.severity) == ("better", "arm=a0", "info")
    assert "repeat it with other training seeds" in finding.message
    assert finding.act == Repeat(top=1)
    assert finding.evidence["gain"] == pytest.approx(0.1, abs=0.04)


def test_trials_of_another_tool_cannot_be_repeated_here() -> None:
    assert answer(replace(with_arms("same", 0.1), imported=True)).act is None


def test_among_equals_the_earlier_trial_is_named() -> None:
    made = with_arms("same", 0.1)
    top = min(t.best.value for t in made.trials if t.best)
    best = next(t for t in made.trials if t.best and t.best.value == top)
    twin = next(t for t in made.trials if t.arm != best.arm)
    assert best.best is not None
    tied = [replace(t, best=replace(best.best, trial=t.id)) if t is twin else t for t in made.trials]
    first = min(best.id, twin.id)
    assert f"(trial {first})" in answer(replace(made, trials=tied)).message


@pytest.mark.parametrize("kind", ["same", "shifted", "wider", "flat", "own"])
@pytest.mark.slow
def test_equal_arms_are_seldom_called_better(kind: str) -> None:
    assert sum(answer(with_arms(kind, 0.0, seed=seed)).verdict == "better" for seed in range(12)) <= 2


@pytest.mark.slow
def test_the_setting_that_is_named_is_the_one_with_the_best_trial() -> None:
    for seed in range(4):  # in some of these the model expects more of the other arm
        made = arms("wider", 0.0)(np.random.default_rng(500 + seed), 48, 4)
        best = min((t for t in made.trials if t.best), key=lambda t: (t.best.value, t.id) if t.best else (0.0, 0))
        finding = answer(made)
        assert finding.evidence["best"] == f"arm={best.arm['arm']}"
        assert finding.message.startswith(f"arm={best.arm['arm']} reaches val_error")


@pytest.mark.slow
def test_a_difference_that_few_trials_cannot_show_is_not_called_none() -> None:
    for seed in range(4):
        for kind in ("shifted", "same"):
            made = arms(kind, 0.1)(np.random.default_rng(seed), 32, 3)
            finding = answer(made)
            assert finding.verdict != "no-difference"
            if finding.verdict == "undecided" and "gain" in finding.evidence:
                said = ("no significant difference from", "which is not confirmed")
                assert any(words in finding.message for words in said)


def test_the_gain_its_interval_and_what_would_settle_it_are_said() -> None:
    (finding,) = isolation(arms("own", 0.02)(np.random.default_rng(1), 24, 2), [])
    low, high = finding.evidence["interval"]
    assert low < finding.evidence["gain"] < high
    assert f"95% {low:.4g} to {high:.4g})" in finding.message
    assert (finding.verdict == "better") == ("other training seeds" in finding.message)


def test_equal_arms_are_said_to_be_equal_once_their_difference_is_known_to_be_small() -> None:
    (finding,) = isolation(with_arms("same", 0.0, n=96), [])
    assert finding.verdict == "no-difference"
    assert "any difference is below 2 trial standard deviations" in finding.message
    strict = replace(with_arms("same", 0.0, n=96), rules={"isolation": {"equal_deviations": 0.05}})
    assert isolation(strict, [])[0].verdict == "undecided"


@pytest.mark.slow
def test_of_three_arms_the_best_must_beat_both_others() -> None:
    made = with_arms("same", 0.1, n=72, count=3)
    assert answer(made).evidence["told_apart"] == 2
    twins = [
        replace(t, best=replace(t.best, value=t.best.value - 0.1)) if t.arm["arm"] == "a1" and t.best else t
        for t in made.trials
    ]
    finding = answer(replace(made, trials=twins))
    assert finding.verdict != "better"
    assert finding.evidence["told_apart"] == 1
    assert "better than arm=a2" in finding.message


def test_an_arm_that_was_searched_less_blocks_the_comparison() -> None:
    made = with_arms("same", 0.1)
    fewer = [t for t in made.trials if t.arm["arm"] == "a0" or t.id % 2]
    finding = answer(replace(made, trials=fewer))
    assert (finding.verdict, finding.severity) == ("blocked", "warning")
    assert "arm=a1 has 12 finished trials where another arm has 24" in finding.message


def test_an_arm_without_a_feasible_trial_blocks_the_comparison() -> None:
    made = with_arms("same", 0.1)
    broken = [replace(t, state="infeasible", best=None) if t.arm["arm"] == "a1" else t for t in made.trials]
    finding = answer(replace(made, trials=broken))
    assert finding.verdict == "blocked"
    assert "none is feasible" in finding.message


def test_an_arm_that_overfits_blocks_the_comparison() -> None:
    made = curve_study([OVERFIT, SATURATED] * 12, np.random.default_rng(0), arms=[{"arm": "a"}, {"arm": "b"}])
    finding = answer(made)
    assert finding.verdict == "blocked"
    assert "overfitting (arm=a): yes" in finding.message


def test_every_warning_that_makes_it_unfair_is_named() -> None:
    edge = Finding(rule="boundary", subject="p0", severity="warning", verdict="upper-edge", evidence={}, message="")
    harmless = replace(edge, rule="late-variance", verdict="yes")
    (finding,) = isolation(with_arms("same", 0.1), [edge, harmless])
    assert finding.verdict == "blocked"
    assert finding.evidence["obstacles"] == 1
    assert "boundary (p0): upper-edge" in finding.message


def test_few_trials_an_arm_are_undecided() -> None:
    assert answer(with_arms("same", 0.1, n=8)).verdict == "undecided"


def test_a_study_of_one_arm_asks_no_such_question() -> None:
    points = halton(12, 1, np.random.default_rng(0))
    assert not any(f.rule == "isolation" for f in advise(surface_study(points, points[:, 0])))


def test_a_continuous_scientific_range_is_compared_in_buckets() -> None:
    width = Parameter(name="width", label="width", role="scientific", kind="float", low=0.0, high=1.0)
    rng = np.random.default_rng(0)
    units = (np.arange(48) + 0.5) / 48
    trials = [trial(i, {"width": float(u)}, float((u > 0.25) + 0.05 * rng.random())) for i, u in enumerate(units)]
    finding = answer(study(trials, [width]))
    assert (finding.verdict, finding.subject) == ("better", "width")
    assert finding.message.startswith("width 0 to 0.25 reaches")
    flat = [trial(i, {"width": float(u)}, float(rng.random())) for i, u in enumerate(units)]
    assert answer(study(flat, [width])).verdict in ("no-difference", "undecided")


def repeated_arms(gap: float, seed: int = 0, count: int = 5) -> StudyRecord:
    """Two arms, each best trial repeated on so many seeds; the second arm is truly worse by `gap`."""
    rng = np.random.default_rng(seed)
    made = arms("flat", gap)(rng, 32, 2)
    again = []
    for arm in made.arms:
        best = min((t for t in made.trials if t.arm == arm), key=lambda t: t.best.value if t.best else 0.0)
        true = 0.02 + gap * (arm["arm"] == "a1")
        fresh = [trial(0, best.params, float(true + 0.01 * rng.normal()), arm=arm) for _ in range(count)]
        again += [replace(t, seed=500 + seed, repeat_of=best.id) for seed, t in enumerate(fresh)]
    numbered = [replace(t, id=len(made.trials) + number) for number, t in enumerate(again)]
    return replace(made, trials=[*made.trials, *numbered])


def test_arms_whose_best_trials_were_repeated_are_compared_by_their_repeats() -> None:
    finding = answer(repeated_arms(0.05))
    assert (finding.verdict, finding.subject) == ("better", "arm=a0")
    assert finding.evidence["repeats"] == 5
    assert finding.evidence["gain"] == pytest.approx(0.05, abs=0.02)
    assert "mean of 5 repeats" in finding.message
    assert finding.act == CompareArms(baseline={"arm": "a1"}, candidate={"arm": "a0"})


@pytest.mark.slow
def test_equal_arms_are_not_called_better_by_their_repeats() -> None:
    assert sum(answer(repeated_arms(0.0, seed)).verdict == "better" for seed in range(20)) <= 2


@pytest.mark.slow
def test_repeats_give_the_verdict_that_compare_gives_on_the_same_arms() -> None:
    seen = set()
    for seed, gap in enumerate((0.0, 0.01, 0.015, 0.02, 0.05)):
        made = repeated_arms(gap, seed)
        (finding,), sides = isolation(made, []), of_arms(made)
        verdicts = [
            decide(compared, [], least=0.0, unit="val_error").verdict
            for order in (sides, sides[::-1])
            if (compared := compare(*(Side(study=side) for side in order)))
        ]
        assert (finding.verdict == "better") == ("adopt" in verdicts)
        low, high = finding.evidence["interval"]
        assert (finding.verdict == "better") == (low > 0.0)
        assert low < finding.evidence["gain"] < high
        seen.add(finding.verdict)
    assert len(seen) > 1


@pytest.mark.slow
def test_repeats_say_that_there_is_no_difference_only_where_all_that_is_likely_is_small() -> None:
    few, many = repeated_arms(0.0, 0, count=3), repeated_arms(0.0, 0, count=40)
    assert answer(few).verdict == "undecided"
    assert "would settle it" in answer(few).message
    assert answer(many).verdict == "no-difference"
    strict = replace(many, rules={"isolation": {"equal_deviations": 0.1}})
    assert answer(strict).verdict == "undecided"


def test_repeats_of_one_arm_alone_decide_nothing() -> None:
    made = repeated_arms(0.05)
    one = replace(made, trials=[t for t in made.trials if t.repeat_of is None or t.arm["arm"] == "a0"])
    assert "repeats" not in answer(one).evidence
