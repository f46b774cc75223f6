"""A Ray cluster on this machine: a head and several nodes with pretended GPUs, in a network namespace of its own.

    with RayCluster(nodes=2, gpus=2) as cluster:
        subprocess.run(cluster.inside("playbook", "run", "study.yaml"))
        cluster.kill_node(0)

Only loopback exists in the namespace, so nothing of the cluster can be reached from elsewhere. It needs root, unshare
and nsenter (util-linux), ip (iproute2), and the extra `ray`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "error"}
"""Ray's own words about addresses that it can't reach, and about nodes that die, tell nothing here."""


def missing() -> str | None:
    """Why no cluster can be started here; None where one can."""
    if importlib.util.find_spec("ray") is None:
        return "ray is not installed: pip install '.[ray]'"
    lacking = [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]
    if lacking:
        return f"{', '.join(lacking)} not installed: make ci-deps"
    if os.geteuid() != 0:
        return "a network namespace needs root here"
    tried = subprocess.run(["unshare", "-n", "true"], capture_output=True, text=True, check=False)
    return f"no network namespace can be made here: {tried.stderr.strip()}" if tried.returncode else None


class RayCluster:
    """Up from `with` to its end."""

    def __init__(self, *, nodes: int, gpus: int, cpus: int = 4) -> None:
        self._arguments = [str(nodes), str(gpus), str(cpus)]
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    def __enter__(self) -> Self:
        host = [sys.executable, "-m", "tests.clusters.ray", *self._arguments]
        self._said = tempfile.TemporaryFile()  # closed with the cluster
        self._process = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *host],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **QUIET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        try:
            self._address = self._answer()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.communicate()  # the end of its standard input is its end
        self._process = None
        self._said.close()

    def inside(self, *command: str) -> list[str]:
        """The command as it runs in the cluster's namespace, where Ray is found at `auto`."""
        assert self._process is not None
        env = [f"{name}={value}" for name, value in {**QUIET, "RAY_ADDRESS": self._address}.items()]
        return ["nsenter", f"--net=/proc/{self._process.pid}/ns/net", "env", *env, *command]

    def kill_node(self, number: int) -> None:
        """End a node, from 0, as a power failure would."""
        self._tell(f"kill {number}")

    def start_node(self, number: int) -> None:
        """Start a node again that was killed."""
        self._tell(f"start {number}")

    def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("cluster: "):
                return line.removeprefix("cluster: ").strip()
        self._said.seek(0)
        raise RuntimeError(f"the Ray cluster ended: {self._said.read().decode(errors='replace')[-2000:]}")


def host(nodes: int, gpus: int, cpus: int) -> None:
    """Be the cluster: tell the address, do what standard input says, and end with it."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    added = [cluster.add_node(num_cpus=cpus, num_gpus=gpus) for _ in range(nodes)]
    cluster.wait_for_nodes()
    print(f"cluster: {cluster.address}", flush=True)
    try:
        for line in sys.stdin:
            what, number = line.split()
            if what == "kill":
                _kill_what_runs_on(added[int(number)])
                cluster.remove_node(added[int(number)], allow_graceful=False)
            else:
                added[int(number)] = cluster.add_node(num_cpus=cpus, num_gpus=gpus)
                cluster.wait_for_nodes()
            print("cluster: done", flush=True)
    finally:
        cluster.shutdown()


def _kill_what_runs_on(node: Any) -> None:
    """End the trials of a node, and what watches over them, at once; Ray itself lets them live on for a while."""
    daemon = str(node.all_processes["raylet"][0].process.pid)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("RAY_RAYLET_PID") == daemon:
                process.kill()


if __name__ == "__main__":
    host(*map(int, sys.argv[1:]))
