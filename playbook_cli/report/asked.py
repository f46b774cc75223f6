"""What the goal of a study asks: whether one of its arms is better."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Metric, Value

_QUESTION = re.compile(r"^\s*(is|are|does|do|will|would|can|could|should)\b", re.IGNORECASE)
_BETTER = r"better|best|beats?|helps?|improves?|outperforms?|wins?|pays?"
_FALLS, _RISES = r"lowers?|reduces?|decreases?|cuts?|smaller", r"raises?|increases?|higher|larger"
_NUMERALS = {
    1: ("1", "one", "first", "single"),
    2: ("2", "two", "second"),
    3: ("3", "three", "third"),
    4: ("4", "four", "fourth"),
}


def asked(goal: str, arms: Sequence[Mapping[str, Value]], metric: Metric) -> int | None:
    """The arm of which a question like `Is arm b better?` asks whether it is better; None where the goal is another."""
    right = _FALLS if metric.goal == "minimize" else _RISES
    if not _QUESTION.match(goal) or not re.search(rf"\b({_BETTER}|{right})\b", goal, re.IGNORECASE):
        return None
    named = [index for index, arm in enumerate(arms) if arm and all(_named(goal, *pair) for pair in arm.items())]
    return named[0] if len(named) == 1 else None


def _named(goal: str, name: str, value: Value) -> bool:
    """Whether the goal speaks of this setting."""
    words = re.findall(r"[\w.+-]*\w", goal.lower())
    of_name = [part.rstrip("s") for part in re.split(r"[^a-z0-9]+", name.lower()) if part]
    spoken = all(any(word.rstrip("s") == part for word in words) for part in of_name)
    if value is None or value is False:
        return False
    if value is True:
        return spoken
    if isinstance(value, int | float):
        numerals = _NUMERALS.get(int(value), ()) if value == int(value) else ()
        return spoken and any(word in numerals or word == f"{value:g}" for word in words)
    text = str(value).lower()
    return text in words and (spoken or len(text) > 1)
