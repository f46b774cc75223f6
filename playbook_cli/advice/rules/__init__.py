"""The rules, one a file: `best_step.py` holds the rule `best_step`. Whatever lists rules reads them here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.advice.rule import Rule
    from playbook_cli.records import Finding


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by its name, in the order of reading. The first call imports them, and numpy with them."""
    found: list[Rule] = [
        getattr(import_module(f"{__name__}.{module.name}"), module.name) for module in iter_modules(__path__)
    ]
    return MappingProxyType({rule.name: rule for rule in sorted(found, key=lambda rule: rule.order)})


def titled(finding: Finding) -> str:
    """The plain words for what a rule found: `Training too long`."""
    return rules()[finding.rule].verdicts[finding.verdict]
