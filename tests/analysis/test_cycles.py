"""Waves that curves share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.analysis import curves
from playbook_cli.analysis.cycles import Cycle, cycle
from tests.generators.held_cases import CRAWLING, ENOUGH, OPEN, SETTLED, TURNED, WANTING
from tests.generators.held_curves import Kind, held_study

WAVE = replace(SETTLED, swing=0.06)


def look(kind: Kind) -> Cycle | None:
    study = held_study([kind] * 6, np.random.default_rng(5))
    return cycle([s for t in study.trials if (s := curves.objective(t.curve, study.metric))])


@pytest.mark.parametrize(("cycles", "period"), [(5.0, 200), (6.0, 167), (10.0, 100)])
def test_a_wave_is_found_with_its_period(cycles: float, period: float) -> None:
    found = look(replace(WAVE, cycles=cycles))
    assert found is not None
    assert found.steps == pytest.approx(period, rel=0.05)
    assert found.height == pytest.approx(0.06, rel=0.5)


def test_restarts_of_the_learning_rate_are_a_wave() -> None:
    found = look(replace(SETTLED, schedule="restarts", anneal=0.15))
    assert found is not None
    assert found.steps == pytest.approx(1000 / 6, rel=0.05)


@pytest.mark.parametrize(
    "kind",
    [
        SETTLED,
        OPEN,
        CRAWLING,
        TURNED,
        replace(WANTING, schedule="cosine"),
        replace(ENOUGH, schedule="steps", anneal=0.3),
        replace(SETTLED, memory=0.8, noise=0.05),
        replace(SETTLED, tails=True, noise=0.05),
        replace(SETTLED, timer=True),
        replace(WAVE, evaluations=12),
    ],
)
def test_other_curves_have_none(kind: Kind) -> None:
    assert look(kind) is None


def test_no_curve_has_no_wave() -> None:
    assert cycle([]) is None
