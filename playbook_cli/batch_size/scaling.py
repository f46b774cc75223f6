"""Steps to a target for each batch size, with the learning rate tuned for each, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.batch_size.noise import noise_scale
from playbook_cli.batch_size.regimes import DRAWS, fit
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.batch_size.regimes import Curve
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.sweep.target import Fit, Target


@dataclass(frozen=True, kw_only=True)
class Point:
    """One batch size, with the best of its trials."""

    batch_size: int
    steps: int | None
    """The fewest steps in which a trial reached the target; None if none did."""
    interval: tuple[float, float] | None
    """90% interval of `steps` over other draws of the same number of trials."""
    reached: int
    trials: int
    exponent: float | None
    """Exponent by which the steps decrease from the previous size: 1 halves them per doubling, 0 is no gain."""
    regime: str | None
    learning_rate: float | None
    edge: str | None
    """`lowest` or `highest` if the best learning rate is that one of those tried with this size."""
    noise_scale: float | None
    seconds: float | None
    """Seconds to the target, from the step time that the probe measured."""
    params: Mapping[str, Value]

    @property
    def note(self) -> str:
        if self.steps is None:
            return f"0 of {plural(self.trials, 'trial')} reached the target"
        rate = f"; best at the {self.edge} learning rate tried" if self.edge else ""
        return f"{self.reached} of {plural(self.trials, 'trial')} reached the target{rate}"


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """All sizes, in ascending order, and the curve through them."""

    parameter: str
    target: str
    rate_name: str
    points: Sequence[Point]
    curve: Curve | None
    max_train_steps: int
    headline: str
    remarks: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """The object under `steps_to_target`."""
        curve = self.curve
        return {
            "target": self.target,
            "points": [asdict(point) for point in self.points],
            "critical_batch_size": None if curve is None else curve.critical,
            "interval": None if curve is None else list(curve.interval),
            "fewest_steps": None if curve is None else curve.fewest,
            "headline": self.headline,
            "remarks": list(self.remarks),
        }


def scaling(
    trials: Mapping[int, Sequence[TrialRecord]],
    target: Target,
    *,
    parameter: str,
    rate: str,
    max_train_steps: int,
    seconds: Mapping[int, float],
) -> Scaling:
    """Read the trials of each size; `seconds` maps a size to the seconds per step, if known."""
    fits = {size: [target.reached(trial.curve, max_train_steps) for trial in of] for size, of in trials.items()}
    sizes = sorted(trials)
    draws = _draws([fits[size] for size in sizes])
    curve = fit(sizes, draws) if sizes else None
    points: list[Point] = []
    for column, size in enumerate(sizes):
        point = _point(size, trials[size], fits[size], draws[1:, column], rate)
        points.append(
            replace(
                point,
                exponent=_exponent(points[-1], point) if points else None,
                regime=None if curve is None or point.steps is None else curve.regime(size),
                seconds=None if point.steps is None or size not in seconds else point.steps * seconds[size],
            )
        )
    headline, remarks = _words(points, curve, parameter, rate, max_train_steps)
    return Scaling(
        parameter=parameter,
        target=str(target),
        rate_name=rate,
        points=points,
        curve=curve,
        max_train_steps=max_train_steps,
        headline=headline,
        remarks=remarks,
    )


def _point(
    size: int, trials: Sequence[TrialRecord], fits: Sequence[Fit | None], draws: NDArray[np.float64], rate: str
) -> Point:
    reached = [(found.step, number) for number, found in enumerate(fits) if found is not None]
    steps = min(reached)[0] if reached else None
    best = trials[min(reached)[1]] if reached else None
    rates = [value for trial in trials if isinstance(value := trial.params.get(rate), int | float)]
    chosen: Value = None if best is None else best.params.get(rate)
    mine = float(chosen) if isinstance(chosen, int | float) else None
    finite = draws[np.isfinite(draws)]
    known = steps is not None and len(finite) > 0
    return Point(
        batch_size=size,
        steps=steps,
        interval=(float(np.quantile(finite, 0.05)), float(np.quantile(finite, 0.95))) if known else None,
        reached=len(reached),
        trials=len(trials),
        exponent=None,
        regime=None,
        learning_rate=mine,
        edge=None if mine is None else "lowest" if mine <= min(rates) else "highest" if mine >= max(rates) else None,
        noise_scale=None if best is None or steps is None else noise_scale(best.curve, steps),
        seconds=None,
        params={} if best is None else dict(best.params),
    )


def _exponent(before: Point, point: Point) -> float | None:
    if not before.steps or not point.steps:
        return None
    return math.log2(before.steps / point.steps) / math.log2(point.batch_size / before.batch_size)


def _draws(fits: Sequence[Sequence[Fit | None]]) -> NDArray[np.float64]:
    """Fewest steps by size, shape (1 + DRAWS, sizes): as measured, then with resampled trials.

    The sizes share their points, so a draw takes the same points for each. The exact step within the evaluation
    interval at which a trial reached the target is unknown, so it is drawn too.
    """
    rng = np.random.default_rng(0)
    most = max((len(of) for of in fits), default=0)
    rows = [[min((found.step for found in of if found), default=np.inf) for of in fits]]
    for _ in range(DRAWS):
        chosen: list[int] = rng.integers(0, most, most).tolist() if most else []
        part = rng.random()
        row = []
        for of in fits:
            hits = [of[i] for i in chosen if i < len(of)]
            row.append(min((f.step - part * (f.step - f.before - 1) for f in hits if f), default=np.inf))
        rows.append(row)
    return np.array(rows, dtype=np.float64)


def _words(
    points: Sequence[Point], curve: Curve | None, parameter: str, rate: str, max_train_steps: int
) -> tuple[str, list[str]]:
    remarks = []
    missing = [point.batch_size for point in points if point.steps is None]
    if missing:
        remarks.append(
            f"{parameter} {', '.join(map(str, missing))}: no trial reached the target within max_train_steps = "
            f"{max_train_steps}; the curve is fitted to the other sizes"
        )
    edges = [f"{point.batch_size} ({point.edge})" for point in points if point.edge]
    if edges:
        remarks.append(
            f"! The best {rate} is at the edge of the values tried for {parameter} {', '.join(edges)}: fewer steps may "
            "be possible. Widen its range, or run more trials per size: --trials"
        )
    timed = [point for point in points if point.seconds is not None]
    if len(timed) > 1:
        fastest = min(timed, key=lambda point: point.seconds or 0.0)
        remarks.append(
            f"In wall-clock time, {parameter} = {fastest.batch_size} is the fastest: {fastest.steps} steps in about "
            f"{fastest.seconds:.3g} s of training, evaluations excluded."
        )
    noise = [point for point in points if point.noise_scale is not None]
    if noise:
        middle = sorted(point.noise_scale or 0.0 for point in noise)[len(noise) // 2]
        remarks.append(
            f"The script reports a gradient noise scale of {middle:.3g} examples (median over sizes): far below it, "
            "doubling the batch nearly halves the steps; far above it, doubling gains nothing."
        )
    if curve is None:
        return "unknown: fewer than three sizes reached the target, too few to fit a curve", remarks
    low, high = curve.interval
    if curve.misfit > 0.25:
        remarks.append(
            f"The curve is off from the measured steps by {2**curve.misfit - 1:.0%} (root mean square): treat its "
            "numbers as rough."
        )
    remarks.append(
        "The intervals come from resampling the trials. They exclude the noise of training seeds, and are too narrow "
        "with few trials."
    )
    if curve.open_above and curve.open_below:
        return "inconclusive: the steps do not follow a curve in the batch size", remarks
    if curve.open_above:
        return f"perfect scaling at all sizes tried: B_crit is above {low:.3g} examples", remarks
    if curve.open_below:
        return f"maximal parallelism at all sizes tried: B_crit is below {high:.3g} examples", remarks
    perfect, maximal = _about(curve.critical / 4), _about(4 * curve.critical)
    borders = f"perfect scaling up to about {perfect}, maximal parallelism from about {maximal}"
    return f"B_crit = {curve.critical:.3g} examples ({low:.3g} to {high:.3g}): {borders}", remarks


def _about(size: float) -> str:
    """The size with two significant digits."""
    return f"{float(f'{size:.2g}'):g}"
