"""Adopt the candidate over the baseline? The verdict on a comparison, and why.

`adopt`    the whole 95% interval of the gain lies above the smallest one worth it, and nothing blocks it.
`keep`     the burden of proof is the candidate's: the whole 95% interval lies below that gain; or, where both sides
           have enough repeats, the gain does not reach it, or so little of it is left beyond the smallest one that is
           worth it that hundreds of repeats would not show it.
`not-yet`  anything else, and whatever is blocked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.analysis.settling import MOST_SEARCHES, Settling, settling, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.advice.obstacles import Obstacle, Verdict
    from playbook_cli.analysis.comparison import Comparison

ENOUGH_REPEATS = 5
"""On each side, Playbook's own: from then on a gain that is not there counts as not there."""
MOST_REPEATS = 100
"""On each side, Playbook's own: a gain that even these would not show is none."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do about the candidate."""

    verdict: Verdict
    message: str
    blocked_by: Sequence[str]
    harmless: Sequence[str]
    """Findings that could only make the verdict stronger."""
    settle: Settling | None
    """What would settle it; None where it is settled, and where runs do not help."""


def decide(compared: Comparison, obstacles: Sequence[Obstacle], *, least: float, unit: str) -> Decision:
    """The verdict, `least` being the smallest gain worth the change, 0 or more, and `unit` the metric's name."""
    pointing, why, settle = _pointing(compared, least, unit)
    blocking = [o.text for o in obstacles if pointing == "not-yet" or pointing in o.overturns]
    harmless = [o.text for o in obstacles if o.text not in blocking]
    if blocking and pointing != "not-yet":
        why += f"; this favours {pointing}, but the comparison is not fair yet"
        return Decision(verdict="not-yet", message=why, blocked_by=blocking, harmless=harmless, settle=None)
    return Decision(verdict=pointing, message=why, blocked_by=blocking, harmless=harmless, settle=settle)


def without_repeats(gain: float | None, have: Sequence[int], obstacles: Sequence[Obstacle], *, unit: str) -> Decision:
    """The verdict where a side has too few fresh results, given its repeats, and the gain by selected scores."""
    first = _first(have)
    message = "the seed noise is not known yet"
    message += (
        f": {first.repeats} repeats per side would settle it" if first.runs else ": too few repeats have a result"
    )
    if gain is not None:
        message += f"; by the selected scores, which are optimistic, the gain in {unit} is {wording.number(gain)}"
    texts = [o.text for o in obstacles]
    return Decision(
        verdict="not-yet", message=message, blocked_by=texts, harmless=[], settle=first if first.runs else None
    )


def without_results(obstacles: Sequence[Obstacle]) -> Decision:
    """The verdict where a search has selected nothing."""
    texts = [o.text for o in obstacles]
    message = "one side has no result to compare"
    return Decision(verdict="not-yet", message=message, blocked_by=texts, harmless=[], settle=None)


def _first(have: Sequence[int]) -> Settling:
    """The repeats to begin with."""
    more = sum(max(ENOUGH_REPEATS - count, 0) for count in have)
    return Settling(runs=more, repeats=ENOUGH_REPEATS, trials=None)


def _pointing(compared: Comparison, least: float, unit: str) -> tuple[Verdict, str, Settling | None]:
    """The verdict of the numbers alone, in words, and what would settle it."""
    low, high = compared.interval
    gain = f"the gain in {unit} is {wording.number(compared.gain)}, 95% {wording.number(low)} to {wording.number(high)}"
    what = f"the required {wording.number(least)}" if least else "zero"
    if compared.exceeds(least):
        return "adopt", f"{gain}: above {what}", None
    if high < least:
        return "keep", f"{gain}: below {what}", None
    have = (compared.baseline.repeats, compared.candidate.repeats)
    enough = min(have) >= ENOUGH_REPEATS
    if compared.gain <= least and enough:
        return "keep", f"{gain}: {min(have)} repeats per side do not show a gain above {what}", None
    if enough and not visible(compared, least, MOST_REPEATS):
        return "keep", f"{gain}: even {MOST_REPEATS} repeats per side would not show a gain above {what}", None
    settle = settling(compared, least) if compared.gain > least else _first(have)
    if settle is None and not enough:
        settle = _first(have)
    if settle is None:
        return "not-yet", f"{gain}: even {MOST_SEARCHES} searches per side could miss it", None
    if settle.searches > 1:
        how = f"{settle.searches} searches per side, with new search seeds, and {settle.repeats} repeats each"
    elif settle.trials is not None:
        how = f"searches of {settle.trials} trials per side, and {settle.repeats} repeats of what each selects"
    else:
        how = f"{settle.repeats} repeats per side"
    return "not-yet", f"{gain}: {wording.plural(settle.runs, 'more run')} would settle it ({how})", settle
