"""Which of a run's settings are hyperparameters, as opposed to its name, folder, host or time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import infer
from playbook_cli.importing.rows import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.records import Value

MANY = 6
"""Text that differs between all runs is a label if there are at least this many; fewer could be choices."""
_LABELS = frozenset(
    {
        *("run_name", "experiment_name", "exp_name", "run_id", "trial_id", "experiment_id", "experiment_tag", "uuid"),
        *("output_dir", "logging_dir", "log_dir", "logdir", "save_dir", "work_dir", "workdir", "checkpoint_dir"),
        *("output_path", "save_path", "log_path", "checkpoint_path", "out_dir", "outdir", "run_dir", "trial_dir"),
        *("hostname", "host", "node_ip", "pid", "url", "wandb_url", "user", "username", "git_commit", "commit", "sha"),
        *("date", "datetime", "timestamp", "datetime_start", "datetime_complete", "duration", "created_at"),
        *("start_time", "end_time", "started_at", "ended_at", "time_total_s", "time_this_iter_s", "runtime"),
        *("creation_time", "modification_time", "server_end_time", "server_start_time", "running_time", "wall_time"),
        *("experiment_key", "trial_job_id", "owner", "file_name", "mean_fit_time", "std_fit_time", "mean_score_time"),
        *("std_score_time", "samples_per_second", "steps_per_second", "train_runtime", "eval_runtime"),
    }
)
_COUNTERS = frozenset(
    {*STEPS, "iterations_since_restore", "time_since_restore", "trainer/global_step", "step (logged)"}
)
_TOP_LABELS = frozenset(
    {"name", "id", "index", "tags", "notes", "created", "started", "stopped", "label", "operation", "sequence"}
    | {"intermediate"}
)
"""Labels only at the top level: `optimizer.name` is a hyperparameter."""
_OF_THE_MACHINE = re.compile(r"(^|[_/. ])(gpu|cpu|cuda|peak|max)_mem(ory)?(_\w+)?$")
_NEPTUNE = "sys/"
"""Prefix of what Neptune records about a run itself."""
_WHEN = re.compile(
    r"\d{4}-\d{2}-\d{2}[ T_]\d{2}[:-]\d{2}([:-]\d{2})?\S*|\d+ days \d{2}:\d{2}:\d{2}\S*"
    r"|\d{1,4}[/.]\d{1,2}[/.]\d{1,4},? \d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?|\d+:\d{2}:\d{2}"
)
_MAPPING = re.compile(r"\{.*:.*\}", re.DOTALL)


def selected(
    runs: Sequence[Mapping[str, Value]], *, wanted: Sequence[str], ignored: Sequence[str], known: Iterable[str]
) -> tuple[list[dict[str, Value]], list[str]]:
    """The hyperparameters of every run, and a note about what was left out.

    If `wanted` is not empty, only those count; `known` are hyperparameters whatever they look like. PlaybookError if
    no run has a wanted one.
    """
    names = dict.fromkeys(name for run in runs for name in run)
    missing = next((name for name in wanted if name not in names), None)
    if missing is not None:
        hint = f"the runs have {', '.join(names) or 'none'}"
        raise PlaybookError(f"no run has a hyperparameter named {missing!r}", hint=hint)
    out = set(ignored)
    notes = []
    if wanted:
        out |= {name for name in names if name not in wanted and not infer.is_seed(name)}
    else:
        found = [name for name in labels(runs) if name not in out and name not in known]
        out.update(found)
        if found:
            notes.append(
                f"left out because they look like a run's name, place or time: {', '.join(found)} "
                "(to choose the hyperparameters yourself: --hyperparameter NAME for each)"
            )
    return [{name: value for name, value in run.items() if name not in out} for run in runs], notes


def labels(runs: Sequence[Mapping[str, Value]]) -> list[str]:
    """Settings that vary but are labels, not hyperparameters: by their names, or because their text is unique per run.

    Text that is determined by all other settings, and determines them, is a label too: it only repeats them.
    """
    values = {name: [run[name] for run in runs if run.get(name) is not None] for run in runs for name in run}
    varied = {name: found for name, found in values.items() if len(set(found)) > 1}
    named = [name for name, found in varied.items() if _is_named_so(name) or all(_is_no_setting(v) for v in found)]
    texts = [
        name
        for name, found in varied.items()
        if name not in named and len(set(found)) >= MANY and all(isinstance(value, str) for value in found)
    ]
    rest = [
        frozenset((k, v) for k, v in run.items() if k not in named and k not in texts and not infer.is_seed(k))
        for run in runs
    ]
    again = []
    for name in texts:
        pairs = {(run.get(name), other) for run, other in zip(runs, rest, strict=True)}
        distinct = set(varied[name])
        if len(distinct) == len(varied[name]) or len(pairs) == len(distinct) == len(set(rest)):
            again.append(name)
    return [name for name in varied if name in named or name in again]


def is_about_the_run(metric: str) -> bool:
    """Whether a logged number counts steps or seconds or describes the machine, so that it is not to be optimised."""
    return metric.startswith(("_", "system/", "system.")) or metric.lower() in _COUNTERS or _is_named_so(metric)


def _is_named_so(name: str) -> bool:
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace(" ", "_")
    last = re.split(r"[./]", plain)[-1]
    return (
        name.startswith(_NEPTUNE)
        or plain in _TOP_LABELS
        or last in _LABELS
        or name.lower() in _LABELS
        or _OF_THE_MACHINE.search(plain) is not None
    )


def _is_no_setting(value: Value) -> bool:
    """Whether it is a time, or a mapping that holds several settings at once."""
    return isinstance(value, str) and (_WHEN.fullmatch(value) or _MAPPING.fullmatch(value)) is not None
