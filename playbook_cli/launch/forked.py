"""A forked child that starts and ends like a separate process. Linux only."""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from playbook_cli.client import current_trial
from playbook_cli.files import regular
from playbook_cli.launch.importing import NotShareable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

_PR_SET_PDEATHSIG = 1
_ENV_START = 47
"""Index of env_start in /proc/self/stat, counted from the state field (proc(5))."""


def die_with_parent() -> None:
    """Have this process killed when the one that started it ends, in any way."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class EnvironmentRoom:
    """The memory of one variable in the environment that this process was started with, as other processes see it.

    The variable is removed from os.environ. NotShareable if the memory can't be found.
    """

    def __init__(self, name: str) -> None:
        os.environ.pop(name, None)
        try:
            block = b"\0" + Path("/proc/self/environ").read_bytes()
            start = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[_ENV_START])
            offset = block.index(b"\0" + name.encode() + b"=") + len(name) + 2
            self._size = block.index(b"\0", offset) - offset
            self._address = start + offset - 1
            found = ctypes.string_at(self._address, self._size)
        except (OSError, ValueError, IndexError) as error:
            raise NotShareable(f"the environment can't be found in /proc ({error})") from None
        if found != block[offset : offset + self._size]:
            raise NotShareable("the environment can't be found in /proc")

    def show(self, path: str) -> None:
        """Set it to this path, for `ps` and other tools that look for a trial's processes; slashes fill the rest."""
        value = os.fsencode(path)[: self._size].ljust(self._size, b"/")
        ctypes.memmove(self._address, value, self._size)


def probe(question: Callable[[], bool]) -> bool:
    """The answer of a forked child."""
    pid = os.fork()
    if pid == 0:
        os._exit(question())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0


def exit_code(pid: int) -> int:
    """Exit code of a child, negative for a signal; the child is not reaped."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def become(trial: Mapping[str, Any], room: EnvironmentRoom, changed: Collection[str]) -> None:
    """Take on the environment and the output of a trial. Variables that the import `changed` keep their values.

    OSError if its output can't be opened.
    """
    log = regular.descriptor(trial["stdout"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
    os.write(log, os.pread(1, os.fstat(1).st_size, 0))  # what the import printed
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    room.show(trial["env"]["PLAYBOOK_TRIAL_DIR"])
    os.environ.update({name: value for name, value in trial["env"].items() if name not in changed})
    os.setsid()


def open_files() -> list[io.IOBase]:
    """Every Python file object known to the garbage collector that may have buffered output."""
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kinds)]  # isinstance wakes lazy objects


def flush(files: Iterable[io.IOBase]) -> None:
    """Flush these files and those of the C library."""
    for file in files:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            file.flush()
    ctypes.CDLL(None).fflush(None)


def run(function: Callable[[Any], object], begin: Callable[[], None], files: list[io.IOBase]) -> NoReturn:
    """Call a train function, and end like the interpreter: with its exit codes, exit handlers and messages.

    Only modules are not torn down, which takes half a second with torch.
    """
    code, interrupted = 1, False
    try:
        try:
            begin()
            function(current_trial())
            code = 0
        except SystemExit as error:
            code = _code(error)
        except BaseException as error:  # noqa: BLE001 (this is where the process ends)
            interrupted = isinstance(error, KeyboardInterrupt)
            here = error.__traceback__
            error = error.with_traceback(here.tb_next if here else None)
            sys.excepthook(type(error), error, error.__traceback__)
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 (waits for threads, as at the interpreter's end)
        atexit._run_exitfuncs()  # noqa: SLF001
        flush([*files, *open_files()])
        if interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        os._exit(code)


def _code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1
