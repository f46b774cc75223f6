"""The launchers that a study file can name, and what the rest of Playbook must know about each: one row per cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

LauncherName = Literal["local", "slurm", "ray"]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines of a scheduler. The cluster's name is also the slot of its attempts in the journal."""

    place: str
    """What makes its launcher, as MODULE:FUNCTION."""
    detached: bool
    """Whether trials keep running without a runner."""


CLUSTERS: Mapping[str, Cluster] = {
    "slurm": Cluster(place="slurm:launcher", detached=True),
    "ray": Cluster(place="on_ray:RayLauncher", detached=False),
}
"""All launchers other than `local`, this machine."""
