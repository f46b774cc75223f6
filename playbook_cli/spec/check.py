"""Rules across the keys of a study file: errors that stop it, and warnings with their reasons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.spec.check_bayesian import bayesian_problems
from playbook_cli.spec.check_budget import budget_warnings
from playbook_cli.spec.check_points import point_problems
from playbook_cli.spec.check_program import program_problems
from playbook_cli.spec.design import silence_problems
from playbook_cli.spec.goals import more_is_better
from playbook_cli.spec.problem import Problem, listed
from playbook_cli.spec.space import MAX_ARMS, clashes, grid_size
from playbook_cli.spec.units import unit_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.model import LrSweepSpec, ParameterSpec, StudySpec
    from playbook_cli.spec.source import Location

STEP_LIMITS = (
    "max_train_steps",
    "train_steps",
    "num_train_steps",
    "max_steps",
    "num_steps",
    "epochs",
    "num_epochs",
    "max_epochs",
    "epoch",
    "max_epoch",
    "n_epochs",
    "num_train_epochs",
    "training_epochs",
    "training_steps",
    "total_steps",
    "iterations",
    "num_iterations",
    "max_iters",
)
MAX_TRIALS = MAX_ARMS
"""Most trials of a study: `report` reads them within two minutes and 4 GB of memory."""


def problems(spec: StudySpec, *, kept: bool = False) -> list[Problem]:
    """All problems of a study whose keys have the right types, in the order of the file's sections.

    If the file is `kept` beside its results, its number of trials is no longer checked.
    """
    found = [*_program(spec), *program_problems(spec), *_roles(spec), *_ranges(spec), *_conditions(spec)]
    found += silence_problems(spec)
    found += _early_stopping(spec)
    found += lr_sweep_problems(spec, spec.lr_sweep) if spec.lr_sweep else []
    # arms can be counted only in a space that is sound
    return found or [*point_problems(spec), *bayesian_problems(spec), *([] if kept else _amount(spec))]


def _early_stopping(spec: StudySpec) -> Iterator[Problem]:
    if spec.early_stopping is None:
        return
    if spec.adaptive:
        yield Problem(
            location=("early_stopping",),
            what=f"sampler: {spec.sampler} learns from results at the end of training, and a stopped trial has none",
            hint="drop early_stopping, or use sampler: halton",
        )
    ranges = [p.label for p in spec.parameters() if p.role == "scientific" and p.kind != "choice"]
    if ranges:
        yield Problem(
            location=("early_stopping",),
            what=f"{ranges[0]} is a scientific range: results are needed all along it, so no trial can be stopped",
            hint=f"give {ranges[0]} a list of values, or drop early_stopping",
        )


def _program(spec: StudySpec) -> Iterator[Problem]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", spec.name) or ".." in spec.name:
        yield Problem(
            location=("name",),
            what=f"{spec.name[:40]!r} can't name a folder in runs/",
            hint="use letters, digits, '-', '_' and single dots, at most 100 of them",
        )
    if (spec.train is None) == (spec.command is None) and (spec.imported is None or spec.train is not None):
        yield Problem(
            location=("train",) if spec.train else (),
            what="a study runs either a train function or a command",
            hint="write one of  train: module:function  and  command: [...]",
        )
    if spec.train is not None and not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", spec.train):
        yield Problem(
            location=("train",), what=f"{spec.train[:60]!r} is not module:function", hint="write train: my_script:train"
        )
    if spec.isolation == "fork" and spec.train is None:
        yield Problem(
            location=("isolation",),
            what="only a train function can be forked; each command is a process of its own",
            hint="drop isolation:, or write train: module:function instead of command:",
        )
    if spec.eval_every is not None and spec.eval_every > spec.max_train_steps:
        yield Problem(
            location=("eval_every",),
            what=f"{spec.eval_every} is more than max_train_steps ({spec.max_train_steps}): nothing is evaluated",
            hint="evaluate each trial several times: its best evaluation is its result",
        )
    for name in spec.env:
        if not name or "=" in name:
            yield Problem(
                location=("env", name), what=f"{name!r} can't be the name of a variable", hint="write NAME: value"
            )


def _roles(spec: StudySpec) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for role in ("scientific", "nuisance", "fixed"):
        for name in getattr(spec, role):
            if not name.strip() or not name.isprintable():
                yield Problem(location=(role, name), what=f"{name!r} can't be the name of a hyperparameter")
            if name == "max_train_steps":
                yield Problem(
                    location=(role, name),
                    what="max_train_steps is never tuned inside a study, so it can't be a hyperparameter",
                    hint="write it once, at the top level; playbook lr-sweep finds a value",
                )
            if name in seen:
                yield Problem(location=(role, name), what=f"{name} is already {seen[name]}", hint="give it one role")
            seen[name] = role


def _ranges(spec: StudySpec) -> Iterator[Problem]:
    for role in ("scientific", "nuisance"):
        for name, alternatives in getattr(spec, role).items():
            for index, given in enumerate(alternatives):
                location = (role, name, index) if len(alternatives) > 1 else (role, name)
                if len(alternatives) > 1 and not given.when:
                    yield Problem(
                        location=location,
                        what="each alternative needs its own `when`",
                        hint="add when: {other: value}",
                    )
                yield from _range(given, location)


def _range(given: ParameterSpec, at: Location) -> Iterator[Problem]:
    is_range = given.min is not None or given.max is not None
    if given.values is None and not is_range:
        if "value" in given.model_fields_set:
            yield Problem(
                location=at,
                what="it has only one value",
                hint="move it under fixed:, or write [a, b] or {min: a, max: b}",
            )
        else:
            yield Problem(
                location=at, what="it has neither values nor a range", hint="write [a, b] or {min: a, max: b}"
            )
        return
    if "value" in given.model_fields_set:
        yield Problem(location=(*at, "value"), what="`value` is for constants, under fixed:")
    if given.values is not None:
        for key in ("min", "max", "scale", "type", "points"):
            if key in given.model_fields_set:
                yield Problem(
                    location=(*at, key),
                    what=f"`{key}` is for ranges, but this has values",
                    hint="delete one of them",
                )
        if len(set(given.values)) < len(given.values):  # true and 1 compare as equal
            yield Problem(location=(*at, "values"), what="a value is listed twice", hint="delete one of them")
        return
    if given.min is None or given.max is None:
        missing = "min" if given.min is None else "max"
        yield Problem(location=at, what=f"the range has no {missing}", hint=f"add {missing}:")
        return
    if given.min >= given.max:
        yield Problem(
            location=(*at, "min"),
            what=f"min is {given.min}, but max is {given.max}",
            hint="min must be less than max; a constant goes under fixed:",
        )
    elif given.scale == "log" and given.min <= 0:
        yield Problem(
            location=(*at, "min"),
            what=f"a log scale can't start at {given.min}",
            hint="start above 0, for example at 1e-5, or list the values: values: [0, ...]",
        )
    if given.type == "int" and not (float(given.min).is_integer() and float(given.max).is_integer()):
        yield Problem(
            location=(*at, "type"),
            what="the ends of an int range must be whole numbers",
            hint="write whole numbers, or type: float",
        )


def _conditions(spec: StudySpec) -> Iterator[Problem]:
    known: dict[str, set[object] | None] = {name: {value} for name, value in spec.fixed.items()}
    for role in ("scientific", "nuisance"):
        for name, alternatives in getattr(spec, role).items():
            lists = [given.values for given in alternatives]
            known[name] = {v for values in lists for v in values or ()} if all(v is not None for v in lists) else None
    sound = True
    for role in ("scientific", "nuisance"):
        for name, alternatives in getattr(spec, role).items():
            for index, given in enumerate(alternatives):
                at = (role, name, index, "when") if len(alternatives) > 1 else (role, name, "when")
                for problem in _condition(name, given, at, known):
                    sound = False
                    yield problem
    if not sound or any(True for _ in _ranges(spec)):
        return
    try:
        spec.space()
    except ValueError as error:
        yield Problem(
            location=("nuisance",),
            what=str(error),
            hint="a condition can't depend on its own hyperparameter",
        )
        return
    for name in clashes(spec.parameters(), spec.fixed):
        role = "scientific" if name in spec.scientific else "nuisance"
        yield Problem(
            location=(role, name),
            what="two of its alternatives apply at the same time",
            hint="write `when` conditions that exclude each other",
        )


def _condition(
    name: str, given: ParameterSpec, at: Location, known: dict[str, set[object] | None]
) -> Iterator[Problem]:
    for other, values in given.when.items():
        where, others = (*at, other), listed(sorted(n for n in known if n != name))
        if other not in known or other == name:
            yield Problem(
                location=where,
                what=f"`when` names {other}, which is not another hyperparameter of this study",
                hint=f"the others are {others}" if others else "there are no others",
            )
            continue
        options = known[other]
        if options is None:
            yield Problem(location=where, what=f"{other} is a range", hint="`when` needs a hyperparameter with values")
            continue
        for value in values:
            if value not in options:
                shown = listed(sorted(options, key=str))
                yield Problem(location=where, what=f"{other} is never {value}", hint=f"its values are {shown}")


def _amount(spec: StudySpec) -> Iterator[Problem]:
    if spec.points is not None:
        return
    space = spec.space()
    arms = space.arm_count
    if arms > MAX_ARMS and spec.imported is None:
        yield Problem(
            location=("scientific",),
            what=f"{listed(dict.fromkeys(p.name for p in space.arm_makers))} have at least {arms:,} arms, one for each "
            f"combination of their values; a study has at most {MAX_ARMS:,}",
            hint="keep the one or two that the question is about, and move the others to nuisance: or fixed:",
        )
        return
    if spec.sampler == "grid":
        for p in space.dimensions:
            if p.kind != "choice" and p.points is None:
                role = "scientific" if p.name in spec.scientific else "nuisance"
                yield Problem(
                    location=(role, p.name),
                    what="a grid needs a number of points for each range",
                    hint="add points: 5, or use sampler: halton",
                )
                return
        size = grid_size(space, at_most=MAX_TRIALS)
        if size is None:
            yield Problem(
                location=("sampler",),
                what=f"the grid has more than {MAX_TRIALS:,} trials, the limit",
                hint="use sampler: halton",
            )
            return
        if spec.trials not in (None, size):
            yield Problem(
                location=("trials",),
                what=f"the grid has {size} trials",
                hint=f"write trials: {size}, or drop the key",
            )
        return
    if spec.trials is None:
        yield Problem(
            location=(), what="`trials` is missing", hint="16 to 64 are usual; playbook plan shows their coverage"
        )
    elif spec.trials > MAX_TRIALS:
        yield Problem(
            location=("trials",), what=f"a study has at most {MAX_TRIALS:,} trials", hint="run several studies"
        )
    elif spec.trials % arms and spec.imported is None:
        below, above = spec.trials // arms * arms, (spec.trials // arms + 1) * arms
        write = f"write {below} or {above}" if below else f"write {above}"
        if above > MAX_TRIALS:
            write = f"write {below}" if below else "list fewer values under scientific:"
        yield Problem(
            location=("trials",), what=f"{spec.trials} trials can't be split equally among {arms} arms", hint=write
        )


def lr_sweep_problems(spec: StudySpec, sweep: LrSweepSpec) -> Iterator[Problem]:
    """The problems of a learning-rate sweep of this study."""
    names = {*spec.scientific, *spec.nuisance, *spec.fixed}
    if sweep.parameter not in names:
        yield Problem(
            location=("lr_sweep", "parameter"),
            what=f"this study has no hyperparameter named {sweep.parameter}",
            hint="name the learning rate with --parameter NAME or lr_sweep: {parameter: NAME}; the study has "
            f"{listed(sorted(names)) or 'none'}",
        )
    if sweep.min >= sweep.max:
        yield Problem(
            location=("lr_sweep", "min"),
            what=f"min is {sweep.min}, but max is {sweep.max}",
            hint="min must be less than max: --min 1e-4 --max 10",
        )
    if sweep.points > MAX_TRIALS:
        yield Problem(
            location=("lr_sweep", "points"),
            what=f"a sweep has at most {MAX_TRIALS:,} learning rates",
            hint="11 over five decades are usual: --points 11",
        )
    for key in ("off", "at"):
        if sweep.parameter in getattr(sweep, key):
            yield Problem(
                location=("lr_sweep", key),
                what=f"the sweep varies {sweep.parameter}",
                hint=f"drop it from --{key}; --min and --max set its range, and --parameter chooses another one",
            )
    if sweep.eval_every is not None and sweep.steps is not None and sweep.eval_every > sweep.steps:
        yield Problem(
            location=("lr_sweep", "eval_every"),
            what=f"{sweep.eval_every} is more than the {sweep.steps} steps of a trial, so no trial would be evaluated",
            hint="evaluate often, since only an evaluation shows that a trial fits: set --eval-every, or more --steps",
        )
    if sweep.target.goal == "minimize" and more_is_better(sweep.target.metric):
        yield Problem(
            location=("lr_sweep", "target"),
            what=f"{sweep.target.metric} would count as fitted once it is as low as {sweep.target.value:g}",
            hint="if higher is better, add goal: maximize, or use --target 'train_accuracy>=1.0'",
        )


def warnings(spec: StudySpec) -> list[Problem]:
    """Warnings that follow from the playbook, before a study runs; none of them stops it."""
    return [*_step_warnings(spec), *unit_warnings(spec), *_range_warnings(spec), *budget_warnings(spec)]


def _step_warnings(spec: StudySpec) -> Iterator[Problem]:
    for role in ("scientific", "nuisance"):
        for name in getattr(spec, role):
            if name == "batch_size":
                yield Problem(
                    location=(role, name),
                    what="don't tune batch_size for the metric: it sets the speed, and every "
                    "batch size needs its own optimizer and regularization settings",
                    hint="put it under fixed:, at the largest size that still speeds up training",
                )
            elif name in STEP_LIMITS:
                yield Problem(
                    location=(role, name),
                    what=f"{name} looks like the length of training, but max_train_steps sets that for all trials",
                    hint="drop it, and make the script train for trial.max_train_steps",
                )
    if more_is_better(spec.metric.name) and spec.metric.goal == "minimize":
        yield Problem(
            location=("metric", "goal"),
            what=f"{spec.metric.name} is minimized",
            hint="if higher is better, write goal: maximize",
        )


def _range_warnings(spec: StudySpec) -> Iterator[Problem]:
    for role in ("scientific", "nuisance"):
        for name, alternatives in getattr(spec, role).items():
            for given in alternatives:
                if given.min is None or given.max is None:
                    continue
                if given.is_int and given.type is None and given.max - given.min <= 1:
                    yield Problem(
                        location=(role, name),
                        what=f"{name} is an integer range with only the values {given.min} and {given.max}",
                        hint=f"write min: {given.min}.0 for real numbers, or values: [{given.min}, {given.max}]",
                    )
                if given.scale == "linear" and given.min > 0 and given.max / given.min >= 100:
                    yield Problem(
                        location=(role, name),
                        what=f"{name} spans a factor of {given.max / given.min:.0f} on a linear scale: "
                        "90% of the trials fall into its last decade",
                        hint="add scale: log",
                    )
