"""One lock per GPU of this machine, so that two studies never use the same one."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.files.flock import lock

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(tempfile.gettempdir()) / "playbook-devices"


class DeviceLocks:
    """The devices that this process has locked; the system releases them if it dies."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._held: dict[str, tuple[int, int]] = {}
        """Open file descriptor and number of trials, by device."""
        self._told = False

    def take(self, device: str, *, alone: bool) -> bool:
        """Take a device for one more trial; False if another runner has it. Runners that share it may all have it."""
        if device in self._held:
            file, trials = self._held[device]
            self._held[device] = file, trials + 1
            return True
        try:
            file = self._open(device)
        except OSError:  # locks don't work here
            return True
        locked = lock(file, shared=not alone)
        if not locked:
            os.close(file)
            if locked is None:
                self._tell_without()
            return locked is None
        self._held[device] = file, 1
        return True

    def _tell_without(self) -> None:
        """Print once that other studies can't be kept off the devices."""
        if not self._told:
            self._told = True
            print(
                f"note: {self._folder}: file locks don't work here, so two studies may use the same GPU at once; "
                "set TMPDIR to a folder on a local disk, or divide the GPUs with --gpus",
                file=sys.stderr,
            )

    def take_all(self, devices: Sequence[str], *, alone: bool) -> bool:
        """Take several devices for one trial, or none of them."""
        for number, device in enumerate(devices):
            if not self.take(device, alone=alone):
                self.give_back_all(devices[:number])
                return False
        return True

    def can_take(self, devices: Sequence[str], *, alone: bool) -> bool:
        """Whether `take_all` would take them now."""
        taken = self.take_all(devices, alone=alone)
        if taken:
            self.give_back_all(devices)
        return taken

    def give_back_all(self, devices: Sequence[str]) -> None:
        """One trial has left these devices."""
        for device in devices:
            self.give_back(device)

    def give_back(self, device: str) -> None:
        """One trial has left the device."""
        if device not in self._held:
            return
        file, trials = self._held.pop(device)
        if trials > 1:
            self._held[device] = file, trials - 1
        else:
            os.close(file)

    def is_free(self, device: str) -> bool:
        """Whether no other runner has locked a device exclusively."""
        if device in self._held:
            return True
        free = self.take(device, alone=False)
        if free:
            self.give_back(device)
        return free

    def _open(self, device: str) -> int:
        """The lock file, which every user of the machine can open."""
        if not self._folder.is_dir():
            self._folder.mkdir(exist_ok=True)
            self._folder.chmod(0o1777)
        name = re.sub(r"[^\w.-]", "_", device)
        return os.open(
            self._folder / name, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
        )
