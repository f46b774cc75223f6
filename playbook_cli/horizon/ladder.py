"""The ladder: train a length, judge the results, go on to the next one while a doubling may be worth its steps.

All state is in the folders of the lengths, so a command that was interrupted or killed resumes where it stopped. Only
this file and `policy` know how studies are trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.errors import WorkError
from playbook_cli.horizon.judge import judge
from playbook_cli.horizon.policy import Length
from playbook_cli.horizon.reading import runs_of
from playbook_cli.sampling.continued import ANEW
from playbook_cli.spec.check_points import FROM
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.files.paths import StudyPaths, TrialPaths
    from playbook_cli.horizon.judge import Judgement
    from playbook_cli.horizon.runs import Run
    from playbook_cli.horizon.setting import Setting
    from playbook_cli.records import TrialRecord
    from playbook_cli.running.study import Outcome
    from playbook_cli.spec.model import StudySpec

    Train = Callable[[Length], tuple[Outcome | None, Sequence[TrialRecord]]]


@dataclass(frozen=True, kw_only=True)
class Climbed:
    """The part of the ladder that was trained."""

    points: Sequence[Sequence[Run]]
    """The runs of every point, over all trained lengths."""
    judgements: Sequence[Judgement]
    """The judgement of every point; empty with fewer than two lengths."""
    lengths: Sequence[int]
    spent: int
    """Total steps trained; a branch counts from the step it begins at."""
    stopped: Outcome | None = None
    """The outcome of the run that was interrupted or given up; None if there is none."""


def climb(
    setting: Setting,
    paths: Callable[[int], StudyPaths],
    train: Train,
    *,
    worth: float,
    repeats: tuple[float, int],
    tell: Callable[[str], None],
) -> Climbed:
    """Train length after length. StudyError if a folder holds another ladder; WorkError if no point works."""
    points: list[list[Run]] = [[] for _ in setting.trials]
    judgements: list[Judgement] = []
    spent, done = 0, 0
    for steps in setting.lengths:
        begin = {} if done == 0 else _branches(setting, paths(setting.lengths[done - 1]))
        length = Length(setting.spec(steps, begin), paths(steps))
        branches = f", {len(begin)} of them from checkpoints" if begin else ""
        tell(f"{plural(setting.size, 'run')} of {steps:,} steps{branches}")
        outcome, known = train(length)
        if outcome is not None and (outcome.hopeless or outcome.interrupted):
            return Climbed(
                points=points, judgements=judgements, lengths=setting.lengths[:done], spent=spent, stopped=outcome
            )
        trials = known[: setting.size]
        done += 1
        spent += sum(trial.last_step - _start(setting, length.spec, trial, done) for trial in trials)
        for point, runs in zip(points, runs_of(setting, trials, steps), strict=True):
            point.extend(runs)
        _refuse_dead(setting, points, paths(steps))
        if done > 1:
            judgements = judge(points, steps=setting.study.max_train_steps, worth=worth, repeats=repeats)
        if judgements and all(one.over for one in judgements) and steps >= setting.study.max_train_steps:
            break
    return Climbed(points=points, judgements=judgements, lengths=setting.lengths[:done], spent=spent)


def _branches(setting: Setting, shorter: StudyPaths) -> dict[int, str]:
    """The checkpoints of the previous length that trials resume from, because training is identical up to there."""
    found = {}
    for number in range(setting.size):
        kind = setting.carried(setting.trials[setting.place(number)[0]], setting.lengths[-1]).kind
        checkpoint = _kept(shorter.trial(number), kind)
        if checkpoint is not None:
            found[number] = checkpoint
    return found


def _kept(paths: TrialPaths, kind: str | None) -> str | None:
    """The checkpoint to resume: the last one for a constant rate, the one before the decay for a held rate."""
    from playbook_cli.schedules import HOLDING

    path = paths.last_checkpoint if kind == "constant" else paths.stable_checkpoint if kind in HOLDING else None
    return str(path.absolute()) if path is not None and path.is_file() else None


def _start(setting: Setting, spec: StudySpec, trial: TrialRecord, done: int) -> int:
    """The step that a trial of length number `done` began at, according to its schedule."""
    points = spec.points or ()
    if trial.id >= len(points) or FROM not in points[trial.id] or (trial.reason or "").startswith(ANEW):
        return 0
    before = setting.lengths[done - 2]
    return setting.held(setting.trials[setting.place(trial.id)[0]], before)


def _refuse_dead(setting: Setting, points: Sequence[Sequence[Run]], paths: StudyPaths) -> None:
    """WorkError if no run of a point has a result, because then there is nothing to judge."""
    for trial, runs in zip(setting.trials, points, strict=True):
        if not any(run.loss is not None for run in runs):
            raise WorkError(
                f"the point of trial {trial.id} diverges or crashes at every learning rate tried",
                where=str(paths.dir),
                hint=f"see {paths.trials}/*/stdout.log; fix it, then start over with --anew",
            )
