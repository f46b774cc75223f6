"""Regular expressions of users, matched for a limited time: some, such as (a+)+$, take longer than anybody waits.

The engine stays `re`, so a pattern finds what it always found. While it searches, it heeds signals, and a timer of the
processor time that this process uses sends one: a busy machine makes no pattern slow.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator


SECONDS = 2.0
"""A match that takes so long of the processor's time is given up, at the latest after twice that."""


class TooSlowError(Exception):
    """A match was given up."""

    def __init__(self, pattern: str, text: str) -> None:
        super().__init__(pattern, text)
        self.pattern, self.text = pattern, text


class Limit:
    """Calls a compiled pattern's `search`, `match` or `fullmatch`; TooSlowError where that does not end."""

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
        """Give up what is being matched since the last tick, if anything is."""
        if self._method is not None and self._calls == self._at_last_tick:
            pattern: re.Pattern[str] = self._method.__self__  # type: ignore[attr-defined]
            self._method = None
            raise TooSlowError(pattern.pattern, self._text)
        self._at_last_tick = self._calls


@contextmanager
def limited() -> Iterator[Limit]:
    """What to match by, in the main thread; elsewhere no signal arrives, and matching takes what it takes."""
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
