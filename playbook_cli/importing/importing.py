"""Other tools' runs as a study: its specification, its trials, and which trials are repeats."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import infer, selecting
from playbook_cli.records import WHOLE, Metric
from playbook_cli.spec import goals
from playbook_cli.spec.load import plain, validate
from playbook_cli.spec.source import Source
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.importing.runs import Run, Runs
    from playbook_cli.records import Goal, State, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.space import Space

LENGTH = "max_train_steps"
DECLARED = ("optuna", "playbook", "keras-tuner", "syne-tune", "ax")
"""Formats that declare which settings are hyperparameters."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user wants the imported study to be."""

    name: str
    metric: str | None = None
    goal: Goal | None = None
    study: StudySpec | None = None
    """A study that describes the space; None infers the space from the values."""
    scientific: Sequence[str] = ()
    hyperparameters: Sequence[str] = ()
    """Settings that are hyperparameters; () selects them by their names and values."""
    ignored: Sequence[str] = ()
    """Settings that are not hyperparameters."""
    max_train_steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class Imported:
    """One trial, as it is written to the study's folder."""

    run: Run
    params: Mapping[str, Value]
    arm: Mapping[str, Value]
    seed: int
    repeat_of: int | None
    """The trial that it repeats, according to the tool, or the first trial with the same hyperparameters.

    The first trial is the first one with a result, or simply the first one if none has a result.
    """
    state: State
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that is written, and what the user should know about it."""

    spec: StudySpec
    trials: Sequence[Imported]
    about: Mapping[str, Any]
    notes: Sequence[str]

    @property
    def points(self) -> int:
        """Number of different settings that were tried."""
        return sum(trial.repeat_of is None for trial in self.trials)


def study(runs: Runs, wish: Wish) -> Study:
    """The study that these runs make. PlaybookError if its metric, or something that the user named, is missing.

    Only the metric decides a trial's state: it is completed if it has a finite value of the metric, and infeasible if
    the last value of the metric or of a loss is not finite. Seeds are recognised by name; if none is recorded, repeats
    of a point count from 0.
    """
    metric, guessed = _metric(runs, wish)
    named = {*wish.study.scientific, *wish.study.nuisance, *wish.study.fixed} if wish.study else set()
    declared = {name for run in runs.runs for name in run.params} if runs.format in DECLARED else named
    chosen, left = selecting.selected(
        [run.params for run in runs.runs],
        wanted=wish.hyperparameters,
        ignored=wish.ignored,
        known={*declared, *runs.space, *named, *wish.scientific},
    )
    split = [_split(params, keep=named) for params in chosen]
    settings = [params for params, _ in split]
    points = list({_identity(params): params for params in settings}.values())
    notes = [*runs.notes, *left, *guessed, *_changed(runs)]
    if wish.study is None:
        spec = _inferred(runs, wish, metric, points)
    else:
        spec = _described(wish.study, runs, wish, metric, len(points))
        notes += _misfits(spec, points)
    notes += _odd_lengths(runs, spec)
    judged = [_judged(run, metric) for run in runs.runs]
    again = runs.repeats
    first = _first([_identity(params) for params in settings], [state for state, _ in judged])
    repeats: dict[object, int] = {}
    trials = []
    short = 0
    space = spec.space()
    for number, (run, (params, seed)) in enumerate(zip(runs.runs, split, strict=True)):
        key = _identity(params)
        repeats[key] = repeats.get(key, -1) + 1
        state, reason = judged[number]
        if state == "completed" and _last(run) < WHOLE * spec.max_train_steps:
            short += 1
            reason = reason or f"ended at step {_last(run)} of {spec.max_train_steps}"
        trials.append(
            Imported(
                run=run,
                params=params,
                arm=_arm(space, params),
                seed=next(s for s in (run.seed, seed, repeats[key]) if s is not None),
                repeat_of=again[number] if again is not None else None if first[key] == number else first[key],
                state=state,
                reason=reason,
            )
        )
    if short:
        notes.append(
            f"{plural(short, 'completed trial')} ended before {WHOLE:.0%} of max_train_steps (pruned, or at target?): "
            "ignore the report's findings about training length and the end of training there"
        )
    return Study(spec=spec, trials=trials, about=runs.about, notes=notes)


def _metric(runs: Runs, wish: Wish) -> tuple[Metric, list[str]]:
    """The study's metric, and what was guessed about it."""
    given = wish.study.metric if wish.study else None
    there = dict.fromkeys(name for run in runs.runs for e in run.evaluations for name in e if name != "step")
    likely = [name for name in there if not selecting.is_about_the_run(name)]
    name = wish.metric or (given and given.name) or runs.metric or (likely[0] if len(likely) == 1 else None)
    choices = ", ".join(likely or there) or "(none)"
    if not there:
        what = "anything" if name is None else repr(name)
        hint = "say where the metrics are: --metrics, --step" if name is None else "no trial has any evaluation"
        raise PlaybookError(f"no trial has an evaluation of {what}", where=runs.source, hint=hint)
    if name is None:
        raise PlaybookError(
            "these runs do not say which metric to optimise",
            where=runs.source,
            hint=f"add --metric with one of: {choices}",
        )
    if name not in there:
        hint = f"the evaluated metrics are: {choices}"
        raise PlaybookError(f"no trial has an evaluation of {name!r}", where=runs.source, hint=hint)
    goal = wish.goal or (given and given.name == name and given.goal) or (runs.goal if runs.metric == name else None)
    if goal:
        return Metric(name=name, goal=goal), []
    goal = goals.direction(name)
    if goal is None:
        raise PlaybookError(
            f"the name {name} does not say whether to minimize or maximize it",
            where=runs.source,
            hint="add --goal minimize or --goal maximize",
        )
    return Metric(name=name, goal=goal), [f"assumed from its name: {goal} {name}; to change it: --goal"]


def _changed(runs: Runs) -> list[str]:
    changed = [run for run in runs.runs if run.changed]
    names = dict.fromkeys(name for run in changed for name in run.changed)
    if not changed:
        return []
    said = (
        f"{', '.join(names)} changed during training, as in population-based training; counted as failed, because "
        f"the result has no single setting: {plural(len(changed), 'trial')}"
    )
    return [said]


def _split(params: Mapping[str, Value], *, keep: set[str]) -> tuple[dict[str, Value], int | None]:
    """The hyperparameters without the seed, and the seed."""
    seeds = {
        name: value
        for name, value in params.items()
        if infer.is_seed(name) and name not in keep and isinstance(value, int) and not isinstance(value, bool)
    }
    rest = {name: value for name, value in params.items() if name not in seeds}
    return rest, next((value for value in seeds.values() if value is not None and value >= 0), None)


def _identity(params: Mapping[str, Value]) -> frozenset[tuple[str, Value]]:
    return frozenset(params.items())


def _inferred(runs: Runs, wish: Wish, metric: Metric, points: Sequence[Mapping[str, Value]]) -> StudySpec:
    varied, fixed = infer.space(points, runs.space)
    length = varied.pop(LENGTH, None) or fixed.pop(LENGTH, None)
    unknown = [name for name in wish.scientific if name not in varied]
    if unknown:
        there = ", ".join(varied) or "(none)"
        raise PlaybookError(f"--scientific {unknown[0]}: it does not vary in these runs", hint=f"these vary: {there}")
    steps = wish.max_train_steps or (length if isinstance(length, int) and length >= 1 else _last_step(runs))
    data = {
        "name": wish.name,
        "imported": {"source": runs.source, "format": runs.format},
        "metric": {"name": metric.name, "goal": metric.goal},
        LENGTH: steps,
        "eval_every": min(_interval(runs), steps),
        "trials": len(points),
        "scientific": {name: varied[name] for name in varied if name in wish.scientific},
        "nuisance": {name: varied[name] for name in varied if name not in wish.scientific},
        "fixed": fixed,
    }
    said = {key: value for key, value in data.items() if value != {}}
    return validate(Source(path=runs.source, data=said, lines={}))[0]


def _described(described: StudySpec, runs: Runs, wish: Wish, metric: Metric, points: int) -> StudySpec:
    """The user's study, adapted to these runs."""
    data = {
        **plain(described),
        "name": wish.name,
        "imported": {"source": runs.source, "format": runs.format},
        "metric": {"name": metric.name, "goal": metric.goal},
        "trials": points,
    }
    data.pop("sampler", None)  # nothing more is sampled, and a grid could lack some of the points
    if wish.max_train_steps is not None:
        data[LENGTH] = wish.max_train_steps
    return validate(Source(path=runs.source, data=data, lines={}))[0]


def _misfits(spec: StudySpec, points: Sequence[Mapping[str, Value]]) -> list[str]:
    """How the trials' hyperparameters differ from the study file."""
    notes = []
    described = {p.name for p in spec.parameters()} | set(spec.fixed)
    others = sorted({name for point in points for name in point} - described)
    if others:
        notes.append(f"the study file does not describe {', '.join(others)}")
    for parameter in spec.parameters():
        values = [p[parameter.name] for p in points if parameter.name in p and parameter.active(p)]
        if parameter.kind == "choice":
            outside = [value for value in values if value not in parameter.choices]
        else:
            outside = [v for v in values if not isinstance(v, int | float) or not parameter.low <= v <= parameter.high]
        if outside:
            where = f"{len(outside)} of {len(points)} points"
            notes.append(f"{parameter.label}: {where} are outside the study file's range or values")
    return notes


def _odd_lengths(runs: Runs, spec: StudySpec) -> list[str]:
    notes = []
    lengths = {run.params[LENGTH] for run in runs.runs if LENGTH in run.params}
    if len(lengths) > 1:
        notes.append(f"{LENGTH} differs between trials, but only trials of the same length can be compared")
    last = _last_step(runs)
    if last > spec.max_train_steps:
        notes.append(f"some trials trained beyond max_train_steps = {spec.max_train_steps}, up to step {last}")
    return notes


def _first(keys: Sequence[object], states: Sequence[State]) -> dict[object, int]:
    """The trial that represents each point: the first completed one, else the first infeasible one, else the first."""
    first: dict[object, int] = {}
    for wanted in (("completed",), ("infeasible",), states):
        for number, (key, state) in enumerate(zip(keys, states, strict=True)):
            if state in wanted:
                first.setdefault(key, number)
    return first


def _last(run: Run) -> int:
    return max((int(e["step"]) for e in run.evaluations), default=0)


def _last_step(runs: Runs) -> int:
    return max(1, *map(_last, runs.runs))


def _interval(runs: Runs) -> int:
    """The median number of steps between two evaluations of a trial."""
    gaps = []
    for run in runs.runs:
        steps = sorted({int(e["step"]) for e in run.evaluations})
        gaps += [b - a for a, b in itertools.pairwise(steps)]
    return max(1, round(statistics.median(gaps))) if gaps else _last_step(runs)


def _arm(space: Space, params: Mapping[str, Value]) -> dict[str, Value]:
    makes_arms = [p for p in space.parameters if p not in space.dimensions]
    return {p.name: params[p.name] for p in makes_arms if p.name in params and p.active(params)}


def _judged(run: Run, metric: Metric) -> tuple[State, str | None]:
    """The state of a trial in the study, and the reason."""
    if run.changed:
        return "failed", f"{', '.join(run.changed)} changed during training, so its result has no single setting"
    if run.state in ("failed", "infeasible", "pending"):
        return run.state, run.reason
    last: dict[str, tuple[float, float]] = {}
    finite = False
    for evaluation in sorted(run.evaluations, key=lambda e: e["step"]):
        for name, value in evaluation.items():
            last[name] = (evaluation["step"], value)
        finite = finite or math.isfinite(evaluation.get(metric.name, math.nan))
    if metric.name not in last:
        return "failed", run.reason or f"no evaluation of {metric.name}"
    for name, (step, value) in last.items():
        if not math.isfinite(value) and (name == metric.name or "loss" in name.lower()):
            return "infeasible", f"{name} is {value} at step {step:g}"
    return ("completed", run.reason) if finite else ("infeasible", f"{metric.name} was never finite")
