"""Studies of response surfaces: the rules that look at the space and count trials."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import Parameter
from tests.generators.cases import COUNTS, NOISE, SPACES, Case
from tests.generators.curve_cases import SATURATED
from tests.generators.learning_curves import curve_study
from tests.generators.studies import halton, parameters, study, surface, surface_study, trial

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from tests.generators.cases import Make


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


def diagonal_cliff(*, ratio: bool) -> Make:
    """Results improve with the ratio of p0 and p2, or their product, up to where trials diverge."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
        mixed = points[:, 0] - points[:, 2] if ratio else points[:, 0] + points[:, 2] - 1
        limit = rng.uniform(0.0, 0.35)
        losses = 0.02 + (mixed - limit - 0.1) ** 2 + 0.1 * ((points[:, 1::2] - centre[1::2]) ** 2).sum(axis=1)
        losses = losses + NOISE * np.ptp(losses) * rng.normal(size=n)
        return surface_study(points, np.where(mixed > limit, np.inf, losses))

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


def levelling(shape: str, rise: float) -> Make:
    """Along p0 results improve until the last third, and then stay the same, or get worse again at the pace `rise`."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre, weights = halton(n, d, rng), rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[4:] = 0.03
        weights[0] = 0.0
        end = rng.uniform(0.65, 0.8)
        left = np.maximum(end - points[:, 0], 0.0)
        fall = {
            "quadratic": left**2,
            "absolute": left,
            "logistic": 0.5 / (1.0 + np.exp((points[:, 0] - end + 0.25) / 0.08)),
        }[shape]
        losses = surface(centre, weights)(points) + fall + rise * np.maximum(points[:, 0] - end, 0.0)
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
        return curve_study([replace(SATURATED, evaluations=30)] * n, rng, floors=0.02 + losses, points=points)

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
        **{f"levels off, {s}": levelling(s, 0.0) for s in ("quadratic", "absolute", "logistic")},
        **{f"turns in the last third, {s}": levelling(s, 0.1) for s in ("quadratic", "absolute", "logistic")},
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
    unstable = ("unstable-above", "unstable-together")
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
        *(
            Case(
                rule=rule,
                name=f"cliff across two ranges, {kind}",
                should=True,
                speaks=("unstable-together",),
                make=diagonal_cliff(ratio=kind == "ratio"),
                sizes=((16, 3), (24, 3), (48, 4)),
                subject="p0",
            )
            for kind in ("ratio", "product")
        ),
        Case(
            rule=rule,
            name="cliff in one range, called one of two",
            should=False,
            speaks=("unstable-together",),
            make=cliff(0.5, 0.75),
            sizes=((16, 3), (24, 3), (48, 4)),
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


SURFACE_CASES = [*_boundary(), *_space()]
