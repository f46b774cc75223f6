"""The state of a pursuit, read from its diary and from the folders of its studies."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from playbook_cli.advice import advise
from playbook_cli.advice.evaluations import finer
from playbook_cli.files import regular
from playbook_cli.files.paths import StudyPaths
from playbook_cli.horizon.known import FILE as HORIZON
from playbook_cli.horizon.known import record
from playbook_cli.pursuit.loop import Loop, Searched, Sweep
from playbook_cli.pursuit.refining import AT_ONCE
from playbook_cli.spec.load import plain, resolve
from playbook_cli.spec.probe import Probe
from playbook_cli.storage.divergence import nothing_learned
from playbook_cli.storage.store import Store
from playbook_cli.sweep.known import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from playbook_cli.pursuit.budget import Budget
    from playbook_cli.pursuit.diary import Diary, Planned
    from playbook_cli.pursuit.loop import Kind
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.probe import ProbeKind


Kept = TypeVar("Kept")
Which = Literal["search", "raced", "planned"]
"""Trials of the search; repeats whose number their results decided; repeats of a planned number."""


WHOLE = (0, float("inf"))


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What trials cost."""

    steps: int = 0
    spans: Sequence[tuple[float, float]] = ()

    @property
    def seconds(self) -> float:
        """Time in which at least one trial trained."""
        total, reached = 0.0, float("-inf")
        for start, end in sorted(self.spans):
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total

    def __add__(self, other: Spent) -> Spent:
        return Spent(steps=self.steps + other.steps, spans=[*self.spans, *other.spans])


class Memory:
    """What was read of folders, kept until they change: a pursuit reads its state again after every step."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], tuple[object, object]] = {}

    def of(self, folder: Path, read: Callable[..., Kept], *how: object) -> Kept:
        """What `read` says of a folder, asked in this way."""
        files = (StudyPaths(folder).journal, StudyPaths(folder).spec, StudyPaths(folder).report / HORIZON)
        state = tuple(regular.stamp(file) for file in files)
        key = (read, folder, *how)
        if key not in self._kept or self._kept[key][0] != state:
            self._kept[key] = (state, read(folder, *how))
        return self._kept[key][1]  # type: ignore[return-value]


def spent_on(runs: Path, step: Planned, diary: Diary, memory: Memory, ids: tuple[int, float] = WHOLE) -> Spent:
    """What a step has cost so far, as its trials record it; of a study that grew, only trials in this range of ids."""
    if step.skipped is not None:
        return Spent()
    if step.kind == "lr-sweep":
        kinds: tuple[ProbeKind, ...] = ("lr-sweep", "lr-find")
        found = (
            memory.of(runs / Probe(kind=kind, study=diary.study).name, _of_folder, diary.time, "search")
            for kind in kinds
        )
        return sum(found, Spent())
    if step.kind == "horizon":
        folders = sorted(runs.glob(f"{Probe(kind='horizon', study=step.study).name}-*"))
        whole = sum((memory.of(folder, _of_folder, diary.time, "search") for folder in folders), Spent())
        counted = _steps_of_horizon(runs / step.study)  # a branch of a run begins where that run stands
        return whole if counted is None else replace(whole, steps=counted)
    which = _of_kind(step.kind)
    names = [step.study] + ([step.baseline] if step.baseline else [])
    return sum((memory.of(runs / name, _of_folder, diary.time, which, ids) for name in names), Spent())


def _of_kind(kind: Kind) -> Which:
    return "raced" if kind == "repeats" else "planned" if kind == "confirm" else "search"


def _of_folder(folder: Path, since: float, which: Which, ids: tuple[int, float] = WHOLE) -> Spent:
    """What the trials of a folder cost that trained since then."""
    if not StudyPaths(folder).journal.is_file():
        return Spent()
    trials = [
        trial
        for trial in Store(folder).record().trials
        if _kind(trial) == which and ids[0] <= trial.id < ids[1] and any(span.start >= since for span in trial.spans)
    ]
    return Spent(steps=sum(t.last_step for t in trials), spans=list(_spans(trials)))


def _kind(trial: TrialRecord) -> Which:
    if trial.repeat_of is None:
        return "search"
    return "raced" if trial.looked else "planned"


def _spans(trials: Iterable[TrialRecord]) -> Iterable[tuple[float, float]]:
    return ((span.start, span.end) for trial in trials for span in trial.spans if span.end is not None)


def _steps_of_horizon(folder: Path) -> int | None:
    try:
        return int(json.loads(regular.content(StudyPaths(folder).report / HORIZON))["steps_spent"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def searched(folder: Path, beside: Path, *, last: bool = True) -> Searched:
    """A study whose trials have ended; `beside` is the folder that the next study file goes to.

    Only the last one is read for its findings.
    """
    store = Store(folder)
    found = record(store)
    kept = {trial.id: store.paths.trial(trial.id).stable_checkpoint for trial in found.search.trials}
    return Searched(
        data=plain(store.spec),
        record=found,
        findings=advise(found) if last else [],
        unlearned=nothing_learned(found.search.trials, found.metric) if last else None,
        folder=os.path.relpath(store.paths.dir, beside),
        stable={number: os.path.relpath(path, beside) for number, path in kept.items() if path.is_file()},
    )


def _earlier(folder: Path, beside: Path) -> Searched:
    return searched(folder, beside, last=False)


def spent_in_all(runs: Path, diary: Diary, memory: Memory) -> Spent:
    """What the pursuit has cost so far."""
    once = {(step.study, _trains(step)): step for step in diary.steps}  # a study that grew stands there twice
    return sum((spent_on(runs, step, diary, memory) for step in once.values()), Spent())


def _trains(step: Planned) -> str:
    """What a step adds to a study: trials of its search, repeats, or trials of a probe."""
    return step.kind if step.kind in ("lr-sweep", "horizon") else _of_kind(step.kind)


def spent_by_step(runs: Path, diary: Diary, memory: Memory) -> list[Spent]:
    """What each step has cost so far."""
    costs, ends = [], dict[str, float]()
    for step in reversed(diary.steps):
        ids = (step.begins, ends.get(step.study, float("inf"))) if _trains(step) == "search" else WHOLE
        costs.append(spent_on(runs, step, diary, memory, ids))
        if _trains(step) == "search":
            ends[step.study] = step.begins
    return costs[::-1]


def loop(
    diary: Diary,
    given: StudySpec,
    runs: Path,
    beside: Path,
    *,
    budget: Budget,
    final_steps: int | None = None,
    memory: Memory,
) -> Loop:
    """Everything that the next step depends on."""
    spec = resolve(given)
    taken = [step for step in diary.steps if step.done]
    spent = spent_in_all(runs, diary, memory)
    *before, newest = dict.fromkeys(s.study for s in taken if s.kind == "study") or [None]
    last = {s.kind: s for s in taken}
    sweep = _sweep(given, taken, runs)
    swept = (sweep.max_train_steps if sweep else None) or spec.max_train_steps
    return Loop(
        name=diary.study,
        data=plain(given),
        trials=spec.trials or 0,
        arms=max(1, min(spec.space().arm_count, spec.trials or 1)),
        max_train_steps=spec.max_train_steps,
        eval_every=finer(given, swept) or min(spec.steps_between_evaluations, swept),
        budget=budget.in_steps(spent.steps, spent.seconds, diary.pace),
        spent=spent.steps,
        baseline_params=diary.baseline,
        final_steps=final_steps,
        sweep=sweep,
        searches=[
            *(memory.of(runs / name, _earlier, beside) for name in before if name),
            *([memory.of(runs / newest, searched, beside)] if newest else []),
        ],
        lengths_tried=frozenset(s.study for s in taken if s.kind == "horizon"),
        finals=memory.of(runs / last["finals"].study, searched, beside) if "finals" in last else None,
        baseline=memory.of(runs / last["baseline"].study, searched, beside) if "baseline" in last else None,
        refined=sum(AT_ONCE for step in taken if step.kind == "refine"),
        repeated="repeats" in last,
        confirmed="confirm" in last,
        names=frozenset(_names(runs, beside)),
    )


def _sweep(given: StudySpec, taken: Sequence[Planned], runs: Path) -> Sweep | None:
    asked = given.lr_sweep
    if asked is None:
        return None
    cost = asked.points * (asked.steps or given.max_train_steps)
    done = next((step for step in taken if step.kind == "lr-sweep"), None)
    if done is None or done.skipped is not None:
        return Sweep(cost=cost, taken=done is not None)
    answer: Any = known(Store(runs / done.study))
    return Sweep(cost=cost, taken=True, max_train_steps=answer.max_train_steps if answer else None)


def _names(runs: Path, beside: Path) -> Iterable[str]:
    """Of studies and of study files that there are: a new one gets another name."""
    yield from (path.name for path in runs.glob("*"))
    yield from (path.stem for path in beside.glob("*.yaml"))
