"""The GPUs of this machine, which of them this process may use, and why it doesn't use the others.

Nothing here creates a CUDA context: NVML lists NVIDIA's devices, the kernel lists AMD's.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

GRANTS = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""Environment variables with which a scheduler, or a slot of this machine, assigns GPUs to a process."""
KFD = Path("/sys/class/kfd/kfd/topology/nodes")
"""Where the kernel lists the devices of AMD's driver."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A GPU, or a MIG instance, which CUDA treats as a GPU."""

    index: str
    """Index for people: 0, or 0:1 for the second instance of GPU 0."""
    uuid: str
    """Identifier with which it is assigned to a trial; for AMD the ordinal that its runtime expects."""
    name: str = ""
    memory_bytes: int | None = None
    used_bytes: int | None = None
    vendor: Literal["nvidia", "amd"] = "nvidia"

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that assign devices of this kind to a process."""
        return ("CUDA_VISIBLE_DEVICES",) if self.vendor == "nvidia" else ("HIP_VISIBLE_DEVICES",)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A device of this machine, and why it can't be used; None if it can."""

    device: Device
    why_not: str | None


def seen(only: str | None = None) -> list[Seen]:
    """Every device, in the order of the machine. StudyError if `only` names one that can't be used."""
    every = present()
    usable = granted(only, every)
    variable, value = _grant(every)

    def why_not(device: Device) -> str | None:
        if device in usable:
            return None
        if device in granted(None, every):
            return f"excluded by --gpus {only}"
        return f"excluded by {variable}={value}"

    return [Seen(device=device, why_not=why_not(device)) for device in every]


def granted(only: str | None = None, every: Sequence[Device] | None = None) -> list[Device]:
    """The devices that this process may use, in the order of its environment variable.

    NVML shows all GPUs of the machine regardless of CUDA_VISIBLE_DEVICES, so the two are intersected; `only` narrows
    further, by index or UUID. StudyError if it names a GPU that this process may not use.
    """
    devices = present() if every is None else every
    there = _named(_grant(devices)[1], devices)
    if only is None:
        return there
    chosen = _named(only, devices)
    wanted = [name for name in only.split(",") if name.strip()]
    if len(chosen) != len(wanted) or any(device not in there for device in chosen):
        indices = ", ".join(device.index for device in there) or "none"
        raise StudyError(f"--gpus {only}: not all of these GPUs are available", hint=f"available GPUs: {indices}")
    return chosen


def present() -> list[Device]:
    """All GPUs of this machine; a GPU that is divided into MIG instances is replaced by them."""
    return _nvidia() or _amd(KFD)


def _grant(devices: Sequence[Device]) -> tuple[str, str | None]:
    """The environment variable that assigns devices on this machine, and its value."""
    if any(device.vendor == "amd" for device in devices):
        for variable in ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
            if variable in os.environ:
                return variable, os.environ[variable]
    return "CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES")


def _named(names: str | None, devices: Sequence[Device]) -> list[Device]:
    """The devices in a value of CUDA_VISIBLE_DEVICES; as in CUDA, the first unknown name ends the list."""
    if names is None:
        return list(devices)
    found: list[Device] = []
    for name in (part.strip() for part in names.split(",")):
        by_uuid = bool(name) and not re.fullmatch(r"\d+(:\d+)?", name)
        matches = [d for d in devices if name == d.index or (by_uuid and d.uuid.startswith(name))]
        if len(matches) != 1:
            break
        if matches[0] in found:
            return []
        found += matches
    return found


def _nvidia() -> list[Device]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [device for index, handle in enumerate(handles) for device in _instances(pynvml, str(index), handle)]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _instances(nvml: Any, index: str, handle: Any) -> list[Device]:
    """The GPU, or its MIG instances."""
    try:
        divided = nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    except nvml.NVMLError:  # a GPU that can't be divided
        divided = False
    if not divided:
        return [_device(nvml, index, handle)]
    instances = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instances.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))
        except nvml.NVMLError:  # no instance has this number
            continue
    return [_device(nvml, f"{index}:{number}", instance) for number, instance in enumerate(instances)]


def _device(nvml: Any, index: str, handle: Any) -> Device:
    try:
        name = nvml.nvmlDeviceGetName(handle)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        total, used = int(memory.total), int(memory.used)
    except nvml.NVMLError:  # some drivers don't report it
        return Device(index=index, uuid=str(nvml.nvmlDeviceGetUUID(handle)))
    return Device(
        index=index, uuid=str(nvml.nvmlDeviceGetUUID(handle)), name=str(name), memory_bytes=total, used_bytes=used
    )


def _amd(nodes: Path) -> list[Device]:
    """AMD's GPUs from the kernel's list; their runtime identifies them by their place in it."""
    devices: list[Device] = []
    for node in sorted(nodes.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            lines = (node / "properties").read_text(encoding="ascii").splitlines()
            about = dict(line.split(maxsplit=1) for line in lines)
            is_gpu = int(about.get("simd_count", 0)) > 0
        except (OSError, ValueError):  # a GPU that this process was not given
            continue
        if is_gpu:
            number = str(len(devices))
            devices.append(
                Device(index=number, uuid=number, name=f"AMD gfx{about.get('gfx_target_version', '')}", vendor="amd")
            )
    return devices
