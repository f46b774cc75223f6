"""How a report writes values: numbers, settings, counts."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.records import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.records import Value

NOTHING = "–"  # noqa: RUF001 (a dash in a table is a dash)

TIMESCALE = "AdamW timescale"
"""1 / (learning rate x weight decay)."""


def number(x: float | None) -> str:
    """`x` as everywhere; a dash where there is none."""
    return NOTHING if x is None else wording.number(x)


def setting(value: Value) -> str:
    """A hyperparameter's value as a study file would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(setting, value))}]"
    return value if isinstance(value, str) else number(value)


def settings(params: Mapping[str, Value]) -> str:
    """Several hyperparameters in one line: `learning_rate=0.1, layers=2`."""
    return ", ".join(f"{name}={setting(value)}" for name, value in params.items())


def sentence(text: str) -> str:
    """`text` with a capital letter at its start, unless it starts with the name of something."""
    first = text.split(maxsplit=1)[0] if text.split() else ""
    return text if any(char in first for char in "_=./") else f"{text[:1].upper()}{text[1:]}"


def count(n: int, thing: str) -> str:
    """`n` things, in words that fit the number."""
    return f"{n} {thing}" if n == 1 else f"{n:,} {thing}s"


def states(counts: Mapping[str, int]) -> list[str]:
    """How many trials are in each state that any is in: `30 completed`, `2 infeasible`."""
    return [f"{counts[state]:,} {state}" for state in STATES if counts.get(state)]


def span(low: float, high: float) -> str:
    """An interval: `0.0176 to 0.0202`."""
    return f"{wording.number(low)} to {wording.number(high)}"


def estimate(mean: float | None, interval: tuple[float, float] | None) -> str:
    """A mean with its interval, where there is one: `0.0189 (0.0176 to 0.0202)`."""
    return number(mean) if interval is None else f"{number(mean)} ({span(*interval)})"


def timescale(steps: float, max_train_steps: int) -> str:
    """AdamW's timescale in steps, and how often max_train_steps fits into it: `12000 (20 x)`."""

    def rough(value: float) -> str:
        return wording.number(float(f"{value:.2g}"))

    return f"{rough(steps)} ({rough(steps / max_train_steps)} x)"


def luck(size: float | None) -> str:
    """How lucky a result was, with its sign, as roughly as it is known."""
    return NOTHING if size is None else f"{size:+.2g}"


def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent."""
    return f"{round(100 * part / whole)}%" if whole else NOTHING


def shortened(text: str, length: int) -> str:
    """`text` in one line of at most `length` characters; what is left out in the middle is an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def distinct(names: Sequence[str], length: int) -> list[str]:
    """`names` in at most `length` characters each, as far as they can be, and still different from each other.

    What is left out is what they share: the name of a condition, or the start and the end of long paths.
    """
    if max(map(len, names), default=0) > length:
        names = [_CONDITION.sub("(", name) if len(name) > length else name for name in names]
    flat = [" ".join(name.split()) for name in names]
    short = [shortened(name, length) for name in flat]
    if len(long := [name for name in flat if len(name) > length]) > 1 and len(set(short)) < len(set(flat)):
        head = length // 4 if length >= _HEADED else 0
        same = max(_shared(long), head)
        short = [
            f"{name[:head]}…{shortened(name[same:], length - 1 - head)}" if len(name) > length else name
            for name in flat
        ]
    totals, seen = Counter(short), Counter[str]()
    for place, text in enumerate(short):
        if totals[text] > 1:
            seen[text] += 1
            mark = f" ({seen[text]})"
            short[place] = f"{shortened(text, max(length - len(mark), 1))}{mark}"
    return short


def apart(texts: Iterable[str], length: int) -> dict[str, str]:
    """Each of these texts in at most `length` characters, still different from the others."""
    different = list(dict.fromkeys(texts))
    return dict(zip(different, distinct(different, length), strict=True))


def _shared(names: Sequence[str]) -> int:
    """How many characters all of these begin with, up to the start of a word."""
    first, last = min(names), max(names)
    same = next((place for place, char in enumerate(first) if last[place] != char), len(first))
    start = next((place for place in range(same, 0, -1) if not first[place - 1].isalnum()), same)
    return start if same - start < _WORD else same


_HEADED = 20
"""Characters from which on a short name keeps the start that it shares with others."""
_WORD = 12
"""Characters of a word that names share, up to which it is shown whole."""
_CONDITION = re.compile(r"\([^()=]*=(?=[^()]*\)$)")


def printable(text: str) -> str:
    """`text` without control characters: a name must not move the cursor or change colours."""
    return "".join(" " if c in "\n\t" else "?" if unicodedata.category(c) in {"Cc", "Cs", "Cf"} else c for c in text)


def escape(text: str) -> str:
    """`text` as HTML text or attribute value."""
    return html.escape(text, quote=True)
