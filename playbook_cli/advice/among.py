"""How the best of several settings compares with the others: as numbers for whoever draws them, and in one clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.analysis.contrast import LEVEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMED = 3
"""Settings that a sentence names; of more it gives the number, and the report has a table."""


@dataclass(frozen=True, kw_only=True)
class Against:
    """One other setting, compared with the best one."""

    label: str
    gain: float
    """How much better the best one is."""
    interval: tuple[float, float]
    """95% interval of the gain."""
    worse: bool
    """Whether it is shown to be worse."""

    @property
    def leads(self) -> bool:
        """Whether the best one is ahead by its interval, and yet not shown to be better."""
        return not self.worse and self.interval[0] > 0.0


def evidence(against: Sequence[Against]) -> dict[str, Any]:
    """The comparisons by label, as the evidence of a finding holds them under `against`."""
    return {one.label: {"gain": one.gain, "interval": list(one.interval), "worse": one.worse} for one in against}


def others(of: Mapping[str, Any]) -> list[Against]:
    """The comparisons in the evidence of a finding; none where it holds none."""
    return [
        Against(label=label, gain=one["gain"], interval=tuple(one["interval"]), worse=one["worse"])
        for label, one in of.get("against", {}).items()
    ]


def compared(against: Sequence[Against]) -> str:
    """`, better than a by 0.1 (95% 0.02 to 0.2); no significant difference from b (gain 0.1, 95% -0.1 to 0.3)`."""
    worse, equal = [one for one in against if one.worse], [one for one in against if not one.worse]
    leads = [one for one in equal if one.leads]
    if len(against) > NAMED:
        said = f", better than {len(worse)} of {len(against)} others" if worse else ""
        rest = f"the other {len(equal)}" if worse else f"any of the {len(equal)} others"
        return said + (f"; no {'confirmed' if leads else 'significant'} difference from {rest}" if equal else "")
    said = f", better than {' and '.join(map(_by, worse))}" if worse else ""
    said += f"; ahead of {' and '.join(map(_by, leads))}, which is not confirmed" if leads else ""
    level = [one for one in equal if not one.leads]
    return said + (f"; no significant difference from {' and '.join(map(_from, level))}" if level else "")


def _by(one: Against) -> str:
    return f"{one.label} by {wording.number(one.gain)} ({_interval(one)})"


def _from(one: Against) -> str:
    return f"{one.label} (gain {wording.number(one.gain)}, {_interval(one)})"


def _interval(one: Against) -> str:
    return f"{LEVEL:.0%} {' to '.join(map(wording.number, one.interval))}"
