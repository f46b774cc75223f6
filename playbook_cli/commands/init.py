"""`playbook init`: a study file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; it may be new.")] = Path(),
    origin: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="A training script, which is read and not run, or a W&B sweep."),
    ] = None,
) -> None:
    """Write a study file to start from: with a training script that runs, or for a script or a sweep of yours.

    Nothing is ever written over a file that is there.

    Example:  playbook init my-study  or  playbook init --from train.py
    """
    from playbook_cli.commands.output import console
    from playbook_cli.starting.files import first_study, study_from, write

    texts, notes = (first_study(), []) if origin is None else study_from(origin, folder)
    written = write(folder, texts)
    out = console()
    out.print(f"wrote {', '.join(str(path) for path in written)}")
    for note in notes:
        out.print(f"! {note}")
    if origin is not None:
        out.print("roles and ranges are proposals: look at each of them")
    out.print(f"-> what would run: playbook plan {written[0]}")
