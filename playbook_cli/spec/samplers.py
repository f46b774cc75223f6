"""The samplers that a study file can name, and what the rest of Playbook has to know of each: one row a sampler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

SamplerName = Literal["halton", "sobol", "random", "grid", "listed", "bayesian"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Which points a sampler chooses."""

    place: str
    """Where it is made: MODULE:NAME in the package `sampling`."""
    drawn: bool = True
    """Whether it covers the space by itself, and looks at no result: what a Bayesian search may begin with."""
    seeded: bool = True
    """Whether its points depend on the study's seed; where they do not, their number is not free either."""
    even: bool = True
    """Whether its points lie more evenly than independent ones, so that the luck of a search is smaller."""


SAMPLERS: Mapping[SamplerName, Kind] = {
    "halton": Kind(place="sequence:halton_sampler"),
    "sobol": Kind(place="sequence:sobol_sampler"),
    "random": Kind(place="sequence:random_sampler", even=False),
    "grid": Kind(place="grid:GridSampler", seeded=False),
    "listed": Kind(place="listed:PointsSampler", drawn=False, seeded=False, even=False),
    "bayesian": Kind(place="bayesian:BayesianSampler", drawn=False, even=False),
}
