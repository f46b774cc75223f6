"""Whether the trials of a study can be forked from one warm process, or each needs a new process.

By default they are forked where that is known to change nothing: on Linux, for a train function, on the CPU. With GPUs,
`isolation: fork` must be set: torch reads CUDA_VISIBLE_DEVICES only when it initializes CUDA, which happens in the
child, and the server refuses to fork if the import has already done so; but no test of this package uses a GPU.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playbook_cli.launch.command import deterministic, inherited
from playbook_cli.launch.warm import Recipe, Warm
from playbook_cli.sources.program import of_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.slots import Slot
    from playbook_cli.spec.model import StudySpec


@contextmanager
def warmed(
    spec: StudySpec, folder: Path, paths: StudyPaths, slots: Sequence[Slot], tell: Callable[[str], None]
) -> Iterator[Warm]:
    """The process to fork trials from, if they can be forked.

    `tell` is called with the reason if they can't, and the study file asks for it or only the import showed it.
    """
    reason = _obstacle(spec, slots)
    if reason is not None and spec.isolation == "fork":
        tell(f"each trial starts a new process: {reason}")
    warm = Warm(_recipe(spec, folder, paths, slots) if reason is None else None, tell)
    try:
        yield warm
    finally:
        warm.close()


def may_fork(spec: StudySpec, slots: Sequence[Slot]) -> bool:
    """Whether trials are forks of one process that has imported the function, as far as the study file tells."""
    return _obstacle(spec, slots) is None


def _obstacle(spec: StudySpec, slots: Sequence[Slot]) -> str | None:
    """Why the study file rules out forks, or doesn't use them by default; None if it doesn't."""
    if spec.train is None:
        return "the study runs a command"
    if spec.isolation == "process":
        return "the study file sets isolation: process"
    if spec.launcher != "local":
        return f"trials with launcher: {spec.launcher} run on other machines"
    if sys.platform != "linux":
        return "forks are safe only on Linux"
    varying = [f"env.{name}" for name, value in spec.env.items() if "${" in value]
    varying += ["cwd"] if "${" in (spec.cwd or "") else []
    if varying:
        return f"{varying[0]} differs between trials"
    if spec.isolation is None and any(slot.env.get("CUDA_VISIBLE_DEVICES") for slot in slots):
        return "trials use GPUs"
    return None


def _recipe(spec: StudySpec, folder: Path, paths: StudyPaths, slots: Sequence[Slot]) -> Recipe:
    first, *others = (slot.env for slot in slots)
    common = {name: value for name, value in first.items() if all(env.get(name) == value for env in others)}
    env = {**common, **inherited(folder), **deterministic(spec), **spec.env}
    cwd = folder.absolute() / (spec.cwd or ".")
    return Recipe(
        target=str(spec.train),
        env=env,
        cwd=cwd,
        directory=str(paths.trial(spec.trials or 0).dir.absolute()) + "/" * 20,
        program=of_function(
            str(spec.train),
            folder=str(folder.absolute()),
            cwd=os.path.normpath(cwd),
            env=env,
            without=str(paths.trials.absolute()),
        ),
    )
