"""What is known of the ends of each arm's ranges, and no winner while one ends too early."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from playbook_cli.advice import advise
from playbook_cli.advice.arm_edges import arm_edges
from playbook_cli.advice.obstacles import of_findings
from playbook_cli.advice.rules.boundary import edge_looks
from playbook_cli.analysis import outcomes
from playbook_cli.records import Finding, StudyRecord
from tests.generators.arm_cases import arms
from tests.generators.optimizer_cases import optimizers


def isolated(study: StudyRecord) -> Finding:
    return next(f for f in advise(study) if f.rule == "isolation")


def verdicts(count: int, trials: int = 96, **how: float) -> Counter[str]:
    """Of so many studies of three optimizers, 32 trials and 3 ranges each."""
    return Counter(isolated(optimizers(**how)(np.random.default_rng(s), trials, 3)).verdict for s in range(count))


@pytest.mark.slow
def test_there_is_no_winner_while_an_arm_is_edge_bound() -> None:
    said = verdicts(12, beyond=0.25, gap=0.3)
    assert said["better"] == 0
    assert said["blocked"] >= 9


@pytest.mark.slow
def test_there_is_a_winner_where_every_arm_has_its_best_inside_its_ranges() -> None:
    assert verdicts(12, gap=0.3)["better"] >= 9


@pytest.mark.slow
def test_equal_arms_with_spaces_of_their_own_are_not_told_apart() -> None:
    assert verdicts(12)["better"] == 0


def test_there_is_no_verdict_while_too_few_trials_leave_the_edges_open() -> None:
    finding = isolated(optimizers(gap=0.3)(np.random.default_rng(0), 36, 3))
    assert (finding.verdict, finding.severity) == ("undecided", "info")
    assert "the arms have different spaces" in finding.message
    assert "needs 14 feasible trials to judge the edges, has 12" in finding.message


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_what_is_known_of_an_arm_agrees_with_the_boundary_rule(seed: int) -> None:
    study = optimizers(beyond=0.25)(np.random.default_rng(seed), 72, 3)
    by_rule = {f.subject: f.verdict for f in advise(study) if f.rule == "boundary"}
    by_arm = {label: ends for arm in arm_edges(study, study.arms) for label, ends in arm.items()}
    assert by_arm == by_rule


def test_a_range_that_arms_share_is_known_in_each_of_them() -> None:
    study = arms("same", 0.0)(np.random.default_rng(0), 48, 2)
    assert [list(known) for known in arm_edges(study, study.arms)] == [["p0", "p1"], ["p0", "p1"]]


def test_a_range_that_one_arm_alone_has_is_looked_at_once() -> None:
    study = optimizers()(np.random.default_rng(0), 72, 3)
    looks = edge_looks(study, outcomes.ranges(study))
    assert {len(each) for each in looks.values()} == {2}


def test_between_arms_of_one_study_an_edge_of_either_side_blocks_both_verdicts() -> None:
    study = optimizers()(np.random.default_rng(0), 72, 3)
    label = study.parameters[1].label
    edge = Finding(rule="boundary", subject=label, severity="warning", verdict="upper-edge", evidence={}, message="")
    for baseline in (True, False):
        (obstacle,) = of_findings("A", study, [edge], baseline=baseline, arm=True)
        assert obstacle.overturns == ("adopt", "keep")
        (obstacle,) = of_findings("A", study, [edge], baseline=baseline)
        assert obstacle.overturns == (("adopt",) if baseline else ("keep",))
