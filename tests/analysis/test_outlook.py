"""Whether more training would have helped, as far as curves can say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.analysis.outlook import Moves, Outlook, outlook
from tests.generators.held_cases import ENOUGH, OPEN, SETTLED, WANTING
from tests.generators.held_curves import Kind, held_study

LIMITS = (0.05, 0.01)


def look(kind: Kind, trials: int = 16) -> Outlook | None:
    study = held_study([kind] * trials, np.random.default_rng(4))
    return outlook(
        study.trials, study.metric, study.max_train_steps, share=0.25, evaluations=4, decayed=0.5, memory=0.0
    )


@pytest.mark.parametrize(
    ("kind", "longer"),
    [
        (OPEN, "falls"),
        (SETTLED, "flat"),
        (replace(OPEN, told="unsaid"), "unclear"),
        (replace(SETTLED, told="unsaid"), "flat"),
        (replace(WANTING, told="unsaid", schedule="cosine", anneal=0.0), "unclear"),
        (replace(WANTING, told="unsaid", schedule="steps", anneal=0.0), "unclear"),
        (replace(WANTING, schedule="cosine"), "unclear"),
        (replace(WANTING, schedule="wsd"), "falls"),
        (replace(ENOUGH, schedule="wsd", noise=0.003), "flat"),
        (replace(ENOUGH, schedule="restarts"), "unclear"),
        (replace(SETTLED, swing=0.06), "unclear"),
        (replace(OPEN, maximize=True), "falls"),
    ],
)
def test_a_fall_counts_where_the_learning_rate_is_known_to_be_high(kind: Kind, longer: Moves) -> None:
    seen = look(kind)
    assert seen is not None
    assert seen.longer(*LIMITS) == longer


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (replace(OPEN, told="unsaid"), "log learning_rate"),
        (replace(WANTING, schedule="cosine"), "the schedule has decayed"),
        (replace(ENOUGH, schedule="restarts", cycles=2.0), "restarts"),
        (replace(SETTLED, swing=0.06), "oscillate every"),
        (
            replace(WANTING, told="unsaid", schedule="cosine", anneal=0.0),
            "flatten any curve at its end: log learning_rate",
        ),
        (OPEN, None),
        (replace(SETTLED, told="unsaid"), None),
    ],
)
def test_what_hides_the_answer_is_said(kind: Kind, why: str | None) -> None:
    seen = look(kind)
    assert seen is not None
    said = seen.why(*LIMITS)
    assert said is None if why is None else why in str(said)


def test_evaluations_that_are_far_apart_do_not_show_how_a_curve_ends() -> None:
    assert look(replace(OPEN, evaluations=5)) is None


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_a_curve_that_is_flat_because_its_learning_rate_is_small_is_not_settled(schedule: str) -> None:
    hungry = look(replace(WANTING, anneal=0.0, schedule=schedule, noise=0.003))
    assert hungry is not None
    assert hungry.longer(*LIMITS) == "unclear"
    done = look(replace(ENOUGH, anneal=0.0, schedule=schedule, noise=0.003))
    assert done is not None
    assert done.longer(*LIMITS) == "flat"
