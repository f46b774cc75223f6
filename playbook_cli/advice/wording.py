"""Numbers and values as findings write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playbook_cli.records import Parameter


def number(value: float) -> str:
    """A number with as many digits as a reader can use."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as whole percent, or finer below ten."""
    return f"{100 * share:.0f}%" if share == 0.0 or share >= 0.1 else f"{100 * share:.2g}%"


def p_text(p_value: float) -> str:
    """A p-value with one significant digit: `p = 0.0004`."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.1g}"


def at(parameter: Parameter, unit: float) -> str:
    """The value at `unit` of a range, in its own scale; for an integer the nearest one."""
    if parameter.kind == "int":
        return str(parameter.from_unit(min(max(unit, 0.0), 1.0)))
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        return number(math.exp(math.log(low) + unit * (math.log(high) - math.log(low))))
    return number(low + unit * (high - low))


def span(parameter: Parameter) -> str:
    """The range in its own scale: `0.001 to 1`."""
    return f"{number(parameter.low)} to {number(parameter.high)}"


def plural(count: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
