"""The samplers that a study file can name, and what the rest of Playbook must know about each: one row per sampler."""

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
    """What makes it, as MODULE:NAME in the package `sampling`."""
    drawn: bool = True
    """Whether it covers the space without looking at results, so that a Bayesian search may start from its trials."""
    seeded: bool = True
    """Whether its points depend on the study's seed; if not, their number is fixed, too."""
    even: bool = True
    """Whether its points are more even than independent ones, so that a search varies less with its seed."""


SAMPLERS: Mapping[SamplerName, Kind] = {
    "halton": Kind(place="sequence:halton_sampler"),
    "sobol": Kind(place="sequence:sobol_sampler"),
    "random": Kind(place="sequence:random_sampler", even=False),
    "grid": Kind(place="grid:GridSampler", seeded=False),
    "listed": Kind(place="listed:PointsSampler", drawn=False, seeded=False, even=False),
    "bayesian": Kind(place="bayesian:BayesianSampler", drawn=False, even=False),
}
