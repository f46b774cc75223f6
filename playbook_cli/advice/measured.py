"""How long to train, where it was measured: the answer of a ladder of lengths stands in place of what curves say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.acts import MeasureHorizon, Next
from playbook_cli.analysis import outcomes
from playbook_cli.wording import uncapitalized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from playbook_cli.acts import Act
    from playbook_cli.records import Finding, Horizon, Severity, StudyRecord

_ANSWERS: Mapping[str, Mapping[str, tuple[str, Severity]]] = {
    "best-step": {
        "longer-pays": ("train-longer", "warning"),
        "long-enough": ("fits", "ok"),
        "shorter-will-do": ("too-many-steps", "warning"),
    },
    "still-improving": {"longer-pays": ("yes", "info"), "long-enough": ("no", "ok"), "shorter-will-do": ("no", "ok")},
    "compute-bound": {"longer-pays": ("yes", "info"), "long-enough": ("no", "ok"), "shorter-will-do": ("no", "ok")},
}
"""Verdict and severity of each rule, by the verdict of the ladder."""
LADDER = 7.5
"""Lengths of the default ladder together, in multiples of max_train_steps."""
RATES = 3
POINTS = 5
"""Of the round that a compute-bound study is told to go on with."""


def measured(study: StudyRecord, findings: Iterable[Finding]) -> list[Finding]:
    """These findings, those about the number of steps as a ladder of lengths answers them.

    Where none was trained, or it could not tell, what is undecided names the command that measures it, and its cost.
    """
    return [_answered(study, one) if one.rule in _ANSWERS else one for one in findings]


def _answered(study: StudyRecord, finding: Finding) -> Finding:
    known = study.horizon
    if known is not None and known.verdict in _ANSWERS[finding.rule]:
        verdict, severity = _ANSWERS[finding.rule][known.verdict]
        evidence = {**finding.evidence, "horizon": known.verdict, "horizon_steps": known.max_train_steps}
        return replace(
            finding,
            verdict=verdict,
            severity=severity,
            evidence=evidence,
            message=f"measured at several lengths: {uncapitalized(known.headline).rstrip('.')}",
            act=_act(study, finding.rule, verdict, known),
        )
    if finding.verdict != "undecided" or finding.act is not None or not _measurable(study):
        return finding
    if known is not None:
        settles = f": {known.seeds_needed} seeds per run would settle it" if known.seeds_needed else ""
        said = f"measured at several lengths, it is still undecided{settles}"
        act = MeasureHorizon(seeds=known.seeds_needed) if known.seeds_needed else None
    else:
        steps = round(LADDER * RATES * len(study.arms) * study.max_train_steps)
        said, act = f"playbook horizon settles it in at most {steps:,} steps", MeasureHorizon()
    because = f"{finding.because}; {said}" if finding.because else None
    return replace(finding, message=f"{finding.message}; {said}", act=act, because=because)


def _measurable(study: StudyRecord) -> bool:
    """Whether there is a point to train at other lengths, and a program that could."""
    return not study.imported and bool(outcomes.completed(study.trials))


def _act(study: StudyRecord, rule: str, verdict: str, known: Horizon) -> Act | None:
    if rule == "compute-bound" and verdict == "yes":
        number = study.earlier.number + 1 if study.earlier else 2
        return Next(round=number, max_train_steps=known.max_train_steps, top=POINTS)
    return Next(max_train_steps=known.max_train_steps) if verdict in ("train-longer", "too-many-steps", "yes") else None
