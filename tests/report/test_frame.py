from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.advice import advise
from playbook_cli.records import Metric
from playbook_cli.report import borders, words
from playbook_cli.report.build import build
from playbook_cli.report.frame import Frame, distinct, ticks
from playbook_cli.report.section import Chart
from playbook_cli.report.sections import pairs
from playbook_cli.report.value import step_bin
from tests.generators.surface_cases import diagonal_cliff
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


def test_the_histogram_has_a_bar_for_each_part_of_training_with_best_steps() -> None:
    report = build(studies.digits(), [])
    layers = specs(report)["best-step"]["layer"]
    bars = layers[1]["data"]["values"]
    assert [bar["top"] for bar in bars] == [count for count in report.best_steps.bins if count]
    assert sum(bar["top"] for bar in bars) == report.counts["completed"]


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (1e-6, 0.1, "log"),
        (1e-5, 3e-3, "log"),
        (0.1, 0.4, "log"),
        (1e-20, 1e20, "log"),
        (1, 9, "linear whole"),
        (32, 512, "log whole"),
        (0.0, 0.6, "linear"),
        (0.1, 0.1000001, "linear"),
        (-5.0, 1e6, "linear"),
        (2, 3, "linear whole"),
    ],
)
def test_ticks_are_few_round_and_read_differently(low: float, high: float, kind: str) -> None:
    found = ticks(low, high, log="log" in kind, whole="whole" in kind)
    assert 1 <= len(found) <= 8
    assert all(low - abs(low) * 1e-6 <= at <= high * (1 + 1e-6) for at in found)
    assert len({f"{at:.6g}" for at in found}) == len(found) or high - low < 1e-6


@pytest.mark.slow
def test_beyond_the_colours_the_best_arms_keep_one_each_and_the_others_share_the_last() -> None:
    layers = replace(studies.LAYERS, choices=tuple(range(1, 13)))
    frame = Frame(build(studies.digits(96, parameters=(layers, studies.RATE)), []))
    assert sorted(hue for hue in frame.hues if hue != "muted") == [f"arm{n}" for n in range(6)]
    assert frame.hues.count("muted") == 6
    assert frame.legend.marks[-1] == ("muted", "6 other arms, with worse results")
    best = min(range(12), key=lambda n: arm.best.value if (arm := frame.report.arms[n]).best else 9.0)
    assert frame.hues[best] != "muted"


def test_names_lose_what_they_share_before_what_tells_them_apart() -> None:
    conditional = [f"learning_rate (optimizer={name})" for name in ("sgd", "adamw", "lion")]
    assert words.distinct(conditional, 24) == ["learning_rate (sgd)", "learning_rate (adamw)", "learning_rate (lion)"]
    paths = [f"/data/tokenizers/multilingual-v{n}/sentencepiece-unigram-64k" for n in (1, 2)]
    short = words.distinct(paths, 24)
    assert len(set(short)) == 2
    assert all(len(name) <= 24 for name in short)


@pytest.mark.slow
@given(
    st.lists(st.text("ab/_-1 =()", min_size=1, max_size=60), max_size=8, unique_by=lambda text: " ".join(text.split()))
)
def test_short_names_are_as_different_as_the_whole_ones(names: list[str]) -> None:
    for length in (8, 14, 24, 40):
        short = words.distinct(names, length)
        assert len(set(short)) == len(names)
        assert all(len(name) <= length for name in short)


def test_a_long_start_that_names_share_is_left_out() -> None:
    paths = [f"/data/tokenizers/{name}-multilingual-v3" for name in ("sentencepiece-unigram", "bytepair-encoding")]
    assert words.distinct(paths, 14) == ["…sentence…l-v3", "…bytepair…l-v3"]


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


@pytest.mark.parametrize("kind", ["ratio", "product"])
def test_a_border_of_stability_across_two_ranges_parts_the_trials_of_their_map(kind: str) -> None:
    study = diagonal_cliff(ratio=kind == "ratio")(np.random.default_rng(2), 32, 3)
    report = build(study, advise(study))
    states = {trial.id: trial.state for trial in report.trials}
    axes = {axis.label: axis for axis in report.axes}
    for across, up in (("p0", "p2"), ("p2", "p0")):
        ends = borders.on_pair(report, axes[across], axes[up])
        assert ends is not None
        x, y, end_x, end_y = ends
        ups = {point.trial: point.unit for point in axes[up].points}
        over = {p.trial: ups[p.trial] - y - (p.unit - x) * (end_y - y) / (end_x - x) for p in axes[across].points}
        sides = {
            states[number]: {o > 0 for n, o in over.items() if abs(o) > 1e-9 and states[n] == states[number]}
            for number in over
        }
        assert len(sides["infeasible"]) == len(sides["completed"]) == 1
        assert sides["infeasible"] != sides["completed"]
        assert borders.on_pair(report, axes[across], axes["p1"]) is None
    at, said = borders.on_axis(report, axes["p0"]) or (0.0, "")
    assert axes["p0"].low < at < axes["p0"].high
    assert "with p2 at the best trial's" in said
    (chart,) = (part for part in pairs.parts(Frame(report), report.axes) if isinstance(part, Chart))
    assert chart.spec is not None
    drawn = [row for row in chart.spec(None)["datasets"]["pairs"] if row.get("P") is not None]
    assert len(drawn) == 1
    assert "training is unstable where p0" in drawn[0]["L"]
