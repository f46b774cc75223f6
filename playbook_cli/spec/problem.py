"""What is wrong with a study file, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playbook_cli.spec.source import Location


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something in a study file that can't be run as it stands."""

    location: Location
    what: str
    hint: str | None = None
