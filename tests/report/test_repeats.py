"""What the report shows of trials that were trained again."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from playbook_cli.analysis import outcomes
from playbook_cli.commands.summary import best
from playbook_cli.records import Metric, StudyRecord
from playbook_cli.report.as_json import as_json
from playbook_cli.report.build import build
from playbook_cli.report.html import as_html
from playbook_cli.report.repeats import repeats, sentences
from playbook_cli.report.terminal import render
from tests.report import studies
from tests.report.drawn import charts, tables


def printed(study: StudyRecord, width: int = 100) -> str:
    out = io.StringIO()
    render(build(study, []), Console(file=out, width=width))
    return out.getvalue()


def test_every_arm_has_its_best_trials_first_as_the_search_put_them() -> None:
    found = repeats(studies.repeated())
    arms = [one.arm for one in found]
    assert arms[0] == arms[1] != arms[2] == arms[3]
    for first, second in ((found[0], found[1]), (found[2], found[3])):
        assert first.selected is not None
        assert second.selected is not None
        assert first.selected <= second.selected
    assert sorted(one.infeasible for one in found) == [0, 0, 0, 1]
    assert all(len(one.trials) == len(one.values) == len(one.seeds) == 5 - one.infeasible for one in found)


def test_repeats_change_nothing_of_what_is_said_of_the_search() -> None:
    study = studies.repeated()
    alone, both = as_json(build(study.search, [])), as_json(build(study, []))
    for key in ("counts", "best", "arms", "findings"):
        assert alone[key] == both[key]
    assert both["repeat_counts"] == {
        "planned": 21,
        "completed": 19,
        "infeasible": 1,
        "failed": 0,
        "running": 1,
        "pending": 0,
    }
    assert tables(build(study, []))["t"] == tables(build(study.search, []))["t"]


def test_json_has_all_trials_and_says_which_repeat_which() -> None:
    study = studies.repeated()
    made = as_json(build(study, []))
    assert [trial["id"] for trial in made["trials"]] == [trial.id for trial in study.trials]
    assert [trial["repeat_of"] for trial in made["trials"]] == [trial.repeat_of for trial in study.trials]
    assert set(made["repeats"][0]) >= {
        "trial",
        "selected",
        "mean",
        "sd",
        "interval",
        "n",
        "infeasible",
        "luck",
        "seeds",
    }
    assert as_json(build(study.search, []))["repeats"] == []


def test_the_headline_gives_the_best_trial_and_what_it_is_on_fresh_seeds() -> None:
    study = studies.repeated()
    report = build(study, [])
    one = report.fresh[report.best.trial] if report.best else None
    assert one is not None
    assert f", and {one.mean:.4g} (" in report.answer.text
    assert report.answer.text.endswith(f"on average over {len(one.values)} repeats.")
    assert "on average" not in build(study.search, []).answer.text


def test_the_headline_and_the_status_name_the_same_trial_among_equals() -> None:
    study = studies.ODD["ties"]()
    reverse = replace(study, trials=list(reversed(study.trials)))
    first = best(reverse.metric, reverse.trials)
    assert first is not None
    assert build(reverse, []).answer.text.count(f"trial {first.trial},") == 1
    assert first.trial == outcomes.ranked(study.trials, study.metric)[0].id == 0


def test_the_isolation_plot_shows_repeats_only_where_every_arm_has_them() -> None:
    study = studies.repeated()
    shown = printed(study)
    assert "mean of repeats (95%)" in shown
    assert "could reach (95%)" not in shown
    (plot,) = build(study, []).isolation
    table = tables(build(study, []))["best0"]
    assert [row["i"] for row in table] == [row.best.trial for row in plot.rows if row.best]
    assert all(row["ml"] < row["m"] < row["mh"] for row in table)
    one_arm = [t for t in study.trials if t.repeat_of is None or t.arm == study.arms[0]]
    less = replace(study, trials=one_arm)
    assert "could reach (95%)" in printed(less)
    assert all("m" not in row for row in tables(build(less, []))["best0"])


@pytest.mark.parametrize("width", [40, 80, 100])
def test_the_terminal_tells_luck_and_counts(width: int) -> None:
    shown = " ".join(printed(studies.repeated(), width).split())
    assert "Repeats" in shown
    assert "20 of 21 repeats" in shown
    assert "too optimistic by" in shown
    assert "Repeats" not in printed(studies.digits(8))


@pytest.mark.slow
def test_the_page_has_a_section_only_where_there_are_repeats() -> None:
    page = as_html(build(studies.repeated(8, top=1), []))
    assert 'id="luck"' in page
    assert 'href="#luck"' in page
    assert "completed, repeats" in page
    assert 'id="luck"' not in as_html(build(studies.digits(8), []))


def test_the_chart_has_a_point_a_repeat_and_a_row_a_trial() -> None:
    report = build(studies.repeated(), [])
    made = tables(report)
    assert "repeats" in charts(report)
    assert len(made["again"]) == 19
    assert [row["i"] for row in made["luck"]] == [one.trial for one in report.repeats]
    diverged = build(studies.ODD["repeats that all diverged"](), [])
    assert "repeats" not in charts(diverged)
    assert any("diverged in all" in sentence for sentence in diverged.luck)


def test_where_more_is_better_luck_is_what_was_higher() -> None:
    study = studies.repeated(8, top=1, metric=Metric(name="val_accuracy", goal="maximize"))
    trials = [
        trial
        if trial.best is None
        else replace(trial, best=replace(trial.best, value=0.9 if trial.repeat_of is None else 0.8))
        for trial in study.trials
    ]
    said = sentences(replace(study, trials=trials))
    assert any("too optimistic by 0.1" in sentence for sentence in said)


def test_luck_within_the_error_of_two_seeds_is_not_named() -> None:
    study = studies.repeated(8, top=1)
    best = min((t for t in study.trials if t.best and t.repeat_of is None), key=lambda t: t.best.value).id  # type: ignore[union-attr]
    again = [t for t in study.trials if t.repeat_of == best and t.best is not None]

    def said(*values: float) -> str:
        kept = [replace(t, best=replace(t.best, value=v)) for t, v in zip(again, values, strict=False) if t.best]
        trials = [t for t in study.trials if t.repeat_of is None]
        return " ".join(sentences(replace(study, trials=[*trials, *kept])))

    own = next(t.best.value for t in study.trials if t.id == best and t.best)
    assert "is within the error of that mean" in said(own + 0.01, own + 0.02)
    assert "too optimistic by" in said(own + 0.0100, own + 0.0101)
    assert "use at least two" in said(own + 0.01)
