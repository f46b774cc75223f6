"""A ladder's studies, made from the user's: one for each length, of the best points at a bracket of learning rates."""

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
"""Multiples of max_train_steps; Playbook's own choice. A half tells whether fewer steps would do."""
RATES = 3
SPACING = 2.0
"""Factor between neighbouring learning rates."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is trained, and for how long."""

    study: StudySpec
    """The user's, resolved."""
    trials: Sequence[TrialRecord]
    """Whose points these are: the best of every arm."""
    learning_rate: str | None
    """None where no rate but the carried one is tried."""
    schedule: str | None
    """The hyperparameter that names the schedule, where the user says so."""
    lengths: Sequence[int]
    """Steps, rising."""
    factors: Sequence[float]
    """Of the learning rates over the point's own, rising."""
    seeds: int

    @property
    def size(self) -> int:
        """Trainings at each length."""
        return self.seeds * len(self.trials) * len(self.factors)

    def place(self, number: int) -> tuple[int, int, int]:
        """Which point, which factor and which seed a trial of a length is."""
        seed, rest = divmod(number, len(self.trials) * len(self.factors))
        return (*divmod(rest, len(self.factors)), seed)

    def point(self, number: int, steps: int) -> tuple[dict[str, Value], Carried]:
        """The hyperparameters that vary in the study for trial `number`, and what its schedule becomes."""
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
        """What the schedule of a point becomes in trainings of so many steps: the playbook's rules for rounds.

        Only hyperparameters that the study has are set: a script need not know others.
        """
        how = carry(trial.params, names(trial.params, self.schedule), before=self.study.max_train_steps, now=steps)
        return replace(how, changes={name: value for name, value in how.changes.items() if name in trial.params})

    def held(self, trial: TrialRecord, steps: int) -> int:
        """Up to which step a training of so many steps is that of every longer one; 0 where no length tells."""
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
        """The study of one length; `begin` are the checkpoints that trials go on from, by their number."""
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
            "goal": f"How far does {study.metric.name} come in {steps} steps?",
            "max_train_steps": steps,
            "eval_every": max(1, round(study.steps_between_evaluations * steps / study.max_train_steps)),
            "sampler": "listed",
            "points": points,
            "trials": self.size,
            "seed": study.seed + 1,
        }
        return probing(study, "horizon", **{**data, **own})


def lengths_of(text: str | None, steps: int) -> list[int]:
    """The lengths in steps that `--lengths 0.5,1,2,4` asks for, rising. StudyError for what is no ladder."""
    where, hint = "--lengths", "write multiples of max_train_steps: --lengths 0.5,1,2,4"
    try:
        multiples = LENGTHS if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise StudyError(f"{text!r} is no list of numbers", where=where, hint=hint) from None
    if not all(0.0 < multiple <= 64.0 for multiple in multiples):
        raise StudyError("a multiple lies above 0, and is 64 at most", where=where, hint=hint)
    found = sorted({max(1, round(multiple * steps)) for multiple in multiples})
    if len(found) < 2 or len(found) < len(multiples):
        raise StudyError(f"{text} of {steps} steps are not several lengths", where=where, hint=hint)
    if steps not in found:
        raise StudyError("the study's own length, 1, is not among them", where=where, hint=hint)
    return found


def factors_of(rates: int) -> list[float]:
    """So many learning rates around the carried one, each SPACING times the one before. StudyError for an even one."""
    if rates % 2 == 0:
        raise StudyError(
            f"{rates} learning rates are not centred on the carried one",
            where="--rates",
            hint="write --rates 3, 5 or 7",
        )
    return [SPACING ** (i - rates // 2) for i in range(rates)]


def rate_of(trials: Sequence[TrialRecord], asked: str | None, *, where: str) -> str:
    """The name of the learning rate. StudyError where a point has none above 0."""
    shared = [name for name in trials[0].params if all(number_of(trial, name) > 0.0 for trial in trials)]
    found = asked or learning_rate(trials)
    if found is None or found not in shared:
        what = f"the best points have no learning rate called {asked or NAMES[0]}"
        hint = f"name it, --learning-rate NAME, one of {', '.join(shared) or '(they have no number)'}; or --rates 1"
        raise StudyError(what, where="--learning-rate" if asked else where, hint=hint)
    return found
