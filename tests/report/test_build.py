from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.records import Curve, Finding, Parameter, Span
from playbook_cli.report.build import build
from playbook_cli.report.frame import Frame
from playbook_cli.report.measured import measured
from playbook_cli.report.panels import counterpart
from playbook_cli.report.sections import sections
from playbook_cli.report.thinning import thin
from playbook_cli.storage.usage import Sample
from tests.report import studies


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing started", "No trial has started yet: 4 planned."),
        ("no finished trial", "No trial has a result yet: 2 running, 2 pending."),
        ("all infeasible", "No trial could be trained: all 8 trials are infeasible."),
        ("all failed", "No trial has a result: 3 failed."),
        ("one trial", "The only trial reaches val_error"),
        ("running", "So far: the best of 9 trials reaches val_error"),
        ("ties", "reaches val_accuracy 1 (trial 0, step 300; tied with 11 other trials)"),
    ],
)
def test_the_answer_says_where_the_study_stands(name: str, words: str) -> None:
    assert words in build(studies.ODD[name](), []).answer.text


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        ("better", "Two layers are better."),
        ("blocked", "The arms can't be compared yet; best val_error so far "),
        ("undecided", "The arms can't be compared yet; best val_error so far "),
    ],
)
def test_the_question_is_answered_where_the_isolation_rule_answers_it(verdict: str, answer: str) -> None:
    said = Finding(
        rule="isolation", subject=None, severity="info", verdict=verdict, evidence={}, message="two layers are better"
    )
    assert build(studies.digits(), [said]).answer.text.startswith(answer)


def compared(best: str, verdict: str = "no-difference", **p_values: float) -> Finding:
    """What the isolation rule says of an arm against others: those below p = 0.04 are worse."""
    against = {
        f"hidden_layers={name[1:]}": {
            "gain": 0.002,
            "interval": [0.001 if p_value < 0.04 else -0.001, 0.004],
            "worse": p_value < 0.04,
        }
        for name, p_value in p_values.items()
    }
    evidence = {"best": best, "against": against, "p_value": max(p_values.values())}
    return Finding(rule="isolation", subject=None, severity="info", verdict=verdict, evidence=evidence, message="long")


@pytest.mark.parametrize(
    ("best", "other", "p_value", "start"),
    [
        ("hidden_layers=2", "_1", 0.001, "Yes: hidden_layers=2 is better than hidden_layers=1 by 0.002"),
        ("hidden_layers=1", "_2", 0.001, "No: hidden_layers=2 is worse than hidden_layers=1 by 0.002"),
        ("hidden_layers=2", "_1", 0.3, "Not shown: hidden_layers=2 has the best val_error"),
        (
            "hidden_layers=1",
            "_2",
            0.3,
            "Not shown: hidden_layers=1 has the best val_error 0.02222, with no significant lead",
        ),
    ],
)
def test_a_question_about_one_arm_gets_the_answer_to_that_question(
    best: str, other: str, p_value: float, start: str
) -> None:
    report = build(studies.digits(), [compared(best, **{other: p_value})])
    assert report.answer.text.startswith(start)
    assert "0.002, 95% " in report.answer.sure


def test_a_hint_beside_one_arm_does_not_hide_that_others_are_worse() -> None:
    layers = replace(studies.LAYERS, choices=(1, 2, 3, 4))
    study = studies.digits(32, parameters=(layers, studies.RATE), goal="How many layers are best?")
    said = compared("hidden_layers=4", "undecided", _1=0.001, _2=0.002, _3=0.09)
    report = build(study, [said])
    assert "without a significant lead over hidden_layers=3" in report.answer.text
    assert report.answer.text.endswith("hidden_layers=1 and hidden_layers=2 are worse.")
    assert said not in report.undecided


def test_more_arms_than_a_sentence_holds_are_counted() -> None:
    layers = replace(studies.LAYERS, choices=tuple(range(1, 13)))
    study = studies.digits(48, parameters=(layers, studies.RATE), goal="How many layers are best?")
    report = build(study, [compared("hidden_layers=12", **{f"_{n}": 0.3 for n in range(1, 12)})])
    assert report.answer.text.startswith("No significant difference between hidden_layers=12 and all 11 other arms")


@pytest.mark.slow
def test_one_command_is_next_and_it_acts_on_what_makes_the_answer_wrong() -> None:
    answer = build(studies.digits(), studies.findings()).answer
    assert answer.command == "playbook next runs/digits-depth --widen learning_rate"
    assert answer.why == "learning_rate: best results at the upper edge"
    assert build(studies.digits(), []).answer.command == "playbook repeat runs/digits-depth --top 1"
    assert build(studies.repeated(), []).answer.command == "playbook adopt runs/digits-depth"
    assert build(studies.ODD["one trial"](), []).answer.command is None


def test_the_states_of_all_planned_trials_add_up() -> None:
    counts = build(studies.ODD["running"](), []).counts
    assert counts["planned"] == 32
    assert sum(counts.values()) == 2 * 32


def test_a_conditional_hyperparameter_has_an_axis_for_each_condition() -> None:
    report = build(studies.ODD["conditional"](), [])
    assert [len(axis.points) for axis in report.axes] == [24, 12, 12]
    assert report.hyperparameters == ["optimizer", "learning_rate"]


def test_a_range_without_width_is_drawn() -> None:
    still = Parameter(name="x", label="x", role="nuisance", kind="float", low=1.0, high=1.0)
    report = build(studies.digits(4, parameters=(still,)), [])
    assert [point.unit for point in report.axes[0].points] == [0.5] * 4


def test_choices_that_read_the_same_are_told_apart() -> None:
    choice = Parameter(name="x", label="x", role="nuisance", kind="choice", choices=("1", 1, None))
    assert build(studies.digits(4, parameters=(choice,)), []).axes[0].choices == ["1 (1)", "1 (2)", "null"]


def test_arms_that_only_trials_know_are_shown() -> None:
    study = studies.digits(4, parameters=(studies.RATE,))
    foreign = replace(study.trials[0], arm={"optimizer": "lion"})
    report = build(replace(study, trials=[foreign, *study.trials[1:]]), [])
    assert [arm.label for arm in report.arms] == ["all trials", "optimizer=lion"]
    assert [arm.trials for arm in report.arms] == [3, 1]


def test_tied_trials_are_all_good() -> None:
    assert all(trial.good for trial in build(studies.ODD["ties"](), []).trials)


@pytest.mark.slow
def test_the_best_trial_of_every_arm_has_its_curve() -> None:
    report = build(studies.digits(60), [])
    shown = {line.trial for line in report.panels[0].lines}
    assert {arm.best.trial for arm in report.arms if arm.best} <= shown


def test_a_first_running_trial_has_its_curve() -> None:
    trial = replace(studies.digits(1).trials[0], state="running")
    assert build(studies.digits(1, trials=[trial]), []).panels[0].lines


@pytest.mark.parametrize(
    ("name", "partner"),
    [("val_error", "train_error"), ("validation/loss", "train/loss"), ("interval_error", None), ("accuracy", None)],
)
def test_a_validation_metric_finds_its_training_counterpart(name: str, partner: str | None) -> None:
    assert counterpart(name, ["train_error", "train/loss", "intertrain_error"]) == partner


def test_thinning_keeps_ends_extremes_and_the_best_step() -> None:
    random = np.random.default_rng(0)
    steps = np.arange(1, 5001)
    values = random.standard_normal(5000)
    values[1234], values[4321], values[7] = -50, 50, np.nan
    kept = thin(steps, values, limit=200, keep=[2500])
    assert len(kept) <= 201
    assert {0, 1234, 4321, 2499, 4999} <= set(kept)
    assert 7 not in kept
    assert np.all(np.diff(kept) > 0)


def test_a_short_curve_is_kept_whole() -> None:
    assert list(thin(np.arange(5), np.array([1.0, np.nan, 2.0, np.inf, 0.0]))) == [0, 2, 4]


def test_a_curve_without_the_metric_makes_no_panel() -> None:
    trial = studies.digits(1).trials[0]
    empty = Curve(steps=np.array([1]), values={"other": np.array([1.0])})
    assert build(studies.digits(1, trials=[replace(trial, curve=empty)]), []).panels == []


@pytest.mark.slow
def test_trials_that_tie_below_the_ceiling_can_be_ranked() -> None:
    assert "best possible" not in build(studies.digits(), []).answer.sure
    assert "the metric cannot rank these trials" in build(studies.ODD["ties"](), []).answer.sure


def test_gradient_norms_that_were_recorded_are_drawn_as_curves_and_as_a_histogram() -> None:
    study = studies.digits(4)
    assert not any(panel.histogram for panel in build(study, []).panels)
    trials = [
        replace(t, curve=Curve(steps=t.curve.steps, values={**t.curve.values, "grad_norm": 1.0 + t.curve.steps % 7}))
        for t in study.trials
        if t.curve is not None
    ]
    (norms,) = [panel for panel in build(replace(study, trials=trials), []).panels if panel.histogram]
    assert norms.validation == "grad_norm"
    assert norms.lines
    finite = sum(line.steps is not None for line in norms.lines)
    assert sum(count for _, _, count in norms.histogram) >= finite * 10


def test_a_share_of_known_examples_is_counted_in_them_too() -> None:
    study = studies.digits(8)
    assert "examples" not in build(study, []).answer.text
    known = replace(study, metric=replace(study.metric, examples=544))
    best = min(t.best.value for t in study.trials if t.best is not None and t.state == "completed")
    assert f"({best * 544:.0f} of 544 examples)" in build(known, []).answer.text


def test_the_use_of_the_machine_is_drawn_and_known_of_each_trial() -> None:
    record = studies.digits()
    study = replace(record, trials=[replace(t, spans=[Span(start=0.0, end=100.0, slot="cpu0")]) for t in record.trials])
    first, second = study.trials[0].id, study.trials[1].id
    about = {"node_cpu": 0.5, "node_memory": 0.25, "gpu_memory": None}
    usage = {
        first: [
            Sample(time=at, cores=cores, memory=1e9 * cores, gpu=0.5, **about) for at, cores in ((10, 1.0), (90, 3.0))
        ],
        second: [Sample(time=50, cores=4.0, memory=2e9, gpu=None, **about)],
    }
    report = build(study, [], usage=usage)
    history = next(section for section in sections(Frame(report)) if section.name == "history")
    busy = next(chart for chart in history.charts if chart.name == "busy")
    assert busy.description == "In use on average: CPU 50%, memory 25%, GPU 50%."
    known = {one.name: one.values for one in measured(report)}
    assert known["cpu_cores"] == {first: 2.0, second: 4.0}
    assert known["memory_gb"] == {first: 3.0, second: 2.0}
    assert known["gpu_share"] == {first: 0.5}
    assert "gpu_memory_gb" not in known
    assert "busy" not in [chart.name for section in sections(Frame(build(study, []))) for chart in section.charts]
