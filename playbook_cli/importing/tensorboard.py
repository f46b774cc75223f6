"""Folders of TensorBoard event files whose hyperparameters were logged with its hparams plugin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tensorboard import Event, read_events
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVENTS = "*tfevents*"


@dataclass(frozen=True, kw_only=True)
class _Folder:
    """All event files of one folder."""

    path: Path
    events: Sequence[Event]
    problem: str | None

    @property
    def hparams(self) -> Mapping[str, object] | None:
        return next((event.hparams for event in self.events if event.hparams is not None), None)


def is_log(folder: Path) -> bool:
    """Whether there are event files below."""
    return next(folder.rglob(EVENTS), None) is not None


def read(ask: Ask) -> Runs:
    """A trial for every folder with hyperparameters.

    Its scalars come from its own files, from folders below it (as `val/loss`), and from the folder above it if that has
    no hyperparameters, which is how `SummaryWriter.add_hparams` writes them. PlaybookError if no hyperparameters were
    logged.
    """
    root = Path(ask.source)
    folders = _folders(root)
    trials = [folder for folder in folders if folder.hparams is not None]
    if not trials:
        what = "no event file has hyperparameters of the hparams plugin" if folders else "there are no event files here"
        raise PlaybookError(
            what,
            where=ask.source,
            hint="if other files hold them: --params 'run_*/hparams.yaml' --metrics 'run_*/events*'",
        )
    owners = {folder.path for folder in trials}
    runs = [_run(root, trial, folders, owners) for trial in trials]
    return Runs(source=ask.source, format="tensorboard", runs=runs)


def _folders(root: Path) -> list[_Folder]:
    files: dict[Path, list[Path]] = {}
    for path in sorted(root.rglob(EVENTS)):
        if path.is_file():
            files.setdefault(path.parent, []).append(path)
    folders = []
    for path in sorted(files, key=lambda path: layout.natural(path.parts)):
        read = [read_events(read_file.content(file)) for file in files[path]]
        problem = next((problem for _, problem in read if problem), None)
        folders.append(_Folder(path=path, events=[event for events, _ in read for event in events], problem=problem))
    return folders


def _run(root: Path, trial: _Folder, folders: Sequence[_Folder], owners: set[Path]) -> Run:
    below = [f for f in folders if trial.path in f.path.parents and not owners & _between(f.path, trial.path)]
    siblings = sum(path.parent == trial.path.parent for path in owners)
    above = [f for f in folders if f.path == trial.path.parent and f.path not in owners and siblings == 1]
    parts = [("", folder) for folder in [*above, trial]]
    parts += [(f"{folder.path.relative_to(trial.path).as_posix()}/", folder) for folder in below]
    evaluations = [
        {_name(f"{prefix}{tag}"): value for tag, value in event.scalars.items()} | {"step": event.step}
        for prefix, folder in parts
        for event in folder.events
        if event.scalars and event.step >= 0
    ]
    problem = next((folder.problem for _, folder in parts if folder.problem), None)
    times = [event.wall_time for _, folder in parts for event in folder.events]
    name = (above[0] if above else trial).path.relative_to(root).as_posix()
    return Run(
        name=root.name if name == "." else name,
        params={key: scalar(_whole(value)) for key, value in (trial.hparams or {}).items()},
        evaluations=evaluations,
        reason=problem,
        started=min(times),
        ended=max(times),
        source={"folders": [str(folder.path) for _, folder in parts]},
    )


def _name(tag: str) -> str:
    """The name of a scalar; `step` is renamed because Playbook's own records need that name."""
    return "step (logged)" if tag == "step" else tag


def _between(path: Path, top: Path) -> set[Path]:
    """`path` and the folders above it, up to but not including `top`."""
    return {folder for folder in (path, *path.parents) if top in folder.parents}


def _whole(value: object) -> object:
    """Whole numbers as ints, because the plugin stores all numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
