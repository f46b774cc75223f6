"""The command line and the environment of one trial."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.launch import Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from playbook_cli.paths import TrialPaths
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec

SLOT_VARIABLES = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS")
"""Decided by the slot that a trial gets, never inherited."""


def job(
    spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path, further: Mapping[str, str] | None = None
) -> Job:
    """The next attempt of a trial; `folder` is the study file's own, where it runs and from where it can import.

    `further` environment variables stand above the study's own.

    SpecError where the command names a macro that this trial does not have.
    """
    return Job(
        trial=trial.id,
        argv=_argv(spec, trial, paths),
        env={**_environment(spec, trial, paths, folder), **(further or {})},
        cwd=folder / (spec.cwd or "."),
        stdout=paths.stdout,
    )


def _argv(spec: StudySpec, trial: TrialRecord, paths: TrialPaths) -> tuple[str, ...]:
    if spec.command is None:
        return (sys.executable, "-m", "playbook_cli.launch.entry", str(spec.train))
    several = {
        "args": [f"--{name}={value}" for name, value in trial.params.items()],
        "args_no_hyphens": [f"{name}={value}" for name, value in trial.params.items()],
        "args_no_boolean_flags": _flags(trial.params),
    }
    single: dict[str, Value] = {
        **trial.params,
        "python": sys.executable,
        "params_file": str(paths.params.absolute()),
        "trial_dir": str(paths.dir.absolute()),
        "seed": trial.seed,
        "max_train_steps": spec.max_train_steps,
        "eval_every": spec.steps_between_evaluations,
    }
    argv: list[str] = []
    for word in spec.command:
        whole = re.fullmatch(r"\$\{(\w+)\}", word)
        if whole and whole[1] in several:
            argv += several[whole[1]]
        else:
            argv.append(re.sub(r"\$\{([^}]*)\}", lambda found: str(_macro(found[1], single, trial)), word))
    return tuple(argv)


def _flags(params: Mapping[str, Value]) -> list[str]:
    given = {name: value for name, value in params.items() if value is not False}
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items()]


def _macro(name: str, values: Mapping[str, Value], trial: TrialRecord) -> Value:
    if name not in values:
        raise SpecError(
            f"command: ${{{name}}} means nothing in trial {trial.id}",
            hint=f"there are ${{args}}, {', '.join(f'${{{known}}}' for known in values)}",
        )
    return values[name]


def _environment(spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PLAYBOOK_") and name not in SLOT_VARIABLES
    }
    path = [str(folder.absolute()), *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PLAYBOOK_TRIAL_ID": str(trial.id),
        "PLAYBOOK_TRIAL_DIR": str(paths.dir.absolute()),
        "PLAYBOOK_PARAMS": str(paths.params.absolute()),
        "PLAYBOOK_SEED": str(trial.seed),
        "PLAYBOOK_MAX_TRAIN_STEPS": str(spec.max_train_steps),
        "PLAYBOOK_EVAL_EVERY": str(spec.steps_between_evaluations),
        "PLAYBOOK_METRICS": str(paths.metrics.absolute()),
        "PLAYBOOK_METRIC": spec.metric.name,
        "PLAYBOOK_GOAL": spec.metric.goal,
        **spec.env,
    }
