"""Arms with spaces of their own, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.advice import advise
from playbook_cli.report.as_json import as_json
from playbook_cli.report.build import build
from playbook_cli.report.html import as_html
from tests.generators.optimizer_cases import OPTIMIZERS, optimizers
from tests.report import studies
from tests.report.drawn import charts
from tests.report.test_terminal import printed

if TYPE_CHECKING:
    from playbook_cli.report.value import Report


@pytest.fixture(scope="module")
def report() -> Report:
    """Three optimizers, the learning rates of the first of which end too early above."""
    study = optimizers(beyond=0.25)(np.random.default_rng(1), 120, 3)
    return build(study, advise(study))


@pytest.mark.slow
def test_each_arm_has_its_own_space_with_what_is_known_of_its_ends(report: Report) -> None:
    first, second, _ = as_json(report)["arms"]
    rate = first["space"][0]
    assert (rate["name"], rate["low"], rate["high"], rate["scale"]) == ("p0", 1e-4, 1.0, "log")
    assert rate["ends"] == "upper-edge"
    assert {one["ends"] for one in second["space"]} == {"interior"}
    assert (first["trials"], first["ended"], first["infeasible"]) == (40, 40, 0)


def test_an_edge_of_an_arm_is_the_boundary_rules_finding(report: Report) -> None:
    edges = {f.subject for f in report.findings if f.rule == "boundary" and f.severity == "warning"}
    flagged = {one.label for arm in report.arms for one in arm.space if one.ends and one.ends.endswith("-edge")}
    assert edges == flagged == {f"p0 (optimizer={OPTIMIZERS[0]})"}


def test_the_terminal_has_spaces_and_expected_results_side_by_side(report: Report) -> None:
    text = printed(report, width=120)
    assert "ends too early above" in text
    assert "no early end seen" in text
    assert "best of 20 (95%)" in text
    assert all(f"optimizer={name}" in text for name in OPTIMIZERS)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_of_it_is_wider_than_the_terminal(report: Report, width: int) -> None:
    lines = printed(report, width=width).splitlines()
    assert [line for line in lines if len(line) > width and not line.startswith("  -> ")] == []


def test_the_page_has_a_row_and_a_tuning_curve_an_arm(report: Report) -> None:
    page = as_html(report)
    assert "How was each arm tuned?" in page
    assert page.count(">ends too early above<") == 1
    assert [chart.title for chart in charts(report, "arms").values()] == [f"optimizer={name}" for name in OPTIMIZERS]


@pytest.mark.parametrize("name", ["realistic", "one parameter", "continuous scientific"])
def test_arms_of_one_space_are_not_told_apart_by_it(name: str) -> None:
    made = build(studies.ODD[name](), [])
    assert not made.own_spaces
    assert "How was each arm tuned?" not in as_html(made)
    assert "each tuned in its own space" not in printed(made)


def test_points_that_were_listed_say_nothing_of_the_ends() -> None:
    study = replace(studies.ODD["conditional"](), listed=True)
    assert {one.ends for arm in build(study, []).arms for one in arm.space} == {None}


@pytest.mark.slow
def test_the_timescale_of_adamw_is_shown_of_its_trials_alone() -> None:
    study = studies.ODD["conditional"]()
    trials = [replace(t, params={**t.params, "weight_decay": 0.1}) for t in study.trials]
    made = build(replace(study, trials=trials), [])
    for trial in as_json(made)["trials"]:
        if trial["params"]["optimizer"] == "sgd":
            assert trial["adamw_timescale"] is None
        else:
            steps = 1 / (trial["params"]["learning_rate"] * 0.1)
            assert trial["adamw_timescale"] == pytest.approx({"steps": steps, "of_max_train_steps": steps / 600})
    page = as_html(made)
    assert page.count(" x)</td>") == len(trials) // 2
    assert "AdamW timescale" not in as_html(build(study, []))
