"""The page in a real browser: nothing loaded, nothing complained, one choice shown everywhere."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from playbook_cli.report import files
from playbook_cli.report.build import build
from tests.report import studies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="neither chromium nor its driver is installed"),
]

SECTIONS = ("findings", "space", "coverage", "curves", "steps", "question", "importance", "budget", "trials")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.chrome.service.Service(DRIVER))
    driver.set_script_timeout(20)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Opens the report on one of the odd studies, and returns the browser once all charts are there."""
    written: dict[str, Path] = {}

    def opened(name: str) -> Any:
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get_log("performance")
        if name not in written:
            written[name] = tmp_path_factory.mktemp("report")
            files.write(build(studies.ODD[name](), studies.findings()), written[name])
        browser.get((written[name] / "index.html").as_uri())
        browser.execute_async_script(_UNTIL_READY)
        return browser

    return opened


@pytest.mark.parametrize("name", ["realistic", "hostile names", "running", "many trials"])
def test_a_page_loads_nothing_but_itself_and_logs_nothing(page: Callable[[str], Any], name: str) -> None:
    browser = page(name)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if url not in {browser.current_url, "about:blank"}] == []


def test_every_section_is_there_and_every_chart_is_drawn(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    assert [section.get_attribute("id") for section in browser.find_elements("tag name", "section")] == list(SECTIONS)
    empty = browser.execute_script(
        "return [...document.querySelectorAll('.chart')].filter(c => !c.querySelector('svg path')).map(c => c.id)"
    )
    assert empty == []
    assert len(browser.find_elements("css selector", ".chart")) == 13


def test_choosing_a_trial_in_one_chart_changes_the_others_and_the_table(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    before = _pictures(browser)
    point = browser.find_element("css selector", "#chart-axis-1 svg g.mark-symbol path")
    webdriver.ActionChains(browser).move_to_element(point).click().perform()
    chosen = browser.find_element("css selector", "tr.chosen").get_attribute("data-trial")
    assert browser.execute_script("return document.documentElement.dataset.chosen") == chosen
    assert f"Trial {chosen}:" in browser.find_element("id", "chosen").text
    after = _pictures(browser)
    unchanged = {name for name in before if before[name] == after[name]}
    assert unchanged <= {"chart-expected-best", "chart-importance"}


def test_choosing_a_row_rings_its_point_and_escape_lets_go(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    before = _pictures(browser)
    row = browser.find_element("css selector", "tr[data-trial='11']")
    browser.execute_script("arguments[0].click()", row)
    assert _pictures(browser) != before
    assert browser.execute_script("return playbookReport.views.get('chart-axis-0').signal('trial')") == 11
    webdriver.ActionChains(browser).send_keys("\ue00c").perform()
    assert _pictures(browser) == before


def test_columns_sort_by_number_both_ways(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    header = browser.find_elements("css selector", ".trials th button")[5]
    shown = (
        "return Array.from(document.querySelectorAll('.trials tbody tr')).map(r => Number(r.children[5].dataset.key))"
    )
    browser.execute_script("arguments[0].click()", header)
    upwards = browser.execute_script(shown)
    assert upwards == sorted(upwards)
    browser.execute_script("arguments[0].click()", header)
    assert browser.execute_script(shown) == upwards[::-1]


def test_charts_follow_the_dark_theme(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    light = browser.execute_script(_INK)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    browser.execute_async_script(_UNTIL_INK_CHANGES, light)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_phone_needs_no_sideways_scrolling(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 400
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_hostile_names_are_text(page: Callable[[str], Any]) -> None:
    browser = page("hostile names")
    assert browser.execute_script("return window.hacked") is None
    assert len(browser.find_elements("tag name", "script")) == 3
    assert "<script>window.hacked=1</script>" in browser.find_element("tag name", "h1").text


def _pictures(browser: Any) -> dict[str, str]:
    charts: dict[str, str] = browser.execute_script(
        "return Object.fromEntries(Array.from(document.querySelectorAll('.chart')).map(c => [c.id, c.innerHTML]))"
    )
    return charts


_INK = "return playbookReport.views.get('chart-axis-0').signal('ink')"
_UNTIL_INK_CHANGES = """
const [before, done] = arguments;
const ink = () => playbookReport.views.get('chart-axis-0').signal('ink');
const look = () => ink() !== before ? done() : setTimeout(look, 20);
look();
"""
_UNTIL_READY = """
const done = arguments[0];
const look = () => document.documentElement.dataset.ready ? done() : setTimeout(look, 20);
look();
"""
