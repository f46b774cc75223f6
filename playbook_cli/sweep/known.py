"""The result of a study's sweep, read from the folder of its trials."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.records import Metric, TrainingFit
from playbook_cli.spec.affects import Affects, fields
from playbook_cli.spec.probe import Probe
from playbook_cli.storage.store import Store
from playbook_cli.sweep.judge import closest, judge
from playbook_cli.sweep.points import read
from playbook_cli.sweep.target import Target

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from playbook_cli.sweep.judge import Judgement


@dataclass(frozen=True, kw_only=True)
class KnownSweep:
    """A finished sweep, as read from its folder."""

    judgement: Judgement
    steps: int
    """N, the number of training steps of each trial."""
    fell: float | None
    """Share by which the training loss fell in the last quarter at the learning rate that came closest."""

    @property
    def max_train_steps(self) -> int | None:
        """The answer; None if no number can be trusted."""
        fastest = self.judgement.fastest
        return fastest.steps_to_fit if fastest is not None and self.judgement.verdict == "ok" else None

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the fastest fit; None if no number can be trusted."""
        fastest = self.judgement.fastest
        return fastest.learning_rate if fastest is not None and self.max_train_steps is not None else None


def known(sweep: Store) -> KnownSweep | None:
    """The result of the study in a sweep's folder; None if it is not a sweep or some of its trials have not ended."""
    asked, probe = sweep.spec.lr_sweep, sweep.spec.probe
    if asked is None or probe is None or probe.kind != "lr-sweep":
        return None
    study = sweep.record()
    if not study.trials or any(trial.state in ("pending", "running") for trial in study.trials):
        return None
    target = Target(metric=Metric(name=asked.target.metric, goal=asked.target.goal), value=asked.target.value)
    points = read(study.trials, asked.parameter, target, study.max_train_steps)
    near = [point.loss_change for point in closest(points) if point.loss_change is not None]
    return KnownSweep(judgement=judge(points), steps=study.max_train_steps, fell=-near[0] if near else None)


def record(study: Store) -> StudyRecord:
    """The whole study with all evaluations, and the result of its sweep."""
    return replace(study.record(), training_fit=training_fit(study))


def training_fit(study: Store) -> TrainingFit | None:
    """Whether the training set can be fitted, from the sweep of this study; None if no sweep says.

    The sweep is of this study or of the one that it continues (digits-2 continues digits), with the same program.
    """
    name = study.spec.name
    for own in dict.fromkeys([name, re.sub(r"-\d+$", "", name)]):
        found = _read(Probe(kind="lr-sweep", study=own), study)
        if found is None:
            continue
        fastest = found.judgement.fastest
        if fastest is not None and fastest.steps_to_fit is not None:
            return TrainingFit(fits=True, steps=fastest.steps_to_fit)
        if found.judgement.verdict == "never-fits":
            return TrainingFit(fits=False, steps=found.steps, fell=found.fell)
    return None


def _read(probe: Probe, study: Store) -> KnownSweep | None:
    spec = study.spec
    try:
        sweep = Store(study.paths.dir.parent / probe.name)
        same = all(getattr(sweep.spec, key) == getattr(spec, key) for key in fields(type(spec), Affects.PROGRAM))
        return known(sweep) if same and sweep.spec.probe == probe else None
    except (PlaybookError, OSError):  # a report does without a sweep that cannot be read
        return None
