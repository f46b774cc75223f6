"""The clusters are fixtures of the whole folder, so that each is started once."""

from tests.launch.clusters import on_slurm, place, ray_cluster, slurm_cluster

__all__ = ["on_slurm", "place", "ray_cluster", "slurm_cluster"]
