"""The study behind steps to a target: the batch size as the question, everything that the user tunes tuned for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.batch_size.sizes import size_of
from playbook_cli.curves import measure
from playbook_cli.errors import SpecError
from playbook_cli.measures import is_learning_rate
from playbook_cli.sampling import make
from playbook_cli.spec.load import carried, resolve
from playbook_cli.spec.model import StudySpec
from playbook_cli.spec.samplers import SAMPLERS
from playbook_cli.store import Store
from playbook_cli.sweep.folder import put, require_same
from playbook_cli.sweep.race import require_in_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.source import Source
    from playbook_cli.study import Outcome
    from playbook_cli.sweep.folder import Train
    from playbook_cli.sweep.target import Target

SUFFIX = "steps-to-target"
SLACK = 2
"""A trial stops at so many times the steps of the fastest of its size: slower ones say nothing more."""


def rate_of(setting: Setting, source: Source) -> str:
    """The name of the learning rate. SpecError where the study does not tune one."""
    study = setting.study
    tuned = [name for name in study.nuisance if name != setting.parameter]
    named = [study.lr_sweep.parameter] if study.lr_sweep else []
    for name in (*named, *(name for name in tuned if is_learning_rate(name))):
        if name in tuned:
            return name
    raise SpecError(
        "--steps-to-target tunes the learning rate anew for each batch size, and the study tunes none",
        where=source.where(("nuisance",)) if study.nuisance else str(source.path),
        hint="write nuisance: {learning_rate: {min: 1e-3, max: 1.0, scale: log}}",
    )


def spec_of(setting: Setting, sizes: Sequence[int], trials: int, *, at: Mapping[str, object]) -> StudySpec:
    """`trials` points of the study's nuisance space for each of these sizes, the same ones."""
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
        StudySpec.model_validate(
            carried(study)
            | {
                "name": f"{study.name}-{SUFFIX}",
                "goal": f"How many steps does each {setting.parameter} take?",
                "scientific": {setting.parameter: {"values": list(sizes)}},
                "nuisance": tuned,
                "fixed": fixed,
                "sampler": study.sampler if kind.drawn and kind.seeded else "halton",
                "trials": trials * len(sizes),
                "probe": SUFFIX,
            }
        )
    )


def _possible(given: Sequence[dict[str, Any]], fixed: Mapping[str, Value]) -> list[dict[str, Any]]:
    """The alternatives of a hyperparameter that can exist where these are fixed."""
    return [one for one in given if all(fixed[name] in of for name, of in one.get("when", {}).items() if name in fixed)]


def search(
    setting: Setting, spec: StudySpec, target: Target, paths: StudyPaths, train: Train
) -> tuple[dict[int, Sequence[TrialRecord]], Outcome]:
    """The trials of each size, trained until each reached the target or can't win; and how the run ended."""
    require_same(spec, paths, ("trials",), what="what is")
    put(spec, paths)
    known = Store(paths.dir).record().trials
    race = TargetRace(
        paths=paths,
        target=target,
        parameter=setting.parameter,
        steps=spec.max_train_steps,
        interval=spec.steps_between_evaluations,
    )
    race.learn(known)
    outcome = train(spec, paths, make(spec.sampler, spec.seed), race)
    by_size: dict[int, Sequence[TrialRecord]] = {}
    for trial in Store(paths.dir).record().trials:
        by_size[size_of(trial, setting.parameter)] = [*by_size.get(size_of(trial, setting.parameter), []), trial]
    return by_size, outcome


class TargetRace:
    """Trials stop where they reach the target, or have trained twice as long as the fastest of their size."""

    def __init__(self, *, paths: StudyPaths, target: Target, parameter: str, steps: int, interval: int) -> None:
        self._paths = paths
        self._target = target
        self._parameter = parameter
        self._steps = steps
        self._interval = interval
        self._fastest: dict[int, int] = {}

    def learn(self, trials: Sequence[TrialRecord]) -> None:
        """Take in what was trained before."""
        for trial in trials:
            found = self._target.reached(trial.curve, self._steps)
            if found is not None:
                self._reached(trial, found.step)

    def environment(self, trial: TrialRecord) -> Mapping[str, str]:
        asked = {"PLAYBOOK_TARGET": repr(self._target.value)}
        limit = self._limit(trial)
        return asked if limit is None else asked | {"PLAYBOOK_STOP_STEP": str(limit)}

    def over(self, trial: TrialRecord) -> str | None:
        measured = measure(self._paths.trial(trial.id).metrics)
        found = self._target.reached(measured.curve, self._steps)
        if found is not None:
            self._reached(trial, found.step)
            return f"{self._target} at step {found.step}"
        if measured.curve is None or measured.infeasible:
            return None
        require_in_time(self._target, measured.curve, self._interval, self._steps)
        last, limit = max(self._target.evaluated(measured.curve), default=None), self._limit(trial)
        if last is None:
            return None
        if limit is not None and last >= limit:
            return f"stopped at step {last}: another trial of this size took half as many"
        return f"did not reach it by step {last}" if last >= self._steps else None

    def _limit(self, trial: TrialRecord) -> int | None:
        fastest = self._fastest.get(size_of(trial, self._parameter))
        return None if fastest is None else SLACK * fastest + self._interval

    def _reached(self, trial: TrialRecord, step: int) -> None:
        size = size_of(trial, self._parameter)
        self._fastest[size] = min(step, self._fastest.get(size, step))
