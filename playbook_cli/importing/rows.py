"""Rows of a log as evaluations: a whole step, and every other number in the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row = "Mapping[str, Any]"
STEPS = (
    "step",
    "global_step",
    "_step",
    "train_step",
    "training_step",
    "current_steps",
    "training_iteration",
    "iteration",
    "epoch",
)
"""Names of fields that count steps, in lower case, the finest first."""


def step_field(logs: Iterable[Sequence[Mapping[str, Any]]], wanted: str | None) -> str | None:
    """The field that counts steps in these logs; None if none has a usual name, so that rows have to be counted.

    PlaybookError if the wanted field is in no log.
    """
    names = dict.fromkeys(name for rows in logs for row in rows for name in row)
    if wanted is not None:
        if names and wanted not in names:
            hint = f"use --step with one of: {', '.join(names)}"
            raise PlaybookError(f"no evaluation has a field {wanted!r}", hint=hint)
        return wanted
    known = {name.lower(): name for name in reversed(names)}
    return next((known[step] for step in STEPS if step in known), None)


def evaluations(rows: Sequence[Mapping[str, Any]], step: str | None, where: str) -> list[dict[str, float]]:
    """The rows that have a step and a number, as `{"step": ..., name: value}`; without a step field they are counted.

    Empty cells and text are skipped, NaN and infinities are kept. PlaybookError if a step is not a whole number.
    """
    found = []
    for count, row in enumerate(rows, start=1):
        at = count if step is None else _step(row.get(step), step, where)
        numbers = {name: value for name, cell in row.items() if (value := number(cell)) is not None}
        numbers.pop(step or "", None)
        own = numbers.pop("step", None)  # Playbook's own records need this name
        if own is not None:
            numbers["step (logged)"] = own
        if at is not None and numbers:
            found.append({"step": at, **numbers})
    return found


def _step(cell: object, field: str, where: str) -> int | None:
    step = whole_number(cell)
    if step is None and number(cell) is not None:
        raise PlaybookError(
            f"the field {field!r} is {cell}, but steps must be whole numbers from 0",
            where=where,
            hint="use another field, for example: --step global_step",
        )
    return step
