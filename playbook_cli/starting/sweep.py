"""A study for a Weights & Biases sweep file."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import SpecError
from playbook_cli.spec.check import STEP_LIMITS
from playbook_cli.spec.goals import direction
from playbook_cli.starting.draft import Draft, study_name

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.spec.source import Location, Source

TRIALS = 32
STEPS = 1000
MACROS = {
    "${interpreter}": "${python}",
    "${args_json_file}": "${params_file}",
}
"""Of a sweep's command, and what they are called here; `${args}` and its kin are the same."""
_SEED = re.compile(r"(^|[._-])(seed|random_seed|rng_seed)$", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^$]*")
"""A variable of the environment that a command sets, as /usr/bin/env takes it."""
_SAME = ("${args}", "${args_no_hyphens}", "${args_no_boolean_flags}")
_KNOWN = ("name", "description", "program", "command", "method", "metric", "parameters", "run_cap")
_EXPONENTS = ("log_uniform", "q_log_uniform", "inv_log_uniform")
"""Distributions whose ends are natural logarithms of the values."""
MOST_IN_A_GRID = 1000
MOST_STEPS = 20
"""A quantized range of at most so many values is written as those values."""


def draft_sweep(read: Source, path: Path, folder: Path) -> Draft:
    """The study that a sweep file describes, to be written into `folder`.

    SpecError where it is no sweep, or says something else than it seems to.
    """
    data = read.data
    if not isinstance(data, dict) or not isinstance(data.get("parameters"), dict):
        raise SpecError(
            "this is not a sweep: it has no `parameters`",
            where=f"{read.path}:1",
            hint="--from reads a W&B sweep file, a Hydra config with hydra.sweeper.params, or a Python script",
        )
    name = study_name(str(data.get("name") or path.stem))
    draft = Draft(
        data={"name": name, "goal": str(data.get("description") or "How good can it get?"), "command": []},
        header=[f"Carried over from the W&B sweep {path.name}."],
    )
    _metric(draft, read, data.get("metric"))
    draft.data["max_train_steps"] = STEPS
    parts = Parts(grid=data.get("method") == "grid")
    _parameters(draft, read, data["parameters"], ("parameters",), parts)
    draft.data["command"] = _command(draft, read, data, parts, _program(data, path, folder))
    if not parts.steps:
        draft.comments["max_train_steps",] = "a sweep does not set the training length: write the program's own"
    if data.get("method") == "grid":
        draft.data["sampler"] = "grid"
        if any("min" in setting for setting in parts.nuisance.values()):
            draft.notes.append("a range in a grid needs its number of points: add points: 5")
    else:
        draft.data["trials"] = data["run_cap"] if isinstance(data.get("run_cap"), int) else TRIALS
        draft.notes.append(f"method: {data.get('method')} became a quasi-random search, which can be read as a whole")
    draft.notes += [f"`{key}` was not carried over" for key in data if key not in _KNOWN]
    draft.notes.append(
        "Playbook can't read wandb.log: say under metrics: where the metrics are, or call trial.report in the program"
    )
    draft.data |= {role: values for role, values in (("nuisance", parts.nuisance), ("fixed", parts.fixed)) if values}
    if parts.nuisance:
        draft.comments["nuisance",] = "to ask a question, move its hyperparameter to  scientific:"
    return draft


@dataclass(kw_only=True)
class Parts:
    """The parameters of a sweep by what they are in a study."""

    nuisance: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    """Names of the length of training."""
    seeds: list[str] = field(default_factory=list)
    """Names of the training seed."""
    grid: bool = False
    """Whether the sweep tries all combinations."""
    style: str = "--"
    """What stands before the name of an argument."""

    @property
    def passed(self) -> list[str]:
        """The arguments that every trial gets from Playbook."""
        length = [f"{self.style}{name}=${{max_train_steps}}" for name in self.steps[:1]]
        return [*length, *(f"{self.style}{name}=${{seed}}" for name in self.seeds)]


def _parameters(draft: Draft, read: Source, given: dict[str, Any], at: Location, parts: Parts) -> None:
    for key, how in given.items():
        here = (*at, key)
        name = ".".join(str(part) for part in here if part != "parameters")
        if not isinstance(how, dict):
            raise SpecError(f"{name}: it has no distribution", where=read.where(here), hint="write {value: ...}")
        _refuse_bare_parts(read, name, how, here)
        if isinstance(how.get("parameters"), dict):
            _parameters(draft, read, how["parameters"], (*here, "parameters"), parts)
            draft.notes.append(f"{name} is nested: its parts are passed as separate arguments, --{name}.x=...")
            continue
        setting = _setting(draft, read, name, how, here, grid=parts.grid)
        place(draft, str(key), name, setting, parts)


def place(draft: Draft, key: str, name: str, setting: dict[str, Any], parts: Parts) -> None:
    """Put a parameter where it belongs in a study: its length, its seed, what is fixed, and what varies."""
    if key in STEP_LIMITS:
        _length(draft, name, setting, parts)
    elif _SEED.search(key):
        parts.seeds.append(name)
        draft.notes.append(
            f"{name} is not a hyperparameter: every trial gets its own training seed, {parts.style}{name}=${{seed}}"
        )
    elif setting.keys() == {"value"} or len(setting.get("values", "..")) == 1:
        parts.fixed[name] = setting["value"] if "value" in setting else setting["values"][0]
    else:
        parts.nuisance[name] = setting


def _length(draft: Draft, name: str, setting: dict[str, Any], parts: Parts) -> None:
    """Training's length: the longest that the sweep trains."""
    parts.steps.append(name)
    if len(parts.steps) > 1:
        draft.notes.append(f"{name} looks like the training length, as {parts.steps[0]} does, and was left out")
        return
    values = setting.get("values") or [setting.get("value", setting.get("max"))]
    longest = max((v for v in values if isinstance(v, int | float) and v >= 1), default=STEPS)
    draft.data["max_train_steps"] = int(longest)
    if setting.keys() != {"value"}:
        draft.notes.append(f"{name} is max_train_steps, which is never tuned inside a study: {longest:g}")


def _refuse_bare_parts(read: Source, name: str, how: dict[str, Any], at: Location) -> None:
    """SpecError where a parameter has parts that W&B would not find."""
    if how and all(isinstance(part, dict) for part in how.values()) and not how.keys() & {"parameters", "value"}:
        raise SpecError(
            f"{name}: it has no distribution, but nested parts: {', '.join(map(str, how))}",
            where=read.where(at),
            hint=f"W&B expects nested parts under parameters: {name}: {{parameters: {{...}}}}",
        )


def _setting(draft: Draft, read: Source, name: str, how: dict[str, Any], at: Location, *, grid: bool) -> dict[str, Any]:
    """A parameter as a study file has it. SpecError where it can't be said there."""
    if "value" in how:
        return {"value": _value(read, name, how["value"], at)}
    if isinstance(how.get("values"), list):
        if "probabilities" in how:
            draft.notes.append(f"{name}: probabilities were not carried over; all values are equally likely")
        values = [_value(read, name, value, at) for value in how["values"]]
        once = [value for index, value in enumerate(values) if value not in values[:index]]
        if len(once) < len(values):
            draft.notes.append(f"{name}: duplicate values were removed")
        return {"value": once[0]} if len(once) == 1 else {"values": once}
    return _range(draft, read, name, how, at, grid=grid)


def _range(draft: Draft, read: Source, name: str, how: dict[str, Any], at: Location, *, grid: bool) -> dict[str, Any]:
    """A distribution with two ends."""
    low, high = how.get("min"), how.get("max")
    kind = how.get("distribution") or ("int_uniform" if isinstance(low, int) and isinstance(high, int) else "uniform")
    if kind in ("normal", "q_normal", "log_normal", "q_log_normal"):
        return _normal(draft, name, kind, how)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise SpecError(
            f"{name}: {kind} needs numbers as min and max",
            where=read.where(at),
            hint="write min and max, values, or value",
        )
    if kind in ("log_uniform", "q_log_uniform") and _are_exponents(low, high, how.get("q")):
        return _from_exponents(draft, name, how, low, high)
    if kind in _EXPONENTS:
        fix = f"distribution: log_uniform_values, min: {_power(low):.3g}, max: {_power(high):.3g}"
        raise SpecError(
            f"{name}: the ends of {kind} are exponents, so min: {low} means exp({low}) = {_power(low):.3g}",
            where=read.where((*at, "distribution")),
            hint=f"write {fix}; or, if {low} and {high} are the values themselves, distribution: log_uniform_values",
        )
    if kind not in ("uniform", "int_uniform", "q_uniform", *_LOGARITHMIC):
        raise SpecError(
            f"{name}: the distribution {kind} is not supported",
            where=read.where((*at, "distribution")),
            hint="write uniform, int_uniform, log_uniform_values, q_uniform, or values",
        )
    if low == high:
        draft.notes.append(f"{name}: min equals max, so it is fixed")
        return {"value": low}
    if low > high or (kind in _LOGARITHMIC and low <= 0):
        raise SpecError(
            f"{name}: the range from {low} to {high} can't be searched" + (", on a log scale" if low <= high else ""),
            where=read.where((*at, "min")),
            hint="min must be less than max" + (", and above 0 on a log scale" if low <= high else ""),
        )
    if kind.startswith("q_"):
        return stepped(draft, name, how.get("q", 1), low, high, log=kind in _LOGARITHMIC)
    if kind == "int_uniform" and grid:
        return _whole_numbers(read, name, int(low), int(high), at)
    scale = {"scale": "log"} if kind in _LOGARITHMIC else {}
    if kind == "int_uniform":
        return {"min": int(low), "max": int(high)}
    return {"min": float(low), "max": float(high), **scale}


def _are_exponents(low: float, high: float, q: object) -> bool:
    """Whether the ends of a log-uniform range can be nothing else: no value is negative, nor all below its step."""
    sure = low < 0 or high < 0 or (isinstance(q, int | float) and q > high)
    return sure and 0 < _power(low) < _power(high) < math.inf


def _from_exponents(draft: Draft, name: str, how: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    """The range of values whose natural logarithms are the ends."""
    ends = {"min": float(f"{_power(low):.6g}"), "max": float(f"{_power(high):.6g}"), "scale": "log"}
    q = how.get("q")
    if isinstance(q, int) and q >= 1:  # multiples of it, as W&B rounds
        ends |= {"min": max(1, round(_power(low) / q)) * q, "max": max(2, round(_power(high) / q)) * q}
        if q > 1:
            draft.notes.append(f"{name}: the rounding to multiples of {q} was not carried over")
    shown = f"{ends['min']:.3g} to {ends['max']:.3g}"
    draft.notes.append(f"{name}: the ends of {how['distribution']} are exponents, so the range is {shown}")
    return ends


def _whole_numbers(read: Source, name: str, low: int, high: int, at: Location) -> dict[str, Any]:
    """What a grid of W&B enumerates."""
    if high - low >= MOST_IN_A_GRID:
        raise SpecError(
            f"{name}: a grid tries each of {high - low + 1} whole numbers",
            where=read.where(at),
            hint="write values: [...], or use another method than grid",
        )
    return {"values": list(range(low, high + 1))}


_LOGARITHMIC = ("log_uniform_values", "inv_log_uniform_values", "q_log_uniform_values")
"""The inverse of a log-uniform value is log-uniform too."""


def _power(exponent: float) -> float:
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf


def stepped(draft: Draft, name: str, q: float, low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """A range of which multiples of q are tried, counted from its lower end: those values, where they are few."""
    whole = all(float(end).is_integer() for end in (low, high, q))
    ends: dict[str, Any] = {"min": int(low) if whole else float(low), "max": int(high) if whole else float(high)}
    if log:
        ends["scale"] = "log"
    if q == 1 and whole:
        return ends
    count = math.floor((high - low) / q + 1e-9) + 1 if q > 0 else 0
    if not log and 2 <= count <= MOST_STEPS:
        values = [round(low + index * q, 12) for index in range(count)]
        return {"values": [int(value) if whole else value for value in values]}
    draft.notes.append(f"{name}: the rounding to multiples of {q} was not carried over")
    return ends


def _normal(draft: Draft, name: str, kind: str, how: dict[str, Any]) -> dict[str, Any]:
    mean, deviation = float(how.get("mu", 0.0)), float(how.get("sigma", 1.0))
    low, high = mean - 2 * deviation, mean + 2 * deviation
    draft.notes.append(f"{name}: {kind} became a uniform range of two standard deviations around the mean")
    if "log" in kind:
        return {"min": float(f"{_power(low):.3g}"), "max": float(f"{_power(high):.3g}"), "scale": "log"}
    return {"min": round(low, 12), "max": round(high, 12)}


def _value(read: Source, name: str, value: object, at: Location) -> object:
    if all(
        isinstance(item, bool | int | float | str | None) for item in (value if isinstance(value, list) else [value])
    ):
        return value
    raise SpecError(
        f"{name}: {str(value)[:60]} is not a valid value",
        where=read.where(at),
        hint="make each part a separate parameter",
    )


def _metric(draft: Draft, read: Source, metric: object) -> None:
    given = metric if isinstance(metric, dict) else {}
    name = str(given.get("name") or "val_loss")
    goal = given.get("goal")
    if goal not in ("minimize", "maximize"):
        goal = direction(name)
        if goal is None:
            raise SpecError(
                f"metric: the name {name} doesn't say whether to minimize or maximize it",
                where=read.where(("metric",)),
                hint="add goal: minimize (W&B's default) or goal: maximize",
            )
        draft.notes.append(f"metric.goal is missing: assumed that {name} is {goal}d")
    draft.data["metric"] = {"name": name, "goal": goal}
    if "name" not in given:
        draft.comments["metric",] = "the sweep names no metric: write the one to optimize"
    if "target" in given:
        draft.notes.append("metric.target was not carried over: all trials train for the same number of steps")


def _program(data: dict[str, Any], path: Path, folder: Path) -> str | None:
    """The sweep's program as `folder` sees it, where it lies beside the sweep; else as it is written."""
    program = data.get("program")
    if program is None:
        return None
    beside = path.parent / str(program)
    return os.path.relpath(beside, folder) if beside.is_file() else str(program)


def _command(draft: Draft, read: Source, data: dict[str, Any], parts: Parts, program: str | None) -> list[str]:
    given = data.get("command") or ["${interpreter}", "${program}", "${args}"]
    if not isinstance(given, list) or (program is None and "${program}" in given):
        raise SpecError("the sweep names no program", where=read.where(("command",)), hint="add program: train.py")
    command: list[str] = []
    following = False
    for word in map(str, given):
        if word in ("${env}", "/usr/bin/env"):
            following = True
            continue
        if following and _VARIABLE.fullmatch(word):
            key, _, value = word.partition("=")
            draft.data.setdefault("env", {})[key] = value
            continue
        following = False
        said = MACROS.get(word, word).replace("${program}", program or "")
        unknown = [macro for macro in re.findall(r"\$\{[^}]*\}", said) if macro not in (*_SAME, *MACROS.values())]
        if unknown:
            draft.notes.append(f"command: {', '.join(unknown)} has no equivalent, so {word} was left out")
        else:
            command.append(said)
    parts.style = "" if "${args_no_hyphens}" in command else "--"
    return [*command, *parts.passed]
