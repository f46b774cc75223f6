"""A sweep's options: those of the command line override those of the study file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from playbook_cli.errors import SpecError
from playbook_cli.spec.check import lr_sweep_problems
from playbook_cli.spec.model import LrSweepSpec
from playbook_cli.spec.source import parse

if TYPE_CHECKING:
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source


def merged(spec: StudySpec, source: Source, flags: dict[str, Any]) -> LrSweepSpec:
    """The lr_sweep section, overridden by the options of the command line. SpecError if the result is invalid."""
    section = spec.lr_sweep.model_dump(exclude_unset=True) if spec.lr_sweep else {}
    if flags.get("find") and "steps" not in flags:
        section.pop("steps", None)  # --find searches for N, so the file's N does not count
    for name in ("off", "at"):
        if name in flags:
            flags[name] = section.get(name, {}) | dict(pair(f"--{name}", text) for text in flags[name])
    if "harmless" in flags:
        flags["harmless"] = [*section.get("harmless", []), *flags["harmless"]]
    if "target" in flags:
        flags["target"] = _target(flags["target"], section.get("target", {}))
    try:
        sweep = LrSweepSpec.model_validate(section | flags)
    except ValidationError as error:
        detail = error.errors()[0]
        key = str(detail["loc"][0])
        raise SpecError(detail["msg"], where=_option(key), hint=_HINTS.get(key)) from None
    for problem in lr_sweep_problems(spec, sweep):
        key = str(problem.location[1])
        asked = [name for name in ("min", "max") if name in flags] if key == "min" else [key] if key in flags else []
        where = " ".join(map(_option, asked)) or source.where(problem.location)
        raise SpecError(problem.what, where=where, hint=problem.hint)
    return sweep


_HINTS = {
    "min": "use a positive number: --min 1e-4",
    "max": "use a positive number: --max 10",
    "points": "give the number of learning rates to try: --points 11",
    "target": "give the metric and the finite value that it has to reach: --target train_error=0.0",
    "parameter": "give the name of the learning-rate hyperparameter: --parameter learning_rate",
}


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def pair(option: str, text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as a study file would read it. SpecError for anything else."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise SpecError(f"{text!r} is not NAME=VALUE", where=option, hint=f"write {option} dropout=0.0")
    read = parse(value, option).data if value.strip() else value
    return name.strip(), read


def _target(text: str, section: dict[str, Any]) -> dict[str, Any]:
    """METRIC=VALUE or METRIC<=VALUE, METRIC>=VALUE if larger is better, or VALUE for the metric in the study file."""
    found = re.fullmatch(r"\s*(?:(?P<metric>[^<>=]*[^<>=\s])\s*(?P<sign><=|>=|=)\s*)?(?P<value>[^<>=]+)", text)
    try:
        value = float(found["value"]) if found else None
    except ValueError:
        value = None
    if found is None or value is None:
        raise SpecError(f"{text!r} is not a target", where="--target", hint="write --target train_error=0.0")
    goal = {"goal": "maximize" if found["sign"] == ">=" else "minimize"} if found["metric"] else {}
    named = {"metric": found["metric"]} if found["metric"] else {}
    return section | named | goal | {"value": value}
