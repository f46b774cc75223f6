"""The command line and the environment of one trial."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import SpecError
from playbook_cli.launch import Job
from playbook_cli.launch.arguments import arguments
from playbook_cli.launch.devices import GRANTS
from playbook_cli.sampling.policy import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playbook_cli.files.paths import TrialPaths
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.program import Metrics

SLOT_VARIABLES = (*GRANTS, "OMP_NUM_THREADS")
"""Environment variables that the trial's slot sets; they are never inherited."""
RANK_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""Variables that describe the runner's own process, if torchrun or the like started it; trials don't inherit them."""

ALL = Wanted()
"""Asks a trial to train exactly as the study says."""


def job(spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path, wanted: Wanted = ALL) -> Job:
    """The next attempt of a trial; it runs in `folder`, the study file's, and can import from there.

    What is `wanted` of it overrides the study's environment variables.

    SpecError if a macro is not defined in this trial.
    """
    values = Values(spec, trial, paths, folder)
    argv = program(spec, trial, paths, folder)
    if spec.metrics is not None:  # the process that starts a program, and records what it prints or writes
        task = _task(spec, spec.metrics, paths, values, overrun=wanted.overrun)
        argv = (sys.executable, "-m", "playbook_cli.following.process", json.dumps(task), *argv)
    return Job(
        trial=trial.id,
        argv=argv,
        env=_environment(spec, trial, paths, folder, values) | _told(wanted),
        cwd=folder / values.put_into(spec.cwd or ".", "cwd"),
        stdout=paths.stdout,
    )


def program(spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path) -> tuple[str, ...]:
    """The study's program and its arguments. SpecError as `job`."""
    if spec.command is None:
        return (sys.executable, "-m", "playbook_cli.launch.entry", str(spec.train))
    several = {
        "${args}": spec.args,
        "${args_no_hyphens}": spec.args.model_copy(update={"style": "name=value"}),
        "${args_no_boolean_flags}": spec.args.model_copy(update={"booleans": "flag"}),
    }
    values = Values(spec, trial, paths, folder)
    argv: list[str] = []
    for word in spec.command:
        if word in several:
            argv += arguments(trial.params, several[word])
        else:
            argv.append(values.put_into(word, "command"))
    return tuple(argv)


def following(
    spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path, *, overrun: bool = False
) -> dict[str, Any]:
    """Where the numbers of a program with `metrics:` are in one trial, as `following.process` reads it."""
    assert spec.metrics is not None
    return _task(spec, spec.metrics, paths, Values(spec, trial, paths, folder), overrun=overrun)


def inherited(folder: Path) -> dict[str, str]:
    """The environment that a trial inherits from this process, with the folder that it can import from."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PLAYBOOK_") and name not in (*SLOT_VARIABLES, *RANK_VARIABLES)
    }
    path = [str(folder.absolute()), *filter(None, [own.get("PYTHONPATH")])]
    return {**own, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def deterministic(spec: StudySpec) -> dict[str, str]:
    """Environment variables that make training deterministic, which must be set at its start; {} if not asked for.

    The client also sets torch: see `playbook_cli.current_trial`.
    """
    if not spec.deterministic:
        return {}
    return {
        "PLAYBOOK_DETERMINISTIC": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(spec.resources.cpus),  # it decides how sums are split, and thus rounded
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }


class Values:
    """The values of macros in one trial."""

    def __init__(self, spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path) -> None:
        self._trial = trial.id
        self._values: dict[str, Value] = {
            **trial.params,
            "python": sys.executable,
            "params_file": str(paths.params.absolute()),
            "trial_dir": str(paths.dir.absolute()),
            "trial_id": trial.id,
            "study_dir": str(folder.absolute()),
            "seed": trial.seed,
            "max_train_steps": spec.max_train_steps,
            "eval_every": spec.steps_between_evaluations,
        }
        if spec.config is not None:
            self._values["config"] = str(paths.config(spec.config.suffix).absolute())

    def of(self, given: Value, key: str) -> Value:
        """What `given`, which stands under `key`, is: text that is one macro is its value, with its type."""
        if not isinstance(given, str):
            return given
        alone = re.fullmatch(r"\$\{([^}]*)\}", given)
        return self._values[alone[1]] if alone and alone[1] in self._values else self.put_into(given, key)

    def put_into(self, text: str, key: str, form: Callable[[str], str] = str) -> str:
        """`text`, the value of `key`, with each macro replaced by its value in this form."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in self._values:
                known = ", ".join(f"${{{name}}}" for name in self._values)
                raise SpecError(
                    f"{key}: ${{{found[1]}}} is not defined in trial {self._trial}",
                    hint=f"available: ${{args}}, {known}" if key == "command" else f"available: {known}",
                )
            return form(str(self._values[found[1]]))

        return re.sub(r"\$\{([^}]*)\}", value, text)


def _counts(spec: StudySpec, metrics: Metrics) -> dict[str, Any] | None:
    """How the steps of evaluations are counted that show none."""
    if metrics.first is None:
        return None
    every = spec.steps_between_evaluations
    first = every if metrics.first == "eval_every" else metrics.first
    return {"group": metrics.names.get(spec.metric.name, spec.metric.name), "first": first, "every": every}


def _task(spec: StudySpec, metrics: Metrics, paths: TrialPaths, values: Values, *, overrun: bool) -> dict[str, Any]:
    files = metrics.csv or metrics.jsonl or metrics.tensorboard
    checkpoints = spec.checkpoints
    return {
        "directory": str(paths.dir.absolute()),
        "log": str(paths.stdout.absolute()),
        "metrics": str(paths.metrics.absolute()),
        "kind": next(kind for kind in ("stdout", "csv", "jsonl", "tensorboard") if getattr(metrics, kind) is not None),
        "patterns": metrics.stdout,
        "files": None if files is None else values.put_into(files, "metrics", glob.escape),
        "step": metrics.step,
        "counts": _counts(spec, metrics),
        "names": metrics.names,
        "metric": spec.metric.name,
        "goal": spec.metric.goal,
        "max_train_steps": spec.max_train_steps,
        "stops": overrun,
        "checkpoints": None
        if checkpoints is None
        else {
            "files": values.put_into(checkpoints.files, "checkpoints", glob.escape),
            "step": checkpoints.step,
            "prune": checkpoints.keep == "best",
            "best": str(paths.best_checkpoint.absolute()),
            "last": str(paths.last_checkpoint.absolute()),
        },
    }


def _environment(
    spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path, values: Values
) -> dict[str, str]:
    return {
        **inherited(folder),
        "PLAYBOOK_TRIAL_ID": str(trial.id),
        "PLAYBOOK_TRIAL_DIR": str(paths.dir.absolute()),
        "PLAYBOOK_PARAMS": str(paths.params.absolute()),
        "PLAYBOOK_SEED": str(trial.seed),
        "PLAYBOOK_MAX_TRAIN_STEPS": str(spec.max_train_steps),
        "PLAYBOOK_EVAL_EVERY": str(spec.steps_between_evaluations),
        "PLAYBOOK_METRICS": str(paths.metrics.absolute()),
        "PLAYBOOK_METRIC": spec.metric.name,
        "PLAYBOOK_GOAL": spec.metric.goal,
        **deterministic(spec),
        **{name: values.put_into(text, f"env.{name}") for name, text in spec.env.items()},
    }


def _told(wanted: Wanted) -> dict[str, str]:
    """What is wanted of an attempt, as environment variables for the client."""
    said = {
        "PLAYBOOK_TARGET": wanted.target,
        "PLAYBOOK_STOP_STEP": wanted.stop_step,
        "PLAYBOOK_EVAL_EVERY": wanted.eval_every,
        "PLAYBOOK_EVALUATE_FROM": wanted.evaluate_from,
        "PLAYBOOK_CHECKPOINTS": None if wanted.checkpoints else "none",
    }
    return {name: value if isinstance(value, str) else repr(value) for name, value in said.items() if value is not None}
