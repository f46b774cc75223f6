"""The answer of the probes, in words and as JSON: the one value that every renderer shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from playbook_cli.batch_size.judge import MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.acts import Command
    from playbook_cli.batch_size.judge import Judgement
    from playbook_cli.batch_size.scaling import Scaling
    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.batch_size.sizes import Size
    from playbook_cli.records import Value

BUSY = 0.1
"""If other processes had the cores for more than this share of the probes, the answer says so."""
NOISY = 0.1
"""A time with a relative error above this is noisy."""
LONGEST = 140
"""Maximal length of a reason, in characters."""
CHANGE = (
    "Changing the batch size changes the gradient noise: retune the learning rate, the other optimizer settings and "
    "the regularization, and compare batch sizes at the same number of steps, not epochs. max_train_steps may change "
    "too: run playbook lr-sweep again."
)
"""Advice of the playbook: Choosing the batch size."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of the probes, and everything that is shown of it."""

    study: str
    parameter: str
    now: Value
    """The study's own batch size; None if it varies."""
    sizes: Sequence[Size]
    judgement: Judgement
    gain: float
    headline: str
    """The answer in one sentence."""
    remarks: Sequence[str]
    """Caveats, and what a change means."""
    next: Command | None
    """The command to run next; None if there is none."""
    held: Mapping[str, Value]
    """Every other hyperparameter, with its value in the probes."""
    scaling: Scaling | None
    """Steps to a target for each size; None if not requested."""

    @property
    def batch_size(self) -> int | None:
        """The recommended size; None if there is none."""
        return None if self.judgement.best is None else self.judgement.best.batch_size


def answer(
    setting: Setting, sizes: Sequence[Size], judgement: Judgement, command: Command, scaling: Scaling | None = None
) -> Answer:
    """Put the measurements into words; `command` is the one that the user ran."""
    words = _Words(setting, sizes, judgement)
    headline = words.headline()
    best = judgement.best
    changes = best is not None and best.batch_size != setting.now
    return Answer(
        study=setting.study.name,
        parameter=setting.parameter,
        now=setting.now,
        sizes=sizes,
        judgement=judgement,
        gain=setting.gain,
        headline=headline,
        remarks=words.remarks(),
        next=command.adding(output=f"{setting.study.name}-b{best.batch_size}.yaml")
        if best is not None and changes
        else None,
        held=setting.held,
        scaling=scaling,
    )


def as_json(given: Answer) -> dict[str, Any]:
    """The object of `batch-size --json`."""
    ratios = gains(given.sizes)
    return {
        "study": given.study,
        "parameter": given.parameter,
        "verdict": given.judgement.verdict,
        "batch_size": given.batch_size,
        "likely": None if given.judgement.likely is None else list(given.judgement.likely),
        "gain": given.gain,
        "sizes": [
            {
                "batch_size": size.batch_size,
                "state": size.state,
                "reason": size.reason,
                "seconds_per_step": None if size.timing is None else size.timing.seconds,
                "interval": None if size.timing is None else [size.timing.low, size.timing.high],
                "examples_per_second": size.examples_per_second,
                "speedup": ratios.get(size.batch_size),
                "peak_bytes": size.peak_bytes,
                "gpu_peak_bytes": size.gpu_peak_bytes,
            }
            for size in given.sizes
        ],
        "held": dict(given.held),
        "steps_to_target": None if given.scaling is None else given.scaling.as_json(),
        "remarks": list(given.remarks),
    }


def gains(sizes: Sequence[Size]) -> dict[int, float]:
    """For each usable size, by which factor it is faster than the usable size before it."""
    usable = [size for size in sizes if size.usable]
    found = {}
    for smaller, larger in pairwise(usable):
        before, after = smaller.examples_per_second, larger.examples_per_second
        if before and after:
            found[larger.batch_size] = after / before
    return found


def outcome(size: Size, given: Answer) -> str:
    """The outcome of a size, for a table."""
    if size.state == "same":
        return "same training as with another size"
    if size.state == "out-of-memory":
        return f"out of memory: {_short(size.reason)}" if size.peak_bytes is None else "out of memory"
    if size.state == "failed":
        return f"failed: {_short(size.reason)}"
    if size.state == "pending":
        return "not finished"
    if size.timing is None:
        return "fits; too few steps or evaluations to time it"
    notes = ["recommended"] if size.batch_size == given.batch_size else []
    if size.batch_size == given.now:
        notes.append("current")
    if size.timing.evaluation is None:
        notes.append("evaluations included")
    return ", ".join(notes)


def amount(size: int | None) -> str:
    """Bytes in MiB or GiB."""
    if size is None:
        return ""
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def described(setting: Setting) -> list[str]:
    """What is probed, held fixed and limited, one line each, for the user to check."""
    most = "until memory runs out or doubling stops paying off" if setting.max is None else f"to {setting.max}"
    lines = [f"{setting.parameter} from {setting.min} {most}, each in its own process"]
    if setting.chosen:
        lines.append("held fixed: " + "; ".join(f"{name} = {why}" for name, why in setting.chosen.items()))
    if setting.memory_limit is not None:
        lines.append(f"memory limit of each process: {amount(setting.memory_limit)}")
    return lines


def _short(reason: str | None) -> str:
    line = ((reason or "").splitlines() or [""])[0].removeprefix("out of memory: ")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


class _Words:
    def __init__(self, setting: Setting, sizes: Sequence[Size], judgement: Judgement) -> None:
        self._setting = setting
        self._sizes = sizes
        self._judgement = judgement
        self._name = setting.parameter

    def headline(self) -> str:
        best = self._judgement.best
        if self._judgement.verdict == "unread":
            same = [size.batch_size for size in self._sizes if size.state == "same"]
            return (
                f"unknown: training with {self._name} = {same[0]} and {same[-1]} gives identical results: the program "
                f"does not read {self._name}, or its data set is smaller than these batches"
            )
        if best is None:
            first = self._sizes[0] if self._sizes else None
            if first is not None and first.state == "out-of-memory":
                return f"unknown: even {self._name} = {first.batch_size} does not fit into memory"
            return f"unknown: too few steps or evaluations to time any {self._name}; try --steps 4000 --anew"
        rate = f"{best.examples_per_second:,.0f} examples/s" if best.examples_per_second else ""
        if self._judgement.verdict == "ok":
            return (
                f"{self._name} = {best.batch_size}: {rate}; larger ones gain less than {self._percent()} per doubling"
            )
        return (
            f"{self._name} = {best.batch_size}: {rate}, the largest {self._limit(best)}; throughput was still improving"
        )

    def remarks(self) -> list[str]:
        best = self._judgement.best
        lines = [
            f"{self._name} = {size.batch_size} failed, but did not run out of memory: {_short(size.reason)}"
            for size in self._sizes
            if size.state == "failed"
        ]
        gone = next((size for size in self._sizes if size.state == "out-of-memory"), None)
        if gone is not None:
            lines.append(f"{self._name} = {gone.batch_size} ran out of memory: {_short(gone.reason)}")
        same = [size.batch_size for size in self._sizes if size.state == "same"]
        if same and self._judgement.verdict != "unread":
            lines.append(
                f"Results are identical from {self._name} = {same[0]} on: the data set or the program limits the batch "
                f"to at most {same[0]}."
            )
        if best is None:
            return lines
        likely = self._judgement.likely
        if likely is not None and likely[0] != likely[1]:
            lines.append(
                f"Given the noise of these timings, the answer could be any size from {likely[0]} to {likely[1]}. "
                "Use more steps to narrow it down: --steps 4000 --anew"
            )
        lines += self._noise()
        lines += self._room(best)
        if best.batch_size != self._setting.now:
            lines.append(CHANGE)
        elif self._setting.now is not None:
            lines.append(f"The study already uses {self._name} = {best.batch_size}.")
        return lines

    def _percent(self) -> str:
        return f"{self._setting.gain - 1:.0%}"

    def _limit(self, best: object) -> str:
        after = next((size.state for size in self._sizes if size.batch_size > getattr(best, "batch_size", 0)), None)
        if after == "out-of-memory":
            return "that fits into memory"
        return {"failed": "that works", "same": "that the data set allows"}.get(str(after), "size tried")

    def _noise(self) -> list[str]:
        timed = [size.timing for size in self._sizes if size.timing is not None]
        lines = []
        busy = sum(t.waited for t in timed) / len(timed) if timed else 0.0
        if busy > BUSY:
            lines.append(
                f"Other processes used the cores for {busy:.0%} of the probes' time. That time is excluded, but the "
                "timings are less precise than on an idle machine."
            )
        noisy = [size.batch_size for size in self._sizes if size.timing and _error(size) > NOISY]
        if noisy:
            which = f"{self._setting.parameter} {', '.join(map(str, noisy))}"
            lines.append(f"Timings with an error above {NOISY:.0%}: {which}.")
        return lines

    def _room(self, best: Size) -> list[str]:
        limits = [(best.peak_bytes, self._setting.memory_limit), (best.gpu_peak_bytes, best.gpu_total_bytes)]
        return [
            f"It uses {amount(held)} of {amount(limit)}: little is left, and longer training may need more."
            for held, limit in limits
            if held and limit and held > MEMORY * limit
        ]


def _error(size: Size) -> float:
    return size.timing.error / size.timing.seconds if size.timing is not None else 0.0
