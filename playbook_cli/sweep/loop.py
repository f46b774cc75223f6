"""The loop of a sweep: train what is missing, look at what there is, decide what to train next.

All state is in the studies' folders, so that a sweep that was interrupted, or killed, goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.curves import measure
from playbook_cli.store import Store
from playbook_cli.study import NO_METRIC
from playbook_cli.sweep.find import FindRace, fitting
from playbook_cli.sweep.folder import put, require_same, unfinished
from playbook_cli.sweep.grid import coarse
from playbook_cli.sweep.judge import next_rates
from playbook_cli.sweep.listed import ListedSampler
from playbook_cli.sweep.points import rate_of, read, steps_spent
from playbook_cli.sweep.race import SweepRace, require_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

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
GROWS = ("goal", "trials", "nuisance.")
"""Keys of a sweep's own study that change no trial: its words, which learning rates were trained so far, and how."""
GRID = tuple(f"lr_sweep.{key}" for key in ("min", "max", "points", "steps", "find", "harmless"))
"""Keys in which a sweep may differ from the one in its folder: other learning rates join those that are there."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was measured."""

    points: Sequence[Point]
    steps: int | None
    """N, of each trial; None where it was searched for, and no number of steps up to the limit makes a trial fit."""
    spent: int
    """Steps that were trained."""
    stopped: Outcome | None = None
    """The run that ended before its time: it was interrupted, or no trial works."""


def sweep(setting: Setting, steps: int, paths: StudyPaths, train: Train, *, extend: bool, racing: bool) -> Swept:
    """Train the grid, `steps` steps each, until there is nothing left to try.

    SpecError where the script does not report the target's metric; StudyError where the folder holds another sweep.
    """
    parameter, target, grid = setting.sweep.parameter, setting.target, setting.grid
    require_same(setting.spec(SWEEP, steps, grid.middle_outward()), paths, (*GROWS, *GRID), what="the sweep")
    stopped = None
    again = True
    while True:
        trials = _trials(paths)
        points = read(trials, parameter, target)
        missing = unfinished(trials, again=again)
        further = [] if missing else next_rates(points, grid, extend=extend)
        if stopped or not (missing or further):
            return Swept(points=points, steps=steps, spent=steps_spent(trials), stopped=stopped)
        rates = [*(rate_of(trial, parameter) for trial in trials), *further]
        race = SweepRace(
            paths=paths,
            target=target,
            rates=rates,
            interval=setting.interval(steps),
            fastest=min((point.fit.step for point in points if point.fit), default=None),
            racing=racing,
        )
        spec = setting.spec(SWEEP, steps, rates)
        stopped = _train(setting, spec, paths, train, missing=missing, further=further, race=race)
        again = False


def find(setting: Setting, rounds: Rounds, paths: StudyPaths, train: Train) -> Swept:
    """Double the number of steps until a learning rate of the coarse grid fits; raises as `sweep` does.

    The points are those of the last round.
    """
    parameter, target = setting.sweep.parameter, setting.target
    spec = setting.spec(FIND, rounds.limit, coarse(setting.grid).middle_outward())
    require_same(spec, paths, GROWS, what="the sweep")
    stopped = None
    again = True
    while True:
        trials = _trials(paths)
        missing = unfinished(trials, again=again)
        begun = -(-len(trials) // rounds.width)
        found = fitting(trials, target) is not None
        if stopped or (begun and not missing and (found or rounds.last(begun - 1))):
            return Swept(
                points=read(trials[(begun - 1) * rounds.width :], parameter, target),
                steps=rounds.steps(begun - 1) if found else None,
                spent=steps_spent(trials),
                stopped=stopped,
            )
        further = [] if missing else coarse(setting.grid).middle_outward()
        rates = [*(rate_of(trial, parameter) for trial in trials), *further]
        race = FindRace(paths=paths, target=target, rounds=rounds)
        spec = setting.spec(FIND, rounds.limit, rates)
        stopped = _train(setting, spec, paths, train, missing=missing, further=further, race=race)
        again = False


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
