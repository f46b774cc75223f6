"""Users' regular expressions, matched with a time limit: some, such as (a+)+$, would take forever.

The engine is `re`, so patterns match as usual. It handles signals while it searches, and a timer sends one after some
CPU time of this process, so that a busy machine doesn't make a pattern slow.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator


SECONDS = 2.0
"""CPU time after which a match is given up, at the latest after twice this time."""


class TooSlowError(Exception):
    """A match was given up."""

    def __init__(self, pattern: str, text: str) -> None:
        super().__init__(pattern, text)
        self.pattern, self.text = pattern, text


class Limit:
    """Calls a compiled pattern's `search`, `match` or `fullmatch`; TooSlowError if that takes too long."""

    def __init__(self) -> None:
        self._calls = 0
        self._at_last_tick = -1
        self._method: Callable[[str], re.Match[str] | None] | None = None
        self._text = ""

    def __call__(self, method: Callable[[str], re.Match[str] | None], text: str) -> re.Match[str] | None:
        self._calls += 1
        self._method, self._text = method, text
        found = method(text)
        self._method = None
        return found

    def tick(self, *_: object) -> None:
        """Give up a match that has been running since the last tick."""
        if self._method is not None and self._calls == self._at_last_tick:
            pattern: re.Pattern[str] = self._method.__self__  # type: ignore[attr-defined]
            self._method = None
            raise TooSlowError(pattern.pattern, self._text)
        self._at_last_tick = self._calls


@contextmanager
def limited() -> Iterator[Limit]:
    """A limit for matches in the main thread; other threads get no signals, so matches there are not limited."""
    limit = Limit()
    try:
        before = signal.signal(signal.SIGVTALRM, limit.tick)
    except ValueError:  # another thread
        yield limit
        return
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, SECONDS)
    try:
        yield limit
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)
