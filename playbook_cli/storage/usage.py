"""How much of its machine a trial used, as the process that watched it sampled it now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.errors import JournalError
from playbook_cli.files import journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.files.paths import StudyPaths, TrialPaths
    from playbook_cli.records import TrialRecord


_LARGEST = 1e18
"""No number of a sample is as large."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was in use at one moment."""

    time: float
    """Seconds since the epoch."""
    cores: float
    """Processor cores that the trial's processes kept busy, on average since the sample before."""
    memory: float
    """Bytes that they held."""
    node_cpu: float
    """Share of all cores of the machine, as are the next two; programs besides Playbook's are in it."""
    node_memory: float
    gpu: float | None
    """Of its GPUs, on average; None without one, or if the driver doesn't say."""
    gpu_memory: float | None
    """Bytes in use on its GPUs."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a trial used, over all samples."""

    cores: float
    """On average."""
    memory: float
    """The largest sample, in bytes."""
    gpu: float | None
    """Share, on average."""
    gpu_memory: float | None
    """The largest sample, in bytes."""


def samples(paths: TrialPaths) -> list[Sample]:
    """All samples of a trial, the first one first; none if it was too short for one, or nothing can be read."""
    try:
        records = journal.read(paths.usage, pass_over_damage=True)
    except (JournalError, OSError):
        return []
    return [sample for record in records if (sample := _sample(record)) is not None]


def of_trials(trials: Iterable[TrialRecord], paths: StudyPaths) -> dict[int, list[Sample]]:
    """The samples of every trial that has some."""
    return {trial.id: found for trial in trials if trial.attempts and (found := samples(paths.trial(trial.id)))}


def used(found: Sequence[Sample]) -> Used:
    """The samples of a trial, at least one, in a few numbers."""
    gpu = [one.gpu for one in found if one.gpu is not None]
    gpu_memory = [one.gpu_memory for one in found if one.gpu_memory is not None]
    return Used(
        cores=sum(one.cores for one in found) / len(found),
        memory=max(one.memory for one in found),
        gpu=sum(gpu) / len(gpu) if gpu else None,
        gpu_memory=max(gpu_memory, default=None),
    )


def _sample(record: Mapping[str, object]) -> Sample | None:
    """None for a record that no sampler has written."""

    def number(name: str) -> float | None:
        value = record.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
            return None
        return float(value)

    time, cores, memory = number("time"), number("cores"), number("memory")
    node_cpu, node_memory = number("node_cpu"), number("node_memory")
    if time is None or cores is None or memory is None or node_cpu is None or node_memory is None:
        return None
    return Sample(
        time=time,
        cores=cores,
        memory=memory,
        node_cpu=node_cpu,
        node_memory=node_memory,
        gpu=number("gpu"),
        gpu_memory=number("gpu_memory"),
    )
