"""A server of reports for readers on this machine: http.server of the standard library, which is enough here.

A few readers ask for a few kinds of small answers, and poll with entity tags: nothing is streamed, uploaded or logged
in to, so a framework would only add packages. It is read-only, and of files only the end of a trial's log is ever sent,
as plain text: a path is looked up among the names of the studies, and all else was made by this program. It listens on
the loopback interface alone, and answers only requests that name this machine as their host, so that no web page
elsewhere can read it by a name that resolves to 127.0.0.1. All addresses in its pages are relative, so that it works
through any tunnel and proxy.

    /                the studies, or the only one
    /NAME/           a page that shows what the next two say
    /NAME/state      how the study is going, as JSON
    /NAME/body       its report; / has both, too
    /NAME/log/7      the end of what trial 7 has printed
"""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from playbook_cli.files.logs import printed
from playbook_cli.files.paths import StudyPaths
from playbook_cli.report import html
from playbook_cli.serving import shown
from playbook_cli.serving.watched import Page
from playbook_cli.serving.worker import tag_of
from playbook_cli.storage.events import MAX_TRIAL

if TYPE_CHECKING:
    from playbook_cli.serving.studies import Studies

HOST = "127.0.0.1"
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_HTML, _JSON, _TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
LOG_BYTES = 1 << 20
"""Of the end of a log that are sent."""
_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}
IDLE_SECONDS = 60
"""A connection is closed after this much silence."""


class Server(ThreadingHTTPServer):
    """Serves these studies until `shutdown`; if `only` names one, its page in place of the list.

    OSError if the port is in use; port 0 is any free one.
    """

    daemon_threads = True

    def __init__(self, studies: Studies, port: int, *, only: str | None = None) -> None:
        self.studies = studies
        self.only = only
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Where readers on this machine find it."""
        return f"http://localhost:{self.server_address[1]}/{f'{quote(self.only)}/' if self.only else ''}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a reader has left in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "playbook", ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        """Answer one request."""
        if not _names_this_machine(self.headers.get("Host", "")):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This server answers only to localhost.")
            return
        name, _, what = unquote(self.path.partition("?")[0]).removeprefix("/").rpartition("/")
        if name.endswith("/log"):
            self._log(name.removesuffix("/log"), what)
        elif name:
            self._study(name, what)
        elif not what or what in ("state", "body"):
            self._all(what)
        elif self.server.studies.watched(what) is not None:
            self._move(f"{quote(what, safe='')}/")  # without the slash, relative addresses would miss it
        else:
            self._missing()

    do_HEAD = do_GET  # noqa: N815  as it is called there

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as it is called there
        """Nothing: readers ask every second."""

    def _study(self, name: str, what: str) -> None:
        study = self.server.studies.watched(name)
        if study is None or what not in ("", "state", "body"):
            self._missing()
        elif what == "state":
            self._send(_packed(json.dumps(shown.state(study)).encode()), _JSON)
        elif what == "":
            self._send(_shell(name, drawing=True, up=self.server.only is None), _HTML)
        elif study.page is not None:
            self._send(study.page, _HTML)
        else:
            self._missing()

    def _log(self, name: str, trial: str) -> None:
        study = self.server.studies.watched(name)
        known = trial.isascii() and trial.isdecimal() and int(trial) < MAX_TRIAL
        log = StudyPaths(study.folder).trial(int(trial)).stdout if study is not None and known else None
        if log is None or not log.is_file():
            self._missing()
        else:
            self._send(_packed(printed(log, most=LOG_BYTES).encode()), _TEXT)

    def _all(self, what: str) -> None:
        if self.server.only is not None:
            self._move(f"{quote(self.server.only, safe='')}/")
        elif what == "":
            self._send(_shell("Studies", drawing=False), _HTML)
        else:
            page, said = self.server.studies.listed()
            state = json.dumps(shown.state_of_table(page, said)).encode()
            self._send(*((page, _HTML) if what == "body" else (_packed(state), _JSON)))

    def _missing(self) -> None:
        self._refuse(HTTPStatus.NOT_FOUND, "There is no such page here.")

    def _move(self, where: str) -> None:
        self._begin(HTTPStatus.FOUND, {"Location": where, "Content-Length": "0"})

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        content = f"{why}\n".encode()
        self._begin(status, {"Content-Type": _TEXT, "Content-Length": str(len(content))})
        self._write(content)

    def _send(self, page: Page, kind: str) -> None:
        tag = f'"{page.tag}"'
        if tag in self.headers.get("If-None-Match", ""):
            self._begin(HTTPStatus.NOT_MODIFIED, {"ETag": tag})
            return
        packed = "gzip" in self.headers.get("Accept-Encoding", "")
        content = page.body if packed else gzip.decompress(page.body)
        encoding = {"Content-Encoding": "gzip"} if packed else {}
        self._begin(HTTPStatus.OK, {"Content-Type": kind, "Content-Length": str(len(content)), "ETag": tag, **encoding})
        self._write(content)

    def _begin(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, content: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(content)


def _names_this_machine(host: str) -> bool:
    """Whether a Host header is that of a reader on this machine, or at the end of a tunnel; any port will do."""
    try:
        return urlsplit(f"//{host}").hostname in _LOCAL
    except ValueError:
        return False


def _packed(content: bytes) -> Page:
    return Page(body=gzip.compress(content, 1, mtime=0), tag=tag_of(content))


@lru_cache(maxsize=32)
def _shell(title: str, *, drawing: bool, up: bool = False) -> Page:
    content = html.live(title, drawing=drawing, up=up).encode()
    return Page(body=gzip.compress(content, 6, mtime=0), tag=tag_of(content))
