"""Real clusters for tests, one of each kind for each process that runs them; and this machine as if it were one.

Tests of one kind are a group that one process runs, so that its cluster is started once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.clusters import pretended, ray, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NO_SLURM = slurm.missing()
needs_slurm = pytest.mark.skipif(NO_SLURM is not None, reason=NO_SLURM or "")


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.SlurmCluster]:
    """Three nodes of eight cores and two pretended GPUs each; Slurm's commands find it by SLURM_CONF."""
    with slurm.SlurmCluster(tmp_path_factory.mktemp("slurm"), nodes=3, gpus=2) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[ray.RayCluster]:
    """Two nodes of four cores and two pretended GPUs each, in a network namespace of their own."""
    with ray.RayCluster(nodes=2, gpus=2) as cluster:
        yield cluster


@pytest.fixture
def on_slurm(slurm_cluster: slurm.SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> slurm.SlurmCluster:
    """The cluster, spoken to by this process and its children."""
    for name, value in slurm_cluster.env.items():
        monkeypatch.setenv(name, value)
    return slurm_cluster


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the trials of a study run, and how to disturb them there."""

    launcher: str
    gpus: int
    """Trials with one GPU each that run at once."""
    env: Mapping[str, str] = field(default_factory=dict)
    inside: Callable[..., Sequence[str]] = lambda *command: command
    kill_node: Callable[[], object] | None = None
    """None where there is only one."""
    mend: Callable[[], object] = lambda: None


@pytest.fixture(
    params=[
        "local",
        pytest.param("slurm", marks=pytest.mark.xdist_group("slurm")),
        pytest.param("ray", marks=pytest.mark.xdist_group("ray")),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Each of the three launchers, with a real cluster behind it."""
    why = {"local": pretended, "slurm": slurm, "ray": ray}[request.param].missing()
    if why is not None:
        pytest.skip(why)
    if request.param == "local":
        folder = tmp_path_factory.mktemp("driver")
        return Place(launcher="local", gpus=3, env={**pretended.gpus(folder, 3), "TMPDIR": str(folder)})
    if request.param == "slurm":
        cluster = request.getfixturevalue("slurm_cluster")
        return Place(
            launcher="slurm",
            gpus=6,
            env=cluster.env,
            kill_node=lambda: cluster.kill_node("n1"),
            mend=lambda: cluster.start_node("n1"),
        )
    cluster = request.getfixturevalue("ray_cluster")
    return Place(
        launcher="ray",
        gpus=4,
        inside=cluster.inside,
        kill_node=lambda: cluster.kill_node(0),
        mend=lambda: cluster.start_node(0),
    )
