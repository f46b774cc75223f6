"""The places on this machine where a trial can run, and what each gives it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from playbook_cli.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Room for one trial."""

    name: str
    env: dict[str, str]


def local_slots(
    *,
    gpus: int | None,
    trials_per_gpu: int,
    cpus: int,
    jobs: int | None = None,
    only: str | None = None,
) -> list[Slot]:
    """The slots of this machine: by GPUs where trials use them, else by cores.

    A trial gets `gpus` of them; None means 1 where there are any.

    `jobs` is the user's own number of slots; `only` names the GPUs to use, as CUDA_VISIBLE_DEVICES does. StudyError
    where a trial needs more than there is.
    """
    cores = usable_cores()
    devices = [] if gpus == 0 else visible_gpus(only)
    each = (1 if devices else 0) if gpus is None else gpus
    if each == 0:
        count = jobs or max(1, cores // cpus)
        threads = str(min(cpus, cores))
        return [
            Slot(name=f"cpu{index}", env={"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": threads})
            for index in range(count)
        ]
    if len(devices) < each:
        raise StudyError(
            f"a trial needs {each} GPU{'s' * (each > 1)}, and {len(devices) or 'none'} can be used here",
            hint="set resources: {gpus: 0} to train on the CPU, or run where nvidia-smi shows GPUs",
        )
    groups = [devices[start : start + each] for start in range(0, len(devices) - each + 1, each)]
    shared = [group for group in groups for _ in range(trials_per_gpu)][: jobs or None]
    threads = str(max(1, cores // len(shared)))
    return [
        Slot(
            name="gpu" + "+".join(str(index) for index, _ in group),
            env={
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                "CUDA_VISIBLE_DEVICES": ",".join(uuid for _, uuid in group),
                "OMP_NUM_THREADS": threads,
            },
        )
        for group in shared
    ]


def usable_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def visible_gpus(only: str | None = None) -> list[tuple[int, str]]:
    """(index, UUID) of the GPUs that this process was granted, in the order of the grant.

    NVML shows all GPUs of the machine whatever CUDA_VISIBLE_DEVICES says, so the two are intersected; `only` narrows
    further, by index or UUID. StudyError where it names a GPU that was not granted.
    """
    present = _nvml_gpus()
    granted = _named(os.environ.get("CUDA_VISIBLE_DEVICES"), present)
    if only is None:
        return granted
    chosen = _named(only, present)
    wanted = [name for name in only.split(",") if name.strip()]
    if len(chosen) != len(wanted) or any(device not in granted for device in chosen):
        there = ", ".join(str(index) for index, _ in granted) or "none"
        raise StudyError(f"--gpus {only}: not all of these can be used", hint=f"GPUs that can be: {there}")
    return chosen


def _named(names: str | None, present: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The GPUs that a value of CUDA_VISIBLE_DEVICES grants; as in CUDA, the first unknown name ends the list."""
    if names is None:
        return present
    found: list[tuple[int, str]] = []
    for name in (part.strip() for part in names.split(",")):
        by_uuid = bool(name) and not name.isdigit()
        matches = [(i, uuid) for i, uuid in present if name == str(i) or (by_uuid and uuid.startswith(name))]
        if len(matches) != 1:
            break
        if matches[0] in found:
            return []
        found += matches
    return found


def _nvml_gpus() -> list[tuple[int, str]]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [(index, str(pynvml.nvmlDeviceGetUUID(handle))) for index, handle in enumerate(handles)]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
