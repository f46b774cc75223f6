"""The verdict of the runs at multiples of the best learning rate, and which multiple to train next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.instability.rise import Rise

Verdict = Literal["stable", "unstable-early", "unstable-later", "undecided"]

PROBED = (1.0, 2.0)
"""Multiples of the best learning rate that are always trained: 1x, and the playbook's 2x."""
CONFIRMING = (5.0, 10.0)
"""Multiples of which at least one has to be unstable too; from the playbook."""
EARLY = 0.1
"""Instability that begins within this share of max_train_steps is early, because warmup can be that long."""


def next_multiples(known: Mapping[float, Rise]) -> Sequence[float]:
    """Multiples still to be trained; the confirming ones only if there is something to confirm."""
    missing = [multiple for multiple in PROBED if multiple not in known]
    if missing or all(known[multiple].course != "unstable" for multiple in PROBED):
        return missing
    for multiple in CONFIRMING:
        if multiple not in known:
            return [multiple]
        if known[multiple].course == "unstable":
            return []
    return []


def decide(known: Mapping[float, Rise], early_until: int) -> Verdict:
    """The verdict, once nothing is left to train.

    `early_until` is the last step at which instability may begin and still count as early. Unstable means: at 1x or 2x
    the best learning rate, and also at one of the confirming multiples.
    """
    unstable = lowest_unstable(known)
    if unstable is None:
        return "stable" if all(known[multiple].course == "stable" for multiple in PROBED) else "undecided"
    if not any(known[multiple].course == "unstable" for multiple in CONFIRMING if multiple in known):
        return "undecided"
    return "unstable-early" if (known[unstable].first or 0) <= early_until else "unstable-later"


def lowest_unstable(known: Mapping[float, Rise]) -> float | None:
    """The lowest of the always-trained multiples at which training is unstable."""
    return next((multiple for multiple in PROBED if known[multiple].course == "unstable"), None)
