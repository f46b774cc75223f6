"""Training losses whose truth is known: those that rise for a while, and those that only look like it.

Heights are parts of the whole drop, times parts of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.instability import rise, verdict
from playbook_cli.instability.rise import Losses

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Make = Callable[[np.random.Generator, Numbers], Numbers]
    """From a generator and a smooth fall to what the loss does instead."""
    Noise = Callable[[np.random.Generator, int, float], Numbers]
    """From a generator, a number of evaluations and a size."""


def runs(case: str, rng: np.random.Generator, evaluations: int) -> dict[float, Losses]:
    """The runs of a probe at 1, 2, 5 and 10 times the best learning rate; this case from 2 on."""
    fall = _fall(rng, evaluations)
    measure, change, _ = CASES[case]
    size = float(rng.choice([0.0, 0.01, 0.03]))
    made = {}
    for multiple in (1.0, 2.0, 5.0, 10.0):
        truth = fall if multiple == 1.0 else change(rng, fall)
        made[multiple] = _losses(truth + measure(rng, evaluations, size))
    return made


def _fall(rng: np.random.Generator, n: int) -> Numbers:
    """From about 1 towards 0: exponentially, as a power of time, at once, or only after a while."""
    t = np.arange(1, n + 1) / n
    kind = rng.integers(4)
    if kind == 0:
        return np.exp(-t / rng.uniform(0.05, 0.5))
    if kind == 1:
        return (1 + 100 * t) ** -rng.uniform(0.3, 0.8)
    if kind == 2:
        return np.exp(-t / max(0.01, 2 / n))
    return 1 / (1 + np.exp((t - 0.15) / 0.03))


def _white(rng: np.random.Generator, n: int, size: float) -> Numbers:
    """Of this standard deviation, twice that at the start."""
    return size * rng.normal(size=n) * (1 + np.exp(-np.arange(n) / (0.1 * n)))


def _minibatch(rng: np.random.Generator, n: int, size: float) -> Numbers:
    del size
    return _white(rng, n, 0.1)


def _wandering(rng: np.random.Generator, n: int, size: float) -> Numbers:
    """Noise of 2% that remembers itself for ten evaluations."""
    wander = _white(rng, n, 1.0)
    for i in range(1, n):
        wander[i] = 0.9 * wander[i - 1] + np.sqrt(1 - 0.81) * wander[i]
    return np.asarray(0.02 * wander + 0.5 * _white(rng, n, size))


def _as_before(rng: np.random.Generator, fall: Numbers) -> Numbers:
    del rng
    return fall


def _back_and_forth(rng: np.random.Generator, fall: Numbers) -> Numbers:
    return fall + rng.uniform(0.05, 0.3) * (-1.0) ** np.arange(fall.size)


def _spikes(rng: np.random.Generator, fall: Numbers) -> Numbers:
    """One evaluation each, far apart."""
    spikes = np.zeros(fall.size)
    spikes[rng.choice(np.arange(2, fall.size - 2, 10), size=3, replace=False)] = rng.uniform(0.3, 3.0, size=3)
    return fall + spikes


def _creeping(rng: np.random.Generator, fall: Numbers) -> Numbers:
    """Less than a twentieth of the drop, over the second half."""
    return fall + rng.uniform(0.0, 0.05) * np.clip(np.linspace(-1, 1, fall.size), 0, None)


def _slower(rng: np.random.Generator, fall: Numbers) -> Numbers:
    """Comes half as far or further, and never rises."""
    return 1 - rng.uniform(0.5, 0.9) * (1 - fall)


def _bump(rng: np.random.Generator, n: int, start: float, height: float, length: float) -> Numbers:
    """Up within a quarter of `length` steps, then down exponentially."""
    since = np.arange(n) - start
    up = np.clip(since / max(length / 4, 1.0), 0, 1)
    return height * rng.uniform(0.8, 1.2) * up * np.exp(-np.clip(since - length / 4, 0, None) / (length / 2))


def _early(rng: np.random.Generator, fall: Numbers) -> Numbers:
    """In the first tenth, over after 5 evaluations to a tenth of them; 0.4 to 3 of the drop high."""
    n = fall.size
    return fall + _bump(rng, n, rng.uniform(0, 0.05 * n), rng.uniform(0.4, 3.0), rng.uniform(5, max(6, 0.1 * n)))


def _later(rng: np.random.Generator, fall: Numbers) -> Numbers:
    n = fall.size
    return fall + _bump(rng, n, rng.uniform(0.3, 0.8) * n, rng.uniform(0.4, 2.0), rng.uniform(6, max(7, 0.2 * n)))


def _loud_early(rng: np.random.Generator, fall: Numbers) -> Numbers:
    """High and long enough to be seen in the noise of minibatches."""
    n = fall.size
    return fall + _bump(rng, n, rng.uniform(0, 0.05 * n), rng.uniform(1.5, 5.0), rng.uniform(10, max(11, 0.1 * n)))


def _loud_later(rng: np.random.Generator, fall: Numbers) -> Numbers:
    n = fall.size
    return fall + _bump(rng, n, rng.uniform(0.3, 0.8) * n, rng.uniform(1.2, 4.0), rng.uniform(10, max(11, 0.2 * n)))


def _to_the_end(rng: np.random.Generator, fall: Numbers) -> Numbers:
    start = rng.uniform(0.3, 0.6)
    t = np.linspace(0, 1, fall.size)
    return fall + rng.uniform(0.4, 1.0) * np.clip((t - start) / (1 - start), 0, None)


def _restless(rng: np.random.Generator, fall: Numbers) -> Numbers:
    """Up and down by 0.3 for some ten evaluations each, all the time."""
    periods = np.repeat(rng.uniform(0, 1, size=fall.size // 10 + 1), 10)[: fall.size]
    return fall + 0.6 * np.convolve(periods, np.ones(3) / 3, mode="same")


def _diverging(rng: np.random.Generator, fall: Numbers) -> Numbers:
    values = fall.copy()
    values[rng.integers(3, fall.size) :] = np.inf
    return values


CASES: dict[str, tuple[Noise, Make, bool]] = {
    "smooth": (_white, _as_before, False),
    "minibatch noise": (_minibatch, _as_before, False),
    "wandering noise": (_wandering, _as_before, False),
    "back and forth": (_white, _back_and_forth, False),
    "single spikes": (_white, _spikes, False),
    "creeping, under 5%": (_white, _creeping, False),
    "slower": (_white, _slower, False),
    "early bump": (_white, _early, True),
    "later bump": (_white, _later, True),
    "rises to the end": (_white, _to_the_end, True),
    "restless": (_white, _restless, True),
    "not finite": (_white, _diverging, True),
    "early bump, minibatch": (_minibatch, _loud_early, True),
    "later bump, minibatch": (_minibatch, _loud_later, True),
}
"""How the loss is measured, what it does above the best learning rate, and whether that is instability."""


def _losses(values: Numbers) -> Losses:
    finite = np.isfinite(values)
    n = len(values) if finite.all() else int(finite.argmin())
    return Losses(steps=np.arange(1, n + 1), values=2.0 * values[:n] + 0.3, diverged=n < len(values))


def said_of(case: str, seed: int, evaluations: int) -> str:
    """The verdict on one generated probe, trained in the order of the command."""
    made = runs(case, np.random.default_rng([seed, evaluations]), evaluations)
    against = rise.yardstick(made[1.0], [made[1.0], made[2.0]])
    known = {multiple: rise.judge(made[multiple], against) for multiple in verdict.PROBED}
    while further := verdict.next_multiples(known):
        measured = [made[multiple] for multiple in (*known, *further)]
        against = rise.yardstick(made[1.0], [run for run in measured if run.values.size])
        known = {multiple: rise.judge(made[multiple], against) for multiple in (*known, *further)}
    return verdict.decide(known, evaluations // 10)
