"""Which batch size to take, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.batch_size.sizes import Size

Verdict = Literal["ok", "limit", "unread", "none"]
STALLED = 2
"""After this many doublings that do not pay off, larger sizes are tried only if the user asks for them."""
DRAWS = 400
"""Number of draws of all times within their errors, to see how far noise could move the answer."""
MEMORY = 0.9
"""A peak above this share of the available memory leaves little room."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The answer of a set of probes.

    `ok`: larger sizes do not pay off. `limit`: the largest usable size still pays off. `unread`: the program does not
    read the batch size. `none`: no size could be timed.
    """

    verdict: Verdict
    best: Size | None
    likely: tuple[int, int] | None
    """Smallest and largest answer in 90% of the draws of times within their errors."""


def judge(sizes: Sequence[Size], gain: float) -> Judgement:
    """The largest size up to which each doubling made training faster by `gain`, on average."""
    usable = [size for size in sizes if size.usable]
    same = [size for size in sizes if size.state == "same"]
    if same and sizes and same[0] is _first_fitting(sizes):
        return Judgement(verdict="unread", best=None, likely=None)
    if not usable:
        return Judgement(verdict="none", best=None, likely=None)
    seconds, noise = _smoothed(usable)
    best = usable[_largest_that_pays(usable, seconds, gain)]
    verdict: Verdict = "limit" if best is usable[-1] else "ok"
    return Judgement(verdict=verdict, best=best, likely=_likely(usable, seconds, noise, gain))


def stalled(sizes: Sequence[Size], gain: float) -> bool:
    """Whether the last doublings did not pay off, so that larger sizes need not be tried."""
    usable = [size for size in sizes if size.usable]
    if len(usable) <= STALLED:
        return False
    return len(usable) - 1 - _largest_that_pays(usable, _smoothed(usable)[0], gain) >= STALLED


def _smoothed(sizes: Sequence[Size]) -> tuple[list[float], float]:
    """Seconds per step, and their relative error beyond their own errors.

    A step of a larger batch does more work. If it was measured to be faster than a step of a smaller batch, that was
    noise (for example, the machine was busy), and both get their geometric mean.
    """
    measured = [math.log(size.timing.seconds) for size in sizes if size.timing is not None]
    groups: list[tuple[float, int]] = []
    for value in measured:
        groups.append((value, 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (one, n), (other, m) = groups[-2:]
            groups[-2:] = [((one * n + other * m) / (n + m), n + m)]
    smooth = [mean for mean, count in groups for _ in range(count)]
    off = math.sqrt(sum((a - b) ** 2 for a, b in zip(measured, smooth, strict=True)) / len(measured))
    return [math.exp(value) for value in smooth], off


def _first_fitting(sizes: Sequence[Size]) -> Size | None:
    return next((size for size in sizes if size.state in ("fits", "same")), None)


def _largest_that_pays(sizes: Sequence[Size], seconds: Sequence[float], gain: float) -> int:
    """Index of the answer. A doubling that gains too little is accepted if the next ones make up for it."""
    best = 0
    for index in range(1, len(sizes)):
        doublings = math.log2(sizes[index].batch_size / sizes[best].batch_size)
        faster = 2**doublings * seconds[best] / seconds[index]
        if faster >= gain**doublings:
            best = index
    return best


def _likely(sizes: Sequence[Size], seconds: Sequence[float], noise: float, gain: float) -> tuple[int, int]:
    import numpy as np

    rng = np.random.default_rng(0)
    errors = np.array([size.timing.error / size.timing.seconds for size in sizes if size.timing is not None])
    factors = np.exp(rng.normal(size=(DRAWS, len(sizes))) * np.minimum(np.hypot(errors, noise), 1.0))
    picked = sorted(_largest_that_pays(sizes, (np.array(seconds) * row).tolist(), gain) for row in factors)
    low, high = picked[int(0.05 * DRAWS)], picked[int(0.95 * DRAWS)]
    return sizes[low].batch_size, sizes[high].batch_size
