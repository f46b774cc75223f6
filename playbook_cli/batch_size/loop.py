"""The loop of the probes: probe a size, look at what there is, decide which one is next.

All state is in the study's folder, so that a command that was interrupted, or killed, goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.batch_size.judge import stalled
from playbook_cli.batch_size.race import ProbeRace
from playbook_cli.batch_size.sizes import read, size_of
from playbook_cli.store import Store
from playbook_cli.sweep.folder import put, require_same, unfinished
from playbook_cli.sweep.listed import ListedSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.batch_size.sizes import Size
    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.sweep.folder import Train

PROBES = 2
"""Of one size, where the first one's steps were too few to be timed."""
FAILURES = 3
"""So many sizes that fail before any fits mean that the program does not work."""
GROWS = ("trials", "points", "points.", "nuisance.")
"""Keys of the probes' study that change no probe: which sizes there are so far."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What was measured."""

    sizes: Sequence[Size]
    interrupted: bool = False


def probe(setting: Setting, paths: StudyPaths, train: Train) -> Probed:
    """Probe sizes until there is none left to try. StudyError where the folder holds probes of another kind."""
    require_same(setting.spec([setting.min]), paths, GROWS, what="what is", timed=True)
    again = True
    while True:
        trials = Store(paths.dir).record().trials if paths.spec.exists() else []
        sizes = asked_for(read(trials, setting.parameter, paths, followed=setting.followed), setting)
        wanted = {size.batch_size for size in sizes}
        missing = {n for n in unfinished(trials, again=again) if size_of(trials[n], setting.parameter) in wanted}
        further = None if missing else next_size(sizes, setting)
        if not missing and further is None:
            return Probed(sizes=sizes)
        known = [size for size in sizes if size.state not in ("pending", "failed")]
        if further is not None:
            missing.add(len(trials))
        batch_sizes = [*(size_of(trial, setting.parameter) for trial in trials), *([further] if further else [])]
        spec = setting.spec(batch_sizes)
        put(spec, paths)
        sampler = ListedSampler(setting.parameter, [further] if further else [], spec.seed)
        outcome = train(spec, paths, sampler, ProbeRace(setting, known), _among(missing))
        if outcome.interrupted:
            return Probed(sizes=sizes, interrupted=True)
        again = False


def _among(numbers: set[int]) -> Callable[[TrialRecord], bool]:
    return lambda trial: trial.id in numbers


def asked_for(sizes: Sequence[Size], setting: Setting) -> list[Size]:
    """Those of a folder's sizes that this command doubles through: another --min or --max may have left others."""
    chain = [setting.min]
    most = setting.max or max((size.batch_size for size in sizes), default=0)
    while chain[-1] <= most // 2:
        chain.append(2 * chain[-1])
    return [size for size in sizes if size.batch_size in chain]


def next_size(sizes: Sequence[Size], setting: Setting) -> int | None:
    """The size to probe next; None where nothing more is to be learnt, or can be tried."""
    larger = setting.min
    for size in sizes:
        if size.batch_size != larger:
            return larger
        larger *= 2
    if not sizes:
        return larger
    last = sizes[-1]
    if last.state == "failed":
        fits = any(size.state == "fits" for size in sizes)
        if fits or len(sizes) >= FAILURES:
            return None
    elif last.state != "fits":
        return None
    elif _too_rough(last, setting):
        return last.batch_size
    if setting.max is not None:
        return larger if larger <= setting.max else None
    return None if stalled(sizes, setting.gain) else larger


def _too_rough(size: Size, setting: Setting) -> bool:
    """Whether a second probe with more steps would time this size better."""
    if size.probes >= PROBES or setting.steps is not None or setting.followed:
        return False
    return size.timing is None or not size.timing.precise
