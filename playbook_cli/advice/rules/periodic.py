"""Periodic: do the curves rise and fall again and again?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.advice.best_curves import BEST_TRIALS, DECAYED, MIN_EVALUATIONS, reads, unread
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import schedule
from playbook_cli.analysis.cycles import FEWEST, cycle

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="periodic",
    order=100,
    section="curves",
    title="Do the curves rise and fall periodically?",
    looks_at="the best trials' validation curves after the first tenth of training",
    verdicts={
        "yes": "Periodic curves",
        "no": "No periodic pattern",
        "undecided": "Too few evaluations to see a period",
    },
    thresholds=(
        Threshold(
            name="height", default=0.02, meaning="amplitude of the wave, as a share of the curve's total improvement"
        ),
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "A sine and its first overtone are fitted beside a cubic trend. Yes if, at one frequency shared by "
        "the curves and over at least 4 periods, they explain a third of what the trend leaves, beyond noise, "
        "and the curves do rise."
    ),
    action="Shuffle the data and look for a bug in the pipeline. Expected if the learning rate restarts.",
    source="Examining the training curves",
)
def periodic(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    read = reads(study, periodic)
    if not read:
        return [unread(study, periodic)]
    evidence: dict[str, Any] = {"curves": len(read), "height_threshold": periodic.limit(study, "height")}
    if max(r.series.losses.size for r in read) < FEWEST:
        message = f"needs {FEWEST} evaluations of {study.metric.name} to see a period"
        return [periodic.finding("info", "undecided", evidence, message)]
    seen = cycle([r.series for r in read], height=periodic.limit(study, "height"))
    if seen is None:
        message = f"no period in {study.metric.name} of {wording.plural(len(read), 'best trial')}"
        return [periodic.finding("ok", "no", evidence, message)]
    evidence |= {"period": seen.steps, "height": seen.height}
    height = wording.percent(2 * seen.height)
    message = f"{study.metric.name} rises and falls every {seen.steps:.0f} steps, by {height} of its total improvement"
    courses = [schedule.course(r.trial, study.max_train_steps, decayed=DECAYED.default) for r in read]
    if schedule.shared(courses) == "restarts":
        return [periodic.finding("info", "yes", evidence, f"{message}, following the restarts of the learning rate")]
    message += ": check for data in a fixed order, a bug in the pipeline, or a learning rate that restarts"
    return [periodic.finding("warning", "yes", evidence, message)]
