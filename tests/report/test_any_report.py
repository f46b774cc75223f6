"""Reports of random studies: one answer, no two findings against each other, no two things that read the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice import advise
from playbook_cli.advice.reading import longer, shorter
from playbook_cli.advice.weighing import Contender, weigh
from playbook_cli.analysis.arm import of_arms
from playbook_cli.analysis.outcomes import arm_label
from playbook_cli.records import Metric, Parameter
from playbook_cli.report import words
from playbook_cli.report.build import build
from playbook_cli.report.drawing import drawing
from playbook_cli.report.frame import Frame, ticks
from playbook_cli.report.section import Table, cells, plain
from playbook_cli.report.sections import sections
from tests.report import studies

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord
    from playbook_cli.report.value import Report

FEW, MANY = range(8), range(8, 200)
_DRAWN = 8
"""One report of this many has its charts drawn."""
_LABELS = re.compile(r"role-axis-label[^>]*>(.*?)</g>", re.DOTALL)
_TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


def random_study(seed: int) -> StudyRecord:
    """Any number of trials, arms and hyperparameters, of any names, lengths and goals; some with repeats."""
    rng = np.random.default_rng([19, seed])
    long = "_of_the_backbone_encoder_transformer_block" * int(rng.integers(0, 2))
    parameters: list[Parameter] = []
    count = int(rng.choice([1, 2, 2, 3, 5, 12]))
    if count > 1:
        names: tuple[Any, ...] = tuple(
            f"/data/checkpoints/multilingual-v{n}/sentencepiece-unigram" if long else n for n in range(1, count + 1)
        )
        parameters.append(
            Parameter(name=f"arm{long}", label=f"arm{long}", role="scientific", kind="choice", choices=names)
        )
    for number in range(int(rng.integers(1, 5))):
        scale = "log" if rng.random() < 0.6 else "linear"
        low = float(10 ** rng.uniform(-7, 0))
        high = low * float(10 ** rng.uniform(0.05, 6))
        label = "learning_rate" if number == 0 else f"x{number}{long}"
        ends = {"low": low, "high": high} if rng.random() < 0.8 else {"low": 1, "high": float(rng.integers(2, 600))}
        kind = "float" if ends["low"] == low else "int"
        parameters.append(
            Parameter(name=label, label=label, role="nuisance", kind=kind, scale=scale, **ends)  # type: ignore[arg-type]
        )
    trials = int(rng.choice([1, 2, 6, 12, 24, 40])) * max(1, count // 2)
    changes: dict[str, Any] = {
        "goal": str(rng.choice(["Is arm 2 better?", "Which arm is best?", ""])),
        "max_train_steps": int(rng.choice([5, 60, 600, 20_000])),
        "metric": Metric(name="val_error", goal="minimize" if rng.random() < 0.7 else "maximize"),
    }
    changes |= {"parameters": parameters, "evaluations": int(rng.choice([5, 15, 30])), "seed": seed}
    study = studies.digits(trials, **changes)
    if rng.random() < 0.4 and any(trial.state == "completed" for trial in study.trials):
        study = studies.repeated(trials, **changes)
    if rng.random() < 0.2:
        study = replace(study, planned=study.planned + 3)
    return study


def check(seed: int, *, drawn: bool) -> None:
    study = random_study(seed)
    findings = advise(study)
    report = build(study, findings)
    _one_answer(study, findings, report)
    _agree(findings)
    _read_differently(report)
    _every_trial(study, report)
    if drawn:
        _drawn(report)


def _one_answer(study: StudyRecord, findings: list[Finding], report: Report) -> None:
    text = report.answer.text
    assert text.endswith(".")
    assert not text.endswith("..")
    assert "…" not in text.replace("…", "", text.count("…") if any(len(arm_label(a)) > 80 for a in study.arms) else 0)
    assert "\n" not in text
    said = next((f for f in findings if f.rule == "isolation" and "repeats" in f.evidence), None)
    if said is None or len(study.arms) != 2:
        return
    known = dict(zip(map(arm_label, study.arms), of_arms(study), strict=True))
    best = str(said.evidence["best"])
    (other,) = [label for label in known if label != best]
    verdict = weigh(
        Contender(label="a", study=known[other], folder="f", arms=2),
        Contender(label="b", study=known[best], folder="f", arms=2),
    ).decision.verdict
    if said.verdict == "better":
        assert verdict != "keep"
    if verdict == "keep":
        assert said.verdict != "better"


def _agree(findings: list[Finding]) -> None:
    assert not (any(map(longer, findings)) and any(map(shorter, findings)))
    acts = [f.act for f in findings if isinstance(f.act, Next) and f.act.round is None and f.act.of is None]
    for name in ("max_train_steps", "trials", "eval_every"):
        assert len({getattr(act, name) for act in acts} - {None}) <= 1
    said = {number for f in findings for number in re.findall(r"([\d,]+) steps would be enough", f.message)}
    assert len(said) <= 1
    assert not (any(act.widen for act in acts) and any(act.narrow for act in acts))


def _read_differently(report: Report) -> None:
    frame = Frame(report)
    for names in (frame.arms, frame.axes, *frame.choices, list(report.curves.metrics)):
        assert len(set(names)) == len(names)
    if len(report.arms) <= 6:
        assert len(set(frame.hues)) == len(report.arms)
    for axis in report.axes:
        if axis.zones is not None and axis.low < axis.high:
            values = ticks(axis.low, axis.high, log=axis.scale == "log", whole=axis.kind == "int")
            labels = [wording.number(value, 6) for value in values]
            assert len(set(labels)) == len(labels), (axis.low, axis.high, labels)
    names = [section.name for section in sections(Frame(report))]
    assert len(set(names)) == len(names)
    charts = [chart.name for section in sections(Frame(report)) for chart in section.charts]
    assert len(set(charts)) == len(charts)
    for section in sections(Frame(report)):
        for table in (part for part in section.parts if isinstance(part, Table)):
            for place, column in enumerate(table.columns):
                texts = {plain(cell) for row in table.rows for cell in cells(row[place])}
                for room in (8, 24) if column.left else ():
                    assert len(set(words.apart(texts, room).values())) == len(texts)


def _drawn(report: Report) -> None:
    """No axis of a drawn chart has one label twice."""
    labelled = 0
    for chart in (chart for section in sections(Frame(report)) for chart in section.charts):
        assert chart.description
        assert chart.spec is not None
        for axis in _LABELS.findall(drawing().vegalite_to_svg(chart.spec(300))):
            labels = [text for text in _TEXT.findall(axis) if text]
            assert len(set(labels)) == len(labels), (chart.name, labels)
            labelled += 1
    assert labelled or not report.ended


def _every_trial(study: StudyRecord, report: Report) -> None:
    assert {t.id for t in (*report.trials, *report.again)} == {t.id for t in study.trials}
    assert {number for number, _ in report.curves.trials} == {t.id for t in study.trials if t.curve is not None}
    points = sum(len(report.curves.steps[place]) for _, place in report.curves.trials)
    assert report.curves.values.size == points * len(report.curves.metrics)


@pytest.mark.parametrize("seed", FEW)
def test_a_report_of_any_study_has_one_answer_and_nothing_that_reads_the_same(seed: int) -> None:
    check(seed, drawn=seed == 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_two_hundred_reports_have_one_answer_and_nothing_that_reads_the_same(seed: int) -> None:
    check(seed, drawn=seed % _DRAWN == 0)
