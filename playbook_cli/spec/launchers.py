"""The launchers that a study file can name, and what the rest of Playbook has to know of each: one row a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

LauncherName = Literal["local", "slurm", "ray"]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines that a scheduler lends. Its name is also the slot of its attempts in the journal."""

    place: str
    """Where its launcher is made, from the study, the folder of its file and the paths of its runs: MODULE:FUNCTION."""
    detached: bool
    """Whether trials go on without a runner."""


CLUSTERS: Mapping[str, Cluster] = {
    "slurm": Cluster(place="slurm:launcher", detached=True),
    "ray": Cluster(place="on_ray:RayLauncher", detached=False),
}
"""All launchers but this machine, which is `local`."""
