"""What `playbook init` writes, never over anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError, StudyError
from playbook_cli.files import atomic, regular
from playbook_cli.spec import source
from playbook_cli.starting.first import STUDY
from playbook_cli.starting.hydra import draft_hydra, is_hydra
from playbook_cli.starting.script import draft_script
from playbook_cli.starting.sweep import draft_sweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def study_from(
    origin: Path,
    folder: Path,
    *,
    optimizer: str | None = None,
    trials: int | None = None,
    config: Path | None = None,
    name: str | None = None,
    given: Sequence[str] = (),
) -> tuple[dict[str, str], list[str]]:
    """The study file for a script or a sweep, to be written into `folder`, and what it could not say.

    Without a name it has that of the script or the sweep.
    """
    if origin.suffix in (".yaml", ".yml"):
        extra = {"--optimizer": optimizer, "--trials": trials, "--config": config, "--args": given or None}
        wrong = next((option for option, value in extra.items() if value is not None), None)
        if wrong is not None:
            raise PlaybookError(
                f"{wrong} works only with a training script: a sweep defines its own space and number of trials",
                where=str(origin),
                hint="drop it, and edit the study file that init writes",
            )
        read = source.read(origin)
        draft = (draft_hydra if is_hydra(read) else draft_sweep)(read, origin, folder)
    else:
        draft = draft_script(origin, folder, optimizer=optimizer, trials=trials, config=config, given=given)
    if name is not None:
        draft.data["name"] = name
    return {STUDY: draft.text(STUDY)}, draft.notes


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write new files; their paths. StudyError where one of them is there already, and then none is written.

    What a call that was killed in between has written of them stays.
    """
    files = {folder / name: text for name, text in texts.items()}
    there = [path for path in files if path.exists()]
    begun = len(there) < len(files) and all(_holds(path, files[path]) for path in there)
    if there and not begun:
        raise StudyError(
            "this file already exists, and init never overwrites files",
            where=str(there[0]),
            hint="choose another folder: playbook init FOLDER",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        if path not in there:
            atomic.create(path, text)
    return list(files)


def _holds(path: Path, text: str) -> bool:
    try:
        return regular.content(path) == text.encode()
    except OSError:
        return False
