"""Timing: did all trials have the same kind of device, and for themselves?"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.advice.rule import Rule, Threshold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.records import Finding, StudyRecord, TrialRecord


@partial(
    Rule,
    name="timing",
    order=160,
    section="steps",
    title="Can trial times be compared?",
    looks_at="the devices that trials ran on, and whether they shared them",
    verdicts={
        "unfair": "Times are not comparable",
    },
    thresholds=(
        Threshold(name="share", default=0.0, meaning="largest acceptable share of trials that shared their device"),
    ),
    formula=(
        "Unfair if trials ran on different kinds of device, or shared one (trials_per_gpu, or more concurrent "
        "trials than cores). All other rules count steps and are unaffected."
    ),
    action=("Compare steps instead of seconds, or run the study on one kind of device, one trial per device."),
    source="Times are only comparable on equal hardware (not in the playbook)",
)
def timing(study: StudyRecord) -> list[Finding]:
    """One finding where the trials' times can't be compared; none where they can, or nothing is known of devices."""
    share = timing.limit(study, "share")
    why = unfair(study.trials, share)
    if why is None:
        return []
    evidence = {
        "devices": dict(_kinds(study.trials)),
        "shared": _shared(study.trials),
        "trials": len(study.trials),
        "share_threshold": share,
    }
    return [timing.finding("info", "unfair", evidence, f"{why}: compare steps, not times")]


def unfair(trials: Sequence[TrialRecord], share: float = 0.0) -> str | None:
    """Why the times of these trials can't be compared; None where nothing speaks against it.

    More than this `share` of them must have shared their device, if all devices are of one kind.
    """
    kinds, shared = _kinds(trials), _shared(trials)
    reasons = []
    if shared > share * len(trials):
        reasons.append(f"{shared} of {wording.plural(len(trials), 'trial')} shared a GPU or cores with others")
    if len(kinds) > 1:
        listed = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
        reasons.append(f"trials ran on {len(kinds)} kinds of device ({listed})")
    return " and ".join(reasons) or None


def _kinds(trials: Iterable[TrialRecord]) -> Counter[str]:
    return Counter(kind for trial in trials for kind in trial.devices)


def _shared(trials: Iterable[TrialRecord]) -> int:
    return sum(trial.shared for trial in trials)
