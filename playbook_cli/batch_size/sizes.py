"""What the probes of a study found about each batch size."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.batch_size.timing import FOLLOWED_SECONDS, RESOLUTION_SECONDS, timing
from playbook_cli.files import containment
from playbook_cli.files.logs import said
from playbook_cli.launch.memory import KILLED, says_so

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.batch_size.timing import Timing
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Curve, TrialRecord

Ended = Literal["fits", "out-of-memory", "failed", "same", "pending"]
SAME_STEPS = 3
"""If this many evaluations agree between two sizes, and their values differ over time, it is not by chance."""
SAME = 1e-6
"""Relative difference up to which two values agree; different batches rarely give the same loss to six digits."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """One batch size, and the outcome of training with it."""

    batch_size: int
    state: Ended
    """`same`: it trained exactly as a smaller or a larger size did, so it is not the size of its batches."""
    reason: str | None
    timing: Timing | None
    """Step time; None if the size does not fit or could not be timed."""
    peak_bytes: int | None
    gpu_peak_bytes: int | None
    gpu_total_bytes: int | None
    probes: int

    @property
    def examples_per_second(self) -> float | None:
        return None if self.timing is None or not self.usable else self.batch_size / self.timing.seconds

    @property
    def usable(self) -> bool:
        """Whether it can be recommended."""
        return self.state == "fits" and self.timing is not None


def read(trials: Sequence[TrialRecord], parameter: str, paths: StudyPaths, *, followed: bool) -> list[Size]:
    """The sizes in ascending order, each as its last finished probe saw it."""
    by_size: dict[int, list[TrialRecord]] = {}
    for trial in trials:
        by_size.setdefault(size_of(trial, parameter), []).append(trial)
    resolution = FOLLOWED_SECONDS if followed else RESOLUTION_SECONDS
    last = {batch_size: by_size[batch_size][-1] for batch_size in sorted(by_size)}
    sizes = [_size(b, trial, paths, resolution, len(by_size[b])) for b, trial in last.items()]
    costs = sorted(size.timing.evaluation for size in sizes if size.timing and size.timing.evaluation is not None)
    if costs:
        middle = costs[len(costs) // 2]
        sizes = [replace(size, timing=size.timing.without(middle)) if size.timing else size for size in sizes]
    for index in range(1, len(sizes)):
        pair = sizes[index - 1 : index + 1]
        curves = [last[size.batch_size].curve for size in pair]
        if all(size.state in ("fits", "same") for size in pair) and _alike(curves[0], curves[1]):
            sizes[index - 1 : index + 1] = [replace(size, state="same") for size in pair]
    return sizes


def size_of(trial: TrialRecord, parameter: str) -> int:
    """The batch size of a trial."""
    value = trial.params[parameter]
    return int(value) if isinstance(value, int | float) else 0


def _size(batch_size: int, trial: TrialRecord, paths: StudyPaths, resolution: float, probes: int) -> Size:
    seen = _seen(trial, paths)
    timed = timing(_times(seen.get("times")), resolution)
    state, reason = _state(trial, seen)
    if state == "fits" and trial.state == "infeasible" and timed is None:
        state = "failed"
    if state == "failed" and trial.state == "failed":
        reason = f"{trial.reason}: {said(paths.trial(trial.id).stdout) or 'it printed nothing'}"
    return Size(
        batch_size=batch_size,
        state=state,
        reason=reason,
        timing=timed if state == "fits" else None,
        peak_bytes=_whole(seen.get("peak_bytes")),
        gpu_peak_bytes=_whole(seen.get("gpu_peak_bytes")),
        gpu_total_bytes=_whole(seen.get("gpu_total_bytes")),
        probes=probes,
    )


def _seen(trial: TrialRecord, paths: StudyPaths) -> dict[str, Any]:
    """What the probe recorded; {} if it was killed before it wrote, or its file is damaged."""
    if trial.unused:
        return {}
    try:
        seen = json.loads(containment.content(paths.trial(trial.id).probe))
    except (OSError, ValueError, RecursionError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _times(rows: Any) -> list[tuple[int, float, float]]:
    """The rows that have the form that a probe writes."""
    kept = [row for row in rows if isinstance(row, list) and len(row) == 3] if isinstance(rows, list) else []
    return [
        (step, when, waited) for step, when, waited in kept if {type(step), type(when), type(waited)} <= {int, float}
    ]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _state(trial: TrialRecord, seen: dict[str, Any]) -> tuple[Ended, str | None]:
    if trial.state in ("pending", "running"):
        return "pending", trial.reason
    if trial.state == "infeasible":
        return ("out-of-memory" if says_so(trial.reason) else "fits"), trial.reason
    if trial.state == "failed":
        killed = any(trial.reason == text for text in _killed_texts())
        return ("out-of-memory" if killed and not seen else "failed"), trial.reason
    return "fits", None


def _killed_texts() -> Iterable[str]:
    """The reasons of trials that were killed together with their probe."""
    for code in KILLED:
        yield f"it crashed with {f'signal {-code}' if code < 0 else f'exit code {code}'}"


def _alike(one: Curve | None, other: Curve | None) -> bool:
    """Whether two trainings have identical values at all steps at which both were evaluated."""
    import numpy as np

    if one is None or other is None:
        return False
    _, ours, theirs = np.intersect1d(one.steps, other.steps, return_indices=True)
    moving = False
    for name in one.values.keys() & other.values.keys():
        mine, its = one.values[name][ours], other.values[name][theirs]
        if not np.allclose(mine, its, rtol=SAME, atol=0.0, equal_nan=True):
            return False
        moving = moving or (name not in _CLOCKS and len(np.unique(mine[np.isfinite(mine)])) >= SAME_STEPS)
    return moving


_CLOCKS = ("learning_rate", "lr", "epoch", "step", "momentum")
"""Metrics that depend on the step alone."""
