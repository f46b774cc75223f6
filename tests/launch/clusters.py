"""A real Slurm cluster for tests, one for each process that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.clusters import slurm

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_SLURM = slurm.missing()
needs_slurm = pytest.mark.skipif(NO_SLURM is not None, reason=NO_SLURM or "")


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.SlurmCluster]:
    """Three nodes of eight cores and two pretended GPUs each; Slurm's commands find it by SLURM_CONF."""
    with slurm.SlurmCluster(tmp_path_factory.mktemp("slurm"), nodes=3, gpus=2) as cluster:
        yield cluster


@pytest.fixture
def on_slurm(slurm_cluster: slurm.SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> slurm.SlurmCluster:
    """The cluster, spoken to by this process and its children."""
    for name, value in slurm_cluster.env.items():
        monkeypatch.setenv(name, value)
    return slurm_cluster
