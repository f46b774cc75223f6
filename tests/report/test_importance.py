from __future__ import annotations

import io
import json
import re

import altair as alt
import numpy as np
import pytest
from rich.console import Console

from playbook_cli.report.as_json import as_json
from playbook_cli.report.build import build
from playbook_cli.report.html import as_html
from playbook_cli.report.importance import sentences
from playbook_cli.report.terminal import render
from tests.generators.effects import bowl, diverging, flat, optimizers, traded, valley
from tests.report import studies
from tests.report.drawn import charts as drawn
from tests.report.drawn import tables


def made(make, n=48, d=4):
    return build(make(np.random.default_rng(1), n, d), [])


def printed(report, width=80, encoding="utf-8"):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    render(report, Console(file=file, width=width, legacy_windows=False))
    return raw.getvalue().decode(encoding).split("What mattered")[-1]


def charts(report):
    return drawn(report, "importance")


def test_the_terminal_names_what_mattered_with_its_share():
    shown = printed(made(bowl((1.0, 0.3), noise=0.03)))
    assert "p0 and p1 mattered; no visible effect: p2 and p3." in " ".join(shown.split())
    assert "No interactions detected." in shown
    assert [line.split()[0] for line in shown.splitlines() if "┊" in line and "%" in line][:2] == ["p0", "p1"]


def test_a_narrow_ascii_terminal_gets_the_same():
    shown = printed(made(bowl((1.0, 0.3), noise=0.03)), width=40, encoding="ascii")
    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= 40
    assert "p0 and p1 mattered" in " ".join(shown.split())


def test_two_that_only_matter_together_are_said_to():
    said = " ".join(sentences(made(valley).importance))
    assert "p0 and p1 trade off (p = 0.005), though neither has a visible effect by itself: a larger value" in said
    assert "one goes with a smaller value of the other; if you widen one, widen both." in said
    said = " ".join(sentences(made(traded).importance))
    assert "goes with a larger value of the other; widen them together, or tune p0 / p2." in said


def test_what_decides_which_trials_diverge_is_said():
    said = " ".join(sentences(made(diverging).importance))
    assert "p0 decides which trials are infeasible" in said
    assert "infeasible trials have no rank" in said


def test_where_nothing_is_told_from_chance_that_is_the_answer():
    report = made(flat())
    assert sentences(report.importance)[0] == "With 48 trials, no hyperparameter's effect stands out from noise."
    assert as_json(report)["importance"]["verdict"] == "none"
    assert set(charts(report)) == {"importance"}


def test_too_few_trials_have_a_sentence_and_no_chart():
    report = build(studies.digits(8), [])
    assert "Too few trials to judge: needs 20 trials with a result, has" in printed(report)
    assert as_json(report)["importance"]["verdict"] == "undecided"
    assert charts(report) == {}
    assert "Too few trials to judge" in as_html(report)


def test_the_json_has_its_documented_shape():
    answer = as_json(made(valley))["importance"]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert set(answer) == {
        "verdict",
        "trials",
        "trials_needed",
        "predicted",
        "crowded",
        "hyperparameters",
        "interaction",
    }
    assert set(answer["hyperparameters"][0]) == {
        "subject",
        "share",
        "share_needed",
        "p_value",
        "infeasible_p_value",
        "trials",
        "matters",
    }
    assert answer["interaction"]["subjects"] == ["p0", "p1"]
    assert answer["interaction"]["proven"] is True
    assert answer["interaction"]["trade_off"] is True
    assert answer["interaction"]["combined"] is None


@pytest.mark.slow
@pytest.mark.parametrize("make", [valley, optimizers(matters=True)])
def test_its_charts_are_valid_vega_lite(make):
    made_of = charts(made(make, d=2))
    assert "importance" in made_of
    for chart in made_of.values():
        alt.LayerChart.from_dict(chart.spec(300))


def test_the_map_says_what_its_best_and_its_worst_band_come_to():
    report = made(valley)
    cells = tables(report)["cell"]
    best, worst = map(float, re.findall(r"typical val_error ([\d.e-]+)<", as_html(report)))
    assert best < worst
    assert {row["b"] for row in cells} == set(range(7))
    assert all(row["x"] < row["X"] and row["y"] < row["Y"] for row in cells)


def test_a_study_of_listed_points_has_no_such_section():
    study = studies.digits(40, listed=True)
    report = build(study, [])
    assert as_json(report)["importance"] is None
    assert 'id="importance"' not in as_html(report)
    assert "told from chance" not in printed(report)
