"""Further points of the finals: where a model of all results so far expects better ones at the final length.

The model is a Gaussian process over the ranges, the choices and the length of training. Short trials tell it the shape
of the space, and the few long ones what changes with the length: a learning rate that is best in short trials often is
too high in long ones.

On 80 generated surfaces (two arms, two to four ranges, an optimum that moves with the length), eight points of an
earlier version of this model left a third of the regret that the best three of 16 short trials have, and that six of
them have (0.06, 0.16 and 0.15).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.advice.longer_rates import NAMES
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.process import fit
from playbook_cli.analysis.readings import read, ways
from playbook_cli.pursuit.finalists import alike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.process import Process
    from playbook_cli.analysis.readings import Reading
    from playbook_cli.pursuit.loop import Searched
    from playbook_cli.records import Parameter, TrialRecord, Value

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

AT_ONCE = 2
"""Points of one step: the model learns from them before it chooses the next ones. Playbook's own."""
LEAST_GAIN = 0.1
"""Expected gain, in standard deviations of a trial around the model, below which no point is trained for it. On the
surfaces above, points that promised less than 0.2 gained 0.2 standard deviations of seed noise on average."""
_LEAST_TRIALS = 8
"""Trials of all lengths that the model needs."""
_MOST_TRIALS = 200
"""The best of more are taken: the time grows with the cube of their number."""
_CLIPPED = 2.0
"""How many times as far from the best of its length as the median a result may be; worse ones count as that."""
_SPREAD, _ABOUT, _NEAR, _KEPT = 512, 512, (0.03, 0.08, 0.2), 160
"""Places all over the space, and about the best trials; how far about them; how many of the places are looked at."""
_CENTRES = 3
"""Trials of each length about which places are tried."""
_RATES = 2
"""Trials of each length whose learning rates longer trainings do not exceed: the best one falls with the length (J.
Bjorck et al. 2024, arXiv 2409.19913). A model of a few long trials does not know that."""
_DRAWS = 64


@dataclass(frozen=True, kw_only=True)
class Promising:
    """Points to train next, and what the model expects of them."""

    points: Sequence[Mapping[str, Value]]
    """As the study file of the finals is to list them."""
    gain: float
    """Expected of the first one over the best trial of this length, in the metric's units."""
    deviations: float
    """The same in standard deviations of a trial around the model."""

    @property
    def worthwhile(self) -> bool:
        return self.deviations >= LEAST_GAIN


@dataclass(frozen=True, kw_only=True)
class _Space:
    ranges: Sequence[Parameter]
    choices: Sequence[Parameter]

    @property
    def rate(self) -> int | None:
        """Which of the ranges is the learning rate."""
        names = [p.name for p in self.ranges]
        return next((names.index(name) for name in NAMES if name in names), None)

    def place(self, trial: TrialRecord) -> tuple[list[float], list[int]] | None:
        """Its units and codes; None for a trial that has no place here."""
        try:
            units = [p.to_unit(trial.params[p.name]) for p in self.ranges]
            codes = [p.place(trial.params[p.name]) for p in self.choices]
        except (KeyError, ValueError, TypeError):
            return None
        return units, codes

    def point(self, units: Array, codes: Codes) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for parameter, unit in zip(self.ranges, units, strict=True):
            value = parameter.from_unit(float(unit))
            values[parameter.name] = float(f"{value:.4g}") if isinstance(value, float) else value
        return values | {p.name: p.choices[int(code)] for p, code in zip(self.choices, codes, strict=True)}


def promising(searches: Sequence[Searched], finals: Searched, baseline: Searched | None) -> Promising | None:
    """The next points of the finals; None where there is no such model: too few trials, or conditional ranges."""
    last = searches[-1]
    varied = {p.name for p in last.record.parameters}
    parameters = [p for p in finals.record.parameters if p.name in varied]
    if any(p.when for p in parameters) or len({p.name for p in parameters}) < len(parameters):
        return None
    space = _Space(
        ranges=[p for p in parameters if p.kind != "choice" and p.low < p.high],
        choices=[p for p in parameters if p.kind == "choice"],
    )
    if not space.ranges:
        return None
    sources = [*(one for one in searches if alike(one, last)), finals, *([baseline] if baseline is not None else [])]
    rows = [
        (one.steps == finals.steps, place, outcomes.result(trial, one.record.metric))
        for one in sources
        for trial in outcomes.ended(one.record.search.trials)
        if (place := space.place(trial)) is not None
    ]
    long = [row for row in rows if row[0] and math.isfinite(row[2])]
    if len(rows) < _LEAST_TRIALS or not long:
        return None
    rows = sorted(rows, key=lambda row: (not row[0], row[2]))[:_MOST_TRIALS]
    with threadpool_limits(1, "blas"):  # so that the answer is the same on every run, too
        return _promising(space, rows, finals)


_Row = tuple[bool, tuple[list[float], list[int]], float]
"""Whether a trial has the final length, its place, and its loss, infinite where it diverged."""


def _promising(space: _Space, rows: Sequence[_Row], finals: Searched) -> Promising | None:
    rng = np.random.default_rng([int(finals.data.get("seed", 0)), len(finals.record.search.trials)])
    units = np.array([row[1][0] for row in rows]).reshape(len(rows), len(space.ranges))
    codes = np.array([row[1][1] for row in rows], dtype=np.int64).reshape(len(rows), len(space.choices))
    long, losses = np.array([row[0] for row in rows]), np.array([row[2] for row in rows])
    works = np.isfinite(losses)
    best = [_best(losses, group & works) for group in (long, ~long)]
    about = np.concatenate([one[:_CENTRES] for one in best])
    places, kinds = _candidates(space, units[about], codes[about], rng)
    kept = ~_beside_diverged(places, kinds, units[long], codes[long], works[long])
    if not long.all() and (rate := space.rate) is not None:
        kept &= places[:, rate] <= units[np.concatenate([one[:_RATES] for one in best]), rate].max()
    places, kinds = places[kept], kinds[kept]
    results = losses[works]
    if not len(places) or not np.ptp(results):
        return None
    lengths = long[works].astype(np.int64)
    process, reading = _fitted(np.column_stack([units[works], lengths]), codes[works], _clipped(results, lengths))
    expected = process.mean(_whole(places), kinds)
    first = np.argsort(expected, kind="stable")[:_KEPT]
    places, kinds = places[first], kinds[first]
    drawn = process.draws(_whole(places), kinds, rng.standard_normal((len(places), _DRAWS)))
    own = lengths == 1
    level = float(process.mean(process.units[own], process.codes[own]).min())
    reached = np.full(_DRAWS, level)
    chosen: list[int] = []
    for _ in range(AT_ONCE):  # each next one adds the most to those before it
        chosen.append(int(np.maximum(reached - drawn, 0.0).mean(axis=1).argmax()))
        reached = np.minimum(reached, drawn[chosen[-1]])
    better = np.minimum(drawn[chosen[0]], level)
    template = _template(finals)
    return Promising(
        points=[{**template, **space.point(places[n], kinds[n])} for n in chosen],
        gain=float((reading.losses(np.array(level)) - reading.losses(better)).mean()),
        deviations=float((level - better).mean()) / math.sqrt(process.noise),
    )


def _best(losses: Array, among: NDArray[np.bool_]) -> Codes:
    """The trials of these, best first."""
    numbers = np.flatnonzero(among)
    return np.asarray(numbers[np.argsort(losses[numbers], kind="stable")])


def _clipped(losses: Array, lengths: Codes) -> Array:
    """Losses of which those of a length are at most so far from its best: how bad the worst are says little."""
    clipped = losses.copy()
    for length in np.unique(lengths):
        own = losses[lengths == length]
        low, middle = float(own.min()), float(np.median(own))
        if middle > low:
            clipped[lengths == length] = np.minimum(own, low + _CLIPPED * (middle - low))
    return clipped


def _beside_diverged(
    places: Array, kinds: Codes, units: Array, codes: Codes, works: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether the nearest trial of the final length diverged."""
    apart = ((places[:, None] - units) ** 2).sum(axis=2) + (kinds[:, None] != codes).sum(axis=2)
    return np.asarray(~works[apart.argmin(axis=1)])


def _whole(units: Array) -> Array:
    """These places at the final length, which is the last range of the model."""
    return np.column_stack([units, np.ones(len(units))])


def _fitted(units: Array, codes: Codes, losses: Array) -> tuple[Process, Reading]:
    """The process of the reading that describes the results best."""
    one = np.zeros(losses.size, dtype=np.int64)
    readings = [read(losses, one, way) for way in ways(losses)]
    found = [(fit(units, codes, reading.scores), reading) for reading in readings]
    return min(found, key=lambda one: one[0].surprise - one[1].change)


def _candidates(space: _Space, units: Array, codes: Codes, rng: np.random.Generator) -> tuple[Array, Codes]:
    """Places all over the space and about these."""
    ranges = len(space.ranges)
    anywhere = rng.random((_SPREAD, ranges))
    any_codes = np.array([rng.integers(0, len(p.choices), _SPREAD) for p in space.choices], dtype=np.int64)
    which = rng.integers(0, len(units), _ABOUT)
    reach = np.array(_NEAR)[rng.integers(0, len(_NEAR), _ABOUT)][:, None]
    near = np.abs(units[which] + reach * rng.standard_normal((_ABOUT, ranges)))
    near = np.clip(1.0 - np.abs(1.0 - near), 0.0, 1.0)  # what lies beyond an edge is mirrored, not moved to it
    every = any_codes.reshape(len(space.choices), _SPREAD).T
    return np.vstack([anywhere, near]), np.vstack([every, codes[which]])


def _template(finals: Searched) -> dict[str, Value]:
    """What the point of the best final has besides the model's settings, such as the length of its decay."""
    ranked = outcomes.ranked(finals.record.search.trials, finals.record.metric)
    order = [trial.id for trial in finals.record.search.trials]
    point = dict(finals.data["points"][order.index(ranked[0].id)])
    point.pop("from", None)
    return point
