"""What each trial of a sweep is asked to train, and when it cannot win any more.

Trials stop where they fit. The learning rate being constant, a trial's first steps do not depend on how many follow:
one that has trained as long as the fastest fit so far, plus one evaluation, cannot change the answer, and stops too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.curves import measure
from playbook_cli.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import Curve, TrialRecord
    from playbook_cli.sweep.target import Target


class SweepRace:
    """The race of a sweep's trials. `rates` are the learning rates of all trials, in order of their ids."""

    def __init__(
        self,
        *,
        paths: StudyPaths,
        target: Target,
        rates: Sequence[float],
        interval: int,
        fastest: int | None,
        racing: bool,
    ) -> None:
        self._paths = paths
        self._target = target
        self._rates = rates
        self._interval = interval
        self._fastest = fastest
        """Steps of the fastest fit so far."""
        self._racing = racing

    def environment(self, trial: TrialRecord) -> Mapping[str, str]:
        asked = {"PLAYBOOK_TARGET": repr(self._target.value)}
        first = self._rates.index(self._rates[trial.id])
        if first != trial.id:
            fit = self._target.reached(measure(self._paths.trial(first).metrics).curve)
            if fit is not None:
                asked["PLAYBOOK_STOP_STEP"] = str(fit.step)
                asked["PLAYBOOK_EVALUATE_FROM"] = str(fit.before + 1)
        elif self._racing and self._fastest is not None:
            asked["PLAYBOOK_STOP_STEP"] = str(self._fastest + self._interval)
        return asked

    def over(self, trial: TrialRecord) -> str | None:
        measured = measure(self._paths.trial(trial.id).metrics)
        fit = self._target.reached(measured.curve)
        if fit is not None:
            self._fastest = fit.step if self._fastest is None else min(fit.step, self._fastest)
            return f"{self._target} at step {fit.step}"
        if measured.curve is None or measured.infeasible:
            return None
        last = int(measured.curve.steps[-1])
        if last > self._interval:
            require_metric(self._target, measured.curve)
        if self._racing and self._fastest is not None and last >= self._fastest + self._interval:
            return f"raced out at step {last}: another learning rate fits at step {self._fastest}"
        return None


def require_metric(target: Target, curve: Curve | None) -> None:
    """SpecError where evaluations lack the target's metric altogether."""
    if curve is None or target.metric.name not in curve.values:
        reported = ", ".join(curve.values) if curve is not None else "nothing"
        raise SpecError(
            f"the training script does not report {target.metric.name}, the target's metric; it reports {reported}",
            hint="report it, measured on the whole training set, or name another: --target METRIC=VALUE",
        )
