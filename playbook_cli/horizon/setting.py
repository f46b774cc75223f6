"""A ladder's studies, made from the user's: one per length, with the best points at several learning rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.advice.carrying import Carried, carry, names
from playbook_cli.advice.longer_rates import NAMES, learning_rate
from playbook_cli.advice.longer_rates import number as number_of
from playbook_cli.advice.rounds import place_changes
from playbook_cli.errors import StudyError
from playbook_cli.schedules import HOLDING, stable_steps
from playbook_cli.spec.load import plain, probing
from playbook_cli.spec.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec

LENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Multiples of max_train_steps; Playbook's default. A half shows whether fewer steps are enough."""
RATES = 3
SPACING = 2.0
"""Factor between neighbouring learning rates."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a ladder trains, and for how long."""

    study: StudySpec
    """The user's study, resolved."""
    trials: Sequence[TrialRecord]
    """The trials whose points are trained: the best ones of every arm."""
    learning_rate: str | None
    """Name of the learning rate; None if only the carried rate is tried."""
    schedule: str | None
    """Name of the schedule's hyperparameter; None if the user does not give it."""
    lengths: Sequence[int]
    """Training lengths in steps, ascending."""
    factors: Sequence[float]
    """Learning rates as multiples of the point's own, ascending."""
    seeds: int

    @property
    def size(self) -> int:
        """Number of runs at each length."""
        return self.seeds * len(self.trials) * len(self.factors)

    def place(self, number: int) -> tuple[int, int, int]:
        """Indices of the point, the factor and the seed of a trial of a length."""
        seed, rest = divmod(number, len(self.trials) * len(self.factors))
        return (*divmod(rest, len(self.factors)), seed)

    def point(self, number: int, steps: int) -> tuple[dict[str, Value], Carried]:
        """The hyperparameters of trial `number` that vary in the study, with its adapted schedule."""
        point, factor, _ = self.place(number)
        trial = self.trials[point]
        how = self.carried(trial, steps)
        changes = dict(how.changes)
        if self.learning_rate is not None:
            changes[self.learning_rate] = float(f"{number_of(trial, self.learning_rate) * self.factors[factor]:.12g}")
        varied = {
            p.name: trial.params[p.name]
            for p in self.study.parameters()
            if p.active(trial.params) and p.name in trial.params
        }
        return varied, replace(how, changes=changes)

    def carried(self, trial: TrialRecord, steps: int) -> Carried:
        """The schedule of a point for a training of this many steps: the playbook's rules for rounds.

        Only hyperparameters that the study has are set, because a script may not know others.
        """
        how = carry(trial.params, names(trial.params, self.schedule), before=self.study.max_train_steps, now=steps)
        return replace(how, changes={name: value for name, value in how.changes.items() if name in trial.params})

    def held(self, trial: TrialRecord, steps: int) -> int:
        """The step up to which a training of this many steps equals every longer one; 0 if unknown."""
        how, called = self.carried(trial, steps), names(trial.params, self.schedule)
        if how.kind == "constant":
            return steps
        if how.kind not in HOLDING:
            return 0
        params = {**trial.params, **how.changes}
        warmup, decay = (params.get(name or "") for name in (called.warmup, called.decay))
        number = [x if isinstance(x, int | float) else None for x in (warmup, decay)]
        return stable_steps(how.kind, max_train_steps=steps, warmup_steps=number[0] or 0, decay_steps=number[1]) or 0

    def spec(self, steps: int, begin: Mapping[int, str] | None = None) -> StudySpec:
        """The study of one length; `begin` are the checkpoints that trials resume from, by their number."""
        study = self.study
        points, hows = map(list, zip(*(self.point(number, steps) for number in range(self.size)), strict=True))
        data: dict[str, Any] = {
            key: value for key, value in plain(study).items() if key in ("scientific", "nuisance", "fixed")
        }
        place_changes(data, points, hows, names(self.trials[0].params, self.schedule).schedule, {})
        for trial, checkpoint in (begin or {}).items():
            points[trial]["from"] = checkpoint
        own = {
            "name": f"{Probe(kind='horizon', study=study.name).name}-{steps}",
            "goal": f"Which {study.metric.name} is reached in {steps} steps?",
            "max_train_steps": steps,
            "eval_every": max(1, round(study.steps_between_evaluations * steps / study.max_train_steps)),
            "sampler": "listed",
            "points": points,
            "trials": self.size,
            "seed": study.seed + 1,
        }
        return probing(study, "horizon", **{**data, **own})


def lengths_of(text: str | None, steps: int) -> list[int]:
    """The lengths in steps that `--lengths 0.5,1,2,4` asks for, ascending. StudyError if they are not a ladder."""
    where, hint = "--lengths", "write multiples of max_train_steps: --lengths 0.5,1,2,4"
    try:
        multiples = LENGTHS if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise StudyError(f"{text!r} is not a list of numbers", where=where, hint=hint) from None
    if not all(0.0 < multiple <= 64.0 for multiple in multiples):
        raise StudyError("each multiple must be above 0 and at most 64", where=where, hint=hint)
    found = sorted({max(1, round(multiple * steps)) for multiple in multiples})
    if len(found) < 2 or len(found) < len(multiples):
        raise StudyError(
            f"{text}: needs at least two lengths, all different (max_train_steps is {steps})", where=where, hint=hint
        )
    if steps not in found:
        raise StudyError("the multiples must include 1, the study's own length", where=where, hint=hint)
    return found


def factors_of(rates: int) -> list[float]:
    """`rates` factors around 1, each SPACING times the previous one. StudyError if `rates` is even."""
    if rates % 2 == 0:
        raise StudyError(
            f"{rates} learning rates cannot be centred on the point's own; use an odd number",
            where="--rates",
            hint="write --rates 3, 5 or 7",
        )
    return [SPACING ** (i - rates // 2) for i in range(rates)]


def rate_of(trials: Sequence[TrialRecord], asked: str | None, *, where: str) -> str:
    """The name of the learning rate. StudyError if a point has none above 0."""
    shared = [name for name in trials[0].params if all(number_of(trial, name) > 0.0 for trial in trials)]
    found = asked or learning_rate(trials)
    if found is None or found not in shared:
        what = f"the best points have no learning rate named {asked or NAMES[0]}"
        which = f"one of {', '.join(shared)}" if shared else "but they have no positive number"
        hint = f"name it with --parameter NAME ({which}), or use --rates 1 to try only the points' own rate"
        raise StudyError(what, where="--parameter" if asked else where, hint=hint)
    return found
