"""Infeasible: how many trials diverged or could not be trained?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.advice.rules.coverage import LEAST
from playbook_cli.analysis import outcomes
from playbook_cli.storage.divergence import NO_BETTER

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="infeasible",
    order=40,
    trials="any",
    section="space",
    unfair=("too-many",),
    title="How many trials are infeasible?",
    looks_at="the share of finished trials that diverged or never learned",
    verdicts={
        "too-many": "Too many infeasible trials",
        "few": "Few infeasible trials",
        "undecided": "Too few trials to judge feasibility",
    },
    thresholds=(Threshold(name="share", default=0.5, meaning="largest acceptable share of infeasible trials"),),
    formula=(
        "infeasible / (completed + infeasible). Undecided below 4 trials, unless 2 or 3 are all infeasible. A "
        "trial also counts as diverged without a NaN if its last tenth is no better than an untrained model "
        "(metric: {chance: 0.9}; by default the worst first evaluation of the better third) and its training "
        "loss is not lower."
    ),
    action=("Cut off the infeasible part of the space, reparameterize, or look for a bug in the training pipeline."),
    source="Extracting insight from experimental results",
)
def infeasible(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    threshold = infeasible.limit(study, "share")
    trials = outcomes.ended(study.trials)
    bad = sum(t.state == "infeasible" for t in trials)
    failed = sum(t.state == "failed" for t in study.trials)
    share = bad / len(trials) if trials else 0.0
    evidence: dict[str, Any] = {
        "infeasible": bad,
        "trials": len(trials),
        "share": share,
        "share_threshold": threshold,
        "failed": failed,
    }
    without = [t for t in trials if t.state == "infeasible" and NO_BETTER in (t.reason or "")]
    evidence["without_nan"] = len(without)
    crashed = f"; {wording.plural(failed, 'crashed trial')} not counted" if failed else ""
    are = "is" if bad == 1 else "are"
    shown = next((t for t in (*without, *trials) if t.state == "infeasible" and t.reason), None)
    example = f" ({len(without)} without a NaN: " if without else " ("
    example = f"{example}trial {shown.id}: {shown.reason})" if shown else ""
    message = f"{wording.out_of(bad, len(trials), 'finished trial')} {are} infeasible{example}"
    if len(trials) < 2 or bad < len(trials) < LEAST:
        return [infeasible.finding("info", "undecided", evidence, f"{message}: too few to judge{crashed}")]
    if share <= threshold:
        return [infeasible.finding("ok", "few", evidence, f"{message}{crashed}")]
    if bad == len(trials):
        message += ": lower the learning rate, change or reparameterize the space, or look for a bug"
        return [infeasible.finding("warning", "too-many", evidence, f"{message}{crashed}")]
    message += f", more than {wording.percent(threshold)}: training fails in much of this space, or there is a bug"
    act = Next(narrow=True)
    return [infeasible.finding("warning", "too-many", evidence, f"{message}{crashed}", act=act)]
