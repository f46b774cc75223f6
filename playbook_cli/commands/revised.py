"""Where the next study is written, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.acts import command, run
from playbook_cli.commands.options import already_exists, runs_of
from playbook_cli.commands.output import advise, console, print_json
from playbook_cli.errors import StudyError
from playbook_cli.files import atomic
from playbook_cli.spec.load import annotated

if TYPE_CHECKING:
    from playbook_cli.advice.revision import Revision
    from playbook_cli.storage.store import Store

STDOUT = Path("-")


def place(store: Store, name: str, output: Path | None, *, json: bool) -> Path | None:
    """The file to write: `output`, or NAME.yaml beside the study's own; None if only stdout is written."""
    if output == STDOUT or (json and output is None):
        return None
    source = store.history().source
    folder = Path(source).parent if source and Path(source).parent.is_dir() else Path()
    return output or folder / f"{name}.yaml"


def answer(revision: Revision, store: Store, path: Path | None, *, overwrite: bool = False) -> None:
    """Print the study, its changes and remarks as JSON; with a path, write the file, too.

    StudyError if nothing could be learned, as in `show`.
    """
    _refuse_unlearned(revision, store)
    if path is not None and revision.changes:
        put(path, _text(revision, store), overwrite=overwrite)
    changes = [{"key": ".".join(map(str, change.key)), "reason": change.reason} for change in revision.changes]
    print_json({"study": revision.data, "changes": changes, "left": revision.left})


def show(revision: Revision, store: Store, path: Path | None, *, overwrite: bool = False) -> None:
    """Write the file and print every change; without a path, print the file.

    StudyError if nothing changes because there is no result yet.
    """
    _refuse_unlearned(revision, store)
    out = console()
    if not revision.changes:
        out.print("nothing to change: no finding calls for another study of this space")
        for line in _said(revision):
            out.print(line, soft_wrap=True)
        return
    if path is None:
        print(_text(revision, store), end="")
        return
    put(path, _text(revision, store), overwrite=overwrite)
    for change in revision.changes:
        out.print(f"{'.'.join(map(str, change.key))}: {change.reason}")
    for line in revision.left:
        out.print(f"! {line}", soft_wrap=True)
    shown = path if not path.is_relative_to(Path.cwd()) else path.relative_to(Path.cwd())
    advise(out, run(shown, runs_of(store.paths.dir)))


def write_revision(revision: Revision, store: Store, path: Path, *, overwrite: bool) -> str:
    """Write the file as `put`; returns lines with its changes and how to run it."""
    put(path, _text(revision, store), overwrite=overwrite)
    return "\n".join([*_said(revision), f"-> {run(path, runs_of(store.paths.dir))}"])


def put(path: Path, text: str | bytes, *, overwrite: bool) -> None:
    """Write a study file. StudyError if it can't be written, or if it already exists and `overwrite` is false."""
    try:
        if overwrite and path.exists():
            atomic.write(path.resolve(), text, mode=path.stat().st_mode)
        else:
            atomic.create(path, text)
    except FileExistsError:
        raise already_exists(path) from None
    except OSError as error:
        raise StudyError(f"the study can't be written: {error.strerror}", where=str(path)) from None


def _said(revision: Revision) -> list[str]:
    """Every change with its reason, and all remarks, one per line."""
    changes = [f"{'.'.join(map(str, change.key))}: {change.reason}" for change in revision.changes]
    return [*changes, *(f"! {line}" for line in revision.left)]


def _refuse_unlearned(revision: Revision, store: Store) -> None:
    if revision.changes or any(trial.state == "completed" for trial in store.history().trials):
        return
    where = str(store.paths.dir)
    what = "no trial has completed, so there is nothing to learn from yet"
    raise StudyError(what, where=where, hint=f"{command('report', where)} shows why")


def _text(revision: Revision, store: Store) -> str:
    comments = {change.key: change.reason for change in revision.changes}
    header = [
        f"The study after {store.spec.name}. A comment above each change gives its reason.",
        *(f"! {line}" for line in revision.left),
    ]
    return annotated(revision.data, comments, header)
