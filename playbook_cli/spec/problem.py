"""What is wrong with a study file, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playbook_cli.spec.source import Location


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something in a study file that is wrong or deserves a warning."""

    location: Location
    what: str
    hint: str | None = None


SHOWN = 20
"""Most names or values in one line; the rest are counted."""


def listed(names: Iterable[object]) -> str:
    """Names or values in one readable line: the first ones, and how many more there are."""
    shown = [str(name) for name in names]
    more = [f"and {len(shown) - SHOWN:,} more"] if len(shown) > SHOWN else []
    return ", ".join([*shown[:SHOWN], *more])
