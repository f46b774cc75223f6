"""`playbook show`: one trial, with all that is known of it."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.files.paths import TrialPaths
    from playbook_cli.records import Metric, TrialRecord
    from playbook_cli.storage.usage import Used

LINES = 10
"""Of the end of a log."""
WIDTH = 60
"""Points of a curve in characters."""


def show(
    study: StudyFolder,
    trial: Annotated[int, typer.Argument(metavar="TRIAL", min=0, show_default=False, help="The trial's number.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of the end of its log.")] = LINES,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Show one trial: settings, result, curves, log and files.

    Example:  playbook show runs/digits-depth 7
    """
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.study_file import opened
    from playbook_cli.errors import StudyError
    from playbook_cli.files.logs import last_lines
    from playbook_cli.storage import usage

    store = opened(study, runs)
    record = store.record()
    found = next((one for one in record.trials if one.id == trial), None)
    if found is None:
        have = f"its trials are 0 to {record.trials[-1].id}" if record.trials else "it has none yet"
        raise StudyError(f"there is no trial {trial}", where=str(store.paths.dir), hint=have)
    paths = store.paths.trial(trial)
    files = {name: str(path) for name, path in _files(paths).items() if path.exists()}
    said = last_lines(paths.stdout, lines) if lines else []
    sampled = usage.samples(paths)
    use = usage.used(sampled) if sampled else None
    if json:
        print_json(_as_json(found, files, said, use))
        return
    from playbook_cli.report.terminal import ascii_only

    out = console()
    plain = not out.encoding.lower().startswith("utf")
    for line in _lines(found, record.metric, record.max_train_steps, use):
        out.print(ascii_only(line) if plain else line, soft_wrap=True)
    if said:
        out.print(f"\nlog, last {len(said)} lines" if len(said) > 1 else "\nlog")
        for line in said:
            out.print(f"  {line}", soft_wrap=True)
    out.print("\nfiles")
    for name, path in files.items():
        out.print(f"  {name:<12} {path}", soft_wrap=True)


def _files(paths: TrialPaths) -> Mapping[str, Any]:
    return {
        "folder": paths.dir,
        "settings": paths.params,
        "metrics": paths.metrics,
        "log": paths.stdout,
        "checkpoints": paths.checkpoints,
    }


def _lines(trial: TrialRecord, metric: Metric, max_train_steps: int, use: Used | None) -> list[str]:
    from playbook_cli.report import words

    again = "" if trial.repeat_of is None else f", repeats trial {trial.repeat_of}"
    why = f": {trial.reason}" if trial.reason else ""
    shown = [f"trial {trial.id}{again}: {trial.state}{why}"]
    if trial.best is not None:
        best = f"best {metric.name} {words.number(trial.best.value)} at step {trial.best.step:,}"
        shown.append(f"{best}; trained to step {trial.last_step:,} of {max_train_steps:,}")
    attempts = [span for span in trial.spans if span.end is not None]
    if attempts:
        spent = sum((span.end or span.start) - span.start for span in attempts)
        shown.append(f"{words.count(trial.attempts, 'attempt')}, {spent:,.1f} s, on {attempts[-1].slot}")
    if use is not None:
        gpu = "" if use.gpu is None else f", GPU {use.gpu:.0%} busy"
        gpu += "" if use.gpu_memory is None else f" with up to {_bytes(use.gpu_memory)}"
        shown.append(f"used {use.cores:.1f} CPU cores on average and up to {_bytes(use.memory)}{gpu}")
    shown += ["", "settings", *(f"  {name} = {words.setting(value)}" for name, value in trial.params.items())]
    shown.append(f"  training seed = {trial.seed}")
    if trial.curve is not None and trial.curve.steps.size:
        shown += ["", f"curves, step {int(trial.curve.steps[0]):,} to {int(trial.curve.steps[-1]):,}"]
        longest = max(map(len, trial.curve.values))
        for name, values in trial.curve.values.items():
            finite = [float(value) for value in values if math.isfinite(value)]
            if finite:
                ends = f"{words.number(finite[0])} to {words.number(finite[-1])}"
                shown.append(f"  {name:<{longest}}  {_drawn(finite)}  {ends}")
    return shown


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def _drawn(values: list[float]) -> str:
    """A curve in one line of characters."""
    from playbook_cli.report.strips import level

    low, high = min(values), max(values)
    count = min(WIDTH, len(values))
    taken = [values[number * len(values) // count] for number in range(count)]
    return "".join(level((value - low) / (high - low) if high > low else 0.0) for value in taken)


def _as_json(trial: TrialRecord, files: Mapping[str, str], said: list[str], use: Used | None) -> dict[str, Any]:
    curves = (
        {}
        if trial.curve is None
        else {
            "step": trial.curve.steps.tolist(),
            **{name: values.tolist() for name, values in trial.curve.values.items() if name != "step"},
        }
    )
    best = trial.best
    return {
        "trial": trial.id,
        "state": trial.state,
        "reason": trial.reason,
        "params": dict(trial.params),
        "arm": dict(trial.arm),
        "seed": trial.seed,
        "repeat_of": trial.repeat_of,
        "attempts": trial.attempts,
        "value": best.value if best else None,
        "step": best.step if best else None,
        "last_step": trial.last_step,
        "times": [{"start": span.start, "end": span.end, "slot": span.slot} for span in trial.spans],
        "used": None if use is None else asdict(use),
        "curves": curves,
        "log": said,
        "files": dict(files),
    }
