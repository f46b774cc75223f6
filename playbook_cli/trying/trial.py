"""The trial that is tried: its point, its length, and how it is watched."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playbook_cli.launch.peak import Peak
from playbook_cli.records import TrialRecord
from playbook_cli.running.probing import held
from playbook_cli.sampling.planned import trial_seed
from playbook_cli.sampling.policy import Policy, Suggestion
from playbook_cli.storage.metrics import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.reaching import Reach
    from playbook_cli.launch.slots import Slot
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.metrics import Measured

SHARE = 0.1
"""Of max_train_steps that is trained, or as many steps as two evaluations take if that is more."""
ENOUGH_SECONDS, ENOUGH_EVALUATIONS = 60.0, 3
"""After so long and so many evaluations, a long trial has told what it can."""
AGAIN_SECONDS = 60.0
"""A short trial with no or one evaluation is followed by one of full length where that takes no longer."""
LOOK_SECONDS = 0.02


def middle(spec: StudySpec) -> TrialRecord:
    """The trial at the middle of the space: of every range, and at the first of all choices; a listed study's first."""
    space = spec.space()
    if spec.points is not None:
        values = {name: value for name, value in {**space.fixed, **spec.points[0]}.items() if name != "from"}
        arm = space.arm_of(values)
    else:
        values, _ = held(spec, "", {})
        arm = space.first_arm
    return TrialRecord(id=0, params=values, arm=arm, seed=trial_seed(spec.seed, 0))


def length(spec: StudySpec, found: Reach) -> int:
    """How many steps to try: all of them where the program can't be asked for fewer."""
    if found.max_train_steps in (None, "constant"):
        return spec.max_train_steps
    return min(spec.max_train_steps, max(2 * spec.steps_between_evaluations, math.ceil(SHARE * spec.max_train_steps)))


class Once(Policy):
    """One trial, which ends once it has told enough."""

    def __init__(self, trial: TrialRecord) -> None:
        self._trial = trial
        self._begun: float | None = None
        self.ended = False
        """Whether it was ended before its last step."""

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        return Suggestion() if trials else Suggestion(trials=[self._trial])

    def enough(self, trial: TrialRecord, measured: Callable[[], Measured]) -> str | None:
        del trial
        self._begun = self._begun or time.monotonic()
        waited = time.monotonic() - self._begun
        if waited < ENOUGH_SECONDS:
            return None
        curve = measured().curve
        if curve is None or len(curve.steps) < ENOUGH_EVALUATIONS:
            return None
        self.ended = True
        return f"it was stopped after {waited:.0f} s, with enough evaluations"


@dataclass(kw_only=True)
class Watch:
    """Sees when evaluations came, how long the trial took, and how much GPU memory it held; shows nothing."""

    paths: StudyPaths
    slots: Sequence[Slot]
    seconds: float = 0.0
    seen: list[tuple[int, float]] = field(default_factory=list)
    """Steps, and seconds after the start when they were first seen."""
    gpu_bytes: int | None = None
    gpu_total: int | None = None
    note: str | None = None
    """How it ended, and the end of its log where it failed."""
    _begun: float = 0.0
    _looked: float = 0.0
    _peak: Peak | None = None

    def begun(self, trials: Sequence[TrialRecord], slots: int, further: int = 0) -> None:
        """Nothing to show."""

    def started(self, trial: TrialRecord, slot: str) -> None:
        """The clock starts."""
        del trial
        where = next((each for each in self.slots if each.name == slot), None)
        self._peak = None if where is None else Peak(None, where.env.get("CUDA_VISIBLE_DEVICES", ""))
        self._begun = time.monotonic()

    def ended(self, trial: TrialRecord, note: str | None) -> None:
        """The clock stops."""
        self.seconds = time.monotonic() - self._begun
        lines = (note or "").split("\n")
        self.note = "\n".join(each for each in lines if not each.startswith("    full log:"))  # its folder goes
        self._look(trial.id)
        if self._peak is not None:
            self.gpu_bytes, self.gpu_total = self._peak.gpu_bytes, self._peak.gpu_total

    def remark(self, text: str) -> None:
        """Nothing to show."""

    def tick(self) -> None:
        """Look again, where that is due."""
        if self._begun and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look(0)
            if self._peak is not None:
                self._peak.look()

    def close(self) -> None:
        """Nothing is open."""

    def _look(self, trial: int) -> None:
        record = latest(self.paths.trial(trial).metrics) or {}
        step = record.get("step")
        if isinstance(step, int) and "failed" not in record and (not self.seen or self.seen[-1][0] != step):
            self.seen.append((step, time.monotonic() - self._begun))


def study_of(spec: StudySpec, *, steps: int, notes: str, limit: float) -> StudySpec:
    """The study of the one trial: shorter, tried once, in a process of its own that notes what it reads."""
    timeout = min(limit, spec.resources.timeout or limit)
    shorter = {"max_train_steps": steps, "eval_every": min(spec.steps_between_evaluations, steps)}
    return spec.model_copy(
        update={
            **shorter,
            "resources": spec.resources.model_copy(update={"retries": 0, "timeout": timeout}),
            "isolation": None if spec.train is None else "process",
            "env": {**spec.env, "PLAYBOOK_NOTES": notes},
            "trials": 1,
        }
    )
