"""The study behind steps to a target: batch sizes are compared, and all that the user tunes is tuned for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from playbook_cli.batch_size.sizes import size_of
from playbook_cli.errors import SpecError
from playbook_cli.sampling import make
from playbook_cli.sampling.policy import Suggestion, Wanted
from playbook_cli.sampling.search import Search
from playbook_cli.spec.load import probing, resolve
from playbook_cli.spec.samplers import SAMPLERS
from playbook_cli.storage.metric_names import is_learning_rate
from playbook_cli.sweep.reaching import Reaching

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source
    from playbook_cli.sweep.target import Target

STEPS_TO_TARGET: Final = "steps-to-target"
SLACK = 2
"""A trial stops at this multiple of the steps of the fastest trial of its size: slower ones add nothing."""


def rate_of(setting: Setting, source: Source) -> str:
    """The name of the learning rate. SpecError if the study does not tune one."""
    study = setting.study
    tuned = [name for name in study.nuisance if name != setting.parameter]
    named = [study.lr_sweep.parameter] if study.lr_sweep else []
    for name in (*named, *(name for name in tuned if is_learning_rate(name))):
        if name in tuned:
            return name
    raise SpecError(
        "--steps-to-target tunes the learning rate for each batch size, but this study does not tune one",
        where=source.where(("nuisance",)) if study.nuisance else str(source.path),
        hint="write nuisance: {learning_rate: {min: 1e-3, max: 1.0, scale: log}}",
    )


def spec_of(setting: Setting, sizes: Sequence[int], trials: int, *, at: Mapping[str, object]) -> StudySpec:
    """The same `trials` points of the study's nuisance space for each of these sizes."""
    study = setting.study
    kind = SAMPLERS[study.sampler]
    nuisance = study.model_dump(mode="json", exclude_unset=True)["nuisance"] if study.nuisance else {}
    held = {name: setting.held[name] for name in (*study.scientific, *at) if name in setting.held}
    fixed = {**{name: value for name, value in study.fixed.items() if name != setting.parameter}, **held}
    tuned = {
        name: alternatives
        for name, given in nuisance.items()
        if name not in fixed and name != setting.parameter and (alternatives := _possible(given, fixed))
    }
    return resolve(
        probing(
            study,
            STEPS_TO_TARGET,
            goal=f"How many steps does each {setting.parameter} need?",
            scientific={setting.parameter: {"values": list(sizes)}},
            nuisance=tuned,
            fixed=fixed,
            sampler=study.sampler if kind.drawn and kind.seeded else "halton",
            trials=trials * len(sizes),
        )
    )


def _possible(given: Sequence[dict[str, Any]], fixed: Mapping[str, Value]) -> list[dict[str, Any]]:
    """The alternatives of a hyperparameter that are possible with these fixed values."""
    return [one for one in given if all(fixed[name] in of for name, of in one.get("when", {}).items() if name in fixed)]


class TargetSearch(Search, Reaching):
    """Trials stop when they reach the target, or at twice the steps of the fastest trial of their size."""

    def __init__(self, spec: StudySpec, paths: StudyPaths, target: Target, parameter: str) -> None:
        super().__init__(spec, make(spec.sampler, spec.seed))
        self.paths = paths
        self.target = target
        self.steps = self.within = spec.max_train_steps
        self._parameter = parameter
        self._fastest: dict[int, int] = {}

    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec:
        del trials
        return self._spec

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        for trial in trials:
            found = self.target.reached(trial.curve, self.steps)
            if found is not None:
                self.reached(trial, found.step)
        return replace(super().suggest(trials, room), spec=self._spec)

    def wanted(self, trial: TrialRecord) -> Wanted:
        return Wanted(target=self.target.value, stop_step=self._limit(trial), overrun=True)

    def prompt(self, trial: TrialRecord) -> int | None:
        del trial
        return None if self._spec.train is None else self._spec.steps_between_evaluations

    def reached(self, trial: TrialRecord, step: int) -> None:
        size = size_of(trial, self._parameter)
        self._fastest[size] = min(step, self._fastest.get(size, step))

    def hopeless(self, trial: TrialRecord, last: int) -> str | None:
        limit = self._limit(trial)
        if limit is not None and last >= limit:
            return f"stopped at step {last}: another trial of this size needed half the steps"
        return f"did not reach the target by step {last}" if last >= self.steps else None

    def by_size(self, trials: Sequence[TrialRecord]) -> dict[int, Sequence[TrialRecord]]:
        """All trials, by their size."""
        sizes = dict.fromkeys(size_of(trial, self._parameter) for trial in trials)
        return {size: [trial for trial in trials if size_of(trial, self._parameter) == size] for size in sizes}

    def _limit(self, trial: TrialRecord) -> int | None:
        fastest = self._fastest.get(size_of(trial, self._parameter))
        return None if fastest is None else SLACK * fastest + self._spec.steps_between_evaluations
