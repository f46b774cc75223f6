"""The places on this machine where a trial can run, and the resources of each."""

from __future__ import annotations

import os
from dataclasses import dataclass

from playbook_cli.errors import StudyError
from playbook_cli.launch.devices import Device, granted
from playbook_cli.storage.heartbeats import kind, processor


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Room for one trial."""

    name: str
    env: dict[str, str]
    devices: tuple[str, ...] = ()
    """UUIDs of its GPUs."""
    alone: bool = True
    """Whether no other slot of this run has these GPUs, or these cores."""
    lent: bool = False
    """Whether other runs may use these GPUs at the same time, as they may if trials share GPUs."""
    kind: str = ""
    """The kind of these GPUs, or of the processor."""
    cores: frozenset[int] = frozenset()
    """The cores that its processes are pinned to; empty if they may use all."""


def local_slots(
    *,
    gpus: int | None,
    trials_per_gpu: int,
    cpus: int,
    jobs: int | None = None,
    only: str | None = None,
) -> list[Slot]:
    """The slots of this machine: by GPUs if trials use them, else by cores.

    A trial gets `gpus` GPUs; None means 1 if there are any.

    `jobs` is the user's number of slots; `only` names the GPUs to use, like CUDA_VISIBLE_DEVICES. StudyError if a trial
    needs more than there is.
    """
    cores = usable_cores()
    devices = [] if gpus == 0 else granted(only)
    each = (1 if devices else 0) if gpus is None else gpus
    if each == 0:
        return _of_cores(cores, cpus, jobs)
    if len(devices) < each:
        raise StudyError(
            f"a trial needs {each} GPU{'s' * (each > 1)}; available: {len(devices) or 'none'}",
            hint="set resources: {gpus: 0} to train on the CPU; playbook devices lists the GPUs",
        )
    groups = [devices[start : start + each] for start in range(0, len(devices) - each + 1, each)]
    shared = [group for group in groups for _ in range(trials_per_gpu)][: jobs or None]
    threads = str(max(1, len(cores) // len(shared)))
    return [
        Slot(
            name="gpu" + "+".join(device.index for device in group),
            env={**_visible(group), "OMP_NUM_THREADS": threads},
            devices=tuple(device.uuid for device in group),
            alone=shared.count(group) == 1,
            lent=trials_per_gpu > 1,
            kind=kind([device.name for device in group]),
        )
        for group in shared
    ]


def _of_cores(cores: list[int], cpus: int, jobs: int | None) -> list[Slot]:
    """Slots without GPUs; they divide the cores among them if there are enough."""
    count = jobs or max(1, len(cores) // cpus)
    threads = min(cpus, len(cores))
    share = len(cores) // count
    apart = count > 1 and share >= threads
    cpu = processor()
    return [
        Slot(
            name=f"cpu{index}",
            env={"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(threads)},
            alone=apart or count == 1,
            kind=cpu,
            cores=frozenset(cores[index * share : (index + 1) * share]) if apart else frozenset(),
        )
        for index in range(count)
    ]


def _visible(group: list[Device]) -> dict[str, str]:
    """Environment variables that make a process see only these devices."""
    names = ",".join(device.uuid for device in group)
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | {variable: names for device in group for variable in device.variables}


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return list(range(os.cpu_count() or 1))
