"""Trials that end when they reach a target, or when they can no longer change the answer."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.running.probing import Probing

if TYPE_CHECKING:
    from collections.abc import Callable

    from playbook_cli.records import Curve, TrialRecord
    from playbook_cli.storage.metrics import Measured
    from playbook_cli.sweep.target import Target


class Reaching(Probing):
    """The policy of a probe that asks when trials reach a target."""

    target: Target
    steps: int
    """Largest number of steps of a trial."""
    within: int | None = None
    """The target must be reached before this step; None if there is no such limit."""

    @abstractmethod
    def prompt(self, trial: TrialRecord) -> int | None:
        """Steps between the evaluations of a trial that is sure to evaluate when asked; None if that is not sure."""

    @abstractmethod
    def reached(self, trial: TrialRecord, step: int) -> None:
        """Take note that a trial reaches the target."""

    @abstractmethod
    def hopeless(self, trial: TrialRecord, last: int) -> str | None:
        """Why a trial that has not reached the target by its evaluation at step `last` should stop; None to go on."""

    def seen(self, trial: TrialRecord, curve: Curve | None) -> None:
        """Inspect the evaluations of a trial so far. SpecError if they cannot be those of this probe."""
        del trial, curve

    def enough(self, trial: TrialRecord, measured: Callable[[], Measured]) -> str | None:
        read = measured()
        self.seen(trial, read.curve)
        fit = self.target.reached(read.curve, self.within)
        if fit is not None:
            self.reached(trial, fit.step)
            return f"{self.target} at step {fit.step}"
        if read.curve is None or read.infeasible:
            return None
        self._require_in_time(trial, read.curve)
        last = max(self.target.evaluated(read.curve), default=None)
        return None if last is None else self.hopeless(trial, last)

    def _require_in_time(self, trial: TrialRecord, curve: Curve) -> None:
        """SpecError as soon as it is clear that no evaluation has the target's metric.

        A train function that is evaluated when it is asked to be shows it at its second evaluation, any other program
        at its last step: until then it may print its loss as often as evaluations are asked for, and evaluate rarely.
        """
        if self.target.metric.name in curve.values:
            return
        interval = self.prompt(trial)
        first = [step for step in curve.steps[:3].tolist() if step > 0]
        as_asked = interval is not None and interval > 1 and first[:2] == [interval, 2 * interval]
        if as_asked or int(curve.steps[-1]) >= self.steps:
            require_metric(self.target, curve)


def require_metric(target: Target, curve: Curve | None) -> None:
    """SpecError if no evaluation has the target's metric."""
    if curve is None or target.metric.name not in curve.values:
        reported = ", ".join(curve.values) if curve is not None else "nothing"
        raise SpecError(
            f"the training script does not report the target's metric, {target.metric.name}; it reports {reported}",
            hint=f"report {target.metric.name}, measured on the whole training set, or name another metric: "
            "--target METRIC=VALUE",
        )
