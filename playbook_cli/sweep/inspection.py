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
"""A learning rate that changes by less than this part of itself is a constant that was rounded."""


class Inspection:
    """Looks at trials, and raises SpecError where what they train is no learning-rate sweep."""

    def __init__(self, setting: Setting, paths: StudyPaths) -> None:
        self._setting = setting
        self._paths = paths
        self._logged: dict[float, float] = {}
        """The learning rate that the script logs, by the one that it was asked for."""

    @property
    def rates(self) -> Mapping[float, float]:
        """Logged learning rates that are others than those that were asked for, by these."""
        return {asked: logged for asked, logged in self._logged.items() if not _same(asked, logged)}

    def all(self, trials: Sequence[TrialRecord]) -> None:
        """Look at trials that have ended, or were left."""
        for trial in trials:
            if trial.attempts:
                self(trial, trial.curve)

    def __call__(self, trial: TrialRecord, curve: Curve | None) -> None:
        """Look at one trial and what it has measured so far."""
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
        """Hyperparameters that the script has chosen itself, as far as the trial has read them."""
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
                "have the script read a hyperparameter that turns its schedule off, and name it: lr_sweep: "
                "{off: {schedule: constant}}"
            )
        return SpecError(
            f"lr_sweep: the learning rate that the script logs as {name} moves, in trial {trial.id} from {first:.4g} "
            f"to {last:.4g}: a sweep needs a constant one",
            where=self._setting.where,
            hint=f"{fix}; if {name} is no learning rate, harmless: [{name}]",
        )

    def _refuse_ignored(self, name: str) -> None:
        asked, logged = sorted(self._logged), set(self._logged.values())
        if len(asked) > 1 and len(logged) == 1:
            parameter = self._setting.sweep.parameter
            raise SpecError(
                f"lr_sweep: the script ignores {parameter}: it logs {name} = {logged.pop():.4g} for "
                f"{parameter} = {asked[0]:.4g} and for {asked[-1]:.4g}",
                where=self._setting.where,
                hint=f"let it train with {parameter}, or name the hyperparameter that it uses: --parameter NAME; "
                f"if {name} is another learning rate, harmless: [{name}]",
            )


def hidden(
    values: Mapping[str, object], names: Sequence[str], where: str, called: Mapping[str, str] | None = None
) -> SpecError:
    """What is wrong where the script itself sets these, and the study file does not name them.

    `called` are those that its command line has under other names.
    """
    pairs = ", ".join(f"{name}: {option}" for name, option in (called or {}).items())
    own = ", ".join(f"{name}: {_yaml(values[name])}" for name in called or {})
    further = f"; to pass {', '.join(called or {})} on, write fixed: {{{own}}} and args: {{names: {{{pairs}}}}}, too"
    said = ", ".join(f"{name} = {values[name]}" for name in names)
    return SpecError(
        f"lr_sweep: the script itself sets {said}; by name that is regularization, augmentation or a schedule, and "
        "a sweep needs a constant learning rate and neither of the others",
        where=where,
        hint=remedy(values, names) + (further if called else ""),
    )


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(asked: float, logged: float) -> bool:
    """Whether a logged number is the one that was asked for, as far as it was printed."""
    exponent = Decimal(repr(logged)).as_tuple().exponent
    digit = 10.0**exponent if isinstance(exponent, int) else 0.0
    return abs(asked - logged) <= max(MOVES * asked, 0.5 * digit * (1 + 1e-9))
