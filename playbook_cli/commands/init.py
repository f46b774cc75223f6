"""`playbook init`: a study file to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write to; created if needed.")] = Path(),
    origin: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Training script (read, never run), or W&B or Hydra sweep."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The config file that the script reads: YAML, JSON or Python."),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option("--args", metavar="TEXT", help="Arguments that the script requires: '--data ~/imagenet'."),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option("--optimizer", metavar="NAME", help="sgd, momentum, nesterov, adam, adamw or nadam."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", metavar="N", min=1, help="Number of trials; more trials can tune more ranges."),
    ] = None,
) -> None:
    """Write a study file: a demo, or for your own script or sweep.

    With --optimizer, the study tunes as many of the optimizer's hyperparameters as the Google playbook suggests for
    this number of trials.

    Values that the source does not show are marked `guess:` in the study file, or left as FILL-IN.

    The study is named after FOLDER, if given. Existing files are never overwritten.

    Example:  playbook init my-study --optimizer adamw --trials 32
    Example:  playbook init --from train.py
    Example:  playbook init --from train.py --args '--data ~/imagenet --arch resnet50'
    """
    from playbook_cli.acts import command
    from playbook_cli.commands.output import advise, console
    from playbook_cli.spec.fill import FILL
    from playbook_cli.starting.draft import study_name
    from playbook_cli.starting.files import study_from, write
    from playbook_cli.starting.first import NAME, first_study, missing

    name = study_name(folder.resolve().name) if folder != Path() else None
    if origin is None:
        texts, notes = first_study(optimizer, trials, name=name or NAME, folder=folder), missing()
    else:
        texts, notes = study_from(
            origin, folder, optimizer=optimizer, trials=trials, config=config, name=name, given=_words(given or "")
        )
    written = write(folder, texts)
    out = console()
    out.print(f"wrote {', '.join(str(path) for path in written)}")
    for note in notes:
        out.print(f"! {note}")
    if origin is not None:
        out.print("roles and ranges are guesses: check each of them")
    if any(FILL in text for text in texts.values()):
        advise(out, f"replace each {FILL}, then see what would run: {command('plan', written[0])}")
        return
    advise(out, f"see what would run: {command('plan', written[0])}")


def _words(given: str) -> list[str]:
    """The words of a command line. PlaybookError where a quote is not closed."""
    from playbook_cli.errors import PlaybookError

    try:
        return shlex.split(given)
    except ValueError as error:
        raise PlaybookError(f"--args: {str(error).lower()}", hint="close each quote, as in a shell") from None
