"""What a rule says of generated studies whose truth is known, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.advice import advise
from playbook_cli.advice.rules import rules
from tests.generators.arm_cases import ARM_CASES
from tests.generators.curve_cases import CURVE_CASES
from tests.generators.held_cases import HELD_CASES
from tests.generators.space_cases import OPEN_CASES, SPACE_CASES
from tests.generators.surface_cases import SURFACE_CASES

if TYPE_CHECKING:
    from tests.generators.cases import Case
CASES = [*SURFACE_CASES, *SPACE_CASES, *CURVE_CASES, *ARM_CASES]
OPEN = OPEN_CASES
"""Cases that the rules do not master yet."""
HELD = HELD_CASES
"""Curves of another make: `--held`."""
SEEDS = {"dev": 1_000_000, "report": 2_000_000}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one rule did in the studies of one case, at one size."""

    case: Case
    trials: int
    dimensions: int
    studies: int
    spoke: int
    undecided: int

    @property
    def rate(self) -> float | None:
        """How often it spoke, of the decided studies; None where fewer than a tenth of them was decided."""
        decided = self.studies - self.undecided
        return self.spoke / decided if decided >= self.studies / 10 else None

    @property
    def wanted(self) -> bool:
        """Whether the rate is what issue and design ask for, or the rule says itself that it cannot tell."""
        return self.rate is None or (self.rate >= 0.95 if self.case.should else self.rate <= 0.05)


def measure(case: Case, trials: int, dimensions: int, *, studies: int, seeds: str, alone: bool = False) -> Row:
    """Generate the studies of this case and size, and count what the rule says; `alone` without the other rules."""
    spoke = undecided = 0
    for number in range(studies):
        rng = np.random.default_rng([SEEDS[seeds] + number, trials, dimensions])
        study = case.make(rng, trials, dimensions)
        rule = rules()[case.rule]
        findings = [f for f in (advise(study) if rule.concludes and not alone else rule(study)) if f.rule == case.rule]
        said = {f.verdict for f in findings if case.subject is None or f.subject == case.subject}
        if said & set(case.speaks):
            spoke += 1
        elif said & {"undecided", "blocked"}:
            undecided += 1
    return Row(case=case, trials=trials, dimensions=dimensions, studies=studies, spoke=spoke, undecided=undecided)
