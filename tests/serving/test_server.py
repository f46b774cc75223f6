"""What readers of `watch --web` get, and what nobody gets."""

from __future__ import annotations

import gzip
import html
import http.client
import itertools
import json
import re
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import pytest

from playbook_cli.commands.watch import _studies
from playbook_cli.files import journal
from playbook_cli.serving.server import Server
from playbook_cli.serving.studies import Studies
from playbook_cli.serving.worker import Built, Worker
from playbook_cli.storage.lock import locked
from tests.commands.finished import finish


@dataclass
class Served:
    port: int
    studies: Studies
    built: list = field(default_factory=list)

    def ask(self, path, *, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Host": "localhost", **named})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def state(self, name="toy"):
        answer, content = self.ask(f"/{quote(name)}/state")
        assert answer.status == 200
        return json.loads(content)


@contextmanager
def serving(folder, build, only=None):
    """A server of the studies in a folder, in this process."""
    built = []

    def counted(study):
        built.append(study.name)
        return build(study)

    studies = Studies(lambda: _studies(folder), counted)
    server = Server(studies, 0, only=only)
    studies.begin()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Served(port=server.server_address[1], studies=studies, built=built)
    finally:
        server.shutdown()
        thread.join()
        studies.end()
        server.server_close()


def sketched():
    """Builds at once, another page every time, and says that it took no time."""
    number = itertools.count()
    return lambda folder: Built(body=gzip.compress(b"<header></header>"), tag=f"{folder.name}-{next(number)}")


def runs_on(bench, value=0.5):
    """The finished study again, with one more trial that runs: its folder."""
    paths = bench.paths()
    events = journal.Journal(paths.journal)
    about = {"trial": 4, "attempt": 1, "time": time.time()}
    events.append({"event": "planned", **about, "params": {"x": value}, "arm": {}, "seed": 1})
    events.append({"event": "started", **about, "slot": "cpu0", "process": None})
    events.close()
    paths.trial(4).dir.mkdir()
    return paths


def evaluate(paths, step, value):
    metrics = journal.Journal(paths.trial(4).metrics)
    metrics.append({"step": step, "val_error": value})
    metrics.close()


def test_a_running_study_shows_each_evaluation_and_a_report_that_follows(bench):
    finish(bench, lambda params: params["x"])
    paths = runs_on(bench)
    with locked(paths), serving(bench.folder / "runs", sketched()) as served:
        first = bench.wait(lambda: (s := served.state())["version"] and s, "a report")
        assert first["mode"] == "running"
        assert first["headline"] == "running: 4 of 5 trials ended"
        assert "best val_error" in first["text"]
        assert [row["text"] for row in first["trials"]] == ["step 0 of 4"]
        answer, _ = served.ask("/toy/body")
        assert answer.headers["ETag"] == f'"{first["version"]}"'
        assert served.ask("/toy/body", If_None_Match=f'"{first["version"]}"')[0].status == 304
        evaluate(paths, 2, 0.0001)
        seen = bench.wait(lambda: (s := served.state())["trials"][0]["share"] and s, "the evaluation")
        assert seen["trials"] == [{"name": "trial 4", "share": 0.5, "text": "step 2 of 4, val_error 0.0001"}]
        served.studies._build_after = 0.0
        later = bench.wait(lambda: (s := served.state())["version"] != first["version"] and s, "a newer report")
        assert served.ask("/toy/body", If_None_Match=f'"{first["version"]}"')[0].status == 200
        assert later["built"] > first["built"]


def test_all_readers_share_a_report_and_it_is_built_only_when_something_changed(bench):
    finish(bench, lambda params: params["x"])
    with serving(bench.folder / "runs", sketched()) as served:
        bench.wait(lambda: served.state()["version"], "a report")
        for _ in range(20):
            assert served.state()["version"] == "toy-0"
        assert served.ask("/toy/body")[1] == served.ask("/toy/body", Accept_Encoding="identity")[1]
        assert served.built == ["toy"]
        runs_on(bench)
        served.studies.watched("toy")._look_after = 0.0
        bench.wait(lambda: served.state()["headline"].endswith("4 of 5 trials ended"), "the trial")
        served.studies._build_after = 0.0
        bench.wait(lambda: served.built == ["toy", "toy"] and served.state()["stale"] is False, "a second report")


def test_building_rests_many_times_as_long_as_it_worked(bench):
    finish(bench, lambda params: params["x"])
    finish(bench, lambda params: params["x"], name="other")
    slow = lambda folder: Built(body=gzip.compress(b""), tag="a", seconds=1000.0)  # noqa: E731
    with serving(bench.folder / "runs", slow) as served:
        bench.wait(lambda: served.state()["version"], "a report")
        runs_on(bench)
        served.studies.watched("toy")._look_after = 0.0
        bench.wait(lambda: served.state()["stale"], "a change")
        bench.wait(lambda: served.state("other")["version"], "the first report of another study, which needn't wait")
        assert served.built == ["toy", "other"]


def test_a_study_without_readers_is_never_built(bench):
    finish(bench, lambda params: params["x"])
    with serving(bench.folder / "runs", sketched()) as served:
        assert b"toy" in served.ask("/body")[1]
        assert served.studies._due() is None
        assert served.built == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "192.168.0.2", "", "["])
def test_a_name_that_is_not_this_machines_gets_nothing(bench, host):
    (bench.folder / "runs").mkdir()
    with serving(bench.folder / "runs", sketched()) as served:
        answer, content = served.ask("/state", Host=host)
        assert answer.status == 421
        assert content == b"This server answers only to localhost.\n"


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1:8710", "[::1]:1", "LOCALHOST"])
def test_any_port_will_do_since_tunnels_choose_their_own(bench, host):
    (bench.folder / "runs").mkdir()
    with serving(bench.folder / "runs", sketched()) as served:
        assert served.ask("/state", Host=host)[0].status == 200


def test_what_a_trial_has_printed_is_shown(bench):
    finish(bench, lambda params: params["x"])
    (bench.folder / "runs/toy/trials/0001/stdout.log").write_text("x" * (1 << 20) + "\nlast <line>\n")
    with serving(bench.folder / "runs", sketched()) as served:
        answer, content = served.ask("/toy/log/1")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert content.endswith(b"\nlast <line>\n")
    assert len(content) == 1 << 20


def test_no_file_is_served_and_nothing_can_be_sent(bench):
    finish(bench, lambda params: params["x"])
    bench.write("runs/secret/note", "secret")
    paths = [
        "/toy/study.yaml",
        "/toy/trials.jsonl",
        "/toy/../secret/note",
        "/../study.yaml",
        "/..%2f..%2fetc/passwd",
    ]
    paths += ["/secret/", "/toy/state/more", "/%00/", "/toy%2fstate/", "/.hidden/state", "/no-such-study"]
    (bench.folder / "runs" / "toy" / "trials" / "0000" / "stdout.log").symlink_to(bench.folder / "runs/secret/note")
    paths += ["/toy/log/", "/toy/log/99", "/toy/log/-1", "/toy/log/0000/x", "/toy/log/note", "/none/log/0"]
    with serving(bench.folder / "runs", sketched()) as served:
        assert served.ask("/toy/log/0")[1] == b""
        assert {path: served.ask(path)[0].status for path in paths} == dict.fromkeys(paths, 404)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert served.ask("/toy/state", method=method)[0].status == 501
        answer, content = served.ask("/toy/state", method="HEAD")
        assert (answer.status, content) == (200, b"")


@pytest.mark.slow
def test_pages_may_run_their_own_scripts_and_ask_their_own_server_alone(bench):
    finish(bench, lambda params: params["x"])
    bench.paths().dir.rename(bench.folder / "runs" / "<img src=x>")
    with serving(bench.folder / "runs", sketched()) as served:
        answer, content = served.ask(f"/{quote('<img src=x>')}/")
        assert b"<img src=x>" not in content
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', content.decode())
        assert "default-src 'none'" in policy[1]
        assert policy[1].endswith("connect-src 'self'")
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert b'<a href="../">all studies</a>' in content
        assert not re.findall(r'(?:src|href)="(?:/|https?:)', content.decode())  # whatever a tunnel calls it


def test_hostile_names_are_text_and_their_links_lead_to_them(bench):
    finish(bench, lambda params: params["x"], goal="</script><script>alert(1)</script>")
    names = ["<img src=x onerror=alert(1)>", "a#b?c%2f", "état \"x\" & 'y'", "javascript:alert(1)"]
    for name in names:
        (bench.folder / "runs" / name).mkdir()
        for file in ("study.yaml", "trials.jsonl"):
            content = (bench.paths().dir / file).read_text()
            (bench.folder / "runs" / name / file).write_text(content)
    with serving(bench.folder / "runs", sketched()) as served:
        page = served.ask("/body")[1].decode()
        assert "<img" not in page
        assert "<script" not in page
        links = [html.unescape(link) for link in re.findall(r'<a href="([^"]*)"', page)]
        assert {unquote(link).removesuffix("/") for link in links} == {*names, "toy"}
        for link in links:
            assert ":" not in link
            assert served.ask(f"/{link}state")[0].status == 200


def test_a_study_that_cannot_be_read_says_why_and_the_last_report_stays(bench):
    finish(bench, lambda params: params["x"])
    with serving(bench.folder / "runs", sketched()) as served:
        version = bench.wait(lambda: served.state()["version"], "a report")
        bench.paths().journal.write_text('{"event": "nonsense"}\nbroken\n{}\n')
        served.studies.watched("toy")._look_after = 0.0
        state = bench.wait(lambda: (s := served.state())["note"] and s, "the problem")
        assert "trials.jsonl" in state["note"]
        assert state["headline"] == "cannot be read"
        assert served.ask("/toy/body")[0].status == 200
        assert state["version"] == version
        assert b"cannot be read" in served.ask("/body")[1]


def test_one_study_alone_is_at_the_top_and_the_others_are_out_of_reach(bench):
    finish(bench, lambda params: params["x"])
    with serving(bench.folder / "runs", sketched(), only="toy") as served:
        answer, _ = served.ask("/")
        assert (answer.status, answer.headers["Location"]) == (302, "toy/")
        assert served.ask("/body")[0].headers["Location"] == "toy/"
        assert served.ask("/toy")[0].headers["Location"] == "toy/"


def test_a_port_in_use_is_one_message(bench):
    finish(bench, lambda params: params["x"])
    with serving(bench.folder / "runs", sketched()) as served:
        answer = bench("watch", "runs/toy", "--web", "--port", served.port)
    assert answer.code == 2
    assert answer.err == f"playbook: --port: port {served.port} is in use\n  -> take any free one: --port 0\n"


def test_watch_says_what_it_needs(bench):
    assert "no study given" in bench("watch").err
    assert "--port needs --web" in bench("watch", "runs/toy", "--port", 1).err
    assert "there is no such folder" in bench("watch", "--web").err
    assert bench("watch", "runs/toy", "--web").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_server_and_its_builder_also_in_the_middle_of_a_build(bench, number):
    finish(bench, lambda params: params["x"])
    process = bench.spawn("watch", "--web", "--port", 0, env={"PYTHONUNBUFFERED": "1"})
    said = process.stdout.readline()
    port = int(re.search(r"localhost:(\d+)/", said)[1])
    served = Served(port=port, studies=None)
    bench.wait(lambda: served.state()["stale"], "a build")
    process.send_signal(number)
    answer = bench.finish(process)
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.slow
def test_a_builder_that_is_killed_is_started_again(bench):
    finish(bench, lambda params: params["x"])
    worker = Worker()
    try:
        first = worker(bench.paths().dir)
        assert first.problem is None
        worker._process.kill()
        assert "has ended" in worker(bench.paths().dir).problem
        again = worker(bench.paths().dir)
        assert (again.problem, again.tag, again.body) == (None, first.tag, first.body)
        assert again.seconds > 0.0
    finally:
        worker.close()
