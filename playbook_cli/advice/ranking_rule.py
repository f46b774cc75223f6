"""The rule about rounds: did the ranking of the shorter round hold in this one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.acts import Next
from playbook_cli.advice import found, wording
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.ranking import LEAST, rank_correlation

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


def ranking(study: StudyRecord) -> list[Finding]:
    """One finding for a study whose points come from an earlier round whose results are known; else none."""
    earlier = study.earlier
    if earlier is None or not earlier.values:
        return []
    trials = [t for t in outcomes.ended(study.trials) if t.id in earlier.values]
    now = [outcomes.result(t, study.metric) for t in trials]
    before = [study.metric.loss(earlier.values[t.id]) for t in trials]
    p_value = limit(study, "ranking", "p_value")
    correlation = rank_correlation(before, now, confidence=1.0 - p_value)
    common = f"{wording.plural(len(trials), 'point')} that {earlier.study} had, too"
    if correlation is None:
        few = {"points": len(trials), "points_threshold": LEAST}
        why = f"{LEAST} are needed" if len(trials) < LEAST else "their results do not differ"
        return [found.info("ranking", "undecided", few, f"{common}: {why} to say whether the ranking held")]
    agreement = limit(study, "ranking", "agreement")
    evidence: dict[str, Any] = {
        "correlation": correlation.value,
        "low": correlation.low,
        "high": correlation.high,
        "agreement_threshold": agreement,
        "points": correlation.points,
        "best_was": 1 + sum(value < before[now.index(min(now))] for value in before),
    }
    interval = f"{wording.percent(1.0 - p_value)}: {correlation.low:.2f} to {correlation.high:.2f}"
    message = (
        f"{common}, have a rank correlation of {correlation.value:.2f} ({interval}) between the two; the best here was "
        f"number {evidence['best_was']} there"
    )
    if correlation.high < agreement:
        message += ": the order changed with the length of training, so choices made there need another look"
        act = Next(
            round=earlier.number,
            max_train_steps=study.max_train_steps,
            top=2 * len(earlier.values),
            of=earlier.folder or earlier.study,
        )
        return [found.warning("ranking", "changed", evidence, message, act=act)]
    if correlation.low > 0.0:
        return [found.ok("ranking", "held", evidence, message)]
    return [found.info("ranking", "undecided", evidence, f"{message}: too uncertain to say whether the ranking held")]
