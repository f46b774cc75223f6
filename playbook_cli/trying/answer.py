"""What the one trial showed: whether the study can run as it is, what reaches the program, and what it will cost."""

from __future__ import annotations

import difflib
import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.acts import line
from playbook_cli.running.study import NO_METRIC
from playbook_cli.spec.problem import listed
from playbook_cli.wording import value as written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.launch.reaching import Reach
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.trying.matching import Match

CLEAR_SECONDS = 1.0
"""Between the first and the last evaluation, where the time of a step is read off them."""
RESOLUTION_SECONDS = 0.2
"""How late an evaluation may be seen."""
_WAYS = {
    "argument": "in the command",
    "environment": "in an environment variable",
    "config": "in its own copy of the file",
    "file": "in the file of all hyperparameters",
    "Playbook": "by Playbook's client",
    "constant": "written as it is",
    "maybe": "unknown: the program's files can't be read",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something to fix before the study is run."""

    what: str
    hint: str = ""
    fatal: bool = True
    """Whether no trial of the study can have a result as it stands."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One value, and whether it reaches the program."""

    name: str
    value: Value
    arrives: bool | None
    """None where that can't be seen."""
    how: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds."""

    tried: float
    trial: float
    """Of one whole trial."""
    study: float
    at_once: int
    at_most: bool
    """Whether these are upper bounds: the start of the program could not be told from its steps."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that was seen of the one trial."""

    spec: StudySpec
    """The whole study."""
    steps: int
    """That were asked for."""
    trial: TrialRecord
    """With its evaluations."""
    argv: Sequence[str]
    cwd: str
    reach: Reach
    asked: Mapping[str, Sequence[str]] | None
    """What the program asked of Playbook's client: `asked`, `params`; None where it did not use it."""
    matches: Sequence[Match]
    seconds: float
    arrivals: Sequence[tuple[int, float]]
    """Steps, and when their evaluations came."""
    prompt: bool
    """Whether evaluations are seen as soon as they are made, and not when a file is closed, say."""
    forked: bool
    """Whether the trials of the study share one start of the program."""
    ended: bool
    """Whether it was ended before its last step."""
    at_once: int
    gpu_bytes: int | None
    gpu_total: int | None
    static: Sequence[Problem]
    """What the study file alone says."""
    failure: str | None
    """Why it gave no result, with the end of what it printed."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to show."""

    seen: Seen
    problems: Sequence[Problem]
    arrivals: Sequence[Arrival]
    cost: Cost | None
    """None where nothing came to an end."""

    @property
    def works(self) -> bool:
        """Whether the study can be run as it is."""
        return not any(problem.fatal for problem in self.problems)

    @property
    def headline(self) -> str:
        """In one sentence."""
        name, metric, best = self.seen.spec.name, self.seen.spec.metric.name, self.seen.trial.best
        if not self.works:
            count = sum(problem.fatal for problem in self.problems)
            return f"{name} can't run yet: {'a problem' if count == 1 else f'{count} problems'} to fix"
        if best is None:
            return f"{name} can run: the trial diverged, which is a result"
        return f"{name} can run: {metric} {best.value:.4g} at step {best.step}"


def answer(seen: Seen) -> Answer:
    """What was seen, judged."""
    arrivals = _arrivals(seen)
    return Answer(seen=seen, arrivals=arrivals, problems=[*_problems(seen, arrivals)], cost=_cost(seen))


def evaluations_of(seen: Seen) -> int:
    """How many evaluations of the study's metric there are."""
    curve, name = seen.trial.curve, seen.spec.metric.name
    return 0 if curve is None or name not in curve.values else sum(not math.isnan(held) for held in curve.values[name])


def trained_whole(trial: TrialRecord, spec: StudySpec) -> bool:
    """Whether a trial has a result, and trained for max_train_steps, whoever told it so."""
    return trial.best is not None and trial.state == "completed" and trial.trained_whole(spec.max_train_steps)


def crashed(seen: Seen) -> bool:
    """Whether the program did not end by itself, or not well."""
    return bool(seen.failure) and not (seen.trial.reason or "").startswith(NO_METRIC)


def as_json(given: Answer) -> dict[str, Any]:
    """As `playbook try --json` prints it."""
    seen, cost = given.seen, given.cost
    curve = seen.trial.curve
    return {
        "study": seen.spec.name,
        "works": given.works,
        "problems": [{"message": p.what, "hint": p.hint or None, "fatal": p.fatal} for p in given.problems],
        "command": list(seen.argv),
        "cwd": seen.cwd,
        "trial": {
            "params": dict(seen.trial.params),
            "seed": seen.trial.seed,
            "steps": seen.steps,
            "last_step": seen.trial.last_step,
            "state": seen.trial.state,
            "reason": seen.trial.reason,
            "evaluations": 0 if curve is None else len(curve.steps),
            "metrics": [] if curve is None else [*curve.values],
        },
        "arrives": [{"name": a.name, "value": a.value, "arrives": a.arrives, "how": a.how} for a in given.arrivals],
        "metrics": [
            {"where": m.where, "matched": m.count, "lines": [*m.lines], "names": [*m.names], "problem": m.problem}
            for m in seen.matches
        ],
        "seconds": None
        if cost is None
        else {"tried": cost.tried, "trial": cost.trial, "study": cost.study, "at_most": cost.at_most},
        "trials_at_once": seen.at_once,
        "gpu_memory_bytes": seen.gpu_bytes,
    }


def _arrivals(seen: Seen) -> list[Arrival]:
    spec, reach = seen.spec, seen.reach
    found = [
        Arrival(name=name, value=seen.trial.params[name], **_read(seen, name, way))
        for name, way in reach.hyperparameters.items()
    ]
    asked = None if seen.asked is None else seen.asked["asked"]
    lengths: tuple[tuple[str, Value, str | None, bool], ...] = (
        ("seed", seen.trial.seed, reach.seed, asked is not None and "seed" in asked),
        ("max_train_steps", seen.steps, reach.max_train_steps, asked is not None and "steps" in asked),
        (
            "eval_every",
            min(spec.steps_between_evaluations, seen.steps),
            reach.eval_every,
            asked is not None and bool({"should_evaluate", "eval_every"} & {*asked}),
        ),
    )
    for name, value, way, read in lengths:
        if way == "Playbook" and asked is not None:
            how = "read by the program" if read else "not read by the program"
            found.append(Arrival(name=name, value=value, arrives=read or (None if name != "seed" else False), how=how))
        else:
            found.append(Arrival(name=name, value=value, **_told(way)))
    own = _interval(seen)
    if reach.eval_every is None and found[-1].value == own:
        found[-1] = replace(found[-1], how="not needed: it is the program's own interval")
    return found


def _interval(seen: Seen) -> int | None:
    """The steps between evaluations, where they are the same from the first to the last."""
    curve = seen.trial.curve
    if curve is None or seen.trial.best is None:
        return None
    values = curve.values[seen.spec.metric.name]
    steps = [int(step) for step, held in zip(curve.steps, values, strict=True) if not math.isnan(held)]
    gaps = {after - before for before, after in itertools.pairwise(steps)}
    return gaps.pop() if len(gaps) == 1 else steps[0] if len(steps) == 1 else None


def _read(seen: Seen, name: str, way: str | None) -> dict[str, Any]:
    if way != "Playbook" or seen.asked is None:
        return _told(way)
    read = name in seen.asked["params"]
    return {"arrives": read, "how": "read by the program" if read else "never read by the program"}


def _told(way: str | None) -> dict[str, Any]:
    if way is None:
        return {"arrives": False, "how": "not in the command"}
    return {"arrives": None if way in ("maybe", "Playbook") else True, "how": _WAYS[way]}


def _problems(seen: Seen, arrivals: Sequence[Arrival]) -> list[Problem]:
    spec, trial, metric = seen.spec, seen.trial, seen.spec.metric.name
    found = list(seen.static)
    missed = [match for match in seen.matches if match.problem and (match.count or not crashed(seen))]
    gives = trial.best is not None or trial.state == "infeasible"
    for match in missed:
        files = spec.metrics is not None and spec.metrics.stdout is None
        wanted = files or (spec.metrics is not None and spec.metrics.names.get(metric, metric) in match.names)
        found.append(Problem(what=f"metrics: {match.where}: {match.problem}", fatal=not gives and wanted))
    explained = [p for p in found if p.fatal]
    if seen.failure and not (explained and (seen.trial.reason or "").startswith((NO_METRIC, "it trained to"))):
        hint = "" if crashed(seen) or spec.metrics is not None else _closest(seen, metric)
        found.append(Problem(what=f"the trial gave no result: {seen.failure}", hint=hint))
    if not gives and seen.steps < spec.max_train_steps and not crashed(seen):
        hint = f"try more: --steps {spec.max_train_steps}"
        found.append(Problem(what=f"only {seen.steps} steps were tried", hint=hint, fatal=False))
    found += _lengths(seen)
    unread = [a.name for a in arrivals if a.arrives is False and a.name in spec.space().fixed | _varied(spec)]
    named = " ".join(p.what for p in seen.static)
    unread = [name for name in unread if name not in named]
    if unread and gives:
        varied = [name for name in unread if name not in spec.fixed]
        they = "it changes" if len(unread) == 1 else "they change"
        found.append(
            Problem(
                what=f"the program never reads {listed(unread)}, so {they} nothing",
                hint="read trial.params in the program, or remove it from the study",
                fatal=bool(varied),
            )
        )
    if any(a.name == "seed" and a.arrives is False for a in arrivals) and gives:
        found.append(
            Problem(
                what="the seed doesn't reach the program, so repeats can't vary it",
                hint="read trial.seed" if spec.command is None else "add '--seed=${seed}' to the command",
                fatal=False,
            )
        )
    return found


def _varied(spec: StudySpec) -> dict[str, None]:
    return dict.fromkeys(parameter.name for parameter in spec.parameters())


def _closest(seen: Seen, metric: str) -> str:
    curve = seen.trial.curve
    names = [] if curve is None else [*curve.values]
    near = difflib.get_close_matches(metric, names, n=1, cutoff=0.5)
    if near:
        return f"the program reports {near[0]}: write that name under metric:"
    return f"the program reports {', '.join(names)}" if names else "the program reports nothing: call trial.report"


def _lengths(seen: Seen) -> list[Problem]:
    """What is wrong with where the evaluations lie."""
    spec, curve = seen.spec, seen.trial.curve
    if curve is None or seen.trial.best is None:
        return []
    found = []
    last, every = seen.trial.last_step, min(spec.steps_between_evaluations, seen.steps)
    values = curve.values[spec.metric.name]
    own = [int(step) for step, held in zip(curve.steps, values, strict=True) if not math.isnan(held)]
    gaps = [after - before for before, after in itertools.pairwise(own)]
    widest = max(gaps, default=max(own, default=0))
    if not seen.ended and seen.trial.state == "completed" and last + max(widest, every, 1) < seen.steps:
        found.append(
            Problem(
                what=f"training ended at step {last} of {seen.steps}",
                hint="count max_train_steps in the unit of the program's steps, or turn off early stopping",
                fatal=False,
            )
        )
    if len(own) == 1 and own[0] == 0 and seen.steps > 1:
        found.append(Problem(what=f"{spec.metric.name} is evaluated at step 0 only, before any training", fatal=True))
    elif widest > 2 * every and seen.reach.eval_every is None and (gaps or seen.steps == spec.max_train_steps):
        found.append(
            Problem(
                what=f"{spec.metric.name} is evaluated every {widest} steps, but the study expects every {every}: "
                "${eval_every} is not in the command",
                hint=f"pass it: '--eval-every=${{eval_every}}'; if there is no such option, write eval_every: {widest}",
                fatal=False,
            )
        )
    return found


def _cost(seen: Seen) -> Cost | None:
    """Of one whole trial and of all, from the times at which evaluations came where they came as they were made."""
    spec, last = seen.spec, max(seen.trial.last_step, 0)
    if not last:
        return None
    (step0, first), (step1, end) = (seen.arrivals[0], seen.arrivals[-1]) if seen.arrivals else ((0, 0.0), (0, 0.0))
    apart, at_most = end - first, False
    per_step = seen.seconds / last
    if step1 > step0 and (apart >= CLEAR_SECONDS or seen.prompt):
        at_most = apart < CLEAR_SECONDS
        per_step = min(per_step, (apart + (RESOLUTION_SECONDS if at_most else 0.0)) / (step1 - step0))
    else:
        at_most = True
    if seen.steps == spec.max_train_steps and not seen.ended:
        last, at_most = spec.max_train_steps, False
    trial = seen.seconds + per_step * max(spec.max_train_steps - last, 0)
    start = max(first - per_step * step0, 0.0) if seen.forked and step1 > step0 else 0.0
    rounds = -(-(spec.trials or 1) // max(seen.at_once, 1))
    study = start + (trial - start) * rounds
    return Cost(tried=seen.seconds, trial=trial, study=study, at_once=seen.at_once, at_most=at_most)


def command_line(seen: Seen) -> str:
    """The command as a shell takes it."""
    return line(seen.argv)


def point(seen: Seen) -> str:
    """The hyperparameters in one line."""
    return ", ".join(f"{name}={written(given)}" for name, given in seen.trial.params.items())
