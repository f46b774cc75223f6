"""The answer of the probes, in words and as JSON: one value that every drawing of it shows."""

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
"""Where other work had the cores for more than this share of the probes, it is said."""
NOISY = 0.1
"""A time that is known no better than this share, is noisy."""
LONGEST = 140
"""Characters of a reason."""
CHANGE = (
    "A change of the batch size changes the gradient noise: tune the learning rate, the optimizer's other settings and "
    "the regularization again, and compare the sizes at equal numbers of steps, not of epochs. max_train_steps may "
    "change, too: playbook lr-sweep finds it again."
)
"""The playbook's: Choosing the batch size."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the probes found out, and all that is shown of it."""

    study: str
    parameter: str
    now: Value
    """The study's own batch size; None where it varies."""
    sizes: Sequence[Size]
    judgement: Judgement
    gain: float
    headline: str
    """The answer in one sentence."""
    remarks: Sequence[str]
    """What qualifies it, and what a change means."""
    next: Command | None
    """The command that acts on it."""
    held: Mapping[str, Value]
    """Every other hyperparameter, at its value here."""
    scaling: Scaling | None
    """Steps to a target for each size, where they were asked for."""

    @property
    def batch_size(self) -> int | None:
        """The recommended size; None where there is none."""
        return None if self.judgement.best is None else self.judgement.best.batch_size


def answer(
    setting: Setting, sizes: Sequence[Size], judgement: Judgement, command: Command, scaling: Scaling | None = None
) -> Answer:
    """Put what was measured into words; `command` is the one that the user gave."""
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
        next=command.adding(write=f"{setting.study.name}-b{best.batch_size}.yaml")
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
    """What a size came to, for a table."""
    if size.state == "same":
        return "not the size of its batches"
    if size.state == "out-of-memory":
        return f"out of memory: {_short(size.reason)}" if size.peak_bytes is None else "out of memory"
    if size.state == "failed":
        return f"failed: {_short(size.reason)}"
    if size.state == "pending":
        return "not finished"
    if size.timing is None:
        return "fits; too few steps, or evaluations, to time it"
    notes = ["recommended"] if size.batch_size == given.batch_size else []
    if size.batch_size == given.now:
        notes.append("the study's own")
    if size.timing.evaluation is None:
        notes.append("evaluations included")
    return ", ".join(notes)


def amount(size: int | None) -> str:
    """Bytes, for people."""
    if size is None:
        return ""
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def described(setting: Setting) -> list[str]:
    """What is probed, held still and limited, a line each; for the user to check."""
    most = "until memory runs out or doubling stops paying" if setting.max is None else f"to {setting.max}"
    lines = [f"{setting.parameter} from {setting.min} {most}, each in a process of its own"]
    if setting.chosen:
        lines.append("held still: " + "; ".join(f"{name} = {why}" for name, why in setting.chosen.items()))
    if setting.memory_limit is not None:
        lines.append(f"memory of each: {amount(setting.memory_limit)}")
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
                f"unknown: training with {self._name} = {same[0]} and {same[-1]} is the same, number by number: the "
                f"program does not read {self._name}, or its data hold no larger batch"
            )
        if best is None:
            first = self._sizes[0] if self._sizes else None
            if first is not None and first.state == "out-of-memory":
                return f"unknown: not even {self._name} = {first.batch_size} fits into memory"
            return f"unknown: no {self._name} could be timed, in too few steps or evaluations: --steps 4000 --anew"
        rate = f"{best.examples_per_second:,.0f} examples/s" if best.examples_per_second else ""
        if self._judgement.verdict == "ok":
            return (
                f"{self._name} = {best.batch_size}: {rate}, and larger ones gain less than {self._percent()} a doubling"
            )
        return f"{self._name} = {best.batch_size}: {rate}, the largest {self._limit(best)}, and it still pays"

    def remarks(self) -> list[str]:
        best = self._judgement.best
        lines = [
            f"{self._name} = {size.batch_size} failed, and not for memory: {_short(size.reason)}"
            for size in self._sizes
            if size.state == "failed"
        ]
        gone = next((size for size in self._sizes if size.state == "out-of-memory"), None)
        if gone is not None:
            lines.append(f"Memory ran out at {gone.batch_size}: {_short(gone.reason)}")
        same = [size.batch_size for size in self._sizes if size.state == "same"]
        if same and self._judgement.verdict != "unread":
            lines.append(
                f"From {same[0]} on the training is the same, number by number: the data, or the program, hold no "
                f"larger batch than some size up to {same[0]}."
            )
        if best is None:
            return lines
        likely = self._judgement.likely
        if likely is not None and likely[0] != likely[1]:
            lines.append(
                f"Within the noise of these times it could be any from {likely[0]} to {likely[1]}; "
                "more steps for each tell them apart: --steps 4000 --anew"
            )
        lines += self._noise()
        lines += self._room(best)
        if best.batch_size != self._setting.now:
            lines.append(CHANGE)
        elif self._setting.now is not None:
            lines.append(f"The study has {self._name} = {best.batch_size} already.")
        return lines

    def _percent(self) -> str:
        return f"{self._setting.gain - 1:.0%}"

    def _limit(self, best: object) -> str:
        after = next((size.state for size in self._sizes if size.batch_size > getattr(best, "batch_size", 0)), None)
        if after == "out-of-memory":
            return "that fits into memory"
        return {"failed": "that works", "same": "that the data hold"}.get(str(after), "that was tried")

    def _noise(self) -> list[str]:
        timed = [size.timing for size in self._sizes if size.timing is not None]
        lines = []
        busy = sum(t.waited for t in timed) / len(timed) if timed else 0.0
        if busy > BUSY:
            lines.append(
                f"Other work had the cores for {busy:.0%} of the probes' time; that time is left out, and what remains "
                "is still less exact than on an idle machine."
            )
        noisy = [size.batch_size for size in self._sizes if size.timing and _error(size) > NOISY]
        if noisy:
            which = f"{self._setting.parameter} {', '.join(map(str, noisy))}"
            lines.append(f"Times that are known to no better than {NOISY:.0%}: those of {which}.")
        return lines

    def _room(self, best: Size) -> list[str]:
        limits = [(best.peak_bytes, self._setting.memory_limit), (best.gpu_peak_bytes, best.gpu_total_bytes)]
        return [
            f"It takes {amount(held)} of {amount(limit)}: little room, and a longer training may need more."
            for held, limit in limits
            if held and limit and held > MEMORY * limit
        ]


def _error(size: Size) -> float:
    return size.timing.error / size.timing.seconds if size.timing is not None else 0.0
