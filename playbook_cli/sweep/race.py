"""What each trial of a sweep is asked to train, and when it cannot win any more.

Trials stop where they fit. The learning rate being constant, a trial's first steps do not depend on how many follow:
one that is evaluated where the fastest fit so far lies, or later, and does not fit, cannot change the answer, and stops
too. A program that looks at none of what it is asked for is stopped by what its evaluations show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.curves import measure
from playbook_cli.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import Curve, TrialRecord
    from playbook_cli.sweep.target import Fit, Target

    Inspect = Callable[[TrialRecord, Curve | None], None]


class SweepRace:
    """The race of a sweep's trials, `steps` long. `rates` are the learning rates of all trials, in order of their ids.

    `inspect` is told what each trial measured so far, and raises where that can't be a sweep's.
    """

    def __init__(
        self,
        *,
        paths: StudyPaths,
        target: Target,
        rates: Sequence[float],
        steps: int,
        interval: int,
        fastest: int | None,
        racing: bool,
        inspect: Inspect,
    ) -> None:
        self._paths = paths
        self._target = target
        self._rates = rates
        self._steps = steps
        self._interval = interval
        self._fastest = fastest
        """Steps of the fastest fit so far."""
        self._racing = racing
        self._inspect = inspect

    def environment(self, trial: TrialRecord) -> Mapping[str, str]:
        asked = {"PLAYBOOK_TARGET": repr(self._target.value)}
        if (fit := self._known(trial)) is not None:
            asked["PLAYBOOK_STOP_STEP"] = str(fit.step)
            asked["PLAYBOOK_EVALUATE_FROM"] = str(fit.before + 1)
        elif self._racing and self._fastest is not None and not self._repeats(trial):
            asked["PLAYBOOK_STOP_STEP"] = str(self._fastest + self._interval)  # so that one evaluation comes in time
        return asked

    def over(self, trial: TrialRecord) -> str | None:
        measured = measure(self._paths.trial(trial.id).metrics)
        self._inspect(trial, measured.curve)
        fit = self._target.reached(measured.curve, self._steps)
        if fit is not None:
            self._fastest = fit.step if self._fastest is None else min(fit.step, self._fastest)
            return f"{self._target} at step {fit.step}"
        if measured.curve is None or measured.infeasible:
            return None
        require_in_time(self._target, measured.curve, self._interval, self._steps)
        last = max(self._target.evaluated(measured.curve), default=None)
        if last is None:
            return None
        known = self._known(trial)
        if known is None and self._racing and self._fastest is not None and last >= self._fastest:
            return f"stopped at step {last}: cannot win, another learning rate fits at step {self._fastest}"
        wanted = self._steps if known is None else known.step
        return f"did not fit by step {last}" if last >= wanted else None

    def _repeats(self, trial: TrialRecord) -> bool:
        return self._rates.index(self._rates[trial.id]) != trial.id

    def _known(self, trial: TrialRecord) -> Fit | None:
        """The fit that this trial repeats, to locate it exactly; None where it is the first of its learning rate."""
        first = self._rates.index(self._rates[trial.id])
        if first == trial.id:
            return None
        return self._target.reached(measure(self._paths.trial(first).metrics).curve, self._steps)


def require_in_time(target: Target, curve: Curve, interval: int, steps: int) -> None:
    """SpecError as soon as it is sure that evaluations lack the target's metric altogether.

    A program that is evaluated when it is asked to shows it at its second evaluation, any other at its last step: until
    then it may print its loss at every step, and evaluate once in a hundred.
    """
    if target.metric.name in curve.values:
        return
    first = [step for step in curve.steps[:3].tolist() if step > 0]
    as_asked = interval > 1 and first[:2] == [interval, 2 * interval]
    if as_asked or int(curve.steps[-1]) >= steps:
        require_metric(target, curve)


def require_metric(target: Target, curve: Curve | None) -> None:
    """SpecError where evaluations lack the target's metric altogether."""
    if curve is None or target.metric.name not in curve.values:
        reported = ", ".join(curve.values) if curve is not None else "nothing"
        raise SpecError(
            f"the training script does not report {target.metric.name}, the target's metric; it reports {reported}",
            hint="report it, measured on the whole training set, or name another: --target METRIC=VALUE",
        )
