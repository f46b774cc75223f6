"""Reading a study in the playbook's order: the space, the trials, the curves, the steps, and only then the question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.advice import curve_rules, space_rules, step_rules, trial_rules
from playbook_cli.advice.compute_rule import compute_bound
from playbook_cli.advice.isolation_rule import isolation
from playbook_cli.advice.measured import measured
from playbook_cli.advice.ranking_rule import ranking
from playbook_cli.advice.timing_rule import timing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import Finding, StudyRecord

CHECKS: Mapping[str, Callable[[StudyRecord], list[Finding]]] = {
    "boundary": space_rules.boundary,
    "instability-edge": space_rules.instability_edge,
    "coverage": trial_rules.coverage,
    "infeasible": trial_rules.infeasible,
    "overfitting": curve_rules.overfitting,
    "late-variance": curve_rules.late_variance,
    "still-improving": curve_rules.still_improving,
    "saturated": curve_rules.saturated,
    "training-loss-rising": curve_rules.training_loss_rising,
    "periodic": curve_rules.periodic,
    "best-step": step_rules.best_step,
    "eval-frequency": step_rules.eval_frequency,
    "compute-bound": compute_bound,
    "budget": trial_rules.budget,
    "ranking": ranking,
    "timing": timing,
}
"""Every rule but the last, in reading order."""
OF_SAMPLES = ("boundary", "instability-edge", "budget")
"""The rules that read a space off points that were sampled from it; of listed points only coverage says that."""
MORE_STEPS = (("still-improving", "yes"), ("best-step", "train-longer"), ("compute-bound", "yes"))
FEWER_STEPS = (("saturated", "yes"), ("best-step", "too-many-steps"))
FOR_RACES = ("infeasible", "training-loss-rising")
"""The rules that can be read off trials which ended where they fitted or could not win."""


def read(study: StudyRecord) -> list[Finding]:
    """The findings of every rule, the isolation rule last because the others may block it."""
    repeated, study = study, study.search
    if study.raced:
        return [finding for rule in FOR_RACES for finding in CHECKS[rule](study)]
    findings = [
        finding
        for rule, check in CHECKS.items()
        if not (study.listed and rule in OF_SAMPLES)
        for finding in check(study)
    ]
    findings = agreed(measured(study, findings))
    return findings if study.listed else findings + isolation(repeated, findings)


def agreed(findings: Sequence[Finding]) -> list[Finding]:
    """These findings, none of which asks for fewer steps where another asks for more: when in doubt, longer."""
    longer = [f.rule for f in findings if (f.rule, f.verdict) in MORE_STEPS]
    if not longer:
        return list(findings)
    names = " and ".join(longer)
    return [
        replace(
            f,
            severity="info",
            verdict="undecided",
            message=f"{f.message}, but {names} {'say' if len(longer) > 1 else 'says'} longer: when in doubt, longer",
            act=None,
        )
        if (f.rule, f.verdict) in FEWER_STEPS
        else f
        for f in findings
    ]
