"""Numbers, values and texts as people read them."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Metric, Parameter, Stopped

_WHOLE = 6
"""Digits up to which a large number is written out."""
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that move the cursor, change colours, reverse the direction of text, or can't be encoded."""


def number(value: float, digits: int = 4) -> str:
    """A number with up to four significant digits, as terminal, page and texts all write it; whole numbers whole."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    short = f"{value:.{digits}g}"
    if "e" not in short:
        return short
    mantissa, exponent = short.split("e")
    return f"{value:.0f}" if 0 < int(exponent) < _WHOLE else f"{mantissa}e{int(exponent)}"


def percent(share: float) -> str:
    """A share as whole percent, or finer below ten."""
    return f"{100 * share:.0f}%" if share == 0.0 or share >= 0.1 else f"{100 * share:.2g}%"


def p_text(p_value: float) -> str:
    """A p-value with one significant digit: `p = 0.0004`."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.1g}"


def stopped(why: Stopped, metric: str, max_train_steps: int) -> str:
    """Why a trial was stopped before the end of training, in words."""
    chance = "less than 0.1%" if why.chance < 0.001 else f"{why.chance:.1%}"
    return (
        f"at step {why.step:,} of {max_train_steps:,}, its chance of becoming the best was {chance} "
        f"(expected {metric} {number(why.expected)}; best: trial {why.against})"
    )


def at(parameter: Parameter, unit: float) -> str:
    """The value at `unit` (0 to 1) of a range, on the range's scale; rounded for an integer."""
    if parameter.kind == "int":
        return str(parameter.from_unit(min(max(unit, 0.0), 1.0)))
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        return number(math.exp(math.log(low) + unit * (math.log(high) - math.log(low))))
    return number(low + unit * (high - low))


def span(parameter: Parameter) -> str:
    """The ends of a range: `0.001 to 1`."""
    return f"{number(parameter.low)} to {number(parameter.high)}"


def examples(metric: Metric, *values: float) -> str:
    """Shares of the validation examples as numbers of them: ` (9 of 544 examples)`, ` (9 against 10 of 544 examples)`.

    Empty where it is not known how many there are, or the values are no shares.
    """
    if metric.examples is None or not all(0.0 <= value <= 1.0 for value in values):
        return ""
    counted = " against ".join(f"{value * metric.examples:.0f}" for value in values)
    return f" ({counted} of {metric.examples:,} examples)"


def plural(count: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """A time span for people: 42 s, 3 min, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def uncapitalized(text: str) -> str:
    """A sentence or a title as it stands within another one."""
    return f"{text[:1].lower()}{text[1:]}"


def did_you_mean(given: str, known: Sequence[str], otherwise: str) -> str:
    """A hint for a name that is not among the known ones: the one that looks most like it, if there is one."""
    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def out_of(count: int, total: int, noun: str) -> str:
    """`3 of 12 top trials`, `all 12 top trials`, `both top trials`, `the only top trial`."""
    if count < total:
        return f"{count} of {plural(total, noun)}"
    return {1: f"the only {noun}", 2: f"both {noun}s"}.get(total, f"all {plural(total, noun)}")


def value(given: object) -> str:
    """The value of a hyperparameter, a float with four significant digits."""
    return number(given) if isinstance(given, float) else str(given)


def one_line(text: str) -> str:
    """`text` as one line of printable characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def first_line(error: object) -> str:
    """The first line of an error's message, or the name of its type if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def visible(text: str) -> str:
    """`text` with `?` for every character that would steer a terminal; tabs and line ends stay."""
    return STEERING.sub("?", text)
