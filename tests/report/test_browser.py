"""The page in a real browser: nothing loaded, nothing complained, one choice shown everywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from playbook_cli.report import files
from playbook_cli.report.build import build
from tests.browser import chromium, installed
from tests.report import studies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="chromium, its driver or selenium is not installed"),
]

SECTIONS = (
    "findings",
    "space",
    "coverage",
    "curves",
    "steps",
    "question",
    "importance",
    "budget",
    "history",
    "tradeoff",
    "together",
    "trials",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


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
    assert len(browser.find_elements("css selector", ".chart")) == 17


def test_choosing_a_trial_in_one_chart_changes_the_others_and_the_table(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    before = _pictures(browser)
    point = browser.find_element("css selector", "#chart-axis-1 svg g.mark-symbol path")
    _actions(browser).move_to_element(point).click().perform()
    chosen = browser.find_element("css selector", "tr.chosen").get_attribute("data-trial")
    assert browser.execute_script("return document.documentElement.dataset.chosen") == chosen
    assert f"Trial {chosen}:" in browser.find_element("id", "chosen").text
    after = _pictures(browser)
    unchanged = {name for name in before if before[name] == after[name]}
    without_result = {"chart-best-step", "chart-distribution"}  # what was clicked may be an infeasible trial
    assert unchanged <= {"chart-expected-best", "chart-importance", *without_result}


def test_any_trial_has_its_curve_of_any_metric(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    states = {t.id: t.state for t in studies.ODD["realistic"]().trials}
    bad = next(number for number, state in states.items() if state == "infeasible")
    for trial in (bad, 3, 7):
        browser.execute_script(f"playbookReport.choose({trial})")
        drawn = browser.execute_script(_CURVE)
        assert trial in {row["i"] for row in drawn}
    assert browser.execute_script("return playbookReport.views.get('chart-curves').signal('trial')") == 7
    before = {row["y"] for row in drawn if row["i"] == 7 and row["w"] == 0}
    _set(browser, "metric", "3")
    after = {row["y"] for row in browser.execute_script(_CURVE) if row["i"] == 7 and row["w"] == 0}
    assert after
    assert not before & after
    _set(browser, "smooth", "0.9")
    smooth = [row["y"] for row in browser.execute_script(_CURVE) if row["i"] == 7 and row["w"] == 0]
    assert len(smooth) == len(after)
    assert set(smooth) != after
    _set(browser, "which", "bad")
    shown = {row["i"] for row in browser.execute_script(_CURVE)}
    assert shown == {number for number, state in states.items() if state == "infeasible"} | {7}


def test_results_are_seen_over_any_two_hyperparameters(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    study = studies.ODD["realistic"]()
    names = browser.execute_script(
        "return [...document.querySelectorAll('[data-control=pair] option')].map(o => o.text)"
    )
    assert len(set(names)) == len(names) > 3
    place = next(at for at, name in enumerate(names) if {"learning_rate", "dropout"} == set(name.split(" and ")))
    _set(browser, "pair", str(place))
    across = names[place].split(" and ")[0]
    drawn = browser.execute_script("return playbookReport.views.get('chart-pair').data('pair').map(({i, x}) => [i, x])")
    ranges = {parameter.name: parameter for parameter in study.parameters}
    ended = {t.id: t for t in study.trials if t.state in ("completed", "infeasible")}
    assert {number for number, _ in drawn} == set(ended)
    for number, x in drawn:
        assert x == pytest.approx(ranges[across].to_unit(ended[number].params[across]), abs=1e-4)
    assert browser.execute_script("return playbookReport.views.get('chart-pair').signal('xticks').length") > 1


def test_logs_are_links_only_where_the_page_was_written(page: Callable[[str], Any], tmp_path: Path) -> None:
    browser = page("realistic")
    study = studies.ODD["realistic"]()
    log = "const a = (playbookReport.choose(7), document.querySelector('#chosen a')); return [a.textContent, a.href]"
    assert browser.execute_script(log) == [f"runs/{study.name}/trials/0007/stdout.log", ""]
    assert browser.execute_script("return document.querySelectorAll('td a[href]').length") == 0
    files.write(build(study, studies.findings()), tmp_path / study.name / "report")
    browser.get((tmp_path / study.name / "report/index.html").as_uri())
    browser.execute_async_script(_UNTIL_READY)
    assert browser.execute_script(log)[1] == (tmp_path / study.name / "trials/0007/stdout.log").as_uri()


def test_several_trials_are_compared_and_a_link_shows_them(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    study = studies.ODD["realistic"]()
    press = "document.querySelector(`tr[data-trial='${arguments[0]}']`).dispatchEvent(new MouseEvent('click', "
    press += "{bubbles: true, ctrlKey: arguments[1] === 1}))"
    browser.execute_script(press, 3, 0)
    browser.execute_script(press, 7, 1)
    browser.execute_script("document.querySelector('[data-add]').click()")
    browser.execute_script(press, 10, 0)
    table = "return [...document.querySelectorAll('#chosen tr')].map(row => [...row.children].map(c => c.textContent))"
    rows = browser.execute_script(table)
    assert rows[0] == ["trial", "3", "7", "10"]
    params = {t.id: t.params for t in study.trials}
    varied = [name for name in rows if len(name) == 4 and name[0] in params[3]]
    differ = {name for name in params[3] if len({params[number].get(name) for number in (3, 7, 10)}) > 1}
    assert {row[0] for row in varied} == differ
    rate = next(row for row in varied if row[0] == "learning_rate")
    assert [float(cell) for cell in rate[1:]] == pytest.approx(
        [params[n]["learning_rate"] for n in (3, 7, 10)], rel=1e-3
    )
    assert {3, 7, 10} <= {row["i"] for row in browser.execute_script(_CURVE)}
    assert browser.execute_script("return playbookReport.views.get('chart-axis-0').signal('also')") == {
        "7": True,
        "10": True,
    }
    link = browser.current_url
    assert "trial=3.7.10" in link
    browser.get("about:blank")
    browser.get(link)
    browser.execute_async_script(_UNTIL_READY)
    assert len(browser.find_elements("css selector", "tr.chosen")) == 3
    browser.execute_script(press, 7, 1)
    assert "trial=3.10" in browser.current_url
    _actions(browser).send_keys("\ue00c").perform()
    assert browser.find_elements("css selector", "tr.chosen") == []


def test_the_table_is_filtered_by_a_condition_or_by_text_and_the_charts_follow(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    study = studies.ODD["realistic"]()
    _find(browser, "val_error < 0.05 and hidden_layers == 1 and not dropout > 0.4")
    wanted = {
        trial.id
        for trial in study.trials
        if trial.best is not None
        and trial.best.value < 0.05
        and trial.params["hidden_layers"] == 1
        and not trial.params["dropout"] > 0.4  # type: ignore[operator]
    }
    assert set(browser.execute_script(_LEFT)) == wanted
    off = browser.execute_script(
        "return Object.keys(playbookReport.views.get('chart-axis-0').signal('off')).map(Number)"
    )
    assert set(off) == {trial.id for trial in study.trials} - wanted
    _find(browser, "infeasible")
    assert set(browser.execute_script(_LEFT)) == {t.id for t in study.trials if t.state == "infeasible"}
    _find(browser, "val_error < ")
    assert "wrong" in (browser.find_element("css selector", "[data-find]").get_attribute("class") or "")
    assert len(browser.execute_script(_LEFT)) == len(study.trials)


def test_a_legend_entry_switches_its_arm_and_escape_brings_it_back(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    browser.execute_script("document.querySelector('#space [data-arm=\"1\"]').click()")
    assert {number % 2 for number in browser.execute_script(_LEFT)} == {0}
    pressed = "return [...document.querySelectorAll('[data-arm=\"1\"]')].map(b => b.getAttribute('aria-pressed'))"
    assert set(browser.execute_script(pressed)) == {"false"}
    _actions(browser).send_keys("\ue00c").perform()
    assert len(browser.execute_script(_LEFT)) == 32


def test_dragging_along_a_parallel_axis_keeps_the_trials_that_pass_there(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    box = browser.find_element("id", "chart-together")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", box)
    at = browser.execute_script(_AXIS, 1)
    drag = _actions(browser)
    drag.w3c_actions.pointer_action.move_to_location(*map(round, (at["x"], at["top"])))
    drag.w3c_actions.pointer_action.pointer_down()
    drag.w3c_actions.pointer_action.move_to_location(*map(round, (at["x"], at["middle"])))
    drag.w3c_actions.pointer_action.pointer_up()
    drag.perform()
    kept = set(browser.execute_script(_LEFT))
    low, high = browser.execute_script("return playbookReport.state.brushes.get(1)")
    study = studies.ODD["realistic"]()
    inside = {t.id for t in study.trials if low <= studies.RATE.to_unit(t.params["learning_rate"]) <= high}
    assert kept == inside
    assert 0 < len(kept) < 32


def test_a_link_shows_what_was_chosen(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    browser.execute_script("playbookReport.choose(7)")
    _find(browser, "hidden_layers == 2")
    browser.execute_script("document.querySelector('[data-column=\"3\"]').click()")
    _set(browser, "logy", value=None)
    link, kept = browser.current_url, browser.execute_script(_LEFT)
    assert "trial=7" in link
    browser.get("about:blank")
    browser.get(link)
    browser.execute_async_script(_UNTIL_READY)
    assert browser.execute_script("return document.documentElement.dataset.chosen") == "7"
    assert browser.execute_script(_LEFT) == kept
    assert len(kept) == 16
    assert not browser.find_elements("css selector", "#trials th")[3].is_displayed()
    assert browser.execute_script("return playbookReport.views.get('chart-curves').signal('logy')") is True


def test_what_is_left_is_saved_as_csv(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    _find(browser, "hidden_layers == 2 and val_error < 0.06")
    browser.execute_script(
        "HTMLAnchorElement.prototype.click = function () { window.saved = decodeURIComponent(this.href); }"
    )
    browser.execute_script("document.querySelector('[data-save]').click()")
    head, *lines = browser.execute_script("return window.saved").split(",", 1)[1].strip().split("\r\n")
    settings = "hidden_layers,learning_rate,one_minus_momentum,dropout,width"
    assert head.startswith(f"trial,state,val_error,step,{settings},")
    assert "val_loss" in head.split(",")
    assert sorted(int(line.split(",")[0]) for line in lines) == sorted(browser.execute_script(_LEFT))
    results = [float(line.split(",")[2]) for line in lines]
    assert results == sorted(results)


def test_trials_that_no_other_beats_in_both_are_joined(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    _set(browser, "across", "val_loss")
    study = studies.ODD["realistic"]()
    both = {}
    for trial in study.trials:
        if trial.state == "completed" and trial.best is not None and trial.curve is not None:
            at = list(trial.curve.steps).index(trial.best.step)
            both[trial.id] = (float(trial.curve.values["val_loss"][at]), trial.best.value)
    others = list(both.values())
    beaten = {i for i, own in both.items() if any(o != own and o[0] <= own[0] and o[1] <= own[1] for o in others)}
    rows = browser.execute_script(_ROWS, "chart-tradeoff", "numbers")
    assert {row["i"] for row in rows} == set(both)
    assert {row["i"] for row in rows if row["f"]} == set(both) - beaten
    said = browser.find_element("css selector", "[data-for='tradeoff'] [data-said]").text
    assert all(str(number) in said for number in set(both) - beaten)
    _set(browser, "across-goal", "none")
    assert not browser.execute_script(_ROWS, "chart-tradeoff", "front")


def test_curves_are_looked_at_more_closely_and_a_link_shows_it(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    box = browser.find_element("id", "chart-curves")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", box)
    whole = browser.execute_script(_ENDS)
    area = box.rect
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", box)
    drag = _actions(browser)
    drag.w3c_actions.pointer_action.move_to_location(round(area["x"] + area["width"] / 2), round(top + 100))
    drag.w3c_actions.pointer_action.pointer_down()
    drag.w3c_actions.pointer_action.move_to_location(round(area["x"] + 0.75 * area["width"]), round(top + 200))
    drag.w3c_actions.pointer_action.pointer_up()
    drag.perform()
    near = browser.execute_script(_ENDS)
    assert whole[0] < near[0] < near[1] < whole[1]
    assert whole[2] < near[2] < near[3] < whole[3]
    assert browser.execute_script("return playbookReport.state.trial") == -1
    link = browser.current_url
    browser.get("about:blank")
    browser.get(link)
    browser.execute_async_script(_UNTIL_READY)
    assert browser.execute_script(_ENDS) == pytest.approx(near, rel=1e-4)
    _actions(browser).send_keys("\ue00c").perform()  # Escape
    assert browser.execute_script(_ENDS) == whole


def test_arms_have_a_median_curve(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    _set(browser, "which", "arms")
    rows = browser.execute_script(_ROWS, "chart-curves", "spread")
    assert {row["a"] for row in rows} == {0, 1}
    assert all(row["l"] <= row["y"] <= row["h"] for row in rows)
    assert not browser.execute_script(_CURVE)


def test_a_column_of_any_metric_is_added(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    browser.execute_script(
        "[...document.querySelectorAll('[data-columns] label')].find((l) => l.textContent.includes('val_loss'))"
        ".firstChild.click()"
    )
    link = browser.current_url
    browser.get("about:blank")
    browser.get(link)
    browser.execute_async_script(_UNTIL_READY)
    head = browser.find_elements("css selector", "#trials th")
    assert head[-1].text == "val_loss"
    browser.execute_script("arguments[0].firstChild.click()", head[-1])
    cells = browser.find_elements("css selector", "#trials td:last-child")
    values = [float(cell.text) for cell in cells if cell.text]
    assert len(values) > 3
    assert values == sorted(values)


def test_a_chart_is_saved_as_a_picture(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    browser.execute_script(
        "HTMLAnchorElement.prototype.click = function () { window.saved = decodeURIComponent(this.href); }"
    )
    browser.execute_script("document.querySelector('[data-picture=\"chart-history\"]').click()")
    picture = browser.execute_async_script(
        "const done = arguments[0]; const look = () => window.saved ? done(window.saved) : setTimeout(look, 20); look()"
    )
    assert picture.startswith("data:image/svg+xml")
    assert "<svg" in picture


def test_paper_has_what_is_folded_on_the_screen(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return document.querySelectorAll('details:not([open])').length") == 0
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script("return document.querySelectorAll('details[open]').length") == 0


def test_wide_charts_are_as_wide_as_paper_and_then_as_before(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    widths = "return [...playbookReport.views.values()].map((view) => view.width())"
    before = browser.execute_script(widths)
    assert max(before) > 660
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert max(browser.execute_script(widths)) <= 660
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(widths) == before


def test_a_thousand_trials_open_in_a_second(browser: Any, tmp_path: Path) -> None:
    files.write(build(studies.digits(1000, evaluations=40), studies.findings()), tmp_path)
    assert (tmp_path / "index.html").stat().st_size < 4_000_000
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    only_the_first_screen = "window.requestIdleCallback = () => 0"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": only_the_first_screen})
    try:
        browser.get((tmp_path / "index.html").as_uri())
        browser.execute_async_script(_UNTIL_READY.replace("drawn", "ready"))
        spent = {one["name"]: one["value"] for one in browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        browser.execute_cdp_cmd("Performance.disable", {})
    assert 0 < spent["TaskDuration"] < 1  # seconds of a core, so that a busy machine does not count


def test_choosing_a_row_rings_its_point_and_escape_lets_go(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    before = _pictures(browser)
    row = browser.find_element("css selector", "tr[data-trial='11']")
    browser.execute_script("arguments[0].click()", row)
    assert _pictures(browser) != before
    assert browser.execute_script("return playbookReport.views.get('chart-axis-0').signal('trial')") == 11
    _actions(browser).send_keys("\ue00c").perform()
    assert _pictures(browser) == before


def test_columns_sort_by_number_both_ways(page: Callable[[str], Any]) -> None:
    browser = page("realistic")
    header = browser.find_elements("css selector", "#trials th button")[5]
    shown = (
        "return Array.from(document.querySelectorAll('#trials tbody tr')).map(r => Number(r.children[5].dataset.key))"
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


def _actions(browser: Any) -> Any:
    from selenium.webdriver import ActionChains

    return ActionChains(browser)


def _pictures(browser: Any) -> dict[str, str]:
    charts: dict[str, str] = browser.execute_script(
        "return Object.fromEntries(Array.from(document.querySelectorAll('.chart'))"
        ".map(c => [c.id, c.innerHTML.replace(/clip[0-9]+/g, 'clip')]))"
    )
    return charts


def _set(browser: Any, control: str, value: str | None) -> None:
    """Change a control as a reader does; a switch for None."""
    change = "box.checked = !box.checked" if value is None else f"box.value = {json.dumps(value)}"
    browser.execute_script(
        f"const box = document.querySelector('[data-control={control}]'); {change};"
        "box.dispatchEvent(new Event('input', {bubbles: true}))"
    )


def _find(browser: Any, text: str) -> None:
    browser.execute_script(
        f"const box = document.querySelector('[data-find]'); box.value = {json.dumps(text)};"
        "box.dispatchEvent(new Event('input', {bubbles: true}))"
    )


_CURVE = "return playbookReport.views.get('chart-curves').data('curve').map(({i, w, x, y}) => ({i, w, x, y}))"
_ROWS = "const [chart, name] = arguments; return playbookReport.views.get(chart).data(name).map((row) => ({...row}))"
_ENDS = (
    "const view = playbookReport.views.get('chart-curves');"
    "return ['xlo', 'xhi', 'ylo', 'yhi'].map((name) => view.signal(name))"
)
_LEFT = "return [...document.querySelectorAll('#trials tbody tr')].filter(r => !r.hidden).map(r => +r.dataset.trial)"
_AXIS = """
const view = playbookReport.views.get("chart-together");
const area = document.querySelector("#chart-together svg").getBoundingClientRect();
const [left, top] = view.origin();
const y = (u) => area.top + top + view.scale("y")(u);
return {x: area.left + left + view.scale("x")(arguments[0]), top: y(0.98), middle: y(0.5)};
"""
_INK = "return playbookReport.views.get('chart-axis-0').signal('ink')"
_UNTIL_INK_CHANGES = """
const [before, done] = arguments;
const ink = () => playbookReport.views.get('chart-axis-0').signal('ink');
const look = () => ink() !== before ? done() : setTimeout(look, 20);
look();
"""
_UNTIL_READY = """
const done = arguments[0];
const look = () => document.documentElement.dataset.drawn ? done() : setTimeout(look, 20);
look();
"""
