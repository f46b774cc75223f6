"""The user and machine of this process, also in containers without user names or a stable host name."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def user() -> str:
    """The user's name, or number if there is no name, as under `docker run --user 1000`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # depends on the version of Python
        return str(os.getuid())


def boot() -> str:
    """The id of this boot, which all containers on the same kernel share; "" if unknown."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def machine() -> str:
    """Where a process number is valid: this boot and its namespace of process numbers, or else the host name.

    A host name is not enough: two containers may have the same one, and a restarted container has another. Nor is the
    boot: containers of one machine share it, but don't see each other's processes. A namespace number is reused once
    all its processes have ended, but no process in it then has the same number and start time.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{boot()} {namespace}" if boot() and namespace else socket.gethostname()
