"""Where each arm's ranges end too early, as the boundary rule sees it, one arm at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from playbook_cli.advice.rules.boundary import edge_looks
from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.advice.rules.boundary import Look
    from playbook_cli.records import StudyRecord, Value

Ends = Literal["lower-edge", "upper-edge", "interior", "undecided"]


def arm_edges(study: StudyRecord, arms: Sequence[Mapping[str, Value]]) -> list[dict[str, Ends]]:
    """For each arm, what is known of every range that its trials have, by the range's label.

    An edge that is found among the trials of several arms together is one of each of them; the verdicts and thresholds
    are those of the boundary rule.
    """
    ranges = outcomes.ranges(study)
    looks = edge_looks(study, ranges)
    ended = outcomes.ended(study.trials)
    found: list[dict[str, Ends]] = []
    by_arm: dict[str, dict[frozenset[tuple[str, Value]], list[Look]]] = {label: {} for label in looks}
    for label, each in looks.items():
        for look in each:
            by_arm[label].setdefault(outcomes.key(look.arm), []).append(look)
    whole = outcomes.key({})
    for arm, own in zip(arms, outcomes.by_arm(ended, arms), strict=True):
        having = [p.label for p in ranges if any(outcomes.has(p, trial) for trial in own)]
        keys = dict.fromkeys((whole, outcomes.key(arm)))
        found.append({label: _verdict(study, [x for k in keys for x in by_arm[label].get(k, ())]) for label in having})
    return found


def _verdict(study: StudyRecord, looks: Sequence[Look]) -> Ends:
    tested = [look for look in looks if look.edges.enough]
    if not tested:
        return "undecided"
    surest = max((x for x in tested if x.shows(study)), key=lambda x: x.probability, default=None)
    if surest is not None:
        return "lower-edge" if surest.edge.side == "lower" else "upper-edge"
    return "undecided" if any(x.is_open(study) for x in tested) else "interior"
