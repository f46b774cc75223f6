"""Which hyperparameters are active regularization, augmentation or schedules, judged by their names and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SUSPICIOUS = re.compile(
    r"drop_?out|drop_?(path|block|connect)|stochastic_?depth|weight_?decay|decay|(^|_)(wd|l1|l2)(_|$)|smoothing"
    r"|mix_?up|cut_?(mix|out)|augment|erasing|jitter|flip|random_?crop|regulari|penalty"
    r"|schedul|warm_?up|anneal|cosine",
    re.IGNORECASE,
)
"""Names of regularization, augmentation and learning-rate schedules."""
SCHEDULE = re.compile(r"schedul|warm_?up|anneal|cosine|^(lr_?|learning_?rate_?)?decay", re.IGNORECASE)
"""Names of learning-rate schedules alone."""
OFF_WORDS = ("none", "off", "no", "constant", "identity", "false", "null", "")
"""Strings that turn such a hyperparameter off, like 0, false and null."""
_SWITCH_OFF = re.compile(r"^(no|not|without|disable|skip)[_-]", re.IGNORECASE)
"""Prefixes of a switch that turns something off: no_augment."""


def suspects(name: str) -> bool:
    """Whether the name looks like regularization, augmentation or a schedule."""
    return SUSPICIOUS.search(name) is not None


def is_off(name: str, value: object) -> bool:
    """Whether this value turns it off."""
    nothing = value is None or value == 0 or value in ([], (), {})
    off = nothing or (isinstance(value, str) and (value.lower() in OFF_WORDS or _zero(value)))
    return not off if _SWITCH_OFF.match(name) else off


def acting(values: Mapping[str, object], but: Collection[str]) -> list[str]:
    """Names that look suspicious and are on at these values, except those in `but`, which the user has settled."""
    return [name for name, value in values.items() if suspects(name) and name not in but and not is_off(name, value)]


def off_value(name: str, value: object) -> str:
    """The value that turns it off in a study file, in place of `value`."""
    if _SWITCH_OFF.match(name):
        return "true"
    if isinstance(value, bool):
        return "false"
    if isinstance(value, str) and not _number(value):
        return "constant" if SCHEDULE.search(name) else "none"
    return "constant" if re.search("schedul", name, re.IGNORECASE) else "0" if isinstance(value, int) else "0.0"


def remedy(values: Mapping[str, object], names: Collection[str]) -> str:
    """What to write into the study file if these are on."""
    write = ", ".join(f"{name}: {off_value(name, values[name])}" for name in names)
    some = "them" if len(names) > 1 else "it"
    return f"write lr_sweep: {{off: {{{write}}}}} to turn {some} off, or {{harmless: [{', '.join(names)}]}}"


def _zero(text: str) -> bool:
    return _number(text) and float(text) == 0.0


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
