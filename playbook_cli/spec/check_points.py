"""Rules for the points of a study with `sampler: listed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.spec.problem import Problem, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playbook_cli.records import Parameter, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Location

FROM = "from"
"""The key of a point that names a checkpoint, not a hyperparameter."""


def point_problems(spec: StudySpec) -> Iterator[Problem]:
    """The problems of the listed points of a study whose space is valid."""
    if spec.points is None:
        if spec.sampler == "listed" and spec.lr_sweep is None:
            yield Problem(
                location=("sampler",),
                what="a listed study needs points, one for each trial",
                hint="add points: [{learning_rate: 0.1, ...}, ...], or use sampler: halton",
            )
        return
    if spec.sampler != "listed":
        yield Problem(
            location=("points",),
            what=f"points need sampler: listed, but the sampler is {spec.sampler}",
            hint="write sampler: listed, or delete the points",
        )
        return
    if spec.trials not in (None, len(spec.points)):
        yield Problem(
            location=("trials",),
            what=f"there are {len(spec.points)} points, and each is one trial",
            hint=f"write trials: {len(spec.points)}, or drop the key",
        )
    if spec.round is not None and len(spec.round.trials) > len(spec.points):
        yield Problem(
            location=("round", "trials"),
            what=f"there are {len(spec.points)} points, but {len(spec.round.trials)} trials that they come from",
            hint="list one trial for each of the first points, in the same order; the points after them are new",
        )
    parameters = spec.parameters()
    for index, point in enumerate(spec.points):
        yield from _point(point, ("points", index), parameters, spec)


def _point(point: Mapping[str, Value], at: Location, parameters: list[Parameter], spec: StudySpec) -> Iterator[Problem]:
    settings = {**spec.fixed, **{name: value for name, value in point.items() if name != FROM}}
    active = {p.name: p for p in parameters if p.active(settings)}
    for name, value in point.items():
        if name == FROM:
            yield from _from(value, at, spec)
        elif name in spec.fixed:
            yield Problem(
                location=(*at, name),
                what=f"{name} is fixed at {spec.fixed[name]} in all trials",
                hint="drop it here, or move it to nuisance:",
            )
        elif name not in active:
            exists = any(p.name == name for p in parameters)
            yield Problem(
                location=(*at, name),
                what=f"{name} does not apply with the other settings of this point"
                if exists
                else f"this study has no hyperparameter named {name}",
                hint=f"this point can have {listed(active) or 'none'}",
            )
        elif problem := _value(active[name], value):
            yield Problem(location=(*at, name), what=problem, hint="use a value from its range or choices")
    missing = [name for name in active if name not in point]
    if missing:
        yield Problem(
            location=at,
            what=f"the point has no value for {listed(missing)}",
            hint="give a value for every scientific and nuisance hyperparameter that applies",
        )


def _from(value: Value, at: Location, spec: StudySpec) -> Iterator[Problem]:
    if not isinstance(value, str) or not value:
        yield Problem(
            location=(*at, FROM),
            what="`from` must be the path of a checkpoint",
            hint="write from: runs/NAME/trials/...",
        )
    elif spec.metrics is not None:
        yield Problem(
            location=(*at, FROM),
            what="a program that is followed by `metrics` can't continue from another trial's checkpoint",
            hint="drop `from`: the point is then trained from scratch",
        )


def _value(parameter: Parameter, value: Value) -> str | None:
    """Why a hyperparameter can't have this value; None if it can."""
    if parameter.kind == "choice":
        known = value in parameter.choices
        return None if known else f"{parameter.label} must be one of {listed(parameter.choices)}, not {value}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{parameter.label} must be a number, not {value!r}"
    if parameter.kind == "int" and value != int(value):
        return f"{parameter.label} must be a whole number, not {value}"
    if not parameter.low <= value <= parameter.high:
        return f"{value} is outside the range {parameter.low:g} to {parameter.high:g}"
    return None
