"""The loop of a probe: train what is missing, look at what there is, decide what to train next.

All state is in the probe's folder, so that one that was interrupted, or killed, goes on where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.curves import measure
from playbook_cli.errors import WorkError
from playbook_cli.instability.reading import look
from playbook_cli.instability.runs import PointsOfProbe, point_of
from playbook_cli.store import Store
from playbook_cli.sweep.folder import put, require_same, unfinished

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.instability.reading import Reading
    from playbook_cli.instability.runs import Point
    from playbook_cli.instability.setting import Setting
    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.study import Outcome
    from playbook_cli.sweep.folder import Train

GROWS = ("points", "points.", "trials", "nuisance", "nuisance.")
"""Keys of a probe's own study that change no run of it: which ones were trained so far, and how. Its goal names the
steps of each run, which stand nowhere else."""


class ProbeRace:
    """Ends a run when it has come as far as the probe looks."""

    def __init__(self, setting: Setting, paths: StudyPaths) -> None:
        self._setting = setting
        self._paths = paths

    def environment(self, trial: TrialRecord) -> Mapping[str, str]:
        # at every step a checkpoint would cost more than the training, which is short
        return {"PLAYBOOK_STOP_STEP": str(self._stop(trial)), "PLAYBOOK_CHECKPOINTS": "none"}

    def over(self, trial: TrialRecord) -> str | None:
        measured = measure(self._paths.trial(trial.id).metrics)
        if measured.curve is None or measured.infeasible:
            return None
        if self._setting.study.metric.name not in measured.curve.values:
            return None  # a program that evaluates seldom: stopped now, it would have no result
        stop = self._stop(trial)
        return f"as far as step {stop}" if int(measured.curve.steps[-1]) >= stop else None

    def _stop(self, trial: TrialRecord) -> int:
        return self._setting.stop(point_of(trial.params, self._setting.names, self._setting.base))


def probe(setting: Setting, paths: StudyPaths, train: Train) -> tuple[Reading, Outcome | None]:
    """Train multiples of the best learning rate, and what may mend them, until nothing is left to try.

    The outcome is there where a run of the study ended before its time: interrupted, or because no trial works.
    StudyError where the folder holds another probe, or the script does not report the loss that was asked for;
    WorkError where a run crashed.
    """
    stopped: Outcome | None = None
    again = True
    while True:
        trials = Store(paths.dir).record().trials if paths.spec.exists() else []
        points = [point_of(trial.params, setting.names, setting.base) for trial in trials]
        if again and points:
            require_same(setting.spec(points), paths, GROWS, what="the probe", counts=("goal",))
        missing = unfinished(trials, again=again)
        if not (missing or stopped):
            _refuse_crashed(trials, paths)
        seen, further = look(setting, trials, str(paths.dir))
        if stopped or not (missing or further):
            return seen, stopped
        stopped = _train(setting, points if missing else [*points, *further], paths, train)
        again = False


def _train(setting: Setting, points: Sequence[Point], paths: StudyPaths, train: Train) -> Outcome | None:
    """Train what is missing of these runs; the outcome where that could not be finished."""
    spec = setting.spec(points)
    put(spec, paths)
    sampler = PointsOfProbe([setting.params(point) for point in points], setting.trial.seed)
    outcome = train(spec, paths, sampler, ProbeRace(setting, paths))
    return outcome if outcome.hopeless or outcome.interrupted else None


def _refuse_crashed(trials: Sequence[TrialRecord], paths: StudyPaths) -> None:
    """WorkError where a run has no result: what is not known would be taken for stable or for unstable."""
    crashed = next((trial for trial in trials if trial.state == "failed"), None)
    if crashed is not None:
        raise WorkError(
            f"trial {crashed.id} of the probe failed: {crashed.reason}",
            where=str(paths.dir),
            hint=f"{paths.trial(crashed.id).stdout} says more; mend it, and then give the same command again",
        )
