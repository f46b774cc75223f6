"""Ranking: did the ranking of the shorter round hold in this one?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.ranking import LEAST, rank_correlation

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="ranking",
    order=150,
    section="steps",
    title="Did the shorter round's ranking hold?",
    looks_at="the points taken from the shorter round: their results there and here",
    verdicts={
        "held": "Ranking held",
        "changed": "Ranking changed with training length",
        "undecided": "Ranking inconclusive",
    },
    thresholds=(
        Threshold(name="p_value", default=0.05, meaning="1 minus the confidence of the interval"),
        Threshold(
            name="agreement",
            default=0.7,
            meaning="rank correlation of a ranking that held; changed if the interval is below it",
        ),
    ),
    formula=(
        "Spearman's rank correlation, infeasible trials last, with Fisher's interval (Bonett and Wright's "
        "variance). Held: the interval is above 0 and not below `agreement`. Points that were close together "
        "may swap places by noise alone; then, too, the short round did not settle which is best."
    ),
    action="Take more points along, and check the shorter round's choices at this length.",
    source="Deciding how long to train when training is compute-bound",
)
def ranking(study: StudyRecord) -> list[Finding]:
    """One finding for a study whose points come from an earlier round whose results are known; else none."""
    earlier = study.earlier
    if earlier is None or not earlier.values:
        return []
    trials = [t for t in outcomes.ended(study.trials) if t.id in earlier.values]
    now = [outcomes.result(t, study.metric) for t in trials]
    before = [study.metric.loss(earlier.values[t.id]) for t in trials]
    p_value = ranking.limit(study, "p_value")
    correlation = rank_correlation(before, now, confidence=1.0 - p_value)
    common = f"{wording.plural(len(trials), 'point')} shared with {earlier.study}"
    if correlation is None:
        few = {"points": len(trials), "points_threshold": LEAST}
        why = f"needs {LEAST}" if len(trials) < LEAST else "their results are equal"
        return [ranking.finding("info", "undecided", few, f"{common}: {why} to judge whether the ranking held")]
    agreement = ranking.limit(study, "agreement")
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
        f"{common}: rank correlation {correlation.value:.2f} ({interval}); the best point here ranked number "
        f"{evidence['best_was']} there"
    )
    if correlation.high < agreement:
        message += ": the order changed with training length, so recheck the choices made there"
        act = Next(
            round=earlier.number,
            max_train_steps=study.max_train_steps,
            top=2 * len(earlier.values),
            of=earlier.folder or earlier.study,
        )
        return [ranking.finding("warning", "changed", evidence, message, act=act)]
    if correlation.low > 0.0:
        return [ranking.finding("ok", "held", evidence, message)]
    return [ranking.finding("info", "undecided", evidence, f"{message}: inconclusive")]
