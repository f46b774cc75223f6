"""The runs of an instability probe: multiples of the best learning rate, then what may fix them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.errors import WorkError
from playbook_cli.instability.reading import look
from playbook_cli.instability.runs import point_of
from playbook_cli.running.probing import Probing, listed, under_way
from playbook_cli.sampling.policy import Suggestion, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.instability.reading import Reading
    from playbook_cli.instability.runs import Point
    from playbook_cli.instability.setting import Setting
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.metrics import Measured


class Instability(Probing):
    """Trains what the reading asks for until nothing is left to try; a run ends at the last step that the probe needs.

    StudyError if the script does not report the requested loss; WorkError if a run crashed.
    """

    what = "the probe"
    grows = ("points", "points.", "trials", "nuisance", "nuisance.")
    counts = ("goal",)  # the only key that has the steps of each run

    def __init__(self, setting: Setting, paths: StudyPaths) -> None:
        self.paths = paths
        self._setting = setting

    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec | None:
        points = [self._point(trial) for trial in trials]
        return self._setting.spec(points) if points else None

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        further: Sequence[Point] = [] if under_way(trials) else self._look(trials)[1]
        spec = self._setting.spec([*map(self._point, trials), *further])
        params = [self._setting.params(point) for point in further]
        return Suggestion(spec=spec, trials=listed(spec, params, self._setting.trial.seed))

    def wanted(self, trial: TrialRecord) -> Wanted:
        # a checkpoint at every step would cost more than the short training
        return Wanted(stop_step=self._stop(trial), checkpoints=False, overrun=True)

    def enough(self, trial: TrialRecord, measured: Callable[[], Measured]) -> str | None:
        read = measured()
        if read.curve is None or read.infeasible:
            return None
        if self._setting.study.metric.name not in read.curve.values:
            return None  # a program that evaluates rarely would have no result if it were stopped now
        stop = self._stop(trial)
        return f"as far as step {stop}" if int(read.curve.steps[-1]) >= stop else None

    def reading(self, trials: Sequence[TrialRecord]) -> Reading:
        """The reading of all runs."""
        return self._look(trials)[0]

    def _look(self, trials: Sequence[TrialRecord]) -> tuple[Reading, Sequence[Point]]:
        crashed = next((trial for trial in trials if trial.state == "failed"), None)
        if crashed is not None:  # an unknown outcome must not count as stable or unstable
            raise WorkError(
                f"trial {crashed.id} of the probe failed: {crashed.reason}",
                where=str(self.paths.dir),
                hint=f"see {self.paths.trial(crashed.id).stdout}; fix it, then run the same command again",
            )
        return look(self._setting, trials, str(self.paths.dir))

    def _point(self, trial: TrialRecord) -> Point:
        return point_of(trial.params, self._setting.names, self._setting.base)

    def _stop(self, trial: TrialRecord) -> int:
        return self._setting.stop(self._point(trial))
