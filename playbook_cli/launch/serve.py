"""The fork server: a process that has imported a study's function, and forks a child for every trial.

Started by `launch.warm`; the two exchange JSON messages over a socket.

    server    {"ready": [path, ...]} or {"refused": why}    once: the program's files that were imported, null if
                                                     they are too many; why is null if the import itself failed
    runner    {"env": {...}, "stdout": path}         fork a trial
    child     {"started": pid} or {"failed": [errno, text], "pid": pid}
    server    {"ended": pid, "code": n}              it has ended, and keeps its number until it is reaped
    runner    {"reap": pid}

A child has what a new process would have: the same environment, arguments, standard files, signal handlers and states
of the random generators. All children share what the module computed when it was imported.
"""

from __future__ import annotations

import gc
import json
import os
import re
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from playbook_cli.files import journal
from playbook_cli.launch import forked
from playbook_cli.launch.importing import NotShareable, States, watched_environment

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE_BYTES = 1 << 17
_IMPORTS_TORCH = re.compile(rb"^\s*(?:import|from)\s+torch\b", re.MULTILINE)


def serve(fd: int, target: str, load: Callable[[str], Callable[[Any], object]]) -> NoReturn:
    """Import `target` with `load`, and fork until the runner closes the socket `fd`."""
    forked.die_with_parent()
    runner = socket.socket(fileno=fd)
    os.set_inheritable(fd, False)  # noqa: FBT003
    sys.argv[1:] = sys.orig_argv[3:] = [target]  # as in a process that was started for one trial
    try:
        room = forked.EnvironmentRoom("PLAYBOOK_TRIAL_DIR")
        gc.disable()  # a quarter of the time of importing torch
        before = dict(os.environ)
        function, states = _imported(target, load)
        _warm_up(function)
        changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
        _refuse_what_a_fork_would_change(states)
    except NotShareable as reason:
        _tell(runner, {"refused": str(reason)})
        os._exit(0)
    except BaseException:  # noqa: BLE001 (a separate process of the trial meets the same error, and prints it)
        _tell(runner, {"refused": None})
        os._exit(0)
    files = forked.open_files()
    gc.enable()
    gc.freeze()
    forked.flush(files)
    _tell(runner, {"ready": _own_files()})
    trial = _next_trial(runner)
    try:
        forked.become(trial, room, changed)
        _tell(runner, {"started": os.getpid()})
    except OSError as error:
        _tell(runner, {"failed": [error.errno, str(error)], "pid": os.getpid()})
        os._exit(1)
    runner.close()
    forked.run(function, states.renew, files)


def _imported(target: str, load: Callable[[str], Callable[[Any], object]]) -> tuple[Callable[[Any], object], States]:
    states = States()
    with watched_environment(), states.noticed():
        return load(target), states


def _warm_up(function: Callable[[Any], object]) -> None:
    """Do once what every trial would do: load what records need and, if the function uses torch, step optimizers.

    The first optimizer that is constructed imports 800 modules. A single number is too little work to start a second
    thread, after which a fork would hang; setting the number of threads would change how MKL rounds with several. No
    gradient is computed, since the first backward pass looks for devices.
    """
    journal.warm_up()
    source = getattr(sys.modules.get(function.__module__), "__file__", None)
    if "torch" not in sys.modules and not (source and _IMPORTS_TORCH.search(Path(source).read_bytes())):
        return
    import torch

    for optimizer in (torch.optim.SGD, torch.optim.AdamW):
        parameter = torch.zeros(1, dtype=torch.float32, device="cpu", requires_grad=True)
        parameter.grad = torch.zeros_like(parameter)
        warm: torch.optim.Optimizer = optimizer([parameter], lr=0.1)
        if not torch.backends.cuda.is_built():
            warm.step()  # with CUDA, this asks the driver for devices


def _own_files() -> list[str] | None:
    """The files of the modules that forks have in memory, without installed packages, which nobody edits.

    None if they are too many for a message.
    """
    files = (getattr(module, "__dict__", {}).get("__file__") for module in list(sys.modules.values()))
    library = f"{Path(os.__file__).parent}{os.sep}"
    own = {str(file) for file in files if file and not str(file).startswith(library) and "-packages/" not in str(file)}
    return sorted(own) if sum(len(path) + 4 for path in own) < MESSAGE_BYTES // 2 else None


def _refuse_what_a_fork_would_change(states: States) -> None:
    if states.touched():
        raise NotShareable(f"importing it uses or seeds {states.touched()}'s random numbers")
    if signal.getsignal(signal.SIGCHLD) != signal.SIG_DFL:
        raise NotShareable("importing it handles the signals of child processes")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise NotShareable("importing it initializes CUDA, which forked processes can't use")
    bad_fork = forked.probe(lambda: bool(torch is not None and torch.cuda._is_in_bad_fork()))  # noqa: SLF001
    if bad_fork and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        raise NotShareable("importing it queries CUDA devices, so forked processes can't use them")
    # Counted after a fork, before which OpenBLAS ends its threads.
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        raise NotShareable(f"importing it starts {threads - 1} thread{'s' * (threads > 2)}, which a fork would lose")


def _next_trial(runner: socket.socket) -> dict[str, Any]:
    """The trial that the runner asks for; returns only in the child."""
    children: dict[int, int] = {}
    events = select.poll()
    events.register(runner, select.POLLIN)
    while True:
        for ready, _ in events.poll():
            if ready in children:
                events.unregister(ready)
                pid = children.pop(ready)
                os.close(ready)
                _tell(runner, {"ended": pid, "code": forked.exit_code(pid)})
                continue
            message = runner.recv(MESSAGE_BYTES)
            request = json.loads(message) if message else os._exit(0)
            if "reap" in request:
                os.waitpid(request["reap"], 0)
                continue
            try:
                pid = os.fork()
            except OSError as error:
                _tell(runner, {"failed": [error.errno, str(error)], "pid": None})
                continue
            if pid == 0:
                for fd in children:
                    os.close(fd)
                return dict(request)
            fd = os.pidfd_open(pid)
            children[fd] = pid
            events.register(fd, select.POLLIN)


def _tell(runner: socket.socket, message: dict[str, Any]) -> None:
    try:
        runner.send(json.dumps(message).encode())
    except OSError:
        os._exit(1)  # the runner is dead
