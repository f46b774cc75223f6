"""Where the trials of a study run: slots of this machine, or a cluster."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from playbook_cli.spec.launchers import CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch import Launcher
    from playbook_cli.launch.slots import Slot
    from playbook_cli.launch.warm import Warm
    from playbook_cli.spec.model import StudySpec


def slots_of(spec: StudySpec, jobs: int | None, gpus: str | None) -> list[Slot]:
    """The slots of this machine for a study's trials; none if a cluster runs them. StudyError as local_slots."""
    from playbook_cli.launch.slots import local_slots

    if spec.launcher != "local":
        return []
    return local_slots(
        gpus=spec.resources.gpus,
        trials_per_gpu=spec.resources.trials_per_gpu,
        cpus=spec.resources.cpus,
        jobs=jobs,
        only=gpus,
    )


def launcher(spec: StudySpec, paths: StudyPaths, folder: Path, slots: Sequence[Slot], warm: Warm) -> Launcher:
    """What runs the trials of a study. WorkError if its cluster can't be reached."""
    cluster = CLUSTERS.get(spec.launcher)
    if cluster is not None:
        module, _, made = cluster.place.partition(":")
        return getattr(import_module(f"playbook_cli.launch.{module}"), made)(spec, folder, paths)  # type: ignore[no-any-return]
    from playbook_cli.launch.local import LocalLauncher

    return LocalLauncher(slots, warm)


def end_orphans(spec: StudySpec, paths: StudyPaths) -> None:
    """End what a runner on this machine left behind; a cluster's trials keep running without a runner."""
    if spec.launcher == "local":
        from playbook_cli.launch import local

        local.end_orphans(paths.dir)
