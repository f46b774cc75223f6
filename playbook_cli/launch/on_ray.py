"""Trials as tasks of a Ray cluster.

A task runs the trial in a separate process, which ends with it. If a node dies, Ray runs the task again, and the trial
resumes from its last checkpoint. If the nodes share no folder with the runner, a mailbox beside the runner collects all
that a trial writes, while it writes it, and sends it to the node where the trial restarts.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from playbook_cli.errors import WorkError
from playbook_cli.launch import Ended, Started
from playbook_cli.launch.mailbox import Mailbox, Outbox
from playbook_cli.launch.task import Exit, described, node_of
from playbook_cli.storage.heartbeats import read_heartbeat
from playbook_cli.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch import Job
    from playbook_cli.spec.model import StudySpec

MOST = 1000
"""Most tasks in Ray at once."""
RETRIES = 10
"""How often Ray reruns a task whose node or worker was lost."""
LOOK_SECONDS = 0.05
POLITE_SECONDS = 3.0
SYNC_SECONDS = 0.5
LISTEN_SECONDS = 10.0
ELSEWHERE = "start one with ray start --head, or set ray: {address: HOST:PORT} in the study file"


@dataclass(kw_only=True)
class _Submitted:
    task: Any
    """Ray's reference to the task's result."""
    node: Path
    """The heartbeat file of its node."""
    shared: bool
    """Whether its GPUs may be shared."""
    cancelled: float | None = None
    """When it was asked to end, by the monotonic clock."""


class RayLauncher:
    """Submits jobs as tasks. Ray ends them with this process, so none is ever left behind or taken over."""

    keeps_time: ClassVar[bool] = True

    def __init__(self, spec: StudySpec, folder: Path, paths: StudyPaths) -> None:
        """Connect to the cluster; `folder` is the study file's. WorkError if there is no cluster."""
        shared = spec.ray.shared_folder
        self._ray = _joined(spec.ray.address, None if shared else folder)
        self._folder = str(folder.absolute())
        self._paths = paths
        self._timeout = spec.resources.timeout
        self._trials_per_gpu = spec.resources.trials_per_gpu
        self._needs = _needs(spec, self._ray.cluster_resources())
        self._submitted: dict[int, _Submitted] = {}
        self._next_look = 0.0
        self._mailbox = None if shared else _mailbox(self._ray)
        # max_calls=0: workers that ran a task with GPUs are reused, since they hold no GPU memory themselves
        self._run = self._ray.remote(**self._needs, max_retries=RETRIES, max_calls=0)(_run)

    @property
    def slots(self) -> int:
        """Number of trials that fit into the cluster now."""
        there = self._ray.cluster_resources()
        fits = [there.get("CPU", 0.0) / self._needs["num_cpus"]]
        if self._needs["num_gpus"]:
            fits.append(there.get("GPU", 0.0) / self._needs["num_gpus"])
        return max(1, int(min(fits)))

    def free(self, *, alone: bool = False) -> int:
        del alone  # Ray waits for a whole GPU itself
        return MOST - len(self._submitted)

    def submit(self, job: Job) -> Started:
        node = node_of(job)
        node.unlink(missing_ok=True)  # the heartbeat of the last attempt
        task = described(job, self._timeout) | {
            "env": dict(job.env),
            "directory": job.env["PLAYBOOK_TRIAL_DIR"],
            "folder": self._folder,
        }
        gpus, shared = self._needs["num_gpus"], self._trials_per_gpu > 1 and self._needs["num_gpus"] > 0
        if job.alone:
            gpus, shared = gpus * self._trials_per_gpu, False
        reference = self._run.options(num_gpus=gpus).remote(task, self._mailbox)
        self._submitted[job.trial] = _Submitted(task=reference, node=node, shared=shared)
        return Started(slot="ray", process=None)

    def adopt(self, trials: Collection[int]) -> set[int]:
        """Takes over nothing: Ray ends the tasks of a dead runner; waits for that, since they write the same files."""
        nodes = [self._paths.trial(trial).node for trial in trials] if self._mailbox is None else []
        while any(node is not None and node.runs for node in map(read_heartbeat, nodes)):
            time.sleep(LOOK_SECONDS)
        return set()

    def leave(self) -> None:
        raise WorkError(
            "Ray ends tasks when their runner ends", hint="submit the runner itself: ray job submit -- playbook"
        )

    def poll(self) -> list[Ended]:
        now = time.monotonic()
        if now < self._next_look or not self._submitted:
            return []
        self._next_look = now + LOOK_SECONDS
        by_task = {submitted.task: trial for trial, submitted in self._submitted.items()}
        ready, _ = self._ray.wait(list(by_task), num_returns=len(by_task), timeout=0)
        ended = [self._ended(by_task[task], task) for task in ready]
        for one in ended:
            del self._submitted[one.trial]
        for submitted in self._submitted.values():
            if submitted.cancelled is not None and now > submitted.cancelled + 3 * POLITE_SECONDS:
                self._ray.cancel(submitted.task, force=True)
        return ended

    def cancel(self, trial: int, *, now: bool = False) -> None:
        submitted = self._submitted.get(trial)
        if submitted is None or (submitted.cancelled is not None and not now):
            return
        submitted.cancelled = time.monotonic()
        self._ray.cancel(submitted.task, force=now)

    def _ended(self, trial: int, task: Any) -> Ended:
        errors = self._ray.exceptions
        try:
            ended = Exit(**self._ray.get(task))
        except (errors.TaskCancelledError, errors.WorkerCrashedError) as error:
            if self._submitted[trial].cancelled is not None:
                return Ended(trial=trial, exit_code=-signal.SIGTERM)
            return Ended(trial=trial, exit_code=-signal.SIGKILL, reason=f"Ray lost its task: {first_line(error)}")
        except errors.RayTaskError as error:
            return Ended(trial=trial, exit_code=1, reason=f"it can't be started: {first_line(error.cause)}")
        except errors.RayError as error:
            why = f"Ray lost its task: {first_line(error)}"
            if self._submitted[trial].cancelled is not None:
                return Ended(trial=trial, exit_code=-signal.SIGKILL, reason=why)
            return Ended(trial=trial, exit_code=-signal.SIGKILL, how="lost", reason=why)
        submitted, node = self._submitted[trial], read_heartbeat(self._submitted[trial].node)
        return Ended(
            trial=trial,
            exit_code=ended.code,
            how="timed-out" if ended.timed_out else "exited",
            device=None if node is None else node.device,
            shared=submitted.shared,
        )


def _run(task: Mapping[str, Any], mailbox: Any) -> dict[str, Any]:
    """On a node: run a trial to its end, and return how it ended."""
    directory = Path(task["directory"])
    outbox = None
    if mailbox is not None:
        import tempfile

        import ray

        home = tempfile.mkdtemp(prefix="playbook-trial-")
        task, directory = _moved(task, home)
        outbox = Outbox(directory, lambda message: ray.get(mailbox.put.remote(str(task["home"]), message)))
        outbox.unpack(ray.get(mailbox.get.remote(task["home"])))
    watched = _Watched(task)
    try:
        while not watched.ends_within(SYNC_SECONDS):
            if outbox is not None:
                outbox.send()
    except KeyboardInterrupt:  # Ray's way to cancel a task
        for number in (signal.SIGINT, signal.SIGTERM):
            watched.signal(number)
            if watched.ends_within(POLITE_SECONDS):
                break
    finally:
        ended = watched.end()
        if outbox is not None:
            outbox.send()
            outbox.remove()
    return asdict(ended)


class _Watched:
    """A trial on this node, controlled through the process that watches it: see `task`."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "playbook_cli.launch.task", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._tell(json.dumps(dict(task)))
        process.wait()  # it continues in the background

    def ends_within(self, seconds: float) -> bool:
        return bool(select.select([self._stdout], [], [], seconds)[0])

    def signal(self, number: int) -> None:
        self._tell(str(number))

    def end(self) -> Exit:
        """End it if it is still running; returns how it ended."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        told_by_it = self._stdout.read()
        return Exit(**json.loads(told_by_it)) if told_by_it else Exit(code=-signal.SIGKILL)

    def _tell(self, line: str) -> None:
        with suppress(BrokenPipeError):  # it has ended
            self._stdin.write(f"{line}\n".encode())
            self._stdin.flush()


def _moved(task: Mapping[str, Any], home: str) -> tuple[dict[str, Any], Path]:
    """The task with the runner's folders replaced by this node's; the trial's folder is inside `home`."""
    there = task["directory"]
    here = Path(home) / Path(there).name
    here.mkdir()

    def put(text: str) -> str:
        # Ray has unpacked the study's folder where this task runs; the trial's own may be inside it
        return text.replace(there, str(here)).replace(task["folder"], str(Path.cwd()))

    moved = {
        **task,
        "home": there,
        "argv": [put(word) for word in task["argv"]],
        "env": {name: put(value) for name, value in task["env"].items()},
        "cwd": put(task["cwd"]),
        "stdout": put(task["stdout"]),
        "node": put(task["node"]),
    }
    return moved, here


def _joined(address: str, folder: Path | None) -> Any:
    """Ray, connected; the nodes get a copy of `folder`, without what studies write there."""
    try:
        import ray
    except ImportError:
        raise WorkError("launcher: ray needs the package ray", hint="pip install 'playbook-cli[ray]'") from None
    if not ray.is_initialized():
        _look_for(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
        before = signal.getsignal(signal.SIGTERM)  # Ray replaces it
        try:
            away = (
                {} if folder is None else {"working_dir": str(folder.absolute()), "excludes": ["runs", ".git", ".venv"]}
            )
            ray.init(address=address, runtime_env=away, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            what = f"no Ray cluster at {address}: {first_line(error)}"
            raise WorkError(what, hint=ELSEWHERE) from None
        finally:
            signal.signal(signal.SIGTERM, before)
        _be_quiet()
    return ray


def _look_for(address: str) -> None:
    """WorkError if nothing listens at HOST:PORT; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=LISTEN_SECONDS).close()
    except OSError as error:
        raise WorkError(f"no Ray cluster at {address}: {error.strerror or error}", hint=ELSEWHERE) from None


def _be_quiet() -> None:
    """Keep Ray from printing node events to standard output, which is for results only.

    log_to_driver=False doesn't prevent that, and nothing documented does.
    """
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


def _needs(spec: StudySpec, there: Mapping[str, float]) -> dict[str, float]:
    """The resources that a trial requests from Ray."""
    gpus = spec.resources.gpus
    if gpus is None:
        gpus = 1 if there.get("GPU") else 0
    return {"num_cpus": spec.resources.cpus, "num_gpus": gpus / spec.resources.trials_per_gpu}


def _mailbox(ray: Any) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(node_id=ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(Mailbox).remote()
