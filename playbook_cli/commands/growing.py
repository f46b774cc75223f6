"""Shared code of the commands that run a study of their own: lr-sweep, batch-size, instability and horizon."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import typer

from playbook_cli.commands.options import wait_for_runner
from playbook_cli.commands.same_code import require_same_code

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from rich.console import Console

    from playbook_cli.acts import Command, Option
    from playbook_cli.commands.options import Launching
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch.warm import Warm
    from playbook_cli.records import TrialRecord
    from playbook_cli.report.section import Document
    from playbook_cli.running.probing import Probing
    from playbook_cli.running.study import Outcome
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.probe import ProbeKind

Given = ParamSpec("Given")
_ANEW = "start over with --anew"


@dataclass(frozen=True, kw_only=True)
class Session:
    """One call of a verb that probes a study: the study file, where the probes are kept, and how they are trained."""

    study: StudySpec
    file: Path
    runs: Path
    launching: Launching

    def paths(self, kind: ProbeKind) -> StudyPaths:
        """The folder of the study's probe of this kind."""
        from playbook_cli.files.paths import StudyPaths
        from playbook_cli.spec.probe import Probe

        return StudyPaths(self.runs / Probe(kind=kind, study=self.study.name).name)

    def begin(self, *folders: StudyPaths, anew: bool) -> None:
        """Wait for other runs of these probes to end, and set the probes aside, each if the user asked for it."""
        if self.launching.wait:
            wait_for_runner(*folders)
        for paths in folders if anew else ():
            set_aside(paths)

    def train(
        self, policy: Probing, spec: StudySpec | None = None, *, jobs: int | None = None, warm: Warm | None = None
    ) -> tuple[Outcome | None, Sequence[TrialRecord]]:
        """Train what a probe asks for. Returns the outcome, None if nothing was missing, and all trials of the probe.

        `spec` says where they run, by default like the study. StudyError if the folder holds another study, or if the
        program has changed in the meantime and nothing says to train anyway.
        """
        from playbook_cli.commands.output import tell
        from playbook_cli.commands.run import run_trials
        from playbook_cli.files import atomic
        from playbook_cli.launch.isolation import warmed
        from playbook_cli.launch.places import end_orphans, slots_of
        from playbook_cli.records import DECIDED
        from playbook_cli.running.probing import require_same, trials_in
        from playbook_cli.spec.load import dump
        from playbook_cli.storage.lock import locked

        spec, paths, folder, outcome = spec or self.study, policy.paths, self.file.parent, None
        how = self.launching
        slots = slots_of(spec, jobs or how.jobs, how.gpus)
        with nullcontext(warm) if warm else warmed(spec, folder, paths, slots, tell) as ready:
            paths.dir.mkdir(parents=True, exist_ok=True)
            with locked(paths, wait=how.wait, tell=tell) as lock:
                end_orphans(spec, paths)
                require_same(policy)
                there = trials_in(paths)
                left = {t.id for t in there if t.state not in DECIDED and policy.concerns(t)}
                asked = policy.suggest([replace(t, state="pending") if t.id in left else t for t in there], 0)
                if asked.spec is not None and (left or asked.trials):
                    atomic.write(paths.spec, dump(asked.spec), durable=True)
                    require_same_code(asked.spec, paths, folder, changed=how.changed, warm=ready, otherwise=_ANEW)
                    outcome = run_trials(asked.spec, self.file, paths, slots, lock, policy, ready)
                return outcome, trials_in(paths)


def set_aside(paths: StudyPaths) -> None:
    """Rename the folder, if there is one, and print its new name; StudyError if it is running."""
    from playbook_cli.running.probing import set_aside

    if (aside := set_aside(paths)) is not None:
        print(f"the earlier one was moved to {aside}", file=sys.stderr)


def require_finished(outcome: Outcome | None) -> None:
    """WorkError if nothing could be trained; ends the command if it was interrupted."""
    from playbook_cli.errors import WorkError

    if outcome is None:
        return
    if outcome.hopeless:
        raise WorkError(outcome.hopeless, hint="fix it, then run the same command again")
    if outcome.interrupted:
        interrupted()


def resumable(verb: Callable[Given, None]) -> Callable[Given, None]:
    """The verb, which also reports an interruption while nothing is being trained."""

    @wraps(verb)
    def command(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except KeyboardInterrupt:
            interrupted()

    return command


def interrupted() -> NoReturn:
    """End the command after Ctrl-C."""
    print("interrupted; run the same command again to resume", file=sys.stderr)
    raise typer.Exit(130)


_NOT_THE_STUDY = ("output", "overwrite", "write", "anew", "json", "wait")
"""Parameters that say nothing of what is trained."""


def as_given(context: typer.Context, *, without: Collection[str] = _NOT_THE_STUDY) -> Command:
    """The command as the user gave it, without these parameters; run again, it means the same study."""
    from playbook_cli.acts import Command

    arguments: list[str | Path] = []
    options: dict[str, Option] = {}
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name in without or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[name]
        if parameter.param_type_name == "argument":
            arguments.append(value)
        elif value is False:
            options[parameter.secondary_opts[0].removeprefix("--")] = True
        else:
            several = parameter.param_type_name == "option" and parameter.multiple
            options[parameter.opts[0].removeprefix("--")] = [*value] if several else value
    return Command(verb=str(context.info_name), arguments=arguments, options=options)


def show(content: dict[str, Any], document: Document, directory: Path, *, json: bool) -> Console:
    """Print an answer, or only its JSON, and write its page and picture into `directory`.

    If they can't be written, for example on a full disk, the answer is printed anyway.
    """
    from playbook_cli.commands.output import console, print_json, unwritten
    from playbook_cli.report import html, terminal

    out = console()
    if json:
        print_json(content)
    else:
        terminal.render_document(document, out)
    try:
        files = html.write(document, directory)
    except OSError as error:
        unwritten("the charts", error)
        return out
    if not json:
        out.print(f"charts: {' and '.join(map(str, files))}", soft_wrap=True)
    return out
