"""Programs that train nothing and take no time, behind a launcher that is asked when they have come further.

Everything else of a sweep is the real thing: its policies, its study, its folder.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.files.paths import StudyPaths
from playbook_cli.launch import Ended, Started
from playbook_cli.running.probing import trials_in
from playbook_cli.running.study import Stop, Study
from playbook_cli.spec.load import dump
from playbook_cli.spec.model import LrSweepSpec, StudySpec
from playbook_cli.storage.lock import locked
from playbook_cli.sweep.find import Find
from playbook_cli.sweep.judge import judge
from playbook_cli.sweep.policy import Sweep
from playbook_cli.sweep.setting import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.launch import Job
    from playbook_cli.records import TrialRecord
    from playbook_cli.sweep.policy import Sweeping, SweepResult
    from playbook_cli.sweep.setting import Setting


@dataclass(kw_only=True)
class Program:
    """How a program behaves; by default it looks at nothing that it is asked for."""

    fit: int
    """Steps of the fastest learning rate, 0.01; each decade away costs as many again, times its square."""
    every: int | None = None
    """Its own steps between evaluations; None where it takes those that it is asked for."""
    obeys: bool = False
    """Whether it stops where it is asked to."""
    ends: int | None = None
    """The step at which it ends by itself; None for max_train_steps."""
    overruns: int = 0
    """Evaluations that it makes after it was told to end."""
    breaks: bool = False
    """Whether it reports a NaN as it is interrupted."""
    loss_every: int | None = None
    """Steps between records of the training loss alone."""

    def needs(self, rate: float) -> float:
        return self.fit * (1 + (math.log10(rate) + 2) ** 2)


@dataclass(kw_only=True)
class _Trial:
    job: Job
    rate: float
    step: int = 0
    left: int | None = None
    """Records that it still makes once it was told to end; None where it was not."""


class Killed(BaseException):
    """The end of a command that nothing can do anything about."""


@dataclass(kw_only=True)
class Virtual:
    """A launcher of two slots. At each poll every trial trains so many steps as the next number of `pace` says."""

    program: Program
    pace: list[int]
    dies: int | None = None
    """The poll at which the command is killed."""
    slots: int = 2
    keeps_time: bool = False
    running: dict[int, _Trial] = field(default_factory=dict)
    polls: int = 0

    def free(self, *, alone: bool = False) -> int:
        del alone
        return self.slots - len(self.running)

    def submit(self, job: Job) -> Started:
        with Path(job.env["PLAYBOOK_PARAMS"]).open(encoding="utf-8") as file:
            self.running[job.trial] = _Trial(job=job, rate=json.load(file)["learning_rate"])
        return Started(slot="virtual", process=1)

    def adopt(self, trials: Any) -> set[int]:
        del trials
        return set()

    def cancel(self, trial: int, *, now: bool = False) -> None:
        if trial in self.running and self.running[trial].left is None:
            self.running[trial].left = 0 if now else self.program.overruns

    def poll(self) -> list[Ended]:
        self.polls += 1
        if self.dies is not None and self.polls >= self.dies:
            raise Killed
        ended = []
        for number, trial in list(self.running.items()):
            code = self._train(trial, self.pace[self.polls % len(self.pace)])
            if code is not None:
                del self.running[number]
                ended.append(Ended(trial=number, exit_code=code))
        return ended

    def _train(self, trial: _Trial, steps: int) -> int | None:
        """Train some steps; the exit code where it has ended."""
        env, program = trial.job.env, self.program
        every = program.every or int(env["PLAYBOOK_EVAL_EVERY"])
        most = program.ends or int(env["PLAYBOOK_MAX_TRAIN_STEPS"])
        if program.obeys:
            most = min(most, int(env.get("PLAYBOOK_STOP_STEP", most)))
        evaluate_from = int(env.get("PLAYBOOK_EVALUATE_FROM", most)) if program.obeys else math.inf
        with Path(env["PLAYBOOK_METRICS"]).open("a", encoding="utf-8") as metrics:
            for _ in range(steps):
                if trial.left == 0:
                    if program.breaks:
                        metrics.write(f'{{"step": {trial.step + 1}, "train_loss": NaN}}\n')
                    return -2
                if trial.step >= most:
                    return 0
                trial.step += 1
                if program.loss_every and trial.step % program.loss_every == 0:
                    metrics.write(f'{{"step": {trial.step}, "train_loss": 1.0}}\n')
                if trial.step % every and trial.step < evaluate_from:
                    continue
                error = max(0.0, 1 - trial.step / program.needs(trial.rate))
                metrics.write(f'{{"step": {trial.step}, "train_error": {error}}}\n')
                if program.obeys and error == 0.0:
                    return 0
                trial.left = None if trial.left is None else trial.left - 1
        return None


@dataclass(kw_only=True)
class _Silent:
    def begun(self, *_: Any) -> None: ...
    def started(self, *_: Any) -> None: ...
    def ended(self, *_: Any) -> None: ...
    def remark(self, *_: Any) -> None: ...
    def tick(self) -> None: ...


def setting() -> Setting:
    """A sweep of five learning rates, with the best one in their middle."""
    spec = StudySpec.model_validate(
        {
            "name": "v",
            "command": ["true"],
            "metric": {"name": "val_error"},
            "max_train_steps": 400,
            "eval_every": 20,
            "trials": 4,
            "nuisance": {"learning_rate": {"min": 1e-4, "max": 1.0, "scale": "log"}},
            "resources": {"retries": 0},
        }
    )
    return settle(spec, LrSweepSpec.model_validate({"max": 1.0, "points": 5}), "study.yaml:1")


def sweep(
    folder: Path,
    program: Program,
    pace: list[int],
    *,
    steps: int | None,
    racing: bool = True,
    killed: Sequence[int] = (),
) -> Any:
    """What `lr-sweep` makes of a program: the judgement, what was swept, and what was found where N is not given.

    The command is `killed` at these polls, one after the other, and given again each time.
    """
    left = list(killed)

    def swept(make: Callable[[], Sweeping]) -> SweepResult:
        while True:
            policy = make()
            given = policy.suggest(pending(trials_in(policy.paths)), 0)
            policy.paths.spec.write_text(dump(given.spec))
            with suppress(Killed), locked(policy.paths) as lock:
                Study(
                    spec=given.spec,
                    paths=policy.paths,
                    folder=folder,
                    policy=policy,
                    launcher=Virtual(program=program, pace=pace, dies=left.pop(0) if left else None),
                    watcher=_Silent(),
                    lock=lock,
                    stop=Stop(),
                    origin={"source": "", "command": [], "commit": None},
                ).run()
                return policy.swept(trials_in(policy.paths))

    found = None
    if steps is None:
        found = swept(lambda: Find(setting(), paths(folder, "lr-find")))
        steps = found.steps
        if steps is None:
            return judge(found.points), found, found
    measured = swept(lambda: Sweep(setting(), paths(folder, "lr-sweep"), steps, extend=False, racing=racing))
    return judge(measured.points), measured, found


def pending(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Trials as a policy is shown them that are all to be finished."""
    return [t if t.state in ("completed", "infeasible") else replace(t, state="pending") for t in trials]


def paths(folder: Path, suffix: str) -> StudyPaths:
    made = StudyPaths(folder / suffix)
    made.dir.mkdir(parents=True, exist_ok=True)
    return made
