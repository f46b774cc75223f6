"""Where the trials of a study run: slots of this machine, or a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playbook_cli.launch import Launcher
    from playbook_cli.launch.slots import Slot
    from playbook_cli.launch.warm import Warm
    from playbook_cli.paths import StudyPaths
    from playbook_cli.spec.model import StudySpec


def slots_of(spec: StudySpec, jobs: int | None, gpus: str | None) -> list[Slot]:
    """The slots of this machine for a study's trials; none where a cluster runs them. StudyError as local_slots."""
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
    """What runs the trials of a study. WorkError where its cluster can't be reached."""
    if spec.launcher == "slurm":
        from playbook_cli.launch.slurm import SlurmLauncher

        return SlurmLauncher(spec=spec, folder=paths.dir / "slurm")
    if spec.launcher == "ray":
        from playbook_cli.launch.on_ray import RayLauncher

        return RayLauncher(spec, folder, paths)
    from playbook_cli.launch.local import LocalLauncher

    return LocalLauncher(slots, warm)


def end_orphans(spec: StudySpec, paths: StudyPaths) -> None:
    """End what a runner of this machine left behind; a cluster's trials go on without one."""
    if spec.launcher == "local":
        from playbook_cli.launch import local

        local.end_orphans(paths.dir)
