"""A Slurm cluster on this machine: real slurmctld and slurmd daemons, several named nodes, pretended GPUs.

    with SlurmCluster(Path("/tmp/cluster"), nodes=3, gpus=2) as cluster:
        subprocess.run(["sinfo"], env={**os.environ, **cluster.env})
        cluster.kill_node("n2")

It needs root, and Debian's slurm-wlm and munge. All daemons listen on loopback, and are ended by their own process ids.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

START_SECONDS = 20.0
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")


def missing() -> str | None:
    """Why no cluster can be started here; None where one can."""
    lacking = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name) is None]
    if lacking:
        return f"{', '.join(lacking)} not installed: make ci-deps"
    if os.geteuid() != 0:
        return "Slurm's daemons need root here"
    return None


class SlurmCluster:
    """Up from `with` to its end; `env` is what Slurm's commands need to speak to it."""

    def __init__(self, folder: Path, *, nodes: int, gpus: int, cpus: int = 8) -> None:
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self._folder = folder
        self._gpus = gpus
        self._cpus = cpus
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._of_node: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def env(self) -> Mapping[str, str]:
        return {"SLURM_CONF": str(self._folder / "slurm.conf")}

    def __enter__(self) -> Self:
        _start_munge()
        self._write()
        self._daemons.append(self._start("slurmctld", "-D"))
        for node in self.nodes:
            self.start_node(node)
        deadline = time.monotonic() + START_SECONDS
        while self._idle() < len(self.nodes):
            if time.monotonic() > deadline:
                self.close()
                raise TimeoutError(f"the cluster in {self._folder} does not come up: see its log folder")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_node(self, node: str) -> None:
        """Start a node, or start it again after it was killed."""
        self._of_node[node] = self._start("slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """End a node as a power failure would: its daemon and everything that runs on it, at once."""
        daemon = self._of_node.pop(node)
        daemon.kill()
        daemon.wait()
        for process in _processes_of(node, self.env["SLURM_CONF"]):
            with suppress(psutil.Error):
                process.kill()

    def close(self) -> None:
        """End all jobs and daemons."""
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                ["scancel", "--signal=KILL", "--full", "--user=root"],
                env={**os.environ, **self.env},
                capture_output=True,
                check=False,
                timeout=10,
            )
        for node in list(self._of_node):
            self.kill_node(node)
        for daemon in self._daemons:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log" / "daemons.log").open("ab") as log:
            return subprocess.Popen(
                command,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _idle(self) -> int:
        listed = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%t"],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
        )
        return listed.stdout.split().count("idle")

    def _write(self) -> None:
        folder, host = self._folder, socket.gethostname().partition(".")[0]
        for name in ("state", "log", "dev", *(f"spool.{node}" for node in self.nodes)):
            (folder / name).mkdir(parents=True, exist_ok=True)
        ports = _free_ports(len(self.nodes) + 1)
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self._cpus} RealMemory=4000 "
            f"Gres=gpu:{self._gpus}"
            for node, port in zip(self.nodes, ports, strict=False)
        )
        (folder / "slurm.conf").write_text(
            f"""ClusterName=pretended
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[-1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmdSpoolDir={folder}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=3
JobRequeue=1
GresTypes=gpu
{nodes}
PartitionName=main Nodes={",".join(self.nodes)} Default=YES MaxTime=INFINITE
""",
            encoding="utf-8",
        )
        lines = []
        for index in range(self._gpus):
            device = folder / "dev" / f"nvidia{index}"
            if not device.exists():  # Slurm sets CUDA_VISIBLE_DEVICES only for character devices
                os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            lines += [f"NodeName={node} Name=gpu File={device} Flags=nvidia_gpu_env" for node in self.nodes]
        (folder / "gres.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _start_munge() -> None:
    """Start the machine's munge daemon where none runs; it stays, as any user of it may need it."""
    MUNGE_SOCKET.parent.mkdir(parents=True, exist_ok=True)
    with (MUNGE_SOCKET.parent.parent / "playbook-munge.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _answers(MUNGE_SOCKET):
            return
        shutil.chown(MUNGE_SOCKET.parent, "munge", "munge")
        subprocess.run(["su", "-s", "/bin/sh", "munge", "-c", shutil.which("munged") or "munged"], check=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(path))
        return True
    return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _processes_of(node: str, conf: str) -> list[psutil.Process]:
    """What runs on a node: its jobs' processes and the daemons that watch over them, these first."""
    jobs, watchers = [], []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            env = process.environ()
            if env.get("SLURM_CONF") != conf or env.get("SLURMD_NODENAME") != node:
                continue
            jobs.append(process)
            parent = process.parent()
            if parent is not None and "slurmstepd" in parent.name():
                watchers.append(parent)
    return [*watchers, *jobs]
