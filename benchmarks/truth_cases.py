"""The cases of `truth.py`: what is true of the studies, whether a rule should speak of it, and at which sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.generators import halton, parameters, study, surface, surface_study, trial
from benchmarks.learning_curves import Course, curve_study
from playbook_cli.records import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from playbook_cli.records import StudyRecord

    Make = Callable[[np.random.Generator, int, int], StudyRecord]

SPACES = ((12, 1), (12, 2), (12, 4), (24, 2), (24, 4), (24, 8), (48, 2), (48, 4), (48, 8))
COUNTS = ((12, 2), (24, 2), (48, 2))
NOISE = 0.02
"""Standard deviation of a trial's result, as a share of the range of results."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Studies with one truth, and what one rule should make of them."""

    rule: str
    name: str
    should: bool
    speaks: tuple[str, ...]
    """The verdicts that count as speaking."""
    make: Make
    """From a random generator, a number of trials and a number of ranges."""
    sizes: tuple[tuple[int, int], ...]
    subject: str | None = None
    """Whom the verdict must be about."""


def bowl(
    optimum: str,
    shape: str = "quadratic",
    *,
    twist: float = 0.0,
    ties: bool = False,
    hole: float = 0.0,
    noise: float = NOISE,
) -> Make:
    """A bowl whose optimum is inside every range, or a quarter of the range beyond an edge of p0, or next to it.

    Above four ranges only four matter. `twist` lets neighbours interact; `ties` rounds to what 360 examples resolve;
    `hole` is the upper part of the last range that is infeasible.
    """

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre, weights = halton(n, d, rng), rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[4:] = 0.03
        if optimum == "beyond":
            weights[0] = 1.0
            centre[0] = 1.25 if rng.random() < 0.5 else -0.25
        losses = surface(centre, weights, shape, interaction=twist)(points)
        losses = losses + noise * np.ptp(losses) * rng.normal(size=n)
        if hole and d > 1:
            losses[points[:, -1] > 1 - hole] = np.inf
        return surface_study(points, losses, resolution=1 / 360 if ties else 0.0)

    return make


def flat(*, ties: bool = False) -> Make:
    """No hyperparameter matters; results differ by noise alone."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        return surface_study(halton(n, d, rng), 0.1 + 0.01 * rng.normal(size=n), resolution=1 / 360 if ties else 0.0)

    return make


def cliff(low: float, high: float, *, shape: str = "quadratic", soft: bool = False) -> Make:
    """Results improve along p0 up to a cliff between `low` and `high`; beyond, trials diverge, or are bad (`soft`)."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre, weights = halton(n, d, rng), rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[4:] = 0.03
        weights[0], centre[0] = 1.0, 1.1
        losses = surface(centre, weights, shape)(points)
        losses = losses + NOISE * np.ptp(losses) * rng.normal(size=n)
        losses[points[:, 0] > rng.uniform(low, high)] = losses.max() * 2 if soft else np.inf
        return surface_study(points, losses)

    return make


def plateau(shape: str = "quadratic") -> Make:
    """Along p0 results improve up to the middle and stay the same from there to the edge."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre, weights = halton(n, d, rng), rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[4:] = 0.03
        held = points.copy()
        centre[0] = rng.uniform(0.4, 0.6)
        held[:, 0] = np.minimum(held[:, 0], centre[0])
        losses = surface(centre, weights, shape)(held)
        return surface_study(points, losses + NOISE * np.ptp(losses) * rng.normal(size=n))

    return make


def valley(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
    """Only the sum of the first and the last range matters much: a valley across the square, deepest inside."""
    points, centre = halton(n, d, rng), rng.uniform(0.35, 0.65, d)
    losses = (points[:, 0] + points[:, -1] - centre[0] - centre[-1]) ** 2 + 0.1 * ((points - centre) ** 2).sum(axis=1)
    return surface_study(points, 0.02 + losses + NOISE * np.ptp(losses) * rng.normal(size=n))


def scattered(low: float, high: float) -> Make:
    """A bowl with so large a share of infeasible trials anywhere."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points = halton(n, d, rng)
        losses = surface(np.full(d, 0.5), np.ones(d))(points)
        losses[rng.random(n) < rng.uniform(low, high)] = np.inf
        return surface_study(points, losses)

    return make


def good_share(low: float, high: float) -> Make:
    """Two levels of results with a little noise, the good one at so large a share of the points, at least at one."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points = halton(n, d, rng)
        bad = np.arange(n) >= max(1, round(rng.uniform(low, high) * n))
        losses = np.where(bad, rng.uniform(0.2, 0.6, n), 0.05 + 0.005 * rng.random(n))
        return surface_study(points, rng.permutation(losses))

    return make


def tuned(*, reach: bool) -> Make:
    """A space that n trials barely touch (a steep funnel) or one whose plateau they hit many times."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
        away = np.sqrt(((points - centre) ** 2).mean(axis=1))
        losses = away if reach else np.maximum(away, 0.35)
        return curve_study([replace(SATURATED, evaluations=30)] * n, rng, floors=0.02 + losses)

    return make


def courses(*choices: Course, arms: int = 1, only_first: bool = False) -> Make:
    """Every trial takes one of these courses, its times and heights varied by a tenth, its evaluations 20 to 100.

    With `only_first`, the trials of the other arms take the last course.
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
        return curve_study(made, rng, arms=settings)

    return make


def arms(kind: str, gap: float, *, count: int = 2, noise: float = 0.01) -> Make:
    """Arms of n / count trials each, all at the same points; the best possible results of the first is better by `gap`.

    kind: `same` surface; `shifted` optimum; `wider` bowl; `flat`; `own` points and surface (conditional parameters).
    """

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        per = n // count
        points, weights, centre = halton(per, d, rng), rng.uniform(0.3, 1.0, d), rng.uniform(0.3, 0.7, d)
        labels = [{"arm": f"a{number}"} for number in range(count)]
        trials = []
        for number, arm in enumerate(labels):
            own_points, own_weights, own_centre = points, weights, centre
            if kind == "shifted" and number:
                own_centre = np.clip(centre + 0.2 * rng.choice([-1, 1], d), 0.1, 0.9)
            if kind == "wider" and number:
                own_weights = 0.3 * weights
            if kind == "own" and number:
                own_points, own_centre = rng.random((per, d)), rng.uniform(0.3, 0.7, d)
            losses = surface(own_centre, own_weights * (kind != "flat"))(own_points)
            losses = losses + gap * (number > 0) + noise * rng.normal(size=per)
            for point, loss in zip(own_points, losses, strict=True):
                params = {p.name: p.from_unit(float(u)) for p, u in zip(parameters(d), point, strict=True)} | arm
                trials.append(trial(len(trials), params, float(loss), arm=arm))
        choice = Parameter(
            name="arm", label="arm", role="scientific", kind="choice", choices=tuple(a["arm"] for a in labels)
        )
        return study(trials, [choice, *parameters(d)], arms=labels)

    return make


def split(*, beyond: bool) -> Make:
    """Two arms; the optimum is inside for both, or for the second a quarter of the range beyond the top of p0."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre, weights = halton(n // 2, d, rng), rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[0] = 1.0
        labels = [{"arm": "a"}, {"arm": "b"}]
        trials = []
        for arm in labels:
            own = centre.copy()
            if beyond and arm["arm"] == "b":
                own[0] = 1.25
            losses = surface(own, weights)(points)
            for point, loss in zip(points, losses + NOISE * np.ptp(losses) * rng.normal(size=n // 2), strict=True):
                params = {p.name: p.from_unit(float(u)) for p, u in zip(parameters(d), point, strict=True)} | arm
                trials.append(trial(len(trials), params, float(loss), arm=arm))
        choice = Parameter(name="arm", label="arm", role="scientific", kind="choice", choices=("a", "b"))
        return study(trials, [choice, *parameters(d)], arms=labels)

    return make


def _boundary() -> list[Case]:
    edge = ("lower-edge", "upper-edge")
    beyond: dict[str, Make] = {
        f"beyond, {shape}": bowl("beyond", shape) for shape in ("quadratic", "absolute", "log", "steep", "cusp")
    }
    beyond |= {
        "beyond, interaction": bowl("beyond", twist=0.8),
        "beyond, ties": bowl("beyond", ties=True),
        "beyond, noise x 4": bowl("beyond", noise=4 * NOISE),
        "beyond, 25% infeasible": bowl("beyond", hole=0.25),
    }
    inside: dict[str, Make] = {
        f"inside, {shape}": bowl("inside", shape) for shape in ("quadratic", "absolute", "log", "steep", "cusp")
    }
    inside |= {
        "inside, interaction": bowl("inside", twist=1.8),
        "inside, valley": valley,
        "inside, 25% infeasible": bowl("inside", hole=0.25),
        "cliff of divergence": cliff(0.6, 0.85),
        "cliff of divergence, log": cliff(0.6, 0.85, shape="log"),
        "cliff of bad results": cliff(0.6, 0.85, soft=True),
        "plateau to the edge": plateau(),
        "plateau to the edge, absolute": plateau("absolute"),
        "flat": flat(),
        "flat, ties": flat(ties=True),
    }
    made = [
        Case(rule="boundary", name=k, should=True, speaks=edge, make=v, sizes=SPACES, subject="p0")
        for k, v in beyond.items()
    ]
    made += [Case(rule="boundary", name=k, should=False, speaks=edge, make=v, sizes=SPACES) for k, v in inside.items()]
    sizes = ((24, 2), (48, 2), (48, 4), (96, 4))
    name = "beyond for one of two arms"
    made.append(
        Case(rule="boundary", name=name, should=True, speaks=edge, make=split(beyond=True), sizes=sizes, subject="p0")
    )
    name = "inside for both of two arms"
    made.append(Case(rule="boundary", name=name, should=False, speaks=edge, make=split(beyond=False), sizes=sizes))
    return made


def _space() -> list[Case]:
    unstable = ("unstable-above",)
    rule = "instability-edge"
    made = [
        Case(
            rule=rule,
            name="cliff below the optimum",
            should=True,
            speaks=unstable,
            make=cliff(0.5, 0.75),
            sizes=SPACES,
            subject="p0",
        ),
        Case(
            rule=rule,
            name="cliff, log",
            should=True,
            speaks=unstable,
            make=cliff(0.5, 0.75, shape="log"),
            sizes=SPACES,
            subject="p0",
        ),
        Case(rule=rule, name="no infeasible trial", should=False, speaks=unstable, make=bowl("beyond"), sizes=SPACES),
        Case(
            rule=rule, name="infeasible anywhere", should=False, speaks=unstable, make=scattered(0.2, 0.5), sizes=SPACES
        ),
        Case(rule=rule, name="all feasible and flat", should=False, speaks=unstable, make=flat(), sizes=SPACES),
        Case(
            rule=rule, name="infeasible far from the best", should=False, speaks=unstable, make=far_cliff, sizes=SPACES
        ),
    ]
    rule = "infeasible"
    made += [
        Case(
            rule=rule,
            name="75 to 90% infeasible",
            should=True,
            speaks=("too-many",),
            make=scattered(0.75, 0.9),
            sizes=COUNTS,
        ),
        Case(
            rule=rule,
            name="up to 20% infeasible",
            should=False,
            speaks=("too-many",),
            make=scattered(0.0, 0.2),
            sizes=COUNTS,
        ),
    ]
    rule = "coverage"
    made += [
        Case(
            rule=rule,
            name="one or two good points",
            should=True,
            speaks=("sparse",),
            make=good_share(0.0, 0.04),
            sizes=COUNTS,
        ),
        Case(
            rule=rule,
            name="30 to 60% good points",
            should=False,
            speaks=("sparse",),
            make=good_share(0.3, 0.6),
            sizes=COUNTS,
        ),
    ]
    rule = "budget"
    sizes = ((12, 4), (24, 4), (24, 8), (48, 8))
    made += [
        Case(
            rule=rule,
            name="funnel barely reached",
            should=True,
            speaks=("more-trials-help",),
            make=tuned(reach=True),
            sizes=sizes,
        ),
        Case(
            rule=rule,
            name="plateau hit many times",
            should=False,
            speaks=("more-trials-help",),
            make=tuned(reach=False),
            sizes=COUNTS,
        ),
    ]
    return made


def far_cliff(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
    """The upper 30% of p0 is infeasible, and the optimum lies far below it."""
    points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
    centre[0] = rng.uniform(0.1, 0.25)
    weights = np.ones(d)
    weights[1:] = 0.3
    losses = surface(centre, weights)(points)
    losses = losses + NOISE * np.ptp(losses) * rng.normal(size=n)
    losses[points[:, 0] > 0.7] = np.inf
    return surface_study(points, losses)


FITS = Course(tau=0.2)
SATURATED = Course(tau=0.08)
UNFINISHED = Course(power=0.4)
SLOW = Course(tau=1.0)
OVERFIT = Course(tau=0.08, turn=0.4, rise=0.2)
STRONG_OVERFIT = Course(tau=0.05, turn=0.2, rise=0.4, noise=0.02)
LINEAR = Course(tau=0.12, anneal=0.2, schedule="linear")
COSINE = Course(tau=0.12, anneal=0.2, schedule="cosine")
RISING_LOSS = Course(tau=0.15, train_turn=0.4, train_rise=0.3)
LOUD = Course(tau=0.15, noise=0.12)
TIES = 1 / 180
EARLY = Course(tau=0.01, turn=0.05, rise=0.8)


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
            name="slow, rate unknown",
            should=True,
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


def few_evaluations(count: int) -> Make:
    """Fitting curves with so few evaluations."""

    def make(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
        return curve_study([replace(FITS, evaluations=count)] * n, rng)

    return make


def best_at_first(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
    """Curves that rise from the first of 20 evaluations on."""
    return curve_study([Course(tau=0.01, turn=0.0, rise=0.5, evaluations=20)] * n, rng)


def _isolation() -> list[Case]:
    rule, speaks = "isolation", ("better",)
    sizes = ((24, 1), (24, 2), (48, 2), (48, 4), (96, 4))
    yes = {
        "same surface, lower by 10%": arms("same", 0.1),
        "flat, lower by 10%": arms("flat", 0.1),
        "wider bowl, lower by 10%": arms("wider", 0.1),
        "optimum elsewhere, lower by 30%": arms("shifted", 0.3),
        "other parameters, lower by 30%": arms("own", 0.3),
        "three arms, lower by 10%": arms("same", 0.1, count=3),
    }
    no = {
        "same surface": arms("same", 0.0),
        "flat": arms("flat", 0.0),
        "wider bowl": arms("wider", 0.0),
        "optimum elsewhere": arms("shifted", 0.0),
        "other parameters": arms("own", 0.0),
        "three arms": arms("same", 0.0, count=3),
        "same surface, noise x 3": arms("same", 0.0, noise=0.03),
    }
    return [Case(rule=rule, name=k, should=True, speaks=speaks, make=v, sizes=sizes) for k, v in yes.items()] + [
        Case(rule=rule, name=k, should=False, speaks=speaks, make=v, sizes=sizes) for k, v in no.items()
    ]


CASES = [*_boundary(), *_space(), *_curves(), *_steps(), *_isolation()]
