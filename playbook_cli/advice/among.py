"""How the best of several settings compares with the others: as numbers for whoever draws them, and in one clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli import wording

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 3
"""Settings that a sentence names; of more it gives the number, and the report has a table."""


@dataclass(frozen=True, kw_only=True)
class Against:
    """One other setting, compared with the best one."""

    label: str
    gain: float
    """How much better the best one is."""
    p_value: float
    worse: bool
    """Whether the difference is significant."""


def evidence(others: Sequence[Against]) -> dict[str, Any]:
    """The comparisons by label, as the evidence of a finding holds them."""
    return {one.label: {"gain": one.gain, "p_value": one.p_value, "worse": one.worse} for one in others}


def compared(others: Sequence[Against]) -> str:
    """`, better than a by 0.1 (p = 0.01); no significant difference from b (p = 0.4)`."""
    worse, equal = [one for one in others if one.worse], [one for one in others if not one.worse]
    if len(others) > NAMED:
        said = f", better than {len(worse)} of {len(others)} others" if worse else ""
        rest = f"the other {len(equal)}" if worse else f"any of the {len(equal)} others"
        return said + (f"; no significant difference from {rest}" if equal else "")
    said = f", better than {' and '.join(map(_by, worse))}" if worse else ""
    return said + (f"; no significant difference from {' and '.join(map(_from, equal))}" if equal else "")


def _by(one: Against) -> str:
    return f"{one.label} by {wording.number(one.gain)} ({wording.p_text(one.p_value)})"


def _from(one: Against) -> str:
    return f"{one.label} ({wording.p_text(one.p_value)})"
