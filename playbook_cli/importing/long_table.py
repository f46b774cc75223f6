"""Tables with a row for every evaluation: several rows are one run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import whole_number
from playbook_cli.importing import infer
from playbook_cli.importing.rows import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.formats.tables import Row
    from playbook_cli.importing.runs import Ask

IDS = ("trial_id", "run_id", "trial", "run", "id", "trial_number", "number")
"""Columns that identify runs, in lower case; rows with the same value are of one run."""
NAMES = ("name", "run_name")
"""Columns that identify runs, but that several runs may share."""
_WIDE = ("State", "Created", "Runtime")
"""Columns that Weights & Biases writes for every run, and that tables of evaluations do not have."""


def grouped(rows: Sequence[Row], ask: Ask) -> tuple[str, str, dict[str, list[Row]]] | None:
    """The column that identifies runs, the one that counts steps, and the rows of each run; None if each row is a run.

    PlaybookError if several rows are, or may be, of one run, and nothing says how.
    """
    columns = {name.lower(): name for name in reversed(rows[0]) if name not in ask.ignored}
    keys = [columns[name] for name in (*IDS, *NAMES) if name in columns]
    whole = [key for key in keys if all(row.get(key, "") != "" for row in rows)]
    step = ask.step or next((columns[name] for name in STEPS if name in columns), None)
    if not whole:
        _refuse_without_key(rows, step, ask)
        return None
    key = whole[0]
    if len({row[key] for row in rows}) == len(rows) or (key.lower() in NAMES and set(_WIDE) & set(rows[0])):
        return None
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    steps = [[whole_number(row.get(step or "")) for row in group] for group in groups.values()]
    counted = step is not None and all(None not in own and len(set(own)) == len(own) for own in steps)
    if step and counted and (ask.step or (_same_grid(steps) and not _seeds_vary(groups))):
        return key, step, groups
    if ask.step or counted or key.lower() in IDS:
        what = f"several rows have the same {key}"
        if ask.step and not counted:
            what += f", and {ask.step} does not count their steps: it has empty or repeated values"
        raise PlaybookError(
            what,
            where=ask.source,
            hint=f"to read them as evaluations of one run: --step COLUMN; as one run each: --ignore {key!r}",
        )
    return None


def _refuse_without_key(rows: Sequence[Row], step: str | None, ask: Ask) -> None:
    """PlaybookError if rows look like the evaluations of runs, and no column says of which run."""
    if step is None or ask.step is not None:
        return
    steps = [whole_number(row.get(step)) for row in rows]
    rises = sum(a is not None and b is not None and b > a for a, b in itertools.pairwise(steps))
    again = len(rows) - len(set(steps))
    if (
        len(set(steps)) > 1
        and again
        and rises >= len(rows) / 2
        and steps.count(steps[0]) * len(set(steps)) == len(rows)
    ):
        raise PlaybookError(
            f"the rows look like evaluations, at {len(set(steps))} different values of {step}, but no column "
            "names the run",
            where=ask.source,
            hint=f"add a column trial with the run's number, or, if every row is a run, --ignore {step}",
        )


def _same_grid(steps: Sequence[Sequence[int | None]]) -> bool:
    """Whether all runs were evaluated at the same steps in order, as far as each one went."""
    longest = max((list(own) for own in steps), key=len)
    return all(list(own) == longest[: len(own)] for own in steps) and longest == sorted(
        step for step in longest if step is not None
    )


def _seeds_vary(groups: Mapping[str, Sequence[Row]]) -> bool:
    return any(
        infer.is_seed(name) and len({row[name] for row in rows}) > 1 for rows in groups.values() for name in rows[0]
    )
