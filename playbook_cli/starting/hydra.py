"""A study for a Hydra config that sweeps: `hydra.sweeper.params`, in the grammar of Hydra's overrides.

https://hydra.cc/docs/advanced/override_grammar/extended, and the search spaces of its sweepers for Optuna and Ax.
"""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Any, TypeGuard

from playbook_cli.errors import SpecError
from playbook_cli.files import regular
from playbook_cli.spec.source import parse
from playbook_cli.starting.draft import Draft, study_name
from playbook_cli.starting.sweep import MOST_IN_A_GRID, STEPS, TRIALS, Parts, place, stepped

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.spec.source import Location, Source

_PLACES: tuple[Location, ...] = (("params",), ("search_space",), ("ax_config", "params"))
"""Below hydra.sweeper: as it is now, that of Optuna before Hydra 1.2, and that of Ax."""
_CALL = re.compile(r"\s*([a-z]+)\s*\((.*)\)\s*", re.DOTALL)
_CASTS = ("int", "float", "str", "bool", "shuffle", "sort")


def is_hydra(read: Source) -> bool:
    """Whether a file is a config of Hydra that says how to sweep."""
    return isinstance(read.data, dict) and "hydra" in read.data and "parameters" not in read.data


def draft_hydra(read: Source, path: Path, folder: Path) -> Draft:
    """The study that a config's sweeper describes, to be written into `folder`.

    SpecError where it sweeps nothing, or in a way that no study has.
    """
    sweeper = read.data["hydra"].get("sweeper") if isinstance(read.data["hydra"], dict) else None
    at, space = _space(sweeper) if isinstance(sweeper, dict) else ((), None)
    if not isinstance(sweeper, dict) or not space:
        raise SpecError(
            "this Hydra config defines no sweep: it has no hydra.sweeper.params",
            where=f"{read.path}:1",
            hint="add the overrides from your command line:  params: {lr: 'tag(log, interval(1e-5, 1e-1))'}",
        )
    draft = Draft(
        data={"name": study_name(str(sweeper.get("study_name") or path.stem)), "goal": "How good can it get?"},
        header=[f"Carried over from the sweeper of the Hydra config {path.name}."],
    )
    program = _program(path, folder)
    parts = Parts(style="")
    inclusive = "n_trials" in sweeper or "direction" in sweeper or "optuna" in str(read.data.get("defaults"))
    found = {
        str(key): _setting(draft, read, str(key), how, (*at, key), inclusive=inclusive) for key, how in space.items()
    }
    draft.data["command"] = []
    draft.data["metric"] = {"name": "val_loss", "goal": _goal(draft, sweeper)}
    draft.comments["metric",] = "Hydra does not name it: it is what the program returns. Print, log or report it"
    draft.data["max_train_steps"] = STEPS
    for key, setting in found.items():
        name = key.lstrip("+")
        place(draft, name.rpartition(".")[2], name, setting, parts)
    draft.data["command"] = ["${python}", program or "train.py", "${args_no_hyphens}", *parts.passed]
    if program is None:
        draft.comments["command",] = "the config does not name the program"
    if not parts.steps:
        draft.comments["max_train_steps",] = "a config does not set the training length: write the program's own"
    trials = sweeper.get("n_trials", sweeper.get("max_trials"))
    draft.data["trials"] = trials if isinstance(trials, int) and not isinstance(trials, bool) and trials > 0 else TRIALS
    draft.notes.append("Playbook can't see return values: say under metrics: where the program writes its evaluations")
    draft.data |= {role: values for role, values in (("nuisance", parts.nuisance), ("fixed", parts.fixed)) if values}
    if parts.nuisance:
        draft.comments["nuisance",] = "to ask a question, move its hyperparameter to  scientific:"
    return draft


def _space(sweeper: dict[str, Any]) -> tuple[Location, dict[str, Any] | None]:
    for keys in _PLACES:
        found: Any = sweeper
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict) and found:
            return ("hydra", "sweeper", *keys), found
    return (), None


def _goal(draft: Draft, sweeper: dict[str, Any]) -> str:
    said = sweeper.get("direction")
    if isinstance(said, list):
        draft.notes.append("the sweep has several objectives; only the first was kept")
        said = said[0] if said else None
    if said not in ("minimize", "maximize"):
        draft.notes.append("no direction given: assumed that the metric is minimized")
    return "maximize" if said == "maximize" else "minimize"


def _program(path: Path, folder: Path) -> str | None:
    """The only script beside the config, or above it, that begins as Hydra's do."""
    for place_ in (path.parent, path.parent.parent):
        found = [
            script
            for script in sorted(place_.glob("*.py"))
            if script.is_file() and b"hydra.main" in regular.content(script)
        ]
        if found:
            return os.path.relpath(found[0], folder) if len(found) == 1 else None
    return None


def _setting(draft: Draft, read: Source, name: str, how: object, at: Location, *, inclusive: bool) -> dict[str, Any]:
    if isinstance(how, dict):
        return _described(draft, read, name, how, at)
    try:
        return _swept(draft, name, how, inclusive=inclusive)
    except (ValueError, TypeError) as error:
        raise SpecError(
            f"{name}: {str(how)[:60]} can't be read as a sweep: {error}",
            where=read.where(at),
            hint="write choice(...), range(...), interval(...), tag(log, interval(...)) or int(interval(...))",
        ) from None


def _described(draft: Draft, read: Source, name: str, how: dict[str, Any], at: Location) -> dict[str, Any]:
    """A search space as mappings: {type, low, high, step, log, choices}, or Ax's {type, bounds, values, log_scale}."""
    values = how.get("choices", how.get("values"))
    if isinstance(values, list) and values:
        return {"values": values}
    if "value" in how:
        return {"value": how["value"]}
    bounds = how.get("bounds")
    low, high = bounds if isinstance(bounds, list) and len(bounds) == 2 else (how.get("low"), how.get("high"))
    log = bool(how.get("log") or how.get("log_scale"))
    if not _is_number(low) or not _is_number(high) or not low < high or (log and low <= 0):
        raise SpecError(f"{name}: it has neither a range nor choices", where=read.where(at), hint="write low and high")
    step = how.get("step")
    if _is_number(step):
        return stepped(draft, name, step, low, high)
    whole = how.get("type") == "int" or how.get("value_type") == "int"
    return _range(low, high, log=log, whole=whole)


def _swept(draft: Draft, name: str, how: object, *, inclusive: bool) -> dict[str, Any]:
    """One override. ValueError where it is none that a study can say."""
    if not isinstance(how, str):
        return {"value": how}
    call = _CALL.fullmatch(how)
    if call is None:
        parts = _parted(how)
        return {"value": _value(how)} if len(parts) == 1 else {"values": [_value(part) for part in parts]}
    function, given = call[1], _parted(call[2])
    if function == "choice":
        return {"values": [_value(part) for part in given]}
    if function == "tag":
        inner = _swept(draft, name, given[-1], inclusive=inclusive)
        return _logarithmic(inner) if "log" in given[:-1] else inner
    if function in _CASTS:
        inner = _swept(draft, name, given[0], inclusive=inclusive)
        return _whole(inner) if function == "int" else inner
    if function not in ("interval", "range"):
        raise ValueError(f"{function}(...) has no equivalent in a study")
    named = dict(part.split("=", 1) for part in given if re.match(r"\s*\w+\s*=", part))
    numbers = [_number(part) for part in given if part.split("=", 1)[0] not in named]
    named = {key.strip(): value for key, value in named.items()}
    if function == "interval":
        low, high = (*numbers, *(_number(named[key]) for key in ("start", "end") if key in named))
        return _range(low, high)
    return _counted(draft, name, numbers, named, inclusive=inclusive)


def _counted(
    draft: Draft, name: str, numbers: list[float], named: dict[str, str], *, inclusive: bool
) -> dict[str, Any]:
    """range(start, stop, step): without its stop, which Optuna's sweeper takes as the last value that is tried."""
    given = dict(zip(("start", "stop", "step") if len(numbers) > 1 else ("stop",), numbers, strict=False))
    given |= {key: _number(value) for key, value in named.items()}
    start, stop, step = given.get("start", 0), given.get("stop", math.nan), given.get("step", 1)
    if not step > 0 or not start < stop:
        raise ValueError("the range is empty, or its step is not above 0")
    if inclusive:
        return stepped(draft, name, step, start, stop)
    count = math.ceil((stop - start) / step - 1e-9)
    if count > MOST_IN_A_GRID:
        raise ValueError(f"it has {count} values")
    return {"values": [round(start + index * step, 12) for index in range(count)]}


def _range(low: float, high: float, *, log: bool = False, whole: bool = False) -> dict[str, Any]:
    if not low < high or (log and low <= 0):
        raise ValueError(f"{low} to {high} can't be searched{' on a log scale' if log else ''}")
    ends: dict[str, Any] = {"min": int(low), "max": int(high)} if whole else {"min": float(low), "max": float(high)}
    return ends | ({"scale": "log"} if log else {})


def _logarithmic(setting: dict[str, Any]) -> dict[str, Any]:
    if "min" not in setting:
        return setting
    return _range(setting["min"], setting["max"], log=True, whole=isinstance(setting["min"], int))


def _whole(setting: dict[str, Any]) -> dict[str, Any]:
    if "min" not in setting:
        return {"values": [int(value) for value in setting["values"]]} if "values" in setting else setting
    return _range(setting["min"], setting["max"], log=setting.get("scale") == "log", whole=True)


def _parted(text: str) -> list[str]:
    """What commas part, outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for mark in text:
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        depth += (mark in "([{") - (mark in ")]}") if not quote else 0
        if mark == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += mark
    return [part.strip() for part in parts]


def _value(text: str) -> Any:
    """A value as YAML reads it. ValueError where it is no value of a hyperparameter."""
    try:
        value = parse(f"v: {text}", "override").data["v"]
    except SpecError as error:
        raise ValueError(error.what) from None
    if isinstance(value, dict):
        raise ValueError(f"{text} is not a valid value")  # noqa: TRY004 (said as all else that can't be read)
    return value


def _number(text: str) -> float:
    value = _value(text)
    if not _is_number(value):
        raise ValueError(f"{text} is not a number")
    return value


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
