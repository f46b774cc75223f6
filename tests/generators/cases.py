"""What a case of `truth.py` is: studies with one truth, and whether a rule should speak of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from playbook_cli.records import StudyRecord

    Make = Callable[[np.random.Generator, int, int], StudyRecord]


SPACES = ((12, 1), (12, 2), (12, 4), (24, 2), (24, 4), (24, 8), (48, 2), (48, 4), (48, 8))

COUNTS = ((12, 2), (24, 2), (48, 2))

NOISE = 0.02
"""Standard deviation of a trial's result, as a share of the range of results."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Studies with one truth, and what one rule should make of them."""

    rule: str
    name: str
    should: bool
    speaks: tuple[str, ...]
    """The verdicts that count as speaking."""
    make: Make
    """From a random generator, a number of trials and a number of ranges."""
    sizes: tuple[tuple[int, int], ...]
    subject: str | None = None
    """Whom the verdict must be about."""
