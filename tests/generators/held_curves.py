"""Learning curves drawn unlike those of `learning_curves.py`: other laws, other noise, other schedules and spacings.

Thresholds are chosen on the development seeds of both families; each family holds what was fitted to the other. The
level of a curve follows the sum of its learning rates so far, not the step: that is how a schedule makes a fall, and
how one that ends at zero hides whether more steps would help. Heights are parts of a curve's whole drop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from playbook_cli.records import Best, Curve, Metric
from tests.generators.studies import MAX_TRAIN_STEPS, halton, parameters, study, trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import StudyRecord, Value

    Numbers = NDArray[np.float64]

FINE = np.linspace(0.0, 1.0, 2001)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How the curves of one study go; times are parts of max_train_steps."""

    law: str = "stretched"
    """stretched: exp(-(s/time)^shape) | hyperbolic: (1 + s/time)^-shape | log: 1 / ln(e + s/time)."""
    time: float = 0.1
    shape: float = 0.8
    schedule: str = "constant"
    """constant | cosine | linear | wsd | steps | restarts."""
    told: str = "logged"
    """logged | declared | unsaid: how a reader may know the schedule."""
    anneal: float = 0.0
    """Part of the drop that follows the learning rate itself."""
    power: float = 1.0
    """Of the learning rate that it follows: the larger, the later it falls."""
    noise: float = 0.01
    """Standard deviation of an evaluation late in training."""
    memory: float = 0.0
    """Correlation of the noise from one evaluation to the next."""
    tails: bool = False
    """Whether the noise is Student's with 3 degrees of freedom."""
    examples: int = 0
    """Where positive, the metric is the share of so many examples that are wrong, in percent; `noise` is theirs."""
    evaluations: int = 60
    timer: bool = False
    """Whether evaluations come at uneven steps."""
    turn: float = 1.0
    """From here on the metric rises again."""
    rise: float = 0.0
    train_rise: float = 0.0
    """By how much the training loss rises, from the middle to the end."""
    train_noise: float = 0.01
    swing: float = 0.0
    """Height of a wave in the metric."""
    cycles: float = 6.0
    stopped: float = 0.0
    """Share of the trials that stop early, somewhere between 30% and 80%."""
    maximize: bool = False


def rates(kind: Kind, t: Numbers) -> Numbers:
    """The learning rate as a part of its peak."""
    if kind.schedule == "cosine":
        return np.asarray(0.5 * (1 + np.cos(np.pi * t)))
    if kind.schedule == "linear":
        return 1 - t
    if kind.schedule == "wsd":
        return np.asarray(np.clip((1 - t) / 0.2, 0.0, 1.0))
    if kind.schedule == "steps":
        return np.asarray(0.1 ** np.searchsorted(np.array([0.6, 0.85]), t, side="right"))
    if kind.schedule == "restarts":
        return np.asarray(0.5 * (1 + np.cos(np.pi * ((t * kind.cycles) % 1.0))))
    return np.ones_like(t)


def level(kind: Kind, s: Numbers) -> Numbers:
    """The distance to the floor after so much training, 1 before any."""
    if kind.law == "hyperbolic":
        return np.asarray((1 + s / kind.time) ** -kind.shape)
    if kind.law == "log":
        return np.asarray(1 / np.log(np.e + s / kind.time))
    return np.asarray(np.exp(-((s / kind.time) ** kind.shape)))


def curve(kind: Kind, rng: np.random.Generator, *, floor: float, drop: float, end: float = 1.0) -> Curve:
    """One trial of this kind, as far as `end`."""
    n = kind.evaluations
    steps = np.unique(np.round(np.arange(1, n + 1) * MAX_TRAIN_STEPS / n)) if n <= MAX_TRAIN_STEPS else np.arange(1, n)
    longest = float(steps[-1])
    if kind.timer:
        gaps = rng.choice([1.0, 2.0, 3.0, 5.0, 30.0], size=n)
        steps = np.unique(np.ceil(np.cumsum(gaps) / gaps.sum() * longest))
    t = steps / longest
    fine = rates(kind, FINE)
    done = np.interp(t, FINE, np.concatenate([[0.0], np.cumsum((fine[1:] + fine[:-1]) / 2 * np.diff(FINE))]))
    rate = rates(kind, t)
    height = (1 - kind.anneal) * level(kind, done) + kind.anneal * rate**kind.power
    height = height + kind.rise * np.clip((t - kind.turn) / max(1 - kind.turn, 1e-9), 0.0, 1.0)
    height = height + kind.swing * np.sin(2 * np.pi * kind.cycles * t + rng.uniform(0, 2 * np.pi))
    value = floor + drop * height
    if kind.examples:
        wrong = rng.binomial(kind.examples, np.clip(value, 0.0, 1.0)) / kind.examples
        value = np.round(100 * wrong, 2)
    else:
        value = value + drop * kind.noise * _noise(kind, t.size, rng)
    shaken = kind.train_noise * rng.normal(size=t.size)
    loss = level(kind, done) * 0.9 + kind.train_rise * np.clip(2 * t - 1, 0.0, 1.0) + shaken
    columns = {"val_error": 100 - value if kind.maximize else value, "train_loss": 0.1 + 2.3 * loss}
    if kind.told == "logged":
        columns["learning_rate"] = 0.03 * rate
    kept = t <= end
    whole = np.round(steps * (MAX_TRAIN_STEPS / longest if n <= MAX_TRAIN_STEPS else 1.0)).astype(np.int64)
    return Curve(steps=whole[kept], values={k: v[kept] for k, v in columns.items()})


def held_study(kinds: Sequence[Kind], rng: np.random.Generator) -> StudyRecord:
    """A study of one trial a kind, over two ranges; times, heights and noise differ from trial to trial."""
    points = halton(len(kinds), 2, rng)
    optimum = rng.uniform(0.3, 0.7, size=2)
    away = ((points - optimum) ** 2).sum(axis=1)
    space = parameters(2)
    metric = Metric(name="val_error", goal="maximize" if kinds[0].maximize else "minimize")
    longest = max(MAX_TRAIN_STEPS, kinds[0].evaluations - 1)
    trials = []
    for number, (kind, point, bad) in enumerate(zip(kinds, points, away, strict=True)):
        slower = replace(
            kind, time=kind.time * float(rng.uniform(0.8, 1.25)), noise=kind.noise * float(rng.uniform(0.8, 1.25))
        )
        end = float(rng.uniform(0.3, 0.8)) if rng.random() < kind.stopped else 1.0
        made = curve(slower, rng, floor=0.05 + 0.25 * float(bad), drop=0.6 * float(rng.uniform(0.85, 1.15)), end=end)
        params: dict[str, Value] = {p.name: p.from_unit(float(u)) for p, u in zip(space, point, strict=True)}
        if kind.told == "declared":
            params["schedule"] = kind.schedule
        losses = np.array([metric.loss(v) for v in made.values["val_error"]])
        at = int(np.argmin(losses))
        best = Best(trial=number, value=float(made.values["val_error"][at]), step=int(made.steps[at]), params=params)
        base = trial(number, params, best.value, curve=made)
        trials.append(replace(base, best=best, last_step=int(made.steps[-1])))
    every = max(1, longest // kinds[0].evaluations)
    made_study = study(trials, space, metric=metric, eval_every=every)
    fixed = dict(made_study.fixed) | ({"schedule": kinds[0].schedule} if kinds[0].told == "declared" else {})
    return replace(made_study, max_train_steps=longest, fixed=fixed)


def _noise(kind: Kind, n: int, rng: np.random.Generator) -> Numbers:
    """Of unit variance late in training, and twice that standard deviation at its start."""
    fresh = rng.standard_t(3, size=n) / np.sqrt(3) if kind.tails else rng.normal(size=n)
    if kind.memory:
        fresh[1:] *= np.sqrt(1 - kind.memory**2)
        fresh = lfilter([1.0], [1.0, -kind.memory], fresh)
    return np.asarray(fresh * (1 + np.exp(-np.arange(n) / (0.08 * n))))
