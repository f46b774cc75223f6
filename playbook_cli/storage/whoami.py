"""Who runs this process, and on which machine, also in containers that know neither users nor a lasting host name."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def user() -> str:
    """The user's name; the number where it has none, as under `docker run --user 1000`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # by version of Python
        return str(os.getuid())


def boot() -> str:
    """The id of this boot of the machine, which all share that share its kernel, also containers; "" if unknown."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def machine() -> str:
    """Where a process number means the same process: this boot and this namespace of numbers, or else the host's name.

    A host name is not enough: two containers may have the same one, and a restarted one has another. Nor is the boot:
    containers of one machine share it, and don't see each other's processes. The number of a namespace is used again
    when all of its processes are gone: who looks for one of them there finds none that was started at the same moment.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{boot()} {namespace}" if boot() and namespace else socket.gethostname()
