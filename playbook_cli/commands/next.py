"""`playbook next`: the study to run after this one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.options import RUNS, Runs, StudyFolder, study_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.advice.revision import Request, Revision
    from playbook_cli.records import Finding
    from playbook_cli.store import Store


def next_(
    study: StudyFolder,
    widen: Annotated[
        list[str] | None, typer.Option("--widen", metavar="NAME", help="Widen a range past its edge.")
    ] = None,
    narrow: Annotated[bool, typer.Option("--narrow", help="Narrow the ranges around the best trials.")] = False,
    regularize: Annotated[bool, typer.Option("--regularize", help="Tune regularization, too.")] = False,
    max_train_steps: Annotated[int | None, typer.Option("--max-train-steps", min=1, help="Train so long.")] = None,
    eval_every: Annotated[int | None, typer.Option("--eval-every", min=1, help="Evaluate so often.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Run so many trials.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write; - is stdout.")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Write the next study as YAML, with each change and its reason as a comment.

    Without options it makes every change that the report's findings ask for.

    Example:  playbook next runs/digits-depth --widen learning_rate
    """
    from playbook_cli.advice import advise
    from playbook_cli.advice.revision import Request, revise
    from playbook_cli.errors import StudyError
    from playbook_cli.spec.load import plain
    from playbook_cli.store import Store

    store = Store(study_folder(study, runs))
    record = store.record().search
    findings = advise(record)
    request = Request(
        widen=widen or (),
        narrow=narrow,
        regularize=regularize,
        max_train_steps=max_train_steps,
        eval_every=eval_every,
        trials=trials,
    )
    if request == Request(widen=()):
        request = asked_for(findings)
    unknown = set(request.widen) - {p.label for p in record.parameters if p.kind != "choice"}
    if unknown:
        ranges = ", ".join(p.label for p in record.parameters if p.kind != "choice") or "none"
        raise StudyError(f"--widen {min(unknown)}: the study has no such range", hint=f"its ranges: {ranges}")
    revision = revise(plain(store.spec), record, findings, request, _following(record.name))
    if store.spec.imported is not None:
        _take_over(revision, len(record.arms))
    _write(revision, store, output)


def asked_for(findings: Sequence[Finding]) -> Request:
    """All that the `playbook next` commands of the findings ask for, in one request; the longer of two lengths."""
    from playbook_cli.advice.revision import Request

    asked: dict[str, Any] = {"widen": []}
    for finding in findings:
        words = shlex.split(finding.next or "")
        if words[:2] != ["playbook", "next"]:
            continue
        options = words[3:]
        while options:
            name = options.pop(0).removeprefix("--").replace("-", "_")
            if name == "widen":
                asked["widen"].append(options.pop(0))
            elif name in ("narrow", "regularize"):
                asked[name] = True
            elif name in ("max_train_steps", "eval_every", "trials"):
                asked[name] = max(int(options.pop(0)), asked.get(name, 0))
    return Request(**asked)


def _take_over(revision: Revision, arms: int) -> None:
    """Make the study after one that another tool ran a study to be run here."""
    del revision.data["imported"]
    revision.data["trials"] = -(-revision.data["trials"] // arms) * arms
    if not revision.data.keys() & {"train", "command"}:
        revision.left.append("the last study was imported: add what to run, train: module:function or command: [...]")


def _why_nothing(store: Store) -> str:
    if any(trial.state == "completed" for trial in store.history().trials):
        return "nothing to change: what was found asks for no other study of this space"
    return f"nothing to learn from yet, since no trial has completed: playbook report {store.paths.dir} says why"


def _following(name: str) -> str:
    """The name after this one: digits, digits-2, digits-3."""
    numbered = re.fullmatch(r"(.+)-(\d+)", name)
    return f"{numbered[1]}-{int(numbered[2]) + 1}" if numbered else f"{name}-2"


def _write(revision: Revision, store: Store, output: Path | None) -> None:
    from playbook_cli.commands.output import console
    from playbook_cli.errors import StudyError
    from playbook_cli.spec.load import annotated

    out = console()
    if not revision.changes:
        out.print(_why_nothing(store))
        for line in revision.left:
            out.print(f"! {line}")
        return
    comments = {change.key: change.reason for change in revision.changes}
    header = [
        f"After {store.spec.name}; every change and its reason stands above it.",
        *(f"! {line}" for line in revision.left),
    ]
    text = annotated(revision.data, comments, header)
    if output == Path("-"):
        print(text, end="")
        return
    source = store.history().source
    folder = Path(source).parent if source and Path(source).parent.is_dir() else Path()
    path = output or folder / f"{revision.data['name']}.yaml"
    if path.exists():
        raise StudyError("there is such a file already", where=str(path), hint="name another one: --output FILE")
    path.write_text(text, encoding="utf-8")
    for change in revision.changes:
        out.print(f"{'.'.join(map(str, change.key))}: {change.reason}")
    for line in revision.left:
        out.print(f"! {line}")
    shown = path if not path.is_relative_to(Path.cwd()) else path.relative_to(Path.cwd())
    out.print(f"-> {shlex.join(['playbook', 'run', str(shown)])}")
