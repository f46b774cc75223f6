"""The process that builds reports for the server, so that neither its answers nor Ctrl-C wait for a build.

It stays, since a second build of a study reads only what is new and takes half the time of the first.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from playbook_cli.storage.store import Store

KEPT = 4
"""Studies whose metrics stay in memory."""
_NICE = 10


@dataclass(frozen=True, kw_only=True)
class Built:
    """The body of a report's page, compressed; or why there is none."""

    body: bytes = b""
    tag: str = ""
    problem: str | None = None
    seconds: float = 0.0
    """Processor time that it took."""


def tag_of(body: bytes) -> str:
    """A short text that changes whenever these bytes do."""
    return hashlib.sha256(body).hexdigest()[:20]


class Builder:
    """Builds reports in this process."""

    def __init__(self) -> None:
        self._stores: dict[Path, tuple[int, Store]] = {}

    def __call__(self, folder: Path) -> Built:
        from playbook_cli.report.html import report_body
        from playbook_cli.report.of_study import report_of

        began = time.process_time()
        try:
            record, report = report_of(store := self._store(folder))
            body = report_body(report).encode()
            store.keep(record)
        except (PlaybookError, OSError) as error:
            return Built(problem=str(error), seconds=time.process_time() - began)
        except Exception as error:  # noqa: BLE001  the server must survive a study that the report can't cope with
            traceback.print_exc(file=sys.stderr)
            return Built(problem=f"the report can't be made: {error!r}", seconds=time.process_time() - began)
        return Built(body=gzip.compress(body, 6, mtime=0), tag=tag_of(body), seconds=time.process_time() - began)

    def close(self) -> None:
        """Nothing to end."""

    def _store(self, folder: Path) -> Store:
        """The study, with what is known of its metrics; read anew if its study file has changed."""
        from playbook_cli.files.paths import StudyPaths
        from playbook_cli.storage.store import Store

        changed = StudyPaths(folder).spec.stat().st_mtime_ns
        known = self._stores.pop(folder, None)
        store = known[1] if known is not None and known[0] == changed else Store(folder)
        self._stores[folder] = changed, store  # the latest one last
        while len(self._stores) > KEPT:
            del self._stores[next(iter(self._stores))]
        return store


class Worker:
    """Builds reports in a process of its own, one at a time; it is started by the first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, folder: Path) -> Built:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(str(folder)).encode() + b"\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            return Built(body=process.stdout.read(said.pop("length")), **said)
        except (ValueError, OSError):  # it was killed, say for want of memory
            self.close()
            return Built(problem="the process that builds the report has ended; it may have run out of memory")

    def close(self) -> None:
        """End the process, also in the middle of a build."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # a folder that it has not read
                        pipe.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "playbook_cli.serving.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server, which ends this process
        )
        return self._process


def _serve() -> None:
    """In that process: a line with a folder in, a line of JSON and the page's bytes out, until the server has ended."""
    with suppress(OSError):
        os.nice(_NICE)
    build = Builder()
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever is printed is no answer
        for line in sys.stdin.buffer:
            built = build(Path(json.loads(line)))
            about = {"tag": built.tag, "problem": built.problem, "seconds": built.seconds, "length": len(built.body)}
            with suppress(BrokenPipeError):
                out.write(json.dumps(about).encode() + b"\n" + built.body)
                out.flush()


if __name__ == "__main__":
    _serve()
