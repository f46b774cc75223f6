"""What a sweep's program does by default, read from its source before it runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.files import regular
from playbook_cli.files.paths import TrialPaths
from playbook_cli.launch.command import job, program
from playbook_cli.starting.declared import arguments
from playbook_cli.starting.program import parse_script
from playbook_cli.sweep.inspection import hidden
from playbook_cli.sweep.suspicious import is_off, suspects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.starting.argument import Argument
    from playbook_cli.sweep.setting import Setting

_READS_PARAMS = re.compile(rb"playbook_cli|PLAYBOOK_PARAMS")
"""In a script that gets its hyperparameters in another way than by arguments."""


def refuse_hidden(setting: Setting, spec: StudySpec, trial: TrialRecord, folder: Path) -> None:
    """SpecError if an argument of this trial's program turns on regularization, augmentation or a schedule.

    Arguments are those that `init --from` reads. Each has the value that the command gives it, else its default. A
    script that cannot be read is not judged, nor is anything that the client reports when the script runs.
    """
    if spec.command is None:
        return
    paths = TrialPaths(folder / f"{trial.id:04d}")
    argv = program(spec, trial, paths, folder)
    script = _script(argv, Path(job(spec, trial, paths, folder).cwd))
    if script is None:
        return
    try:
        declared = [argument for argument in arguments(parse_script(script)) if argument.given == "argument"]
    except SpecError:
        return
    given = _given(argv)
    names = {spec.args.names.get(name, name).lstrip("-").replace("-", "_"): name for name in setting.fixed}
    elsewhere = "${params_file}" in " ".join(spec.command) or _READS_PARAMS.search(regular.content(script)) is not None
    acting: dict[str, object] = {}
    called: dict[str, str] = {}
    unreached: dict[str, object] = {}
    for argument in declared:
        value = _value(argument, given)
        known = next((names[key] for key in _keys(argument) if key in names), None)
        name = known or argument.name
        if value is None or name in setting.sweep.harmless or is_off(argument.name, value):
            continue
        if known is None and suspects(argument.name):
            acting[name] = value
            if argument.option not in (None, f"--{name}"):
                called[name] = str(argument.option).removeprefix("--")
        elif known in setting.off and not elsewhere and not any(key in given for key in _keys(argument)):
            unreached[name] = value
    if unreached:
        raise _unreached(unreached, setting)
    if acting:
        raise hidden(acting, list(acting), setting.where, called)


def _unreached(values: Mapping[str, object], setting: Setting) -> SpecError:
    name, value = next(iter(values.items()))
    others = f"; it does not pass on these either: {', '.join(list(values)[1:])}" if len(values) > 1 else ""
    return SpecError(
        f"lr_sweep: {name} = {setting.fixed[name]} does not reach the program, whose default is {name} = {value}: "
        f"the command does not pass it on{others}",
        where=setting.where,
        hint=f"add '--{name}=${{{name}}}' to the command and {name}: {value} under fixed:, or pass ${{args}}",
    )


def _script(argv: Sequence[str], cwd: Path) -> Path | None:
    """The Python file that a command runs; None if it names none."""
    for before, word in zip(("", *argv), argv, strict=False):
        names = [word]
        if before == "-m":
            names = [f"{word.replace('.', '/')}.py", f"{word.replace('.', '/')}/__main__.py"]
        for name in names:
            if name.endswith(".py") and (cwd / name).is_file():
                return cwd / name
    return None


def _given(argv: Sequence[str]) -> dict[str, object]:
    """The options of a command line and their values; True for an option without a value."""
    given: dict[str, object] = {}
    for word, after in zip(argv, (*argv[1:], "-"), strict=True):
        key, sign, value = word.partition("=")
        if sign or key.startswith("-"):
            given[_plain(key)] = value if sign else True if re.match(r"-+[A-Za-z]|-$", after) else after
    return given


def _value(argument: Argument, given: Mapping[str, object]) -> object:
    """An argument's value in a trial; None if it is not known."""
    for key in _keys(argument):
        if key in given:
            return given[key]
        if f"no_{key}" in given and argument.switch == "no-flag":
            return False
    return argument.default if argument.has_default else None


def _keys(argument: Argument) -> tuple[str, ...]:
    return tuple(dict.fromkeys((_plain(argument.option or argument.name), argument.name)))


def _plain(option: str) -> str:
    return option.lstrip("-+").replace("-", "_")
