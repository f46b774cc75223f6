"""Studies of response surfaces unlike bowls of one width: what a search space of deep learning often looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import Parameter
from tests.generators.arm_cases import arms
from tests.generators.cases import Case
from tests.generators.studies import halton, parameters, study, surface, surface_study, trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import StudyRecord, TrialRecord
    from tests.generators.cases import Make
    from tests.generators.studies import Points

EDGES = ("lower-edge", "upper-edge")
_BEYOND, _INSIDE = 1.25, (0.35, 0.65)
"""Where the optimum lies in p0, from 0 to 1 in the range."""


def decades(*, beyond: bool) -> Make:
    """A loss that falls by two to six decades along p0: to beyond its upper end, or to a place inside."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
        optimum = 1.5 if beyond else rng.uniform(*_INSIDE)
        fall = rng.uniform(2.0, 6.0) * np.abs(points[:, 0] - optimum) / max(optimum, 1 - optimum)
        others = ((points[:, 1:] - centre[1:]) ** 2 * rng.uniform(0.5, 2.0, d - 1)).sum(axis=1)
        return surface_study(points, 10 ** (fall + others + 0.1 * rng.normal(size=n) - 4))

    return make


def ridge(*, beyond: bool) -> Make:
    """A narrow curved valley across p0 and p1, along which the loss falls to beyond the ends of both, or to inside."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
        bend = rng.uniform(-0.4, 0.4)
        along = 0.5 * (points[:, 0] + points[:, 1])
        across = points[:, 1] - points[:, 0] - bend * (points[:, 0] - 0.5) ** 2
        deepest = _BEYOND if beyond else rng.uniform(*_INSIDE)
        losses = 2.0 * across**2 + 0.4 * (along - deepest) ** 2
        losses = losses + 0.1 * ((points[:, 2:] - centre[2:]) ** 2).sum(axis=1)
        return surface_study(points, 0.02 + losses + 0.01 * np.ptp(losses) * rng.normal(size=n))

    return make


def lopsided(kind: str, *, beyond: bool, random: bool = False) -> Make:
    """Slow below the best rate and steep above it, the optimum a quarter beyond either end of p0 or inside.

    kind: `plain`; `growing`, whose noise grows tenfold along p0; `crashes`, 5 to 40% of them anywhere; `accuracy` of
    200 examples.
    """

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points = rng.random((n, d)) if random else halton(n, d, rng)
        centre, weights = rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[3:] = 0.05
        weights[0] = 1.0
        centre[0] = (1.25 if rng.random() < 0.5 else -0.25) if beyond else rng.uniform(*_INSIDE)
        away = points - centre
        slow, steep = 0.6, 2.4
        away[:, 0] = np.where(away[:, 0] < 0, -slow * away[:, 0], steep * away[:, 0])
        losses = (away**2) @ weights
        losses = 0.05 + 0.4 * losses / max(float(np.ptp(losses)), 1e-9)
        sd = 0.008 * (10 ** (points[:, 0] - 0.5) if kind == "growing" else np.ones(n))
        losses = losses + sd * rng.normal(size=n)
        if kind == "accuracy":
            losses = rng.binomial(200, np.clip(losses, 0.0, 1.0)) / 200
        if kind == "crashes":
            losses = np.where(rng.random(n) < rng.uniform(0.05, 0.4), np.inf, losses)
        return surface_study(points, losses)

    return make


def flat(kind: str) -> Make:
    """Nothing matters: noise with heavy tails, lognormal noise, or noise that grows tenfold along p0."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points = halton(n, d, rng)
        losses = {
            "heavy tails": lambda: 1.0 + 0.01 * rng.standard_t(2.5, size=n),
            "lognormal": lambda: np.exp(rng.normal(size=n)),
            "growing": lambda: 1.0 + 0.01 * 10 ** points[:, 0] * rng.normal(size=n),
        }[kind]()
        return surface_study(points, losses)

    return make


def shifted_category(*, beyond: bool) -> Make:
    """A nuisance choice of two moves the optimum in p0 by a fifth of the range; it stays beyond the end, or inside."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre, weights = halton(n, d, rng), rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
        weights[0] = 1.0
        chosen = rng.permutation(np.arange(n) % 2)
        optimum = (1.2 if beyond else rng.uniform(0.35, 0.45)) + 0.2 * chosen
        away: Points = points - centre
        away[:, 0] = points[:, 0] - optimum
        losses = (away**2) @ weights
        losses = 0.02 + losses + 0.02 * np.ptp(losses) * rng.normal(size=n)
        ranges = parameters(d)
        choice = Parameter(name="kind", label="kind", role="nuisance", kind="choice", choices=("a", "b"))
        return study(
            [
                trial(
                    number,
                    {p.name: p.from_unit(float(u)) for p, u in zip(ranges, point, strict=True)} | {"kind": "ab"[which]},
                    float(loss),
                )
                for number, (point, which, loss) in enumerate(zip(points, chosen.tolist(), losses, strict=True))
            ],
            [choice, *ranges],
        )

    return make


def _two_arms(d: int, arms: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> StudyRecord:
    """A study of arms a and b, each with its points and their losses."""
    trials: list[TrialRecord] = []
    for name, (points, losses) in zip("ab", arms, strict=True):
        for point, loss in zip(points, losses, strict=True):
            params = {p.name: p.from_unit(float(u)) for p, u in zip(parameters(d), point, strict=True)} | {"arm": name}
            trials.append(trial(len(trials), params, float(loss), arm={"arm": name}))
    choice = Parameter(name="arm", label="arm", role="scientific", kind="choice", choices=("a", "b"))
    return study(trials, [choice, *parameters(d)], arms=[{"arm": "a"}, {"arm": "b"}])


def narrower(width: float, gap: float) -> Make:
    """Two arms at the same points; the second's bowl is narrower by `width`, its best result worse by `gap`."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        per = n // 2
        points, weights, centre = halton(per, d, rng), rng.uniform(0.3, 1.0, d), rng.uniform(0.3, 0.7, d)
        arms = []
        for number in range(2):
            losses = ((points - centre) ** 2) @ weights * (width**2 if number else 1.0)
            losses = 0.02 + losses + gap * number + 0.01 * rng.normal(size=per)
            arms.append((points, losses))
        return _two_arms(d, arms)

    return make


def wells(noise: str, gap: float) -> Make:
    """Two arms of wells in a plain, of other widths and at other points; the second's best is worse by `gap`."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        per, centre = n // 2, rng.uniform(0.25, 0.75, d)
        arms = []
        for number in range(2):
            points, widths = halton(per, d, rng), rng.uniform(0.2, 0.6, d) * np.sqrt(d / 2)
            own = np.clip(centre + 0.1 * rng.normal(size=d), 0.1, 0.9)
            luck = {
                "normal": rng.normal(size=per),
                "heavy tails": rng.standard_t(2.5, size=per) / np.sqrt(5),
                "lognormal": (np.exp(rng.normal(size=per)) - np.exp(0.5)) / 2.16,
            }[noise]
            losses = 1.3 - np.exp(-0.5 * (((points - own) / widths) ** 2).sum(axis=1)) + gap * number + 0.02 * luck
            arms.append((points, losses))
        return _two_arms(d, arms)

    return make


def explored(*, reach: bool, good: float = 0.2, noise: float = 0.003) -> Make:
    """A cusp that n trials barely touch, or a bowl whose best fifth, or `good` part, is equally good but for noise."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        loss = surface(rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d), "cusp" if reach else "quadratic")
        points, level = halton(n, d, rng), np.quantile(loss(rng.random((2000, d))), 0.0 if reach else good)
        return surface_study(points, np.maximum(loss(points), level) + noise * rng.normal(size=n))

    return make


def repeated(kind: str, noise: float, *, heavy: bool = False) -> Make:
    """A `funnel`, a wide `plateau`, or `flat`; the best trial has five repeats. Noise may have `heavy` tails."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
        away = np.sqrt(((points - centre) ** 2).mean(axis=1))
        levels = 0.1 + {"funnel": away, "plateau": np.maximum(away, 0.3), "flat": 0 * away}[kind]
        luck = rng.standard_t(2.5, size=n + 5) / np.sqrt(5) if heavy else rng.normal(size=n + 5)
        made = surface_study(points, levels + noise * luck[:n])
        best = min(made.trials, key=lambda t: t.best.value if t.best else np.inf)
        values = levels[best.id] + noise * luck[n:]
        again = [replace(trial(n + i, best.params, float(v)), repeat_of=best.id) for i, v in enumerate(values)]
        return replace(made, trials=[*made.trials, *again], planned=n + len(again))

    return make


def _budget() -> list[Case]:
    sizes = ((12, 2), (16, 4), (24, 3), (48, 4))
    cusp = Case(
        rule="budget",
        name="cusp barely reached",
        should=True,
        speaks=("more-trials-help",),
        make=explored(reach=True),
        sizes=((24, 3), (24, 4), (48, 4)),
    )
    silent = {
        "the best fifth is equally good": explored(reach=False),
        "the best fifth is equally good, noise x 10": explored(reach=False, noise=0.03),
        "the best half is equally good, noise x 10": explored(reach=False, good=0.5, noise=0.03),
        **{f"flat, {kind}": flat(kind) for kind in ("heavy tails", "lognormal", "growing")},
        "flat, best repeated": repeated("flat", 0.01),
        "flat, heavy tails, best repeated": repeated("flat", 0.01, heavy=True),
        "plateau, best repeated": repeated("plateau", 0.02),
    }
    made = [
        Case(rule="budget", name=name, should=False, speaks=("more-trials-help",), make=make, sizes=sizes)
        for name, make in silent.items()
    ]
    funnel = Case(
        rule="budget",
        name="funnel, best repeated",
        should=True,
        speaks=("more-trials-help",),
        make=repeated("funnel", 0.005),
        sizes=sizes,
    )
    return [cusp, *made, funnel]


def _boundary() -> list[Case]:
    sizes = ((16, 2), (24, 3), (48, 3), (100, 6))
    yes: dict[str, Make] = {
        "falls over decades to beyond": decades(beyond=True),
        **{
            f"lopsided, {kind}, beyond": lopsided(kind, beyond=True)
            for kind in ("plain", "growing", "crashes", "accuracy")
        },
        "lopsided, random search, beyond": lopsided("plain", beyond=True, random=True),
        "a choice shifts the optimum, beyond": shifted_category(beyond=True),
    }
    no: dict[str, Make] = {
        "falls over decades to inside": decades(beyond=False),
        "curved ridge, inside": ridge(beyond=False),
        **{
            f"lopsided, {kind}, inside": lopsided(kind, beyond=False)
            for kind in ("plain", "growing", "crashes", "accuracy")
        },
        "a choice shifts the optimum, inside": shifted_category(beyond=False),
        **{f"flat, {kind}": flat(kind) for kind in ("heavy tails", "lognormal", "growing")},
    }
    made = [
        Case(rule="boundary", name=k, should=True, speaks=EDGES, make=v, sizes=sizes, subject="p0")
        for k, v in yes.items()
    ]
    made.append(
        Case(
            rule="boundary",
            name="curved ridge, to beyond",
            should=True,
            speaks=EDGES,
            make=ridge(beyond=True),
            sizes=sizes,
        )
    )
    return made + [
        Case(rule="boundary", name=k, should=False, speaks=EDGES, make=v, sizes=sizes) for k, v in no.items()
    ]


def _isolation() -> list[Case]:
    rule = "isolation"
    sizes = ((32, 2), (48, 2), (96, 4))
    no = {"narrower bowl x 2": narrower(2.0, 0.0), "narrower bowl x 4": narrower(4.0, 0.0)}
    made = [Case(rule=rule, name=k, should=False, speaks=("better",), make=v, sizes=sizes) for k, v in no.items()]
    yes = {"narrower bowl x 2, worse by 10%": narrower(2.0, 0.1)}
    made += [Case(rule=rule, name=k, should=True, speaks=("better",), make=v, sizes=sizes) for k, v in yes.items()]
    held = {f"wells of two widths, {noise}": noise for noise in ("normal", "lognormal", "heavy tails")}
    for name, noise in held.items():
        made += [
            Case(rule=rule, name=name, should=False, speaks=("better",), make=wells(noise, 0.0), sizes=sizes),
            Case(
                rule=rule,
                name=f"{name}, lower by 30%",
                should=True,
                speaks=("better",),
                make=wells(noise, 0.3),
                sizes=sizes,
            ),
        ]
    hidden = {"optimum elsewhere, lower by 10%": arms("shifted", 0.1), "lower by 10%": arms("same", 0.1)}
    return made + [
        Case(
            rule=rule,
            name=f"never no-difference: {k}",
            should=False,
            speaks=("no-difference",),
            make=v,
            sizes=((24, 3), (32, 3), (48, 3)),
        )
        for k, v in hidden.items()
    ]


_OPEN = {
    "curved ridge, to beyond",
    "lopsided, accuracy, beyond",
    "narrower bowl x 2, worse by 10%",
    "never no-difference: optimum elsewhere, lower by 10%",
    "never no-difference: lower by 10%",
}
"""What the rules can't tell yet."""
_ALL = [*_boundary(), *_budget(), *_isolation()]
SPACE_CASES = [case for case in _ALL if case.name not in _OPEN]
OPEN_CASES = [case for case in _ALL if case.name in _OPEN]
"""Measured, though most of their cells are not as wanted."""
