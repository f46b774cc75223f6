"""Evaluations from a program's output: regular expressions with named groups, merged by step."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.following.limited import TooSlowError, limited
from playbook_cli.following.nearest import nearest
from playbook_cli.formats.marks import Marks
from playbook_cli.formats.tables import number, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.following.limited import Limit

LONGEST_LINE = 10_000
"""Characters of a line that are matched; the rest of a longer line is ignored."""
KEPT_LINES = 200
"""Lines at the beginning, and at the end, among which the one is looked for that comes nearest to a pattern."""
SHOWN_CHARACTERS = 160
_BREAK = re.compile(rb"[\r\n]")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Reading = tuple[int, dict[str, float]]
"""A step and its metrics."""


@dataclass(frozen=True, kw_only=True)
class Counting:
    """How the steps of evaluations are counted that show none."""

    group: str
    """Whose every value is an evaluation."""
    first: int
    every: int


class Printed:
    """Finds evaluations in a program's output.

    A match of a pattern without the group `step` belongs to the last step that was read or counted, or to 0 before any.
    """

    def __init__(self, patterns: Sequence[str], step: str = "step", counting: Counting | None = None) -> None:
        self.problems: list[str] = []
        """Matches that are not numbers, the first of each group."""
        self.too_slow: str | None = None
        """Why reading stopped: a pattern that takes too long, and the line."""
        self.unclear: str | None = None
        """The first ambiguous number, and its line."""
        self._first_lines: list[str] = []
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._step_name = step
        self._marks = Marks()
        compiled = [re.compile(pattern) for pattern in patterns]
        self._patterns = sorted(compiled, key=lambda pattern: step not in pattern.groupindex)
        """Those with a step first: what else is in the line belongs to it."""
        self._unmatched = dict.fromkeys(patterns)
        self._complained: set[str] = set()
        self._step = 0
        self._counting = counting
        self._counted = 0
        self._rest = b""
        self._skipping = False

    @property
    def groups(self) -> list[str]:
        """The groups of its patterns, without the step."""
        return [name for pattern in self._patterns for name in pattern.groupindex if name != self._step_name]

    @property
    def unmatched(self) -> list[str]:
        """What is to be said of patterns that no line has matched."""
        lines = [*self._first_lines, *self._last_lines]
        said = []
        for pattern in self._unmatched:
            near = nearest(pattern, lines)
            said.append(f"no line matched '{pattern}'{f': {near}' if near else ''}")
        return said

    @property
    def silent(self) -> bool:
        """Whether nothing was printed."""
        return not self._first_lines

    def feed(self, data: bytes) -> list[Reading]:
        """The evaluations in the lines that these bytes complete; progress bars end lines with a carriage return."""
        readings: list[Reading] = []
        if self.too_slow is None:
            try:
                with limited() as limit:
                    self._feed(data, readings, limit)
            except TooSlowError as slow:
                self.too_slow = (
                    f"the pattern '{slow.pattern}' in metrics.stdout takes too long to match. Rewrite it without "
                    f"nested repeats such as (a+)+, or with fewer .*. It stopped at the line\n"
                    f"    {slow.text[:SHOWN_CHARACTERS]}"
                )
        return readings

    def _feed(self, data: bytes, readings: list[Reading], limit: Limit) -> None:
        *lines, rest = _BREAK.split(self._rest + data)
        for index, line in enumerate(lines):
            if not (self._skipping and index == 0):
                self._line(line, readings, limit)
        self._skipping = self._skipping and not lines
        if self._skipping:
            rest = b""
        elif len(rest) > 4 * LONGEST_LINE:
            self._line(rest, readings, limit)
            rest, self._skipping = b"", True
        self._rest = rest

    def finish(self) -> list[Reading]:
        """The evaluations in a last line without a line break."""
        return self.feed(b"\n")

    def _line(self, line: bytes, readings: list[Reading], limit: Limit) -> None:
        text = line.decode("utf-8", errors="replace")[:LONGEST_LINE]
        if "\x1b" in text:
            text = _COLOUR.sub("", text)
        if not text.strip():
            return
        (self._first_lines if len(self._first_lines) < KEPT_LINES else self._last_lines).append(text)
        for pattern in self._patterns:
            found = limit(pattern.search, text)
            if found:
                self._unmatched.pop(pattern.pattern, None)
                self._match(found.groupdict(), text, readings)

    def _match(self, groups: dict[str, str | None], text: str, readings: list[Reading]) -> None:
        step = groups.pop(self._step_name, None)
        if step is not None:
            whole = whole_number(step)
            if whole is None:
                self._complain(self._step_name, f"the step {step!r} is not a whole number", text)
                return
            self._step = whole
        elif self._counting is not None and groups.get(self._counting.group) is not None:
            self._step = self._counting.first + self._counted * self._counting.every
            self._counted += 1
        values: dict[str, float] = {}
        cells = self._marks.read({name: cell for name, cell in groups.items() if cell is not None}, self._step_name)
        if self._marks.problem and not self.unclear:
            self.unclear = f"{self._marks.problem}; print it with a dot, in the line\n    {text[:SHOWN_CHARACTERS]}"
        for name, cell in cells.items():
            value = number(cell)
            if value is not None:
                values[name] = value
            else:
                self._complain(name, f"{name} is {cell!r}, not a number", text)
        if values:
            readings.append((self._step, values))

    def _complain(self, group: str, what: str, text: str) -> None:
        if group not in self._complained:
            self._complained.add(group)
            self.problems.append(f"{what}, in the line\n    {text[:SHOWN_CHARACTERS]}")
