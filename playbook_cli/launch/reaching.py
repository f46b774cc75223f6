"""What of a study reaches its program, as far as the study file and the program's own files tell.

A command gets a value by a macro, `${name}` or `${args}`; a program that calls Playbook asks for it. Nothing is run.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playbook_cli.files import regular
from playbook_cli.files.paths import StudyPaths
from playbook_cli.launch.command import job
from playbook_cli.launch.made_of import program_of
from playbook_cli.spec.problem import Problem, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec

Way = Literal["argument", "environment", "config", "file", "Playbook", "constant", "maybe"]
"""How a value reaches a program: a constant stands in its command as it is; maybe, where its files can't be seen."""

LARGEST_BYTES = 1 << 20
"""Of a file that is read for what it calls."""
_CALLS = re.compile(rb"\bplaybook_cli\b|\bPLAYBOOK_[A-Z]")
_ARGS = ("${args}", "${args_no_hyphens}", "${args_no_boolean_flags}")
_INTERVAL = re.compile(r"""["']--?\w*(eval|val|test)\w*[-_]\w*(every|interval|freq|period|epochs)""")
_RANGE = re.compile(r"\brange\(([^()]*)\)")
_VARIABLES = {
    "seed": "PLAYBOOK_SEED",
    "max_train_steps": "PLAYBOOK_MAX_TRAIN_STEPS",
    "eval_every": "PLAYBOOK_EVAL_EVERY",
}


@dataclass(frozen=True, kw_only=True)
class Reach:
    """By which way each value reaches the program; None where it doesn't."""

    hyperparameters: dict[str, Way | None]
    seed: Way | None
    max_train_steps: Way | None
    eval_every: Way | None
    calls: bool | None
    """Whether the program calls Playbook; None where that can't be seen."""


def reach(spec: StudySpec, trial: TrialRecord, folder: Path) -> Reach:
    """How the values of this trial reach the program. SpecError as `launch.command.job`."""
    if spec.command is None:
        every: dict[str, Way | None] = dict.fromkeys(trial.params, "Playbook")
        return Reach(
            hyperparameters=every, seed="Playbook", max_train_steps="Playbook", eval_every="Playbook", calls=True
        )
    calls = _calls(spec, trial, folder)
    otherwise: Way | None = "Playbook" if calls else None if calls is False else "maybe"
    words, variables = " ".join(spec.command), " ".join([*spec.env.values(), spec.cwd or ""])
    takes_all = any(word in _ARGS for word in spec.command)
    filled = "" if spec.config is None else " ".join(map(str, spec.config.set.values()))
    takes_file = "${params_file}" in words or "${params_file}" in variables or "PLAYBOOK_PARAMS" in words

    def way(name: str) -> Way | None:
        if f"${{{name}}}" in words:
            return "argument"
        if f"${{{name}}}" in variables or (name in _VARIABLES and _VARIABLES[name] in words):
            return "environment"
        return "config" if f"${{{name}}}" in filled else None

    def of_parameter(name: str) -> Way | None:
        left_out = name in spec.args.omit or (trial.params[name] is None and spec.args.none == "omit")
        if takes_all and not left_out:
            return "argument"
        if spec.config is not None:
            return "config"
        if found := way(name):
            return found
        return "file" if takes_file else otherwise

    return Reach(
        hyperparameters={name: of_parameter(name) for name in trial.params},
        seed=way("seed") or otherwise,
        max_train_steps=way("max_train_steps") or (otherwise if calls else _constant(spec, folder) or otherwise),
        eval_every=way("eval_every") or otherwise,
        calls=calls,
    )


def runs_python(spec: StudySpec) -> bool:
    """Whether a command starts Python, which prints without a buffer in a trial."""
    words = spec.command or ("python",)
    return re.fullmatch(r"\$\{python\}|(.*/)?(python[\d.]*|torchrun|accelerate|deepspeed)", words[0]) is not None


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Something that doesn't reach the program."""

    problem: Problem
    fatal: bool
    """Whether no trial can give the result that the study asks for."""
    steps: bool = False
    """Whether it is max_train_steps."""


def lost(spec: StudySpec, trial: TrialRecord, folder: Path) -> Iterator[Lost]:
    """What a command can't know, as far as the study file, before its defaults are filled in, and its program tell."""
    if spec.command is None or spec.imported is not None:
        return
    found = reach(spec, trial, folder)
    metric = spec.metric.name
    if spec.metrics is None and found.calls is False:
        problem = Problem(
            location=("command",),
            what=f"nothing reports {metric}: the program doesn't call Playbook, and the study has no metrics:",
            hint=rf"add metrics: {{stdout: ['step (?P<step>\d+) ... (?P<{metric}>\S+)']}}, or a csv, jsonl or "
            "tensorboard file; or call trial.report in the program",
        )
        yield Lost(problem=problem, fatal=True)
    if found.max_train_steps is None:
        problem = Problem(
            location=("max_train_steps",),
            what=f"max_train_steps = {spec.max_train_steps:,} doesn't reach the program, so it doesn't "
            "set how long a trial trains",
            hint="add its option for the length of training to the command: '--max-steps=${max_train_steps}'",
        )
        yield Lost(problem=problem, fatal=True, steps=True)
    missing = [name for name, way in found.hyperparameters.items() if way is None and name not in spec.fixed]
    if missing:
        verb = "doesn't" if len(missing) == 1 else "don't"
        problem = Problem(
            location=("command",),
            what=f"{listed(missing)} {verb} reach the program, which trains all trials alike",
            hint="add '${args}' to the command, or '--NAME=${NAME}' for each",
        )
        yield Lost(problem=problem, fatal=True)
    if found.eval_every is None and spec.eval_every is not None and not _at_every_epoch(spec, folder):
        problem = Problem(
            location=("eval_every",),
            what=f"eval_every: {spec.eval_every} doesn't reach the program: it must equal the program's own interval "
            "between evaluations",
            hint="if the program has an option for that, add it to the command: '--eval-every=${eval_every}'",
        )
        yield Lost(problem=problem, fatal=False)


def _at_every_epoch(spec: StudySpec, folder: Path) -> bool:
    """Whether the study expects what programs do without an option for it."""
    every = spec.eval_every == 1 and spec.step_unit == "epochs"
    return every and not any(_INTERVAL.search(text) for text in _scripts(spec, folder))


def _constant(spec: StudySpec, folder: Path) -> Way | None:
    """Whether the number of steps itself stands in the command, under fixed, or in a loop of the script."""
    steps = spec.max_train_steps
    written = any(re.search(rf"(?<![\d.]){steps}(?![\d.])", word) for word in spec.command or ())
    if written or steps in spec.fixed.values():
        return "constant"
    loop = re.compile(rf"range\(\s*((0\s*,\s*)?{steps}|1\s*,\s*{steps + 1}|(\w+)\s*,\s*\3\s*\+\s*{steps})\s*\)")
    scripts = list(_scripts(spec, folder))
    if any(loop.search(text) for text in scripts):
        return "constant"
    bounds = {name for text in scripts for inside in _RANGE.findall(text) for name in re.findall(r"\w+", inside)}
    kept = {name for name, number in _kept(spec, folder) if int(number) == steps}
    copied = {ours for text in scripts for ours, theirs in _copies(text) if theirs in kept}
    return "constant" if bounds & (kept | copied) else None


def _kept(spec: StudySpec, folder: Path) -> Iterator[tuple[str, str]]:
    """The numbers that the Python files beside the scripts assign, with their names: modules of settings."""
    for text in _scripts(spec, folder, beside=True):
        yield from re.findall(r"(?m)^(\w+)\s*=\s*(\d{1,12})\s*(?:#.*)?$", text)


def _copies(text: str) -> Iterator[tuple[str, str]]:
    """Names, and what they are of a module: n in `start, n = cf.start, cf.num_epochs`."""
    for left, right in re.findall(r"(?m)^\s*([\w, ]+?)\s*=\s*((?:\w+\.\w+[, ]*)+)$", text):
        yield from zip(re.findall(r"\w+", left), re.findall(r"\.(\w+)", right), strict=False)


def _scripts(spec: StudySpec, folder: Path, *, beside: bool = False) -> Iterator[str]:
    """The source of the Python files that the command names, and of the one that each trial gets a copy of.

    `beside`, that of the files in their folders.
    """
    names = [
        *(word.replace("${study_dir}/", "") for word in spec.command or ()),
        spec.config.file if spec.config else "",
    ]
    for name in names:
        if name.endswith(".py") and "${" not in name:
            for path in sorted((folder / name).parent.glob("*.py")) if beside else [folder / name]:
                try:
                    yield regular.content(path)[:LARGEST_BYTES].decode("utf-8", errors="replace")
                except OSError:
                    continue


def _calls(spec: StudySpec, trial: TrialRecord, folder: Path) -> bool | None:
    """Whether any file of the program names Playbook; None where not all of them can be read."""
    paths = StudyPaths(folder / "runs" / spec.name).trial(trial.id)
    ready = job(spec, trial, paths, folder)
    program = program_of(spec, trial, paths, folder, ready)
    files = [Path(os.path.normpath(folder.absolute() / name)) for name in {**program.files, **program.inputs}]
    files += [folder / spec.config.file] if spec.config is not None and spec.config.suffix == ".py" else []
    if not files or _CALLS.search(" ".join(spec.command or ()).encode()):
        return None
    for file in files:
        try:
            content = regular.content(file)
        except OSError:
            return None
        if _CALLS.search(content[:LARGEST_BYTES]):
            return True
        if b"\0" in content[:LARGEST_BYTES]:  # a program that was compiled, or an archive
            return None
    if any(_needs_playbook(package) for package in program.packages):
        return True
    return None if program.partial else False


def _needs_playbook(package: str) -> bool:
    """Whether an installed package that the program imports says that it uses Playbook."""
    try:
        needed = metadata.requires(package) or ()
    except metadata.PackageNotFoundError:
        return False
    return any(re.match(r"playbook[-_.]cli\b", each, re.IGNORECASE) for each in needed)
