"""Studies of learning curves: the rules that read curves and steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import TrainingFit
from tests.generators.cases import COUNTS, Case
from tests.generators.learning_curves import Course, curve_study

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from tests.generators.cases import Make


FITS = Course(tau=0.2)

SATURATED = Course(tau=0.08)

UNFINISHED = Course(power=0.4)

SLOW = Course(tau=1.0)

OVERFIT = Course(tau=0.08, turn=0.4, rise=0.2)

STRONG_OVERFIT = Course(tau=0.05, turn=0.2, rise=0.4, noise=0.02)

LINEAR = Course(tau=0.12, anneal=0.2, schedule="linear")

COSINE = Course(tau=0.12, anneal=0.2, schedule="cosine")

STEEP_START = Course(tau=0.1, anneal=0.06, schedule="cosine")

RISING_LOSS = Course(tau=0.15, train_turn=0.4, train_rise=0.3)

LOUD = Course(tau=0.15, noise=0.12)

TIES = 1 / 180

EARLY = Course(tau=0.01, turn=0.05, rise=0.8)


def courses(*choices: Course, arms: int = 1, only_first: bool = False, poor: bool = False) -> Make:
    """Every trial takes one of these courses, its times and heights varied by a tenth, its evaluations 20 to 100.

    With `only_first`, the trials of the other arms take the last course. With `poor`, the best quarter of the trials
    ends within 0.012 of the best possible result, and the worst quarter beyond 0.15.
    """

    def make(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
        evaluations = int(rng.integers(20, 101))
        wander = float(rng.choice([0.0, 0.3]))
        made = []
        for number in range(n):
            course = (
                choices[-1] if only_first and number % arms else choices[int(rng.integers(len(choices) - only_first))]
            )
            made.append(
                replace(
                    course,
                    tau=course.tau * rng.uniform(0.9, 1.1),
                    rise=course.rise * rng.uniform(0.9, 1.1),
                    noise=course.noise * rng.uniform(0.7, 1.3),
                    wander=wander,
                    evaluations=evaluations,
                )
            )
        settings = [{"arm": number} for number in range(arms)] if arms > 1 else [{}]
        floors = 0.02 + 0.3 * rng.random(n) ** 2.3 if poor else None
        return curve_study(made, rng, arms=settings, floors=floors)

    return make


def few_evaluations(count: int) -> Make:
    """Fitting curves with so few evaluations."""

    def make(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
        return curve_study([replace(FITS, evaluations=count)] * n, rng)

    return make


def best_at_first(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
    """Curves that rise from the first of 20 evaluations on."""
    return curve_study([Course(tau=0.01, turn=0.0, rise=0.5, evaluations=20)] * n, rng)


def _curves() -> list[Case]:
    yes = ("yes",)
    healthy = {"saturated": SATURATED, "fits": FITS, "unfinished": UNFINISHED, "linear decay": LINEAR, "cosine": COSINE}
    should: dict[str, dict[str, Make]] = {
        "overfitting": {
            "all trials": courses(OVERFIT),
            "strong, early": courses(STRONG_OVERFIT),
            "one arm of three": courses(OVERFIT, SATURATED, arms=3, only_first=True),
            "no training loss": courses(replace(OVERFIT, train=False)),
            "ties": courses(replace(OVERFIT, resolution=TIES)),
        },
        "late-variance": {"noise 12% of the drop": courses(LOUD), "and ties": courses(replace(LOUD, resolution=TIES))},
        "still-improving": {
            "power law": courses(UNFINISHED),
            "slow": courses(SLOW),
            "slow, ties": courses(replace(SLOW, resolution=TIES)),
        },
        "saturated": {
            "flat second half": courses(SATURATED),
            "and ties": courses(replace(SATURATED, resolution=TIES)),
            "and noise x 2": courses(replace(SATURATED, noise=0.02)),
            "and most trials poor": courses(SATURATED, poor=True),
        },
        "training-loss-rising": {
            "all trials": courses(RISING_LOSS),
            "one arm of three": courses(RISING_LOSS, FITS, arms=3, only_first=True),
        },
    }
    quiet: dict[str, dict[str, Make]] = {
        "overfitting": {k: courses(v) for k, v in healthy.items()}
        | {
            "noise x 5": courses(replace(SATURATED, noise=0.05)),
            "three arms": courses(SATURATED, FITS, arms=3),
            "ties": courses(replace(SATURATED, resolution=TIES)),
            "training rises too": courses(replace(OVERFIT, train_turn=0.4, train_rise=0.3)),
        },
        "late-variance": {k: courses(v) for k, v in healthy.items()} | {"overfit": courses(OVERFIT)},
        "still-improving": {
            "saturated": courses(SATURATED),
            "saturated, ties": courses(replace(SATURATED, resolution=TIES)),
            "saturated, noise x 5": courses(replace(SATURATED, noise=0.05)),
            "overfit": courses(OVERFIT),
            "fits": courses(FITS),
            "linear decay": courses(LINEAR),
            "cosine": courses(COSINE),
        },
        "saturated": {
            "unfinished": courses(UNFINISHED),
            "slow": courses(SLOW),
            "fits": courses(FITS),
            "overfit": courses(OVERFIT),
            "linear decay": courses(LINEAR),
            "unfinished, noise x 5": courses(replace(UNFINISHED, noise=0.05)),
            "steep start, slow end": courses(STEEP_START),
            "and most trials poor": courses(STEEP_START, poor=True),
        },
        "training-loss-rising": {
            "saturated": courses(SATURATED),
            "unfinished": courses(UNFINISHED),
            "overfit": courses(OVERFIT),
        },
    }
    made = []
    for truth, groups in ((True, should), (False, quiet)):
        for rule, cases in groups.items():
            made += [Case(rule=rule, name=k, should=truth, speaks=yes, make=v, sizes=COUNTS) for k, v in cases.items()]
    return made


def _steps() -> list[Case]:
    many, longer, coarse = ("too-many-steps",), ("train-longer",), ("too-coarse",)
    rule = "best-step"
    late = {"saturated": SATURATED, "saturated, noise x 5": replace(SATURATED, noise=0.05), "linear decay": LINEAR}
    late |= {"cosine": COSINE, "overfit": OVERFIT, "constant, ties": replace(SATURATED, resolution=TIES)}
    late |= {"early": EARLY, "flat curves": Course(tau=0.005, noise=0.05)}
    made = [
        Case(rule=rule, name="best in the first 10%", should=True, speaks=many, make=courses(EARLY), sizes=COUNTS),
        Case(rule=rule, name="power law", should=True, speaks=longer, make=courses(UNFINISHED), sizes=COUNTS),
        Case(rule=rule, name="slow", should=True, speaks=longer, make=courses(SLOW), sizes=COUNTS),
        Case(
            rule=rule,
            name="longer? slow, rate unknown",
            should=False,
            speaks=longer,
            make=courses(replace(SLOW, rate=False)),
            sizes=COUNTS,
        ),
    ]
    made += [
        Case(rule=rule, name=f"longer? {k}", should=False, speaks=longer, make=courses(v), sizes=COUNTS)
        for k, v in late.items()
    ]
    others = {
        "saturated": SATURATED,
        "fits": FITS,
        "unfinished": UNFINISHED,
        "overfit": OVERFIT,
        "linear decay": LINEAR,
    }
    made += [
        Case(rule=rule, name=f"too many? {k}", should=False, speaks=many, make=courses(v), sizes=COUNTS)
        for k, v in others.items()
    ]
    rule = "eval-frequency"
    made += [
        Case(rule=rule, name="8 evaluations", should=True, speaks=coarse, make=few_evaluations(8), sizes=COUNTS),
        Case(rule=rule, name="best at the first of 20", should=True, speaks=coarse, make=best_at_first, sizes=COUNTS),
        Case(rule=rule, name="20 to 100 evaluations", should=False, speaks=coarse, make=courses(FITS), sizes=COUNTS),
        Case(rule=rule, name="flat curves", should=False, speaks=coarse, make=courses(Course(tau=0.005)), sizes=COUNTS),
    ]
    return made


def regularized(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
    """The training loss falls on as a power of time; the validation error has reached its floor by the middle."""
    made = courses(SATURATED)(rng, n, 0)
    trials = []
    for made_trial in made.trials:
        curve = made_trial.curve
        assert curve is not None
        shaken = 0.005 * rng.normal(size=curve.steps.size)
        loss = 2.0 * ((1 + 100 * curve.steps / made.max_train_steps) ** -0.4 + shaken) + 0.05
        trials.append(replace(made_trial, curve=replace(curve, values={**curve.values, "train_loss": loss})))
    return replace(made, trials=trials)


def fitted(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
    """Slow validation curves over a training set that is fitted perfectly by the middle."""
    made = courses(SLOW)(rng, n, 0)
    trials = []
    for made_trial in made.trials:
        curve = made_trial.curve
        assert curve is not None
        share = curve.steps / made.max_train_steps
        error = np.maximum(np.round((1 - 2 * share) * 1000) / 1000, 0.0)
        trials.append(replace(made_trial, curve=replace(curve, values={**curve.values, "train_error": error})))
    return replace(made, trials=trials)


def swept(make: Make, *, fits: bool, steps: int = 400, fell: float | None = None) -> Make:
    """These studies beside a learning-rate sweep that fits the training set, or does not."""

    def with_sweep(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        return replace(make(rng, n, d), training_fit=TrainingFit(fits=fits, steps=steps, fell=fell))

    return with_sweep


def _regimes() -> list[Case]:
    bound = {
        "power law": courses(UNFINISHED),
        "slow": courses(SLOW),
        "slow, ties": courses(replace(SLOW, resolution=TIES)),
        "slow, no training loss": courses(replace(SLOW, train=False)),
        "slow, noise x 5": courses(replace(SLOW, noise=0.05)),
        "power law, lr-sweep never fits": swept(courses(UNFINISHED), fits=False),
        "cosine, lr-sweep never fits, falls": swept(courses(COSINE), fits=False, steps=1000, fell=0.07),
    }
    not_bound = {
        "saturated": courses(SATURATED),
        "saturated, noise x 5": courses(replace(SATURATED, noise=0.05)),
        "saturated, ties": courses(replace(SATURATED, resolution=TIES)),
        "saturated, no training loss": courses(replace(SATURATED, train=False)),
        "fits": courses(FITS),
        "overfit": courses(OVERFIT),
        "training loss falls, validation flat": regularized,
        "training error zero": fitted,
        "slow, lr-sweep fits": swept(courses(SLOW), fits=True),
    }
    decayed = {
        "power law, rate unknown": courses(replace(UNFINISHED, rate=False)),
        "linear decay": courses(LINEAR),
        "cosine": courses(COSINE),
        "cosine, lr-sweep never fits, shorter": swept(courses(COSINE), fits=False, steps=400, fell=0.1),
        "cosine, lr-sweep never fits, flat": swept(courses(COSINE), fits=False, steps=1000, fell=0.0),
    }
    groups = (
        (True, "yes", "", bound),
        (True, "no", "not bound: ", not_bound),
        (False, "yes", "bound? ", not_bound | decayed),
        (False, "no", "not bound? ", bound | {"power law, noise x 3": courses(replace(UNFINISHED, noise=0.03))}),
    )
    return [
        Case(
            rule="compute-bound",
            name=f"{prefix}{name}",
            should=should,
            speaks=(verdict,),
            make=make,
            sizes=COUNTS,
        )
        for should, verdict, prefix, cases in groups
        for name, make in cases.items()
    ]


CURVE_CASES = [*_curves(), *_steps(), *_regimes()]
