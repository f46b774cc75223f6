"""The pictures of the documentation, and the pages that show them: `python docs/pictures.py` makes them anew.

Two pages are made: what each rule says of a study in which it should speak, and of one in which it should not; and a
gallery of reports. All studies are generated, with a truth that is known (tests/generators), so nothing is trained. The
gallery needs Chromium; its whole reports are left in build/gallery.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from playbook_cli.advice import advise  # noqa: E402
from playbook_cli.advice.rules import rules, titled  # noqa: E402
from playbook_cli.records import Earlier  # noqa: E402
from playbook_cli.report import files, theme  # noqa: E402
from playbook_cli.report.build import build  # noqa: E402
from playbook_cli.report.charts import colour, field, finished, mark, over, with_colours  # noqa: E402
from playbook_cli.report.drawing import drawing  # noqa: E402
from playbook_cli.report.frame import Frame  # noqa: E402
from playbook_cli.report.sections import sections  # noqa: E402
from tests.browser import chromium, installed  # noqa: E402
from tests.generators.studies import study as of_trials  # noqa: E402
from tests.generators.studies import trial  # noqa: E402
from tests.generators.truth import CASES, HELD  # noqa: E402
from tests.report import studies  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import Finding, StudyRecord
    from playbook_cli.report.section import Spec
    from tests.generators.cases import Case

DOCS = ROOT / "docs"
WIDTH, SIZE = 260, (960, 1400)
NAMES = {"p0": "learning_rate", "p1": "dropout"}
BESIDE_CURVES = NAMES | {"p0": "weight_decay"}
"""Where curves record a learning rate of their own."""
SEEDS = range(40)
DRAWN_BY = {"compute-bound": "curves", "infeasible": "space"}
"""Sections that show what a rule sees better than the one that its finding points to."""
OF_METRIC = {"training-loss-rising": "train_loss"}
CHOSEN = {
    ("isolation", True): "same surface, lower by 10%",
    ("instability-edge", False): "infeasible anywhere",
    ("best-step", False): "longer? saturated",
}
"""Cases that are plainer to see than the first one."""


def main() -> None:
    """Make the pictures and their pages."""
    (DOCS / "concepts/rules.md").write_text(rules_page(), encoding="utf-8")
    if installed():
        (DOCS / "gallery.md").write_text(gallery(), encoding="utf-8")
    else:
        print("the gallery needs chromium, its driver and selenium: it was left as it is", file=sys.stderr)


def rules_page() -> str:
    """Every rule with the picture of a study where it speaks, and of one where it is silent."""
    lines = [
        "# Rules in pictures",
        "",
        (
            "Each rule on two generated studies whose truth is known: one in which it should speak, one in which it "
            "should not. The text below a picture is what the rule said. [The reference](../reference/rules.md) has "
            "thresholds and formulas. `python docs/pictures.py` makes this page."
        ),
    ]
    for name, rule in rules().items():
        told = [_told(name, speaks=speaks) for speaks in (True, False)]
        for (finding, study), file in zip(told, (f"{name}-speaks.png", f"{name}-silent.png"), strict=True):
            _picture(_chart(name, finding, study), DOCS / "concepts/rules" / file)
        said = [titled(finding) if finding else "Nothing to say" for finding, _ in told]
        why = [finding.message if finding else "no finding" for finding, _ in told]
        lines += [
            "",
            f"## {name}",
            "",
            f"{rule.title} Looks at {rule.looks_at.rstrip('?.')}.",
            "",
            f"| speaks: {said[0]} | silent: {said[1]} |",
            "|---|---|",
            f"| ![{said[0]}](rules/{name}-speaks.png) | ![{said[1]}](rules/{name}-silent.png) |",
            f"| {why[0]} | {why[1]} |",
        ]
    return "\n".join([*lines, ""])


def _told(name: str, *, speaks: bool) -> tuple[Finding | None, StudyRecord]:
    """A study of known truth, and what the rule says of it: the first one in which it says the truth."""
    rule, case = rules()[name], _case(name, speaks=speaks)
    warnings = ("unfair", "changed") if case is None else case.speaks
    for seed in SEEDS:
        study = _study(name, np.random.default_rng([7, seed]), speaks=speaks)
        found = [f for f in (advise(study) if rule.concludes else rule(study)) if f.rule == name]
        loud = [finding for finding in found if finding.verdict in warnings]
        if (speaks and loud) or (not speaks and not loud and all(f.verdict != "undecided" for f in found)):
            return next(iter(loud or found), None), study
    raise AssertionError(f"{name} never says the truth")


def _case(name: str, *, speaks: bool) -> Case | None:
    """Where the truth of a rule is known; None for the rules that have no such case."""
    fitting = [case for case in [*CASES, *HELD] if case.rule == name and case.should == speaks]
    return next((c for c in fitting if c.name == CHOSEN.get((name, speaks))), next(iter(fitting), None))


def _study(name: str, rng: np.random.Generator, *, speaks: bool) -> StudyRecord:
    if name == "ranking":
        before = np.sort(rng.uniform(0.1, 0.3, 12))
        now = before[::-1] - 0.05 if speaks else before - 0.05 + rng.normal(0, 0.005, 12)
        later = of_trials([trial(number, {}, float(value)) for number, value in enumerate(now)])
        return replace(later, listed=True, earlier=Earlier(study="short", number=2, values=dict(enumerate(before))))
    if name == "timing":
        kinds = ("A100", "H100") if speaks else ("H100",)
        ran = [trial(number, {}, float(rng.uniform(0.1, 0.3))) for number in range(12)]
        return of_trials([replace(t, devices=(kinds[t.id % len(kinds)],)) for t in ran])
    case = _case(name, speaks=speaks)
    assert case is not None
    trials, ranges = max(case.sizes, key=lambda size: (size[0] <= 24, size[1] <= 2, size[0]))
    study = case.make(rng, trials, ranges)
    return named(study, NAMES if study.trials[0].curve is None else BESIDE_CURVES)


def gallery() -> str:
    """A page of reports, each with the top of its page as a picture."""
    lines = [
        "# Gallery",
        "",
        (
            "The top of five reports. The studies are generated with a known truth, so nothing was trained; "
            "`python docs/pictures.py` makes the pictures, and leaves the whole pages in build/gallery."
        ),
    ]
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        for name, (study, about) in _shown().items():
            folder = ROOT / "build/gallery" / name / "report"
            files.write(build(replace(study, name=name), advise(study)), folder)
            (DOCS / "gallery").mkdir(exist_ok=True)
            (DOCS / f"gallery/{name}.png").write_bytes(_top(browser, folder / "index.html"))
            lines += ["", f"## {study.goal}", "", about, "", f"![The report on {name}](gallery/{name}.png)"]
    return "\n".join([*lines, ""])


def _shown() -> dict[str, tuple[StudyRecord, str]]:
    """Studies of different kinds, and what to see in their reports."""
    edge = replace(_study("boundary", np.random.default_rng([7, 0]), speaks=True), goal="Tune the baseline")
    cliff = replace(
        _study("instability-edge", np.random.default_rng([7, 0]), speaks=True), goal="Can the learning rate go higher?"
    )
    overfit = replace(
        _study("overfitting", np.random.default_rng([7, 0]), speaks=True), goal="Does the model need regularization?"
    )
    again = replace(studies.repeated(32, seeds=5, top=2), goal="Is a second hidden layer better?")
    arms = replace(_study("isolation", np.random.default_rng([7, 1]), speaks=True), goal="Which arm is best?")
    return {
        "range-too-small": (edge, "The best results are at the end of a range: the report says how to widen it."),
        "unstable-above": (cliff, "Everything above some value diverges, and the best results are right below."),
        "overfitting": (overfit, "The validation error rises again before training ends."),
        "arms": (arms, "Two arms, each tuned: what each could reach, and whether one is better."),
        "repeats": (again, "The best trials on new training seeds: how optimistic the selected results were."),
    }


def _top(browser: Any, page: Path) -> bytes:
    width, height = SIZE
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    browser.execute_async_script(
        "const done = arguments[0]; const look = () => document.documentElement.dataset.drawn ? done() "
        ": setTimeout(look, 50); look();"
    )
    return b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])


def named(study: StudyRecord, names: Mapping[str, str]) -> StudyRecord:
    """The study with hyperparameters of these names."""
    parameters = [
        replace(p, name=names.get(p.name, p.name), label=names.get(p.label, p.label)) for p in study.parameters
    ]

    def own(params: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(name, name): value for name, value in params.items()}

    trials = [
        replace(t, params=own(t.params), best=None if t.best is None else replace(t.best, params=own(t.best.params)))
        for t in study.trials
    ]
    return replace(study, parameters=parameters, trials=trials)


def _chart(name: str, finding: Finding | None, study: StudyRecord) -> Spec:
    """What shows it: a chart of the report, or points where a report has none."""
    results = {t.id: t.best.value for t in study.trials if t.best is not None}
    if name == "ranking":
        assert study.earlier is not None
        rows = [{"x": value, "y": results[number]} for number, value in study.earlier.values.items()]
        return _points(rows, "val_error in the short round", "val_error in the long round")
    if name == "timing":
        return _points([{"x": t.id, "y": t.devices[0]} for t in study.trials], "trial", "device")
    report = build(study, [])
    section = DRAWN_BY.get(name, rules()[name].section)
    charts = next(s for s in sections(Frame(report)) if s.name == section).charts
    axes = [f"axis-{at}" for at, axis in enumerate(report.axes) if finding and axis.label == finding.subject]
    wanted = [chart for chart in charts if chart.name in axes or chart.title == OF_METRIC.get(name)]
    chosen = next(iter(wanted), charts[0])
    assert chosen.spec is not None
    return chosen.spec(WIDTH)


def _points(rows: list[dict[str, Any]], across: str, up: str) -> Spec:
    scale = {"zero": False}
    named_rows = isinstance(rows[0]["y"], str)
    point = over(
        mark("point", rows, size=46, filled=True, fill=colour("arm0")),
        x=field("x:Q", title=across, scale=scale),
        y=field("y:N", title=up) if named_rows else field("y:Q", title=up, scale=scale),
    )
    return finished({"layer": [point], "width": WIDTH, "height": 190}, WIDTH)


def _picture(spec: Spec, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    svg = drawing().vegalite_to_svg(with_colours(spec, theme.LIGHT))
    file.write_bytes(drawing().svg_to_png(svg, scale=1))


if __name__ == "__main__":
    main()
