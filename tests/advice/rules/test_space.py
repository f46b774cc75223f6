"""What the boundary and instability rules say, and when they keep silent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.acts import Act, Next, ProbeInstability
from playbook_cli.advice.rules.boundary import boundary
from playbook_cli.advice.rules.instability_edge import instability_edge
from tests.generators.space_cases import decades, lopsided, shifted_category
from tests.generators.studies import halton, surface, surface_study
from tests.generators.surface_cases import split

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


def bowl(optimum: float, n: int = 24, d: int = 2, seed: int = 1) -> StudyRecord:
    rng = np.random.default_rng(seed)
    points = halton(n, d, rng)
    centre = np.full(d, 0.5)
    centre[0] = optimum
    return surface_study(points, surface(centre, np.ones(d))(points) + 0.01 * rng.normal(size=n))


def cliff() -> StudyRecord:
    points = halton(24, 2, np.random.default_rng(1))
    losses = surface(np.array([1.1, 0.5]), np.ones(2))(points)
    losses[points[:, 0] > 0.7] = np.inf
    return surface_study(points, losses)


def about(findings: list[Finding], subject: str = "p0") -> Finding:
    return next(f for f in findings if f.subject == subject)


@pytest.mark.parametrize(("optimum", "verdict"), [(1.25, "upper-edge"), (-0.25, "lower-edge")])
def test_an_optimum_beyond_an_edge_is_a_warning_with_the_command_that_widens(optimum: float, verdict: str) -> None:
    finding = about(boundary(bowl(optimum)))
    assert (finding.severity, finding.verdict) == ("warning", verdict)
    assert finding.act == Next(widen=("p0",))
    assert finding.evidence["probability"] > finding.evidence["probability_threshold"]
    assert finding.evidence["top_near_edge"] >= finding.evidence["top"] / 2


def test_the_edge_zone_is_named_in_the_ranges_own_scale() -> None:
    assert "above 0.1" in about(boundary(bowl(1.25))).message


def test_an_optimum_inside_is_ok_for_every_range() -> None:
    assert {(f.severity, f.verdict) for f in boundary(bowl(0.5))} == {("ok", "interior")}


def test_results_that_turn_before_the_edge_are_no_warning() -> None:
    # A small network: errors at 16 learning rates from 0.001 to 1, the best a good way below the upper end.
    errors = [
        0.383,
        0.313,
        0.403,
        0.287,
        0.26,
        0.213,
        0.193,
        0.18,
        0.143,
        0.133,
        0.107,
        0.11,
        0.103,
        0.097,
        0.107,
        0.113,
    ]
    rates = [0.00104, 0.0016, 0.00243, 0.0044, 0.00734, 0.01142, 0.01989, 0.02929]
    rates += [0.04016, 0.05866, 0.08496, 0.13453, 0.19539, 0.29843, 0.42738, 0.65082]
    points = (np.log10(rates)[:, None] + 3) / 3
    finding = about(boundary(surface_study(points, np.array(errors))))
    assert (finding.severity, finding.verdict) == ("ok", "interior")
    still = np.array(errors) - 0.3 * np.maximum(points[:, 0] - 0.6, 0.0)
    assert about(boundary(surface_study(points, still))).verdict == "upper-edge"


@pytest.mark.slow
def test_a_flat_objective_raises_no_boundary_alarm() -> None:
    rng = np.random.default_rng(5)
    studies = [surface_study(halton(24, 4, rng), rng.normal(size=24)) for _ in range(60)]
    assert sum(any(f.severity == "warning" for f in boundary(s)) for s in studies) <= 5


@pytest.mark.slow
def test_a_loss_that_falls_over_decades_to_beyond_the_range_is_a_warning_and_one_that_turns_inside_is_none() -> None:
    falling = [decades(beyond=True)(np.random.default_rng(seed), 48, 2) for seed in range(10)]
    verdicts = [about(boundary(s)).verdict for s in falling]
    assert verdicts.count("upper-edge") >= 7
    assert "interior" not in verdicts
    inside = [decades(beyond=False)(np.random.default_rng(seed), 48, 2) for seed in range(10)]
    assert not any(f.severity == "warning" for s in inside for f in boundary(s))


@pytest.mark.slow
def test_a_choice_that_shifts_the_optimum_hides_no_edge_and_makes_none() -> None:
    beyond = [shifted_category(beyond=True)(np.random.default_rng(seed), 48, 2) for seed in range(8)]
    verdicts = [about(boundary(s)).verdict for s in beyond]
    assert verdicts.count("upper-edge") >= 6
    assert "interior" not in verdicts
    inside = [shifted_category(beyond=False)(np.random.default_rng(seed), 48, 2) for seed in range(8)]
    assert not any(f.severity == "warning" for s in inside for f in boundary(s))


@pytest.mark.slow
def test_few_noisy_trials_whose_optimum_is_beyond_are_not_called_interior() -> None:
    studies = [lopsided("growing", beyond=True)(np.random.default_rng(seed), 16, 2) for seed in range(20)]
    verdicts = [about(boundary(s)).verdict for s in studies]
    assert verdicts.count("interior") <= 2


def test_a_warning_says_what_widening_is_expected_to_gain_in_units_of_the_metric() -> None:
    finding = about(boundary(bowl(1.25)))
    best = min(t.best.value for t in bowl(1.25).trials if t.best)
    assert 0.0 <= finding.evidence["gain_low"] <= finding.evidence["gain"] <= finding.evidence["gain_high"] < best
    assert finding.evidence["gain"] > 0.0
    assert "widening should gain about" in finding.message


@pytest.mark.slow
def test_undecided_says_how_many_trials_would_tell() -> None:
    noisy = [lopsided("growing", beyond=True)(np.random.default_rng(seed), 16, 2) for seed in range(20)]
    open_ = [f for s in noisy for f in boundary(s) if f.verdict == "undecided"]
    assert open_
    for finding in open_:
        assert 16 < finding.evidence["trials_needed"] <= 8 * 16
        assert f"about {finding.evidence['trials_needed']} trials would settle it" in finding.message


def test_too_few_trials_are_undecided_and_say_how_many_are_needed() -> None:
    finding = about(boundary(bowl(1.25, n=12, d=4)))
    assert (finding.severity, finding.verdict) == ("info", "undecided")
    assert "needs 18 feasible trials to judge the edges, has 12" in finding.message


def test_a_user_sets_the_threshold() -> None:
    strict = replace(bowl(1.25), rules={"boundary": {"likely": 1.0}})
    assert about(boundary(strict)).verdict != "upper-edge"


def test_an_edge_that_only_one_arm_hits_is_found_and_the_arm_is_named() -> None:
    finding = about(boundary(split(beyond=True)(np.random.default_rng(0), 48, 2)))
    assert finding.verdict == "upper-edge"
    assert finding.evidence["arm"] == "arm=b"
    assert "of arm arm=b" in finding.message


def test_a_cliff_of_divergence_is_instability_and_not_a_boundary() -> None:
    assert about(boundary(cliff())).verdict != "upper-edge"
    finding = about(instability_edge(cliff()))
    assert (finding.severity, finding.verdict) == ("warning", "unstable-above")
    assert finding.evidence["failed_above"] == finding.evidence["infeasible"]
    assert about(instability_edge(cliff()), "p1").verdict == "none"


@pytest.mark.parametrize(
    ("name", "imported", "act"),
    [("learning_rate", False, ProbeInstability()), ("learning_rate", True, Next()), ("p0", False, Next())],
)
def test_an_unstable_learning_rate_is_probed_where_it_can_be_trained(
    name: str,
    imported: bool,  # noqa: FBT001
    act: Act,
) -> None:
    study = cliff()
    first, *others = study.parameters
    trials = [replace(t, params={name if n == "p0" else n: v for n, v in t.params.items()}) for t in study.trials]
    renamed = replace(study, parameters=[replace(first, name=name), *others], trials=trials, imported=imported)
    (finding,) = [f for f in instability_edge(renamed) if f.verdict == "unstable-above"]
    assert finding.act == act


def test_without_infeasible_trials_there_is_no_instability() -> None:
    assert {f.verdict for f in instability_edge(bowl(1.25))} == {"none"}


def test_an_unstable_region_far_from_the_best_trials_is_no_warning() -> None:
    points = halton(24, 2, np.random.default_rng(1))
    losses = surface(np.array([0.15, 0.5]), np.ones(2))(points)
    losses[points[:, 0] > 0.7] = np.inf
    finding = about(instability_edge(surface_study(points, losses)))
    assert (finding.severity, finding.verdict) == ("ok", "none")
    assert "well below" in finding.message


def across(n: int, seed: int, *, sign: float = -1.0) -> StudyRecord:
    """Trials diverge where p0 over p2 (or times it) is large, and are best right below."""
    points = halton(n, 3, np.random.default_rng(seed))
    power = points[:, 0] + sign * points[:, 2]
    limit = 0.3 if sign < 0 else 1.3
    return surface_study(points, np.where(power > limit, np.inf, 0.1 + (power - limit) ** 2))


@pytest.mark.parametrize(("sign", "combined"), [(-1.0, "p0 / p2"), (1.0, "p0 * p2")])
def test_a_border_of_stability_across_two_ranges_is_named_by_their_ratio_or_product(sign: float, combined: str) -> None:
    findings = instability_edge(across(32, 1, sign=sign))
    assert {f.subject: f.verdict for f in findings} == {
        "p0": "unstable-together",
        "p1": "none",
        "p2": "unstable-together",
    }
    finding = about(findings)
    assert finding.evidence["combined"] == combined
    assert f"trials with {combined} above" in finding.message
    assert finding.evidence["limit"] == pytest.approx(10 ** (4 * 0.3 if sign < 0 else 4 * 1.3 - 8), rel=0.5)


def test_a_border_in_one_range_is_not_said_to_lie_across_two() -> None:
    points = halton(32, 3, np.random.default_rng(1))
    losses = surface(np.array([1.1, 0.5, 0.5]), np.ones(3))(points)
    losses[points[:, 0] > 0.7] = np.inf
    findings = instability_edge(surface_study(points, losses))
    assert {f.subject: f.verdict for f in findings} == {"p0": "unstable-above", "p1": "none", "p2": "none"}


def test_trials_that_fail_anywhere_are_no_border_across_two_ranges() -> None:
    said = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        points = halton(32, 5, rng)
        losses = surface(np.full(5, 0.5), np.ones(5))(points)
        losses[rng.random(32) < 0.3] = np.inf
        said += any(f.verdict == "unstable-together" for f in instability_edge(surface_study(points, losses)))
    assert said <= 3


def test_without_a_feasible_trial_no_border_of_stability_is_judged() -> None:
    study = surface_study(np.array([[0.2], [0.8]]), np.array([np.inf, np.inf]))
    for trials in (study.trials, []):
        (finding,) = instability_edge(replace(study, trials=trials))
        assert (finding.verdict, finding.severity) == ("undecided", "info")
