from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from playbook_cli.records import Finding
from playbook_cli.report.build import build
from playbook_cli.report.terminal import render
from tests.report import studies
from tests.report.contract import RendererContract

if TYPE_CHECKING:
    from playbook_cli.report.value import Report


def printed(report: Report, *, width: int = 80, encoding: str = "utf-8", terminal: bool = False) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    render(report, Console(file=file, width=width, force_terminal=terminal, legacy_windows=False))
    return raw.getvalue().decode(encoding)


class TestTerminal(RendererContract):
    def draw(self, report: Report) -> str:
        return printed(report)


@pytest.mark.parametrize("name", studies.ODD)
@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_line_but_a_command_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = printed(build(studies.ODD[name](), studies.findings()), width=width).splitlines()
    wide = [line for line in lines if len(line) > width and not line.startswith("  -> ")]
    assert wide == []


def test_a_pipe_gets_no_escape_sequences() -> None:
    assert "\x1b" not in printed(build(studies.digits(), studies.findings()))


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    report = build(studies.digits(), studies.findings())
    assert re.search(r"\x1b\[[0-9;]*3[0-9]m", printed(report, terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", printed(report, terminal=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["realistic", "hostile names", "many trials"])
def test_a_terminal_that_knows_ascii_only_gets_ascii(name: str) -> None:
    assert printed(build(studies.ODD[name](), studies.findings()), encoding="ascii").isascii()


def test_markup_and_escape_sequences_in_names_stay_text() -> None:
    shown = printed(build(studies.ODD["hostile names"](), studies.findings()), terminal=True)
    assert "[bold]x[/bold]" in shown
    assert "\x1b[31m 😀" not in shown


@pytest.mark.slow
def test_sections_follow_the_reading_order() -> None:
    shown = printed(build(studies.digits(), studies.findings()))
    headings = ["Findings", "Best trials", "Where the trials are", "Best step", "Isolation"]
    places = [re.search(rf"^{heading}", shown, re.MULTILINE) for heading in headings]
    assert [place.start() for place in places if place] == sorted(place.start() for place in places if place)
    assert None not in places


def test_an_infeasible_trial_is_an_x_at_its_place() -> None:
    study = studies.digits(
        2,
        parameters=(studies.RATE,),
        trials=[
            studies.bare("infeasible", 0, params={"learning_rate": 1.0}),
            studies.bare("infeasible", 1, params={"learning_rate": 1e-3}),
        ],
    )
    strip = next(line for line in printed(build(study, [])).splitlines() if "learning_rate" in line)
    assert re.search(r"\|x.*x\|", strip)


def test_a_failed_trial_is_not_drawn_as_an_infeasible_one() -> None:
    trials = [studies.bare("failed", 0, params={"learning_rate": 1.0}), studies.bare("infeasible", 1)]
    shown = printed(build(studies.digits(2, parameters=(studies.RATE,), trials=trials), []))
    strip = next(line for line in shown.splitlines() if "learning_rate" in line)
    assert re.search(r"x.*!\|", strip)
    assert "! failed" in shown


def test_the_histogram_counts_both_zones() -> None:
    study = studies.digits(12, parameters=(studies.RATE,))
    assert "0 of 12 (0%) within the first 10%" in printed(build(study, []))


def test_rules_that_cannot_judge_for_the_same_reason_share_a_line() -> None:
    undecided = [
        Finding(rule=rule, subject=None, severity="info", verdict="undecided", evidence={}, message="too few trials")
        for rule in ("budget", "best-step")
    ]
    shown = printed(build(studies.digits(4), undecided))
    assert "? budget, best-step: too few trials" in shown


def test_what_holds_up_several_rules_is_said_once() -> None:
    told = Finding(rule="budget", subject=None, severity="info", verdict="undecided", evidence={}, message="m")
    why = "the schedule decays"
    rising = [replace(told, rule=rule, message=f"{rule} rises; {why}", because=why) for rule in ("one", "two")]
    alone = replace(told, rule="three", message="it falls; the rate is unknown", because="the rate is unknown")
    shown = " ".join(printed(build(studies.digits(4), [*rising, alone]), width=200).split())
    assert shown.count(why) == 1
    assert f"? one, two: {why}" in shown
    assert "? three: it falls; the rate is unknown" in shown


@pytest.mark.slow
def test_trials_that_stopped_early_are_counted_with_where_they_stopped() -> None:
    study = studies.digits()
    steps = study.max_train_steps
    assert f"{steps} steps each" in printed(build(study, []), width=200)
    trials = [replace(t, last_step=steps // 2 - t.id % 2) for t in study.trials]
    shown = printed(build(replace(study, trials=trials), []), width=200)
    done = sum(t.state == "completed" for t in trials)
    assert f"{done} of {done} stopped early, at steps {steps // 2 - 1} to {steps // 2} of {steps}" in shown
    assert "steps each" not in shown
