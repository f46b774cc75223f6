from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from playbook_cli.records import Metric
from playbook_cli.report.build import build
from playbook_cli.report.frame import distinct
from playbook_cli.report.value import step_bin
from tests.report import studies
from tests.report.drawn import specs, tables

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_names_cut_short_stay_different() -> None:
    long = ["a" * 60 + "1" + "b" * 60, "a" * 60 + "2" + "b" * 60, "short"]
    made = distinct(long)
    assert len(set(made)) == 3
    assert made[2] == "short"
    assert all(len(name) <= 44 for name in made)


def test_bad_trials_stop_at_the_end_of_the_scale_and_say_so() -> None:
    table = tables(build(studies.digits(), []))["t"]
    beyond = [row for row in table if row.get("o")]
    assert beyond
    assert all(row["y"] < row["v"] for row in beyond)
    assert {row["y"] for row in beyond} == {max(row["y"] for row in table if "y" in row)}


def test_when_more_is_better_bad_trials_stop_at_the_lower_end() -> None:
    study = studies.digits(metric=Metric(name="val_error", goal="maximize"))
    beyond = [row for row in tables(build(study, []))["t"] if row.get("o")]
    assert all(row["y"] > row["v"] for row in beyond)


def test_infeasible_trials_have_a_place_and_no_height() -> None:
    table = tables(build(studies.digits(), []))["t"]
    infeasible = [row for row in table if row["s"] == "infeasible"]
    assert infeasible
    assert all("y" not in row and "p1" in row for row in infeasible)


def test_every_completed_trial_is_one_block_of_the_histogram() -> None:
    report = build(studies.digits(), [])
    blocks = [(row["b"], row["k"]) for row in tables(report)["t"] if "k" in row]
    assert len(set(blocks)) == report.counts["completed"]
    counts = [sum(bar == index for bar, _ in blocks) for index in range(20)]
    assert counts == list(report.best_steps.bins)


@pytest.mark.parametrize(("step", "bar"), [(0, 0), (1, 0), (30, 0), (31, 1), (60, 1), (600, 19), (700, 19)])
def test_a_bar_holds_its_upper_end(step: int, bar: int) -> None:
    assert step_bin(step, 600) == bar


@pytest.mark.parametrize("name", studies.ODD)
def test_rows_are_strict_json_with_ends_to_every_scale(name: str) -> None:
    drawn = specs(build(studies.ODD[name](), []))
    json.dumps(drawn, allow_nan=False)
    for spec in drawn.values():
        for domain in _domains(spec):
            assert not isinstance(domain[0], float) or domain[0] < domain[1]


def _domains(value: object) -> Iterator[list[Any]]:
    """The ends, or the names, of every scale."""
    if isinstance(value, dict):
        if "domain" in value.get("scale", ()):
            yield value["scale"]["domain"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _domains(part)
