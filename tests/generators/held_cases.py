"""What each rule that reads curves should say of the curves of `held_curves.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import Best, Curve
from tests.generators.cases import Case
from tests.generators.held_curves import Kind, held_study

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from tests.generators.cases import Make

SIZES = ((8, 2), (24, 2), (48, 2))

SETTLED = Kind(time=0.07, shape=0.9)
"""Flat from the middle on."""
OPEN = Kind(law="hyperbolic", time=0.02, shape=0.5)
"""A power of time: each doubling brings a fifth of what the first tenth left."""
CRAWLING = Kind(law="log", time=0.01)
TURNED = Kind(time=0.06, shape=0.9, turn=0.45, rise=0.2)
DECAYS = ("cosine", "linear", "wsd", "steps")
ENOUGH = Kind(time=0.05, shape=0.9, anneal=0.15)
"""All but settled before its schedule decays; what falls then is the schedule's making."""
WANTING = Kind(law="hyperbolic", time=0.04, shape=0.6, anneal=0.1)


def held(kind: Kind) -> Make:
    """Studies whose trials are all of this kind."""

    def make(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
        return held_study([kind] * n, rng)

    return make


def once(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
    """Studies whose metric is measured once, before any training; the training loss every 10 steps."""
    made = held_study([replace(SETTLED, evaluations=100)] * n, rng)
    trials = []
    for t in made.trials:
        assert t.curve is not None
        assert t.best is not None
        metric = np.full(t.curve.steps.size, np.nan)
        metric[0] = rng.uniform(0.8, 1.0)
        steps = t.curve.steps - t.curve.steps[0]
        best = replace(t.best, value=float(metric[0]), step=0)
        curve = Curve(steps=steps, values={**t.curve.values, "val_error": metric})
        trials.append(replace(t, curve=curve, best=best))
    return replace(made, trials=trials)


def creeping(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
    """Studies that drop fast and then creep down; over the last quarter by as much as lies between good trials."""
    made = held_study([replace(SETTLED, time=0.03, noise=0.0002)] * n, rng)
    trials = []
    for place, t in enumerate(made.trials):
        assert t.curve is not None
        values = t.curve.values["val_error"]
        good = place < n // 2
        offset = 0.003 * place / n if good else rng.uniform(0.01, 0.1)
        lowered = values - values.min() + 0.05 + offset + 0.006 * (1 - t.curve.steps / made.max_train_steps)
        at = int(np.argmin(lowered))
        best = Best(trial=t.id, value=float(lowered[at]), step=int(t.curve.steps[at]), params=t.params)
        curve = Curve(steps=t.curve.steps, values={**t.curve.values, "val_error": lowered})
        trials.append(replace(t, curve=curve, best=best))
    return replace(made, trials=trials)


def _cases() -> list[Case]:
    longer, many, yes, no = ("train-longer",), ("too-many-steps",), ("yes",), ("no",)
    improving, bound, best = "still-improving", "compute-bound", "best-step"
    rows: list[tuple[str, str, bool, tuple[str, ...], Make]] = []
    for schedule in DECAYS:
        for told in ("unsaid", "declared"):
            kind = replace(ENOUGH, schedule=schedule, told=told)
            rows += [
                (best, f"longer? enough, {schedule}, {told}", False, longer, held(kind)),
                (improving, f"enough, {schedule}, {told}", False, yes, held(kind)),
                (bound, f"bound? enough, {schedule}, {told}", False, yes, held(kind)),
            ]
        wanting = replace(WANTING, schedule=schedule)
        # A decay to zero that hardly lowers the loss itself starves a curve: it is flat, with much left to learn.
        starved = replace(wanting, told="unsaid", anneal=0.01)
        rows += [
            (best, f"longer? wanting, {schedule}, unsaid", False, longer, held(replace(wanting, told="unsaid"))),
            (best, f"fits? starved, {schedule}, unsaid", False, ("fits",), held(starved)),
            (improving, f"no? starved, {schedule}, unsaid", False, no, held(starved)),
            (bound, f"not bound? starved, {schedule}, unsaid", False, no, held(starved)),
            (best, f"wanting, {schedule}", True, longer, held(wanting)),
            (improving, f"wanting, {schedule}", True, yes, held(wanting)),
            (bound, f"wanting, {schedule}", True, yes, held(wanting)),
            (best, f"fits: enough, {schedule}", True, ("fits",), held(replace(ENOUGH, schedule=schedule))),
            (bound, f"not bound: enough, {schedule}", True, no, held(replace(ENOUGH, schedule=schedule))),
        ]
    rows.append((best, "fits: settled, unsaid", True, ("fits",), held(replace(SETTLED, told="unsaid"))))
    for told in ("logged", "unsaid"):
        restarts = replace(SETTLED, schedule="restarts", anneal=0.15, told=told)
        rows += [
            (best, f"longer? restarts, {told}", False, longer, held(restarts)),
            (improving, f"restarts, {told}", False, yes, held(restarts)),
            (bound, f"bound? restarts, {told}", False, yes, held(restarts)),
            ("periodic", f"restarts, {told}", True, yes, held(restarts)),
        ]
    noises = {
        "AR 0.6": {"memory": 0.6, "noise": 0.02},
        "AR 0.8": {"memory": 0.8, "noise": 0.02},
        "AR 0.8, 5%": {"memory": 0.8, "noise": 0.05},
        "heavy tails": {"tails": True, "noise": 0.03},
        "timer": {"timer": True},
        "2000 evaluations, 5%": {"evaluations": 2000, "noise": 0.05},
        "200 examples": {"examples": 200},
        "1000 examples": {"examples": 1000, "maximize": True},
        "5 evaluations": {"evaluations": 5},
    }
    for name, noise in noises.items():
        settled, opened, turned = (replace(kind, **noise) for kind in (SETTLED, OPEN, TURNED))
        rows += [
            ("overfitting", name, False, yes, held(settled)),
            ("overfitting", name, True, yes, held(turned)),
            (improving, f"settled, {name}", False, yes, held(settled)),
            (improving, f"open, {name}", True, yes, held(opened)),
            ("saturated", f"settled, {name}", True, yes, held(settled)),
            ("saturated", f"open, {name}", False, yes, held(opened)),
            (best, f"longer? settled, {name}", False, longer, held(settled)),
            (best, f"open, {name}", True, longer, held(opened)),
            (bound, f"not bound: settled, {name}", True, no, held(settled)),
            (bound, f"not bound? open, {name}", False, no, held(opened)),
            ("periodic", name, False, yes, held(settled)),
        ]
    for schedule in ("cosine", "linear"):
        late = replace(ENOUGH, time=0.03, schedule=schedule, power=0.1, told="declared", noise=0.003)
        rows += [(best, f"fits: enough, annealed at the end, {schedule}", True, ("fits",), held(late))]
    half = replace(SETTLED, stopped=0.5)
    swing = replace(SETTLED, swing=0.06)
    rows += [
        (improving, "1 / log(step)", True, yes, held(CRAWLING)),
        (bound, "1 / log(step)", True, yes, held(CRAWLING)),
        (bound, "open", True, yes, held(OPEN)),
        (best, "fits: half stopped early", True, ("fits",), held(half)),
        ("saturated", "half stopped early", True, yes, held(half)),
        (best, "half stopped early, open", True, longer, held(replace(OPEN, stopped=0.5))),
        (
            "late-variance",
            "steps, little noise",
            False,
            yes,
            held(replace(ENOUGH, schedule="steps", anneal=0.3, evaluations=20)),
        ),
        ("late-variance", "noise 10%", True, yes, held(replace(SETTLED, noise=0.1))),
        ("late-variance", "noise 10%, heavy tails", True, yes, held(replace(SETTLED, noise=0.14, tails=True))),
        ("training-loss-rising", "by 20%, noise 10%", True, yes, held(replace(OPEN, train_rise=0.35, train_noise=0.1))),
        ("training-loss-rising", "noise 10%", False, yes, held(replace(OPEN, train_noise=0.1))),
        ("saturated", "flat from the start", True, yes, held(replace(SETTLED, time=0.002, noise=0.01))),
        ("saturated", "flat from the start, 5%", True, yes, held(replace(SETTLED, time=0.002, noise=0.05))),
        (improving, "wave", False, yes, held(swing)),
        (best, "longer? wave", False, longer, held(swing)),
        ("periodic", "wave", True, yes, held(swing)),
        ("periodic", "wave of 4", True, yes, held(replace(swing, cycles=4.0))),
        ("periodic", "overfit", False, yes, held(TURNED)),
        ("periodic", "cosine", False, yes, held(replace(WANTING, schedule="cosine"))),
        ("periodic", "steps", False, yes, held(replace(WANTING, schedule="steps"))),
        (best, "too many? once, at step 0", False, many, once),
        (best, "fits? creeping", False, ("fits",), creeping),
        (bound, "not bound? creeping", False, no, creeping),
    ]
    return [Case(rule=r, name=f"held: {n}", should=s, speaks=v, make=m, sizes=SIZES) for r, n, s, v, m in rows]


HELD_CASES = _cases()
