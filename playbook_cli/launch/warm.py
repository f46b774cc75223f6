"""Trials as forks of one warm process, which has imported the study's function: see `launch.serve`.

A fork costs a hundredth of a new process that imports torch. If forks would differ from new processes, or are not
possible, the caller starts new ones.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.launch.orphans import ADOPTION, signal_group
from playbook_cli.sources.program import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from playbook_cli.files.fingerprint import Fingerprint
    from playbook_cli.launch import Job
    from playbook_cli.sources.program import Program

MESSAGE_BYTES = 1 << 17
ANSWER_SECONDS = 10.0
"""A server that has not forked within this time counts as hung, and is killed."""
REPORT_SECONDS = 5.0
"""So does a server that has not reported a child's end within this time."""
SERVERS = 4
"""Most servers in a run that may die or hang; after that, each trial starts a new process."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What all trials of a study have in common, so that it can be imported once for all of them."""

    target: str
    """module:function."""
    env: Mapping[str, str]
    """Environment without the variables of a single trial or slot."""
    cwd: Path
    directory: str
    """A path at least as long as that of any trial's folder."""
    program: Program | None = None
    """What is imported, for its fingerprint; None if that is not needed."""


class Warm:
    """Forks trials from a server, which is replaced if it dies; without a recipe, it never forks. Close it."""

    def __init__(self, recipe: Recipe | None, tell: Callable[[str], None]) -> None:
        """`tell` is called once, with the reason, if trials can't be forked."""
        self._recipe = recipe
        self._tell = tell
        self._started = 0
        self._server: _Server | None = None
        self._imported: Fingerprint | None = None
        """Fingerprint of the program when the server started to import it."""
        self._looked: _Server | None = None
        """The server that is known to have imported that version."""

    @property
    def program(self) -> Fingerprint | None:
        """Fingerprint of what a fork runs now; None if each trial reads the program itself."""
        return self._forks(self._recipe, self._server) if self._recipe and self._server else None

    def begin(self) -> None:
        """Start the server, unless it has been started."""
        if self._recipe is not None and self._started == 0:
            ADOPTION.hold(self)  # trials keep running if the server dies
            self._renew(self._recipe)

    def is_warming(self) -> bool:
        """Whether the server is still getting ready; never waits."""
        self.begin()
        if self._server is not None:
            self._server.look()
        self._settle()
        return self._server is not None and self._server.state == "warming"

    def wait(self) -> bool:
        """Wait until trials can be forked; False if they can't."""
        while self.is_warming():
            assert self._server is not None
            self._server.wait(1.0)
        return self._server is not None

    def start(self, job: Job, env: Mapping[str, str]) -> Forked | None:
        """Fork a trial with this environment; None if it needs a new process.

        OSError if it can't be started at all.
        """
        recipe = self._recipe
        if recipe is None or self.is_warming() or self._server is None:
            return None
        if job.cwd != recipe.cwd or not recipe.env.keys() <= env.keys():
            return None
        own = {name: value for name, value in env.items() if recipe.env.get(name) != value}
        program = self._forks(recipe, self._server)  # before, since a trial may be quick to edit itself
        pid = self._server.fork({"env": own, "stdout": str(job.stdout.absolute())})
        return None if pid is None else Forked(pid, self._server, program)

    def close(self) -> None:
        """End the server. Running trials continue."""
        if self._server is not None:
            self._server.kill()
            self._server = None
        ADOPTION.release(self)

    @property
    def server(self) -> int | None:
        """Number of the process that trials are forked from; None if there is none."""
        return None if self._server is None else self._server.pid

    def _renew(self, recipe: Recipe) -> None:
        self._started += 1
        self._imported = self._now()
        self._server = _Server(recipe)

    def _now(self) -> Fingerprint | None:
        return fingerprint(self._recipe.program) if self._recipe is not None and self._recipe.program else None

    def _forks(self, recipe: Recipe, server: _Server) -> Fingerprint | None:
        """Fingerprint of what a fork runs: what was imported, and the current files of what it imports later."""
        program, imported, now = recipe.program, self._imported, self._now()
        if not (program and imported and now) or now == imported or server.loaded is None:
            return imported
        folder = program.folder
        later = {path for path in imported.files if os.path.normpath(f"{folder}/{path}") not in server.loaded}
        return replace(imported, files={**imported.files, **{p: now.files[p] for p in later & now.files.keys()}})

    def _settle(self) -> None:
        """Replace a server that died, or during whose import the program changed; or give up."""
        if self._recipe is None or self._server is None or self._server.state == "warming":
            return
        if self._server.state == "ready":
            if self._looked is self._server:
                return
            self._looked = self._server
            if self._now() == self._imported:
                return
            self._server.kill()
        reason = self._server.reason
        if self._server.state == "refused":
            self._server.kill()
        elif self._started < SERVERS:
            self._renew(self._recipe)
            return
        else:
            reason = f"the process to fork from died {SERVERS} times"
        self._server = None
        if reason:
            self._tell(f"each trial starts a new process: {reason}")


class Forked:
    """The process of a trial."""

    def __init__(self, pid: int, server: _Server, program: Fingerprint | None) -> None:
        self.pid = pid
        self.program = program
        self._server = server
        self._exit = os.pidfd_open(pid)  # it exists until it is reaped
        self._seen: float | None = None

    def has_ended(self) -> bool:
        """Whether it has ended; it is not reaped, so that its number isn't reused before its group has ended."""
        if self._server.has_ended(self.pid):
            return True
        if self._seen is None:
            if select.select([self._exit], [], [], 0)[0]:
                self._seen = time.monotonic()
        elif time.monotonic() - self._seen > REPORT_SECONDS:
            self._server.kill()
        return False

    def reap(self) -> int:
        """Its exit code, negative for a signal."""
        os.close(self._exit)
        return self._server.reap(self.pid)


class _Server:
    """One process to fork from. When it dies, its children become those of this process."""

    def __init__(self, recipe: Recipe) -> None:
        self.state = "warming"
        """Later `ready`, `refused` or `gone`."""
        self.reason: str | None = None
        self.loaded: frozenset[str] | None = None
        """The program's files that it has imported, which forks don't read again; None for all."""
        self._codes: dict[int, int] = {}
        """Exit codes of children that ended and are not yet reaped, by process."""
        self._reaped: set[int] = set()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "playbook_cli.launch.entry", "--serve", str(theirs.fileno()), recipe.target],
                env={**recipe.env, "PLAYBOOK_TRIAL_DIR": "/" * len(os.fsencode(recipe.directory))},
                cwd=recipe.cwd,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self.pid = self._process.pid

    def look(self) -> None:
        """Read all messages so far. Never waits."""
        has_ended = self.state == "gone" or self._process.poll() is not None
        while self.state in ("warming", "ready") and self._receive(0.0) is not None:
            pass
        if has_ended and self.state in ("warming", "ready"):
            self._bury()

    def wait(self, seconds: float) -> None:
        """Wait for a message, at most this long."""
        self._receive(seconds)

    def fork(self, request: Mapping[str, Any]) -> int | None:
        """Number of the forked process; None if the server died, and then there is no child.

        OSError if the child can't start.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            self._socket.send(json.dumps(request).encode())
        except OSError:
            self.kill()
            return None
        while True:
            message = self._receive(max(0.0, deadline - time.monotonic()))
            if message is None and self.state == "gone":
                return None
            if message is None and time.monotonic() > deadline:
                # A child that has not answered yet is still in the server's group; an answer is read below.
                signal_group(self._process.pid, signal.SIGKILL)
                deadline = float("inf")
            elif message is not None and "started" in message:
                return int(message["started"])
            elif message is not None and "failed" in message:
                self._let_go(message["pid"], deadline)
                raise OSError(*message["failed"])

    def _let_go(self, pid: int | None, deadline: float) -> None:
        """Reap a child that could not start."""
        while pid and pid not in self._codes and self.state != "gone" and time.monotonic() < deadline:
            self._receive(1.0)
        if pid:
            self.reap(pid)

    def has_ended(self, pid: int) -> bool:
        self.look()
        if pid in self._codes or self.state != "gone":
            return pid in self._codes
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return True

    def reap(self, pid: int) -> int:
        code = self._codes.pop(pid, None)
        if self.state != "gone":
            with suppress(OSError):
                self._socket.send(json.dumps({"reap": pid}).encode())
                self._reaped.add(pid)
                return code or 0
        with suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code or 0

    def kill(self) -> None:
        """End it, and what its import started. Forked trials are in their own groups, and continue."""
        if self.state != "gone":
            signal_group(self._process.pid, signal.SIGKILL)
            self._bury()

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        """Its next message, which is also applied; None if there is none yet, or no more."""
        if not select.select([self._socket], [], [], min(seconds, 1e6))[0]:
            return None
        try:
            raw = self._socket.recv(MESSAGE_BYTES)
        except OSError:
            raw = b""
        if not raw:
            self.kill()
            return None
        message: dict[str, Any] = json.loads(raw)
        if "ready" in message:
            self.state = "ready"
            self.loaded = None if message["ready"] is None else frozenset(message["ready"])
        elif "refused" in message:
            self.state, self.reason = "refused", message["refused"]
        elif "ended" in message:
            self._codes[message["ended"]] = message["code"]
        return message

    def _bury(self) -> None:
        """Clean up; its children become this process's once it has ended."""
        self._process.wait()
        self.state = "gone"
        self._socket.close()
        for pid in self._reaped:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
