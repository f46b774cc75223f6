"""The live page in a real browser: what arrives is shown, and the reader stays where they were."""

from __future__ import annotations

import math
import time

import pytest

from playbook_cli.files import journal
from playbook_cli.serving.worker import Builder
from playbook_cli.storage.lock import locked
from tests.browser import chromium, installed
from tests.commands.finished import finish
from tests.serving.test_server import serving

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not installed(), reason="neither chromium nor its driver is there")]


def test_a_new_evaluation_arrives_and_the_reader_keeps_place_filter_folds_and_choice(bench, tmp_path):
    space = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 1e-3, "max": 1.0, "scale": "log"}}
    value = lambda params: params["x"] + abs(math.log10(params["y"]) + 1)  # noqa: E731
    finish(bench, value, trials=16, nuisance=space, goal="<img src=x onerror='window.hacked = 1'> lower it")
    paths = bench.paths()
    with locked(paths), serving(bench.folder / "runs", Builder()) as served, chromium(tmp_path / "browser") as browser:
        run = browser.execute_script
        browser.get(f"http://localhost:{served.port}/toy/")
        bench.wait(lambda: run("return document.documentElement.dataset.drawn"), "the report")
        run("""
            playbookReport.choose(7);
            const find = document.querySelector("[data-find]");
            find.value = "x < 0.8";
            find.dispatchEvent(new Event("input", {bubbles: true}));
            document.querySelector("main details").open = true;
            document.querySelector("tr[data-trial] + tr").focus();
            document.querySelector("#history").scrollIntoView({behavior: "instant"});
            window.marked = true;
        """)
        kept = """return [
            Math.round(document.querySelector("#history").getBoundingClientRect().top), location.hash,
            document.querySelector("main details").open, document.activeElement.dataset.trial,
            document.documentElement.dataset.chosen, [...playbookReport.hidden]]"""
        before, version = run(kept), run("return document.documentElement.dataset.version")
        hidden = run("return document.querySelectorAll('tr[data-trial][hidden]').length")

        _start(paths)
        rows = "return [...document.querySelectorAll('#live li')].map(row => row.textContent)"
        bench.wait(lambda: any("step 2 of 4" in row for row in run(rows)), "the trial that trains")
        served.studies._build_after = 0.0
        shown = "return document.documentElement.dataset.version"
        bench.wait(lambda: run(shown) != version, "the newer report")
        bench.wait(lambda: run("return document.documentElement.dataset.drawn"), "its charts")

        assert run("return document.querySelector('tr[data-trial=\"16\"]') !== null")
        after = run(kept)
        assert abs(after[0] - before[0]) <= 2
        assert after[1:5] == before[1:5]
        assert set(before[5]) <= set(after[5])
        assert run("return document.querySelectorAll('tr[data-trial][hidden]').length") == hidden
        assert run("return window.marked") is True  # nothing was loaded anew
        assert run("return window.hacked") is None
        assert run("return document.title").startswith("(16/17) toy")
        browser.execute_script("document.querySelector('tr[data-trial=\"3\"]').click()")
        assert run("return document.documentElement.dataset.chosen") == "3"  # one listener, not two
        run("playbookReport.choose(16)")
        assert run("return playbookReport.views.get('chart-curves').data('curve').some(row => row.i === 16)")
        assert browser.get_log("browser") == []

        browser.get(f"http://localhost:{served.port}/")
        link = bench.wait(lambda: browser.find_elements("css selector", "#page td a"), "the list")[0]
        link.click()
        assert browser.current_url == f"http://localhost:{served.port}/toy/"


def _start(paths):
    """One more trial, which has evaluated once."""
    events = journal.Journal(paths.journal)
    about = {"trial": 16, "attempt": 1, "time": time.time()}
    events.append({"event": "planned", **about, "params": {"x": 0.01, "y": 0.1}, "arm": {}, "seed": 1})
    events.append({"event": "started", **about, "slot": "cpu0", "process": None})
    events.close()
    paths.trial(16).dir.mkdir()
    metrics = journal.Journal(paths.trial(16).metrics)
    metrics.append({"step": 2, "val_error": 0.001})
    metrics.close()
