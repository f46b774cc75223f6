"""Writes a followed trial's metrics file, and reports what must not be recorded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from playbook_cli.files import journal
from playbook_cli.following.readers import renamed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.following.printed import Reading


class Recorder:
    """Writes evaluations as they arrive. Once `over` is true, nothing more from the program can count."""

    def __init__(
        self,
        path: str,
        *,
        metric: str,
        max_train_steps: int,
        names: Mapping[str, str],
        all_named: bool,
        resuming: bool,
        stops: bool = False,
        counted: bool = False,
    ) -> None:
        self.over = False
        self._path, self._metric, self._max_train_steps = path, metric, max_train_steps
        self._recorded: dict[str, dict[int, float]] = {}
        """The last value of each metric at each step."""
        self._names, self._all_named = names, all_named
        self._stops = stops
        """Whether a program that trains beyond max_train_steps is stopped there instead of having failed."""
        self._counted = counted
        """Whether the steps are counted by the evaluations."""
        self._journal: journal.Journal | None = None
        self._last: dict[str, int] | None = None if resuming else {}
        """The last step of each metric; None if steps of an earlier attempt may come again."""
        self._kept: list[dict[str, Any]] = []
        if not resuming:
            journal.set_aside(path)
        else:
            self._kept = [
                record
                for record in journal.read(path, pass_over_damage=True)
                if isinstance(record.get("step"), int) and not isinstance(record.get("failed"), str)
            ]
            self._remember(self._kept)

    @property
    def evaluations(self) -> Mapping[int, float]:
        """The study's metric by step."""
        return self._recorded.get(self._metric, {})

    def record(self, readings: Sequence[Reading]) -> None:
        """Write evaluations; when a trial resumes, its earlier ones from the first new step on are dropped.

        Recorded ones are skipped: a rewritten file repeats its rows, and a last line often repeats the best evaluation.
        """
        for step, theirs in readings:
            values = renamed(theirs, self._names, self._metric, all_named=self._all_named)
            if not values or self.over:
                continue
            if self._journal is None:
                self._open(step)
            values = {name: value for name, value in values.items() if not self._repeats(name, step, value)}
            if not values:
                continue
            if problem := self._problem(step, values):
                self.fail(problem)
                return
            self._append({"step": step, **values})
            self._remember([{"step": step, **values}])
            enough = self._stops and self._metric in values and step >= self._max_train_steps
            self.over = enough or not all(math.isfinite(value) for value in values.values())

    def fail(self, why: str) -> None:
        """Record why the program has no result."""
        self.over = True
        self._append({"step": max(self.evaluations, default=0), "failed": why})

    def _remember(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            for name, value in record.items():
                if name != "step":
                    self._recorded.setdefault(name, {})[record["step"]] = value

    def _repeats(self, name: str, step: int, value: float) -> bool:
        """Whether this is already recorded; an earlier step may be repeated with fewer digits."""
        known = self._recorded.get(name, {}).get(step)
        if known is None or not math.isfinite(value):
            return False
        earlier = self._last is not None and step < self._last.get(name, 0)
        return known == value or (earlier and float(f"{known:.{_digits(value)}g}") == value)

    def _problem(self, step: int, values: Mapping[str, float]) -> str | None:
        if step > self._max_train_steps and not self._stops:
            if self._counted:
                return (
                    f"its evaluations count to step {step}, beyond max_train_steps = {self._max_train_steps}: set "
                    "eval_every to the steps between two of them"
                )
            return (
                f"it trained to step {step}, beyond max_train_steps = {self._max_train_steps}: "
                "pass ${max_train_steps} to the program in `command`"
            )
        if self._last is not None:
            for name in values:
                last = self._last.get(name, 0)
                if last >= 4 and step < last / 2:
                    return f"{name} is at step {step} after step {last}: `step` must count from the start of training"
            self._last.update(dict.fromkeys(values, step))
        return None

    def _open(self, step: int) -> None:
        if self._kept:
            kept = [record for record in self._kept if record["step"] < step]
            journal.rewrite(self._path, kept)
            self._recorded = {}
            self._remember(kept)
        self._journal = journal.Journal(self._path)

    def _append(self, record: dict[str, Any]) -> None:
        if self._journal is None:
            self._journal = journal.Journal(self._path)
        self._journal.append(record)


def _digits(value: float) -> int:
    """Number of significant digits of a number, at least two."""
    mantissa = repr(value).split("e")[0].replace(".", "").strip("-0")
    return max(2, len(mantissa))
