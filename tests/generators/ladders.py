"""Ladders of training lengths whose law, best learning rates and noise are known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.horizon.runs import Run

if TYPE_CHECKING:
    import numpy as np

OWN = 1024
LENGTHS = (OWN // 2, OWN, 2 * OWN, 4 * OWN)
RATES = (0.5, 1.0, 2.0)
COST = 0.05


@dataclass(frozen=True, kw_only=True)
class Truth:
    """One generated world."""

    exponent: float = 0.3
    floor: float = 0.5
    drift: float = 0.0
    """log2 of the best rate per doubling."""
    bend: float = 0.0
    """The same per squared doubling from the middle of the ladder."""
    noise: float = 0.01
    seeds: int = 1
    curvature: float = COST
    grows: float = 1.0
    """By which the curvature is multiplied in a doubling."""

    def loss(self, doublings: float) -> float:
        return self.floor + (1 - self.floor) * 2 ** (-self.exponent * doublings)

    def best(self, doublings: float) -> float:
        return self.drift * doublings + self.bend * (doublings - 0.5) ** 2

    def gain(self, j: int) -> float:
        t = math.log2(LENGTHS[j] / OWN)
        return self.loss(t) - self.loss(t + 1)


def ladder(truth: Truth, rng: np.random.Generator, *, dev: bool) -> tuple[list[Run], float]:
    """All runs of a ladder, and by how much the carried rate is off."""
    off = 0.0 if dev else 0.3 * rng.standard_normal()
    shared = 0.0 if dev else 0.3
    runs = []
    for seed in range(truth.seeds):
        for factor in RATES:
            common = rng.standard_normal()
            for steps in LENGTHS:
                t = math.log2(steps / OWN)
                x = math.log2(factor) - truth.best(t) - off
                cost = truth.curvature * truth.grows**t * x * x * (1.5 if x > 0 and not dev else 1.0)
                own = rng.standard_normal() if dev else rng.standard_t(6) / math.sqrt(1.5)
                noise = truth.noise * (math.sqrt(shared) * common + math.sqrt(1 - shared) * own)
                loss = truth.loss(t) * math.exp(cost + noise)
                runs.append(Run(steps=steps, factor=factor, seed=seed, loss=loss))
    return runs, off
