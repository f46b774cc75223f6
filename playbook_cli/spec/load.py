"""A study file in, a checked study out; and back to YAML."""

from __future__ import annotations

import math
import os
import re
import shlex
import textwrap
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from playbook_cli.errors import SpecError
from playbook_cli.spec import check, model, program, source
from playbook_cli.spec.affects import Affects, affects, fields
from playbook_cli.spec.fill import unfilled
from playbook_cli.spec.model import StudySpec
from playbook_cli.spec.probe import Probe, ProbeKind
from playbook_cli.spec.problem import Problem
from playbook_cli.wording import did_you_mean, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.spec.source import Location, Source

SHOWN_PROBLEMS = 8
WIDTH = 120
"""Columns of the YAML that is written."""


def load(path: Path, *, kept: bool = False) -> tuple[StudySpec, Source]:
    """Read and check a study file. SpecError names file, line and key of every problem.

    Paths relative to the file's folder are absolute in the result. A file that is `kept` in a folder of results is only
    read, never run, so it may ask for too many trials.
    """
    spec, read = validate(source.read(path), kept=kept)
    return _anchored(spec, path.absolute().parent), read


def validate(read: Source, *, kept: bool = False) -> tuple[StudySpec, Source]:
    """Check the data of a YAML file against the model of a study."""
    if not isinstance(read.data, dict):
        raise SpecError(
            "a study file must be a mapping of keys", where=f"{read.path}:1", hint="start with  name: my-study"
        )
    if still := unfilled(read.data):
        raise _all_of(read, still)
    try:
        spec = StudySpec.model_validate(read.data)
    except ValidationError as error:
        wrong = (_problem(detail) for detail in error.errors(include_url=False))
        # of the alternative types of a value, the last is the widest
        raise _all_of(read, {problem.location: problem for problem in wrong}.values()) from None
    found = check.problems(spec, kept=kept)
    if found:
        raise _all_of(read, found)
    return spec, read


def resolve(spec: StudySpec) -> StudySpec:
    """The study as it is run, with the defaults that depend on other keys filled in."""
    trials = spec.trials
    if spec.points is not None:
        trials = len(spec.points)
    elif trials is None:
        space = spec.space()
        trials = sum(len(space.grid(arm)) for arm in space.arms)
    return spec.model_copy(update={"trials": trials, "eval_every": spec.steps_between_evaluations})


def _anchored(spec: StudySpec, folder: Path) -> StudySpec:
    changes: dict[str, Any] = {}
    if spec.points is not None:
        changes["points"] = [
            {**point, "from": _from(folder, str(point["from"]))} if "from" in point else point for point in spec.points
        ]
    if spec.round is not None:
        changes["round"] = spec.round.model_copy(update={"after": _from(folder, spec.round.after)})
    if spec.follows is not None:
        changes["follows"] = _from(folder, spec.follows)
    return spec.model_copy(update=changes) if changes else spec


def _from(folder: Path, path: str) -> str:
    return os.path.normpath(folder / path)


def plain(spec: StudySpec) -> dict[str, Any]:
    """The study as the data of a study file, without defaults that the file did not set."""
    data = spec.model_dump(mode="json", exclude_unset=True, exclude_none=True, by_alias=True)
    for role in ("scientific", "nuisance"):
        for name, alternatives in data.get(role, {}).items():
            data[role][name] = alternatives[0] if len(alternatives) == 1 else alternatives
    if spec.fixed:
        data["fixed"] = dict(spec.fixed)  # a fixed None is a value
    if spec.points is not None:
        data["points"] = [dict(point) for point in spec.points]
    return data


def dump(spec: StudySpec) -> str:
    """The study as YAML that `load` reads back as the same study."""
    return _yaml(plain(spec))


def block(data: dict[str, Any]) -> str:
    """Some keys of a study file as YAML, one per line, to paste into another one."""
    return _dumped(data, width=math.inf, default_flow_style=False)


def annotated(data: dict[str, Any], comments: Mapping[Location, str], header: Sequence[str]) -> str:
    """A study file's data as YAML, with a comment above each of these keys and `header` above all."""
    text = _yaml(data, width=math.inf)  # a comment between two lines of one text would become part of it
    lines = source.parse(text, "").lines
    above: dict[int, list[str]] = {}
    for location, comment in comments.items():
        above.setdefault(lines[location], []).append(comment)
    written = [f"# {one_line(line)}" for line in header]
    for number, line in enumerate(text.splitlines(), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        for comment in above.get(number, ()):
            written += [
                f"{indent}# {part}"
                for part in textwrap.wrap(one_line(comment), WIDTH - 2 - len(indent), break_on_hyphens=False)
            ]
        written.append(line)
    return "\n".join(written) + "\n"


def _yaml(data: dict[str, Any], *, width: float = WIDTH) -> str:
    return _dumped(data, width=width, default_flow_style=None)


def _dumped(data: dict[str, Any], **how: Any) -> str:
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **how)
    return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04X}", text)


class _Dumper(yaml.SafeDumper):
    """Quotes text that would otherwise be read as a number."""

    yaml_implicit_resolvers = source.RESOLVERS


_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that make a terminal or an editor show text in another order."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # between double quotes, line ends and characters that reverse text are written as escapes
    style = '"' if any(end in text for end in "\n\x85\u2028\u2029") or _TURNING.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def difference(old: StudySpec, new: StudySpec) -> list[tuple[str, Any, Any]]:
    """Keys in which two resolved studies differ, as (key, old value, new value); None if a side lacks the key."""
    before, after = (_flat(spec.model_dump(mode="json", by_alias=True)) for spec in (old, new))
    keys = dict.fromkeys([*before, *after])
    # by repr, since 1 == 1.0 and None may be a value
    return [(key, before.get(key), after.get(key)) for key in keys if _written(before, key) != _written(after, key)]


def deciding(old: StudySpec, new: StudySpec) -> list[tuple[str, Any, Any]]:
    """Those keys of `difference` that affect results: trials from before and after can't be in the same study."""
    return [change for change in difference(old, new) if affects(StudySpec, change[0]).decides_results]


def carried(spec: StudySpec) -> dict[str, Any]:
    """What a study of other points of the same training takes from this one, as data: all but its search.

    Training seeds are derived in the same way.
    """
    kept = fields(StudySpec, Affects.PROGRAM, Affects.TRAINING, Affects.LAUNCHING)
    return spec.model_dump(mode="json", exclude_unset=True, include={*kept, "seed"})


def probing(spec: StudySpec, kind: ProbeKind, **keys: Any) -> StudySpec:
    """The probe of this kind for a study: the same training, with these keys."""
    probe = Probe(kind=kind, study=spec.name)
    return StudySpec.model_validate(carried(spec) | {"name": probe.name, "probe": probe} | keys)


def training(spec: StudySpec) -> dict[str, Any]:
    """What a trial's results depend on besides its point and seed: dotted keys and values."""
    return _affecting(spec, Affects.PROGRAM, Affects.TRAINING)


def planning(spec: StudySpec) -> dict[str, Any]:
    """What the plan of a study's trials depends on, except their number: dotted keys and values."""
    return _affecting(spec, Affects.PROGRAM, Affects.TRAINING, Affects.SEARCH)


def _affecting(spec: StudySpec, *what: Affects) -> dict[str, Any]:
    flat = _flat(
        spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, exclude={"probe"})
    )
    kind = {} if spec.probe is None else {"probe": spec.probe.kind}  # as earlier versions wrote it
    return kind | {key: value for key, value in flat.items() if affects(StudySpec, key) in what}


def reading(kept: StudySpec, given: StudySpec) -> StudySpec:
    """A study as it was run, but with the keys of `given` that only affect how results are read."""
    changes: dict[str, Any] = {key: getattr(given, key) for key in fields(StudySpec, Affects.READING)}
    for key, section in kept:
        if key not in changes and isinstance(section, BaseModel):
            within = fields(type(section), Affects.READING)
            changes[key] = section.model_copy(update={name: getattr(getattr(given, key), name) for name in within})
    return kept.model_copy(update=changes)


def _written(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else ""


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict):
        data = data[0]
    if not isinstance(data, dict):
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def _all_of(read: Source, found: Iterable[Problem]) -> SpecError:
    lines = []
    for problem in found:
        key = ".".join(str(part) for part in problem.location if not isinstance(part, int))
        text = f"{read.where(problem.location)}: {key + ': ' if key else ''}{problem.what}"
        lines.append(f"{text}\n  -> {problem.hint}" if problem.hint else text)
    if len(lines) > SHOWN_PROBLEMS:
        lines[SHOWN_PROBLEMS:] = [f"... and {len(lines) - SHOWN_PROBLEMS} more"]
    return SpecError("\n".join(lines))


def _problem(detail: Any) -> Problem:
    """What Pydantic found, in the terms of a study file."""
    location: Location = detail["loc"]
    while location and location[-1] in _UNION_TAGS:
        location = location[:-1]
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Problem(location=location, what="unknown key", hint=_did_you_mean(location))
    if kind == "missing":
        what = f"`{location[-1]}` is missing"
        return Problem(location=location[:-1], what=what, hint=_MISSING.get(str(location[-1])))
    shown = detail["input"]
    given = f", not {shown!r}" if isinstance(shown, str | int | float | bool) and len(repr(shown)) < 60 else ""
    message = _KINDS.get(kind, str(detail["msg"]))
    if kind == "list_type" and isinstance(shown, str) and len(shown) < 60:
        message = f"a list: {_listed(shown)}"
    message = message.removeprefix("Input should be ").removeprefix("Value error, ")
    if message.startswith(("greater", "less")):
        message = f"a number {message}"
    if location == ("metric",):
        return Problem(location=location, what="must be a mapping with `name` and `goal`", hint=_MISSING["metric"])
    return Problem(location=location, what=f"write {message.removeprefix('write ')}{given}")


def _listed(text: str) -> str:
    """The words of a text as a list in YAML."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return _dumped({"": words}, default_flow_style=None, width=math.inf).partition(": ")[2].strip()


_UNION_TAGS = ("int", "float", "bool", "str", "constrained-int", "constrained-float")
_KINDS = {
    "dict_type": "keys with values below it",
    "model_type": "keys with values below it",
    "list_type": "a list",
    "too_short": "at least one value",
    "string_type": "text, in quotes if it looks like a number",
    "string_too_short": "some text",
}
_MISSING = {
    "metric": "write metric: {name: val_error, goal: minimize}",
    "max_train_steps": "write a first guess; playbook lr-sweep finds a good value",
    "name": "it is the name of the study's folder: name: my-study",
}


def _did_you_mean(location: Location) -> str:
    section: type[BaseModel] = StudySpec
    for part in location[:-1]:
        section = _SECTIONS.get(str(part), section)
    keys = [known.alias or name for name, known in section.model_fields.items()]
    return did_you_mean(str(location[-1]), keys, f"the keys here are {', '.join(keys)}")


_SECTIONS: dict[str, type[BaseModel]] = {
    "metric": model.MetricSpec,
    "resources": model.Resources,
    "lr_sweep": model.LrSweepSpec,
    "round": model.Round,
    "target": model.Target,
    "scientific": model.ParameterSpec,
    "nuisance": model.ParameterSpec,
    "args": program.Arguments,
    "metrics": program.Metrics,
    "checkpoints": program.Checkpoints,
    "probe": Probe,
}
