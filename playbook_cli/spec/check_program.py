"""Rules across the keys that launch and follow an unmodified program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.formats.configs import SUFFIXES
from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.program import ConfigFile, Metrics

FILES = ("csv", "jsonl", "tensorboard")
RESERVED = ("step", "infeasible", "failed")
"""Keys of a metrics file that are not metrics."""


def program_problems(spec: StudySpec) -> Iterator[Problem]:
    """The problems of `args`, `config`, `metrics` and `checkpoints`."""
    yield from _arguments(spec)
    for key in ("args", "config", "metrics", "checkpoints"):
        if spec.command is None and key in spec.model_fields_set and getattr(spec, key) is not None:
            yield Problem(
                location=(key,),
                what=f"`{key}` needs a command, but the study has none",
                hint="a train function gets trial.params and calls trial.report",
            )
            return
    if spec.config is not None:
        yield from _config(spec, spec.config)
    if spec.metrics is not None:
        yield from _metrics(spec, spec.metrics)
    if spec.checkpoints is not None:
        yield from _checkpoints(spec)


def _arguments(spec: StudySpec) -> Iterator[Problem]:
    known = list(dict.fromkeys([*spec.scientific, *spec.nuisance, *spec.fixed]))
    for key, names in (("names", spec.args.names), ("omit", spec.args.omit)):
        for name in (name for name in names if name not in known):
            yield Problem(
                location=("args", key, name),
                what=f"this study has no hyperparameter named {name}",
                hint=f"it has {', '.join(sorted(known)) or 'none'}",
            )
    called = [spec.args.names.get(name, name) for name in known if name not in spec.args.omit]
    for name in sorted({name for name in called if called.count(name) > 1}):
        yield Problem(location=("args", "names"), what=f"two hyperparameters have the name {name}")


def _config(spec: StudySpec, config: ConfigFile) -> Iterator[Problem]:
    if not any("${config}" in word for word in spec.command or ()):
        yield Problem(
            location=("config",),
            what="no trial gets its config: the command does not have ${config}",
            hint="write command: ['${python}', train.py, '--config=${config}']",
        )
    if config.suffix not in SUFFIXES:
        yield Problem(
            location=("config", "file"),
            what=f"{config.file} can't be filled in",
            hint=f"use a file that ends in {', '.join(SUFFIXES)}",
        )
    known = list(dict.fromkeys([*spec.scientific, *spec.nuisance, *spec.fixed]))
    for name in (name for name in config.names if name not in known):
        yield Problem(
            location=("config", "names", name),
            what=f"this study has no hyperparameter named {name}",
            hint=f"it has {', '.join(sorted(known)) or 'none'}",
        )


def _metrics(spec: StudySpec, metrics: Metrics) -> Iterator[Problem]:
    given = [key for key in ("stdout", *FILES) if getattr(metrics, key) is not None]
    if len(given) != 1:
        yield Problem(
            location=("metrics",),
            what="it needs exactly one of stdout, csv, jsonl, tensorboard",
            hint="write metrics: {csv: '${trial_dir}/log.csv', step: step}",
        )
        return
    for name in metrics.names:
        if name in RESERVED:
            yield Problem(location=("metrics", "names", name), what=f"a metric can't be called {name}")
    if metrics.first is not None:
        yield from _first(spec, metrics, metrics.first)
    if metrics.stdout is not None:
        yield from _patterns(spec, metrics, metrics.stdout)
    elif "${" not in getattr(metrics, given[0]) and "${" not in (spec.cwd or ""):
        yield Problem(
            location=("metrics", given[0]),
            what="all trials would write the same file",
            hint="make it write inside ${trial_dir}, with an argument of the command or cwd: '${trial_dir}'",
        )


def _first(spec: StudySpec, metrics: Metrics, first: int | str) -> Iterator[Problem]:
    """What is wrong with counting the evaluations."""
    if metrics.stdout is None:
        yield Problem(
            location=("metrics", "first"),
            what="only evaluations in a program's output are counted; files have a step",
            hint="drop it, and write step: the column, key or tag of the step",
        )
    if isinstance(first, int) and not 0 <= first <= spec.max_train_steps:
        yield Problem(
            location=("metrics", "first"),
            what=f"{first} is no step of training",
            hint="write first: eval_every; or first: 0, where the program evaluates before it trains",
        )
    if spec.checkpoints is not None:
        yield Problem(
            location=("metrics", "first"),
            what="a trial that resumes from a checkpoint doesn't print its earlier evaluations again, so they can't be "
            "counted",
            hint="drop checkpoints:, or let the program print the step and put it into the pattern",
        )


def _patterns(spec: StudySpec, metrics: Metrics, patterns: list[str]) -> Iterator[Problem]:
    groups: set[str] = set()
    for index, pattern in enumerate(patterns):
        try:
            groups |= re.compile(pattern).groupindex.keys()
        except (re.error, OverflowError, RecursionError) as error:
            yield Problem(
                location=("metrics", "stdout", index),
                what=f"{pattern[:80]!r} is not a regular expression: {error}",
                hint=r"put single quotes around it, and write \ before a literal . ( ) [ or ]",
            )
            return
    if metrics.first is not None and metrics.step in groups:
        yield Problem(
            location=("metrics", "first"),
            what=f"a pattern has the group {metrics.step}, so the evaluations aren't counted",
            hint="drop first:, or the group",
        )
    elif metrics.first is None and metrics.step not in groups:
        yield Problem(
            location=("metrics", "stdout"),
            what=f"no pattern has a group named {metrics.step}, for the step",
            hint=rf"write (?P<{metrics.step}>\d+) in place of the step; if the program shows none, first: eval_every",
        )
    named = metrics.names.get(spec.metric.name, spec.metric.name)
    if named not in groups:
        yield Problem(
            location=("metrics", "stdout"),
            what=f"no pattern has a group named {named}, for the study's metric",
            hint=rf"write (?P<{named}>\S+) in place of its value",
        )


def _checkpoints(spec: StudySpec) -> Iterator[Problem]:
    checkpoints = spec.checkpoints
    assert checkpoints is not None
    if spec.metrics is None:
        yield Problem(
            location=("checkpoints",),
            what="the best checkpoint can't be found without `metrics`",
            hint="add metrics:, or drop checkpoints:",
        )
    if not checkpoints.files.startswith("${trial_dir}/"):
        yield Problem(
            location=("checkpoints", "files"),
            what="checkpoints must be inside the trial's own folder",
            hint="write files: '${trial_dir}/...', and make the command save them there",
        )
    try:
        groups = re.compile(checkpoints.step).groups
    except (re.error, OverflowError, RecursionError) as error:
        yield Problem(
            location=("checkpoints", "step"), what=f"{checkpoints.step[:80]!r} is not a regular expression: {error}"
        )
        return
    if groups != 1:
        yield Problem(
            location=("checkpoints", "step"),
            what="it needs exactly one group, for the step",
            hint=r"write step: 'step_(\d+)'",
        )
