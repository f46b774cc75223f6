"""What a sweep's trials show while they train that the study file does not say: the script's own hyperparameters, and
the learning rate that it logs.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.files import containment
from playbook_cli.storage.metric_names import is_learning_rate
from playbook_cli.sweep.points import rate_of
from playbook_cli.sweep.suspicious import SCHEDULE, acting, is_off, remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Curve, TrialRecord
    from playbook_cli.sweep.setting import Setting

MOVES = 1e-3
"""A relative change of the learning rate below this is rounding: the rate is constant."""


class Inspection:
    """Inspects trials, and raises SpecError if what they train is not a learning-rate sweep."""

    def __init__(self, setting: Setting, paths: StudyPaths) -> None:
        self._setting = setting
        self._paths = paths
        self._logged: dict[float, float] = {}
        """The learning rate that the script logs, by the one it was given."""

    @property
    def rates(self) -> Mapping[float, float]:
        """Logged learning rates that differ from the given ones, by the given ones."""
        return {asked: logged for asked, logged in self._logged.items() if not _same(asked, logged)}

    def all(self, trials: Sequence[TrialRecord]) -> None:
        """Inspect trials that have ended or were interrupted."""
        for trial in trials:
            if trial.attempts:
                self(trial, trial.curve)

    def __call__(self, trial: TrialRecord, curve: Curve | None) -> None:
        """Inspect one trial and its evaluations so far."""
        chosen = self._chosen(trial)
        self._refuse_hidden(chosen)
        for name, values in self._columns(curve):
            low, high = min(values), max(values)
            if high - low > MOVES * abs(high):
                raise self._moves(trial, name, values[0], values[-1], chosen)
            if high > 0:
                self._logged[rate_of(trial, self._setting.sweep.parameter)] = high
                self._refuse_ignored(name)

    def _chosen(self, trial: TrialRecord) -> dict[str, object]:
        """Hyperparameters that the script has set itself, as far as the trial has read them."""
        try:
            chosen = json.loads(containment.content(self._paths.trial(trial.id).defaults))
        except (OSError, ValueError, RecursionError):  # no script with the client, or the record was cut short
            return {}
        return chosen if isinstance(chosen, dict) else {}

    def _refuse_hidden(self, chosen: Mapping[str, object]) -> None:
        sweep = self._setting.sweep
        if on := acting(chosen, (*self._setting.fixed, *sweep.harmless, sweep.parameter)):
            raise hidden(chosen, on, self._setting.where)

    def _columns(self, curve: Curve | None) -> Iterator[tuple[str, list[float]]]:
        """Columns of the learning rate, finite values alone: the hyperparameter's own name, else all that look so."""
        names = [] if curve is None else list(curve.values)
        own = [name for name in names if name == self._setting.sweep.parameter]
        for name in own or [name for name in names if is_learning_rate(name)]:
            assert curve is not None
            values = [value for value in curve.values[name].tolist() if value - value == 0.0]
            if values and name not in self._setting.sweep.harmless:
                yield name, values

    def _moves(
        self, trial: TrialRecord, name: str, first: float, last: float, chosen: Mapping[str, object]
    ) -> SpecError:
        known = {**chosen, **self._setting.fixed}
        schedules = [key for key, value in known.items() if SCHEDULE.search(key) and not is_off(key, value)]
        if schedules:
            fix = remedy(known, schedules).partition(",")[0].partition(" or {")[0].rstrip(", ")
        else:
            fix = (
                "make the script read a hyperparameter that turns off its schedule, and name it: lr_sweep: "
                "{off: {schedule: constant}}"
            )
        return SpecError(
            f"lr_sweep: the learning rate that the script logs as {name} changes from {first:.4g} to {last:.4g} in "
            f"trial {trial.id}, but a sweep needs a constant learning rate",
            where=self._setting.where,
            hint=f"{fix}; if {name} is not a learning rate, write harmless: [{name}]",
        )

    def _refuse_ignored(self, name: str) -> None:
        asked, logged = sorted(self._logged), set(self._logged.values())
        if len(asked) > 1 and len(logged) == 1:
            parameter = self._setting.sweep.parameter
            raise SpecError(
                f"lr_sweep: the script ignores {parameter}: it logs {name} = {logged.pop():.4g} both for "
                f"{parameter} = {asked[0]:.4g} and for {asked[-1]:.4g}",
                where=self._setting.where,
                hint=f"make it train with {parameter}, or name the hyperparameter that it uses: --parameter NAME; "
                f"if {name} is another learning rate, write harmless: [{name}]",
            )


def hidden(
    values: Mapping[str, object], names: Sequence[str], where: str, called: Mapping[str, str] | None = None
) -> SpecError:
    """The error for hyperparameters that the script sets itself and the study file does not name.

    `called` maps those that have another name on its command line to that name.
    """
    pairs = ", ".join(f"{name}: {option}" for name, option in (called or {}).items())
    own = ", ".join(f"{name}: {_yaml(values[name])}" for name in called or {})
    further = f"; to pass on {', '.join(called or {})}, also write fixed: {{{own}}} and args: {{names: {{{pairs}}}}}"
    said = ", ".join(f"{name} = {values[name]}" for name in names)
    return SpecError(
        f"lr_sweep: the script itself sets {said}, which looks like regularization, augmentation or a schedule; "
        "a sweep needs a constant learning rate without any of these",
        where=where,
        hint=remedy(values, names) + (further if called else ""),
    )


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(asked: float, logged: float) -> bool:
    """Whether a logged number equals the given one, up to the digits that were printed."""
    exponent = Decimal(repr(logged)).as_tuple().exponent
    digit = 10.0**exponent if isinstance(exponent, int) else 0.0
    return abs(asked - logged) <= max(MOVES * asked, 0.5 * digit * (1 + 1e-9))
