"""The loop of a sweep: train what is missing, look at what there is, decide what to train next.

All state is in the studies' folders, so that a sweep that was interrupted, or killed, goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playbook_cli.curves import measure
from playbook_cli.store import Store
from playbook_cli.study import NO_METRIC
from playbook_cli.sweep.find import FindRace, fitting
from playbook_cli.sweep.folder import put, require_same, superseded, unfinished
from playbook_cli.sweep.grid import coarse
from playbook_cli.sweep.inspection import Inspection
from playbook_cli.sweep.judge import next_rates
from playbook_cli.sweep.listed import ListedSampler
from playbook_cli.sweep.points import rate_of, read, steps_spent
from playbook_cli.sweep.race import SweepRace, require_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.study import Outcome, Race
    from playbook_cli.sweep.find import Rounds
    from playbook_cli.sweep.folder import Train
    from playbook_cli.sweep.points import Point
    from playbook_cli.sweep.setting import Setting

SWEEP, FIND = "lr-sweep", "lr-find"
"""What is appended to a study's name for the sweep, and for the search for its number of steps."""
GROWS = ("trials", "nuisance.", "lr_sweep.harmless")
"""Keys of a sweep's own study that change no trial: its words, which learning rates were trained so far, and how."""
GRID = tuple(f"lr_sweep.{key}" for key in ("min", "max", "points", "steps", "find"))
"""Keys in which a sweep may differ from the one in its folder: other learning rates join those that are there."""
_MAY_DIFFER = {SWEEP: (*GROWS, *GRID), FIND: GROWS}


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was measured."""

    points: Sequence[Point]
    steps: int | None
    """N, of each trial; None where it was searched for, and no trial fits, however long."""
    longest: int
    """Steps of the longest trials."""
    spent: int
    """Steps that were trained."""
    stopped: Outcome | None = None
    """The run that ended before its time: it was interrupted, or no trial works."""
    rates: Mapping[float, float] = field(default_factory=dict)
    """Learning rates that the program logs where others were asked for."""


def is_superseded(setting: Setting, suffix: str, steps: int, paths: StudyPaths) -> bool:
    """Whether the folder holds another sweep, or search for N, that came to nothing: nobody misses it."""
    return superseded(_asked(setting, suffix, steps), paths, _MAY_DIFFER[suffix])


def sweep(setting: Setting, steps: int, paths: StudyPaths, train: Train, *, extend: bool, racing: bool) -> Swept:
    """Train the grid, `steps` steps each, until there is nothing left to try.

    SpecError where the script does not report the target's metric; StudyError where the folder holds another sweep.
    """
    parameter, target, grid = setting.sweep.parameter, setting.target, setting.grid
    inspect = Inspection(setting, paths)
    require_same(_asked(setting, SWEEP, steps), paths, _MAY_DIFFER[SWEEP], what="the sweep")
    stopped = None
    again = True
    while True:
        trials = _trials(paths)
        inspect.all(trials)
        points = read(trials, parameter, target, steps)
        missing = unfinished(trials, again=again)
        further = [] if missing else next_rates(points, grid, extend=extend)
        if stopped or not (missing or further):
            return Swept(
                points=points,
                steps=steps,
                longest=steps,
                spent=steps_spent(trials),
                stopped=stopped,
                rates=inspect.rates,
            )
        rates = [*(rate_of(trial, parameter) for trial in trials), *further]
        race = SweepRace(
            paths=paths,
            target=target,
            rates=rates,
            steps=steps,
            interval=setting.interval(steps),
            fastest=min((point.fit.step for point in points if point.fit), default=None),
            racing=racing,
            inspect=inspect,
        )
        spec = setting.spec(SWEEP, steps, rates)
        stopped = _train(setting, spec, paths, train, missing=missing, further=further, race=race)
        again = False


def find(setting: Setting, rounds: Rounds, paths: StudyPaths, train: Train) -> Swept:
    """Double the number of steps until a learning rate of the coarse grid fits; raises as `sweep` does.

    N is the step of the fastest fit, or of the evaluation after it where a sweep is evaluated less often. The points
    are those of the last round. There is no further round where no trial reaches the end of one: each diverges, or the
    program ends by itself.
    """
    parameter, target = setting.sweep.parameter, setting.target
    inspect = Inspection(setting, paths)
    require_same(_asked(setting, FIND, rounds.limit), paths, _MAY_DIFFER[FIND], what="the sweep")
    stopped = None
    again = True
    while True:
        trials = _trials(paths)
        missing = unfinished(trials, again=again)
        begun = -(-len(trials) // rounds.width)
        inspect.all(trials)
        longest = rounds.steps(max(begun - 1, 0))
        points = read(trials[max(begun - 1, 0) * rounds.width :], parameter, target, longest)
        found = fitting(trials, target)
        if stopped or (begun and not missing and (found or rounds.last(begun - 1) or _none_lasts(points))):
            return Swept(
                points=points,
                steps=_evaluated(setting, min(found.values())) if found else None,
                longest=longest,
                spent=steps_spent(trials),
                stopped=stopped,
                rates=inspect.rates,
            )
        further = [] if missing else coarse(setting.grid).middle_outward()
        rates = [*(rate_of(trial, parameter) for trial in trials), *further]
        fits = {rounds.of(number) for number in found}
        race = FindRace(paths=paths, target=target, rounds=rounds, found=fits, inspect=inspect)
        spec = setting.spec(FIND, rounds.limit, rates)
        stopped = _train(setting, spec, paths, train, missing=missing, further=further, race=race)
        again = False


def _none_lasts(points: Sequence[Point]) -> bool:
    """Whether longer trials would be no longer: each of these ended before its last step, and not for the search."""
    return all(point.state != "completed" or point.cut_short for point in points)


def _evaluated(setting: Setting, fit: int) -> int:
    """The fewest steps of a sweep's trials with an evaluation at the step of a fit, or after it."""
    steps = fit
    while (late := steps % setting.interval(steps)) and steps - late < fit:
        steps += setting.interval(steps) - late
    return steps


def _asked(setting: Setting, suffix: str, steps: int) -> StudySpec:
    """The study of a folder, before there is any trial in it."""
    grid = setting.grid if suffix == SWEEP else coarse(setting.grid)
    return setting.spec(suffix, steps, grid.middle_outward())


def _trials(paths: StudyPaths) -> Sequence[TrialRecord]:
    return Store(paths.dir).record().trials if paths.spec.exists() else []


def _train(
    setting: Setting,
    spec: StudySpec,
    paths: StudyPaths,
    train: Train,
    *,
    missing: set[int],
    further: Sequence[float],
    race: Race,
) -> Outcome | None:
    """Train the missing trials and further learning rates; the outcome where that could not be finished."""
    put(spec, paths)
    sampler = ListedSampler(setting.sweep.parameter, further, spec.seed)
    known = int(spec.trials or 0) - len(further)
    outcome = train(spec, paths, sampler, race, lambda trial: trial.id in missing or trial.id >= known)
    for trial in outcome.trials:
        if trial.state == "failed" and (trial.reason or "").startswith(NO_METRIC):
            require_metric(setting.target, measure(paths.trial(trial.id).metrics).curve)
    return outcome if outcome.hopeless or outcome.interrupted else None
