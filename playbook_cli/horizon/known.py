"""The result of a study's ladder of lengths, read from the file beside the study's report."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbook_cli.files import atomic, regular
from playbook_cli.records import BestRate, Horizon
from playbook_cli.sweep import known as sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playbook_cli.records import StudyRecord
    from playbook_cli.storage.store import Store

FILE = "horizon.json"
"""Name of the file in the folder of the study's report."""


def record(study: Store) -> StudyRecord:
    """The whole study with all evaluations, and the results of its sweep and its ladder of lengths."""
    return replace(sweep.record(study), horizon=horizon(study))


def keep(content: Mapping[str, Any], directory: Path) -> None:
    """Write an answer's JSON where `horizon` finds it; skip it if it cannot be written, for example on a full disk."""
    with suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        atomic.write(directory / FILE, json.dumps(content, indent=1))


def horizon(study: Store) -> Horizon | None:
    """The last answer about this study; None if there is none for its max_train_steps, or it cannot be read."""
    try:
        told = json.loads(regular.content(study.paths.report / FILE))
        if told["now"] != study.spec.max_train_steps or told["metric"] != study.metric.name:
            return None
        points = told["points"]
        needed = [point["seeds_needed"] for point in points if point["verdict"] == "undecided"]
        return Horizon(
            verdict=str(told["verdict"]),
            max_train_steps=int(told["max_train_steps"]),
            headline=str(told["headline"]),
            seeds_needed=max(map(int, needed)) if needed and None not in needed else None,
            learning_rate=told["learning_rate"],
            rates=[rate for point in points for rate in _rates(point)],
        )
    except (OSError, ValueError, KeyError, TypeError):  # a report does without a derived file that was deleted
        return None


def _rates(point: dict[str, Any]) -> Iterator[BestRate]:
    for length in [*point["lengths"], *point["predictions"]]:
        found = length["best_learning_rate"]
        numbers = [] if found is None else [found["value"], *found["interval"]]
        if numbers and all(isinstance(x, float) and math.isfinite(x) and x > 0.0 for x in numbers):
            value, low, high = numbers
            yield BestRate(trial=int(point["trial"]), steps=int(length["steps"]), value=value, low=low, high=high)
