"""Probes: studies that a verb makes in their own folder, and grows until they have answered its question.

This is what all their policies share, and the rule of that folder: it holds one question, with one set of settings,
until `--anew` sets it aside.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from playbook_cli.errors import StudyError
from playbook_cli.records import TrialRecord
from playbook_cli.sampling.policy import Policy
from playbook_cli.spec.affects import Affects, affects
from playbook_cli.spec.load import difference
from playbook_cli.spec.space import Space
from playbook_cli.storage.lock import locked
from playbook_cli.storage.store import Store, read_history, replaced, stored_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Parameter, Value
    from playbook_cli.spec.model import StudySpec


class Probing(Policy):
    """The policy of a probe. Its `suggest` returns the study with each suggestion, and ignores free slots."""

    paths: StudyPaths
    """The probe's folder."""
    what: str = "what is"
    """What its folder holds, for messages."""
    grows: Sequence[str] = ("trials",)
    """Keys of its study that grow without changing a trial; one that ends in a dot covers all keys below it."""
    counts: Sequence[str] = ()
    """Keys that matter although the study file declares that they don't affect results."""
    timed: bool = False
    """Whether it measures time, so that it matters where trials run."""

    @abstractmethod
    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec | None:
        """The study that the folder must hold, given the trials in it; None if any will do."""


def trials_in(paths: StudyPaths) -> Sequence[TrialRecord]:
    """The trials of a folder, with all that they measured; none if it has no study."""
    return Store(paths.dir).record().trials if paths.spec.exists() else []


def under_way(trials: Iterable[TrialRecord]) -> bool:
    """Whether any trial is pending or running."""
    return any(trial.state in ("pending", "running") for trial in trials)


def listed(spec: StudySpec, points: Sequence[Mapping[str, Value]], seed: int) -> list[TrialRecord]:
    """New trials with these hyperparameters, all with the same seed, so that they differ in nothing else."""
    arm = spec.space().first_arm
    return [TrialRecord(id=number, params=dict(point), arm=arm, seed=seed) for number, point in enumerate(points)]


def held(study: StudySpec, varies: str, at: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
    """One value for every hyperparameter of a study except the one that varies; and reasons for chosen values.

    A hyperparameter that varies in the study gets its value in `at`, else the middle of its range or its first choice.
    """
    given = {name: value for name, value in {**study.fixed, **at}.items() if name != varies}
    varied = [p for p in study.parameters() if p.name not in given and p.name != varies]
    space = Space(varied, given)
    middle = [0.5 / len(p.choices) if p.kind == "choice" else 0.5 for p in space.dimensions]
    values: dict[str, Value] = {}
    for name, value in space.params(space.first_arm, middle).items():
        values[name] = float(f"{value:.4g}") if isinstance(value, float) and name not in given else value
    why = {p.name: _why(p, values[p.name]) for p in varied if p.name in values}
    return values, why


def _why(parameter: Parameter, value: Value) -> str:
    choice = parameter.kind == "choice"
    how = "the first of its values" if choice else f"the middle of its range on a {parameter.scale} scale"
    return f"{value:.4g}, {how}" if isinstance(value, float) else f"{value}, {how}"


def require_same(policy: Probing) -> None:
    """StudyError, with the difference, if the folder holds another study than the policy asks for."""
    if changes := _changes(policy):
        raise StudyError(
            f"{policy.what} in this folder was made with different settings:\n" + "\n".join(changes),
            where=str(policy.paths.dir),
            hint="add --anew to start over; the old one is kept under another name",
        )


def superseded(policy: Probing) -> bool:
    """Whether the folder holds another study, as for `require_same`, but without results: it can be replaced."""
    trials = read_history(policy.paths).trials if policy.paths.spec.exists() else []
    return not any(trial.state == "completed" for trial in trials) and bool(_changes(policy))


def _changes(policy: Probing) -> list[str]:
    """Differences between the requested study and the one in the folder, one line per key."""
    there = stored_study(policy.paths)
    if there is None:
        return []
    history = read_history(policy.paths)
    if said := replaced(there, history, policy.paths):
        return [f"  {said}"]
    asked = policy.asked(history.trials)
    if asked is None:
        return []
    free = (Affects.READING,) if policy.timed else (Affects.READING, Affects.LAUNCHING)
    return [
        f"  {key}: {old} -> {new}"
        for key, old, new in difference(there, asked)
        if (key in policy.counts or affects(type(asked), key) not in free)
        and not any(key == grown or (grown.endswith(".") and key.startswith(grown)) for grown in policy.grows)
    ]


def set_aside(paths: StudyPaths) -> Path | None:
    """Rename the folder and return its new path; None if there is none. StudyError if it is running."""
    if not paths.dir.exists():
        return None
    with locked(paths):
        number = 1
        while (aside := paths.dir.with_name(f"{paths.dir.name}.{number}")).exists():
            number += 1
        paths.dir.rename(aside)
    return aside
