"""The folder of a study that a command makes and grows: learning-rate sweeps, and probes of other kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from playbook_cli import atomic
from playbook_cli.claim import claimed
from playbook_cli.errors import StudyError
from playbook_cli.spec.affects import Affects, affects
from playbook_cli.spec.load import difference, dump
from playbook_cli.store import kept, read_history, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.sampling import Sampler
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.study import Outcome, Race


class Train(Protocol):
    """Runs what is missing of a study in its folder, whose claim is held; only trials for which `only` holds."""

    def __call__(
        self,
        spec: StudySpec,
        paths: StudyPaths,
        sampler: Sampler,
        race: Race,
        only: Callable[[TrialRecord], bool] | None = None,
    ) -> Outcome: ...


def unfinished(trials: Sequence[TrialRecord], *, again: bool) -> set[int]:
    """The numbers of the trials that have no result; one that crashed is among them where it gets `again` a try.

    Whoever asks holds the claim of the folder: a trial that seems to be running was left by a command that was killed.
    """
    states = ("pending", "running", "failed") if again else ("pending", "running")
    return {trial.id for trial in trials if trial.state in states}


def put(spec: StudySpec, paths: StudyPaths) -> None:
    """Make this the study of the folder."""
    atomic.write(paths.spec, dump(spec), durable=True)


def require_same(
    spec: StudySpec,
    paths: StudyPaths,
    grows: Sequence[str],
    *,
    what: str,
    timed: bool = False,
    counts: Sequence[str] = (),
) -> None:
    """StudyError, with the difference, where the folder holds another study than this one; `what` is there.

    Keys that it `grows` in may differ (`trials`, or all below one: `nuisance.`), and those on which no result depends.
    Where trials run counts if what was measured of them is time, and so do keys that are said to by `counts`.
    """
    if changes := _changes(spec, paths, grows, timed=timed, counts=counts):
        raise StudyError(
            f"{what} in this folder was made under other settings:\n" + "\n".join(changes),
            where=str(paths.dir),
            hint="add --anew to set it aside and begin a new one",
        )


def superseded(spec: StudySpec, paths: StudyPaths, grows: Sequence[str]) -> bool:
    """Whether the folder holds another study than this one, as `require_same` sees it, and no result of it."""
    trials = read_history(paths).trials if paths.spec.exists() else []
    return not any(trial.state == "completed" for trial in trials) and bool(_changes(spec, paths, grows))


def _changes(
    spec: StudySpec, paths: StudyPaths, grows: Sequence[str], *, timed: bool = False, counts: Sequence[str] = ()
) -> list[str]:
    """In which keys this study differs from the one in the folder, a line each."""
    there = kept(paths)
    if there is None:
        return []
    if said := replaced(there, read_history(paths), paths):
        return [f"  {said}"]
    free = (Affects.READING,) if timed else (Affects.READING, Affects.LAUNCHING)
    return [
        f"  {key}: {old} -> {new}"
        for key, old, new in difference(there, spec)
        if (key in counts or affects(type(spec), key) not in free)
        and not any(key == grown or (grown.endswith(".") and key.startswith(grown)) for grown in grows)
    ]


def set_aside(paths: StudyPaths) -> Path | None:
    """Rename the folder, and tell to what; None where there is none. StudyError where it is being run."""
    if not paths.dir.exists():
        return None
    with claimed(paths):
        number = 1
        while (aside := paths.dir.with_name(f"{paths.dir.name}.{number}")).exists():
            number += 1
        paths.dir.rename(aside)
    return aside
