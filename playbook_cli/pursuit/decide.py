"""The next step of a pursuit, or why it ends. Pure: the state of the loop alone decides.

The playbook's loop: an initial number of steps, the settings to beat, a study, what its most important finding asks for
until the findings are quiet, longer training where the steps are the limit, further points where a model expects better
ones, and repeats of what was selected on fresh training seeds beside the baseline. A step is taken only if its cost
leaves enough for these repeats.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.acts import Next, command
from playbook_cli.advice.asking import asked_for, explore, following
from playbook_cli.advice.evaluations import USUAL
from playbook_cli.advice.longer_rates import NAMES
from playbook_cli.advice.measured import LADDER, RATES
from playbook_cli.advice.reading import longer as asks_longer
from playbook_cli.advice.revision import Change, revise
from playbook_cli.analysis import looking
from playbook_cli.analysis.outcomes import completed, ranked
from playbook_cli.analysis.selection import select
from playbook_cli.pursuit import finalists
from playbook_cli.pursuit.loop import HORIZON_SHARE, LEAST_SEEDS, POINTS, SEEDS, STUDIES, Step, Stop
from playbook_cli.pursuit.refining import AT_ONCE, promising
from playbook_cli.wording import first_line, number, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.pursuit.loop import Loop, Searched
    from playbook_cli.records import Finding

LEAST_TRIALS = 4
"""Per arm, of a study that is made smaller to fit the budget. Playbook's own."""
MOST_TRIALS = 4
"""Times as many trials as asked for that a study may grow to where its findings are unclear. Playbook's own."""
REFINED = 10
"""Points that a model of the results adds to the finals at most. Playbook's own."""
NARROWED = 2
"""Times that the space is made smaller. Playbook's own."""
BUGS = ("training-loss-rising", "periodic")
"""Rules whose warning says that the pipeline has a bug: more trials would only measure it."""
_UNCLEAR = (("budget", "undecided"), ("coverage", "sparse"))
"""Verdicts of rules that more trials would settle."""
_HIGH = (("boundary", "upper-edge"), ("instability-edge", "unstable-above"))
"""Verdicts by which the best learning rates are the highest that can be trained, or that were tried."""
_CONFIRMED = 2 * SEEDS - looking.FIRST
"""Repeats of the best point and of the baseline after a contest, in which it had two at least."""
_CHEAPER = {"eval_every"}
"""Changes that are made along with others, but are no reason for a study of their own."""


def decide(loop: Loop) -> Step | Stop:
    """What comes next."""
    if loop.sweep is not None and not loop.sweep.taken and not loop.searches:
        step = _sweep(loop, loop.sweep)
        if step is not None:
            return step
    if not loop.searches:
        first, final = _first(loop)
        if isinstance(first, Step) and loop.baseline is None:
            return _baseline_first(loop, first, final)
        return first
    last = loop.searches[-1]
    if (problem := person(last)) is not None:
        return problem
    if loop.finals is None:
        further = _further(loop, last)
        return further if isinstance(further, Step) else _finals(loop, last, further)
    if not completed(loop.finals.record.search.trials):
        shown = command("report", f"runs/{loop.finals.name}")
        return Stop(why="person", reason="none of the best points could be trained again", command=shown)
    if loop.baseline is None or not _beside(loop.baseline, loop.finals):
        return _baseline(loop, loop.finals)
    if not loop.repeated and not loop.confirmed:
        step = _refine(loop, loop.finals) or _repeats(loop, loop.finals)
        if step is not None:
            return step
    return _over(loop) if loop.confirmed else _confirm(loop, loop.finals, loop.baseline)


def reserve(steps: int) -> int:
    """Training steps that the best point and the baseline need, `steps` long each: one training, and fresh seeds."""
    return 2 * (1 + SEEDS) * steps


def _reserved(loop: Loop, steps: int) -> int:
    """What is left of that, if the baseline has been trained for so long."""
    return reserve(steps) - _trained(loop, steps)


def _trained(loop: Loop, steps: int) -> int:
    """The steps that need not be paid again, since the baseline has been trained for so long."""
    return steps if loop.baseline is not None and loop.baseline.steps == steps else 0


def person(study: Searched) -> Stop | None:
    """Why a person must look at this study before any other step."""
    shown = command("report", f"runs/{study.name}")
    trials = study.record.search.trials
    if not completed(trials):
        failed = sum(trial.state == "failed" for trial in trials)
        how = "failed" if failed == len(trials) else "is infeasible" if not failed else "failed or is infeasible"
        return Stop(why="person", reason=f"every trial of {study.name} {how}", command=shown)
    if study.unlearned is not None:
        return Stop(why="person", reason=f"{study.name}: {study.unlearned}", command=shown)
    for finding in study.findings:
        if finding.rule in BUGS and finding.severity == "warning":
            what = f"{study.name}: {finding.message}; this usually is a bug in the training pipeline"
            return Stop(why="person", reason=what, command=shown)
    return None


def _sweep(loop: Loop, sweep: Any) -> Step | None:
    if sweep.cost + reserve(loop.final_length) > loop.left:
        return None
    reason = "max_train_steps is a first guess until a sweep shows how many steps fit the training set"
    return Step(kind="lr-sweep", study=f"{loop.name}-lr-sweep", reason=reason, cost=sweep.cost)


def _first(loop: Loop) -> tuple[Step | Stop, int]:
    """The study that was asked for, as long as the sweep says and as large as the budget allows; the final length."""
    swept = loop.sweep.max_train_steps if loop.sweep is not None else None
    steps, data = swept or loop.max_train_steps, deepcopy(dict(loop.data))
    if loop.final_steps is not None:
        steps = min(steps, loop.final_steps)
    changes: list[Change] = []
    if steps != loop.max_train_steps:
        why = f"the sweep fits the training set in {steps} steps; was {loop.max_train_steps}"
        data |= {"max_train_steps": steps, "eval_every": loop.eval_every}
        changes = [
            Change(key=("max_train_steps",), reason=why),
            Change(key=("eval_every",), reason="suits max_train_steps"),
        ]
    trials, final = next(
        (
            (affordable, final)
            for final in dict.fromkeys((max(steps, loop.final_length), loop.final_steps or steps))
            if (affordable := _affordable(loop, loop.trials, loop.arms, steps, final)) is not None
        ),
        (None, steps),
    )
    fixed_size = data.get("sampler", "halton") in ("listed", "grid")
    if trials is None or (trials < loop.trials and fixed_size):
        return Stop(why="budget", reason=_too_small(loop, steps)), final
    if trials < loop.trials:
        data["trials"] = trials
        changes.append(Change(key=("trials",), reason=f"was {loop.trials}: what the budget allows"))
    reason = f"the study as asked{', ' + changes[0].reason if changes else ''}"
    cost = trials * steps
    if not changes:
        return Step(kind="study", study=loop.name, reason=reason, cost=cost), final
    data["name"] = _free(loop, f"{loop.name}-1")
    return Step(kind="study", study=data["name"], reason=reason, cost=cost, data=data, changes=changes), final


def _too_small(loop: Loop, steps: int) -> str:
    study, repeats = loop.trials * steps, _reserved(loop, loop.final_steps or steps)
    return (
        f"the study costs {study:,} steps and the repeats of its best point and the baseline {repeats:,}, but "
        f"{loop.left:,} are left in the budget: it needs {study + repeats:,}"
    )


def _affordable(loop: Loop, trials: int, arms: int, steps: int, final: int) -> int | None:
    """How many of these trials the budget allows besides the repeats at length `final`; None if too few."""
    room = (loop.left - _reserved(loop, final)) // steps
    if room >= trials:
        return trials
    fewer = room // arms * arms
    return fewer if fewer >= max(trials // 2, LEAST_TRIALS * arms) else None


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """Why no further study is run."""

    reason: str
    longer: int | None = None
    """The length at which the best points are to be trained, if longer than now."""
    left: Sequence[str] = ()


def _further(loop: Loop, last: Searched) -> Step | _Ended:
    """The study that the findings ask for, or a measurement of the training length; else why there is none."""
    wanted = [] if loop.final_steps else [f for f in last.findings if asks_longer(f)]
    bound = next((f for f in wanted if isinstance(f.act, Next) and f.act.round is not None), None)
    target = _target(loop, last, bound)
    if wanted and (step := _horizon(loop, last, wanted[0])) is not None:
        return step
    request = _request(loop, last, bound)
    if request is None:
        why = f"{bound.rule}: {first_line(bound.message)}" if bound else _quiet(last, target)
        return _Ended(reason=why, longer=target)
    if len(loop.searches) >= STUDIES:
        return _Ended(reason=f"{STUDIES} searches were run; look at them before you run more", longer=target)
    dear: Step | None = None
    left: Sequence[str] = ()
    for asked in _modest(request, last):
        step = _study(loop, last, asked)
        left = left or step.left
        if not _worth_a_study(step, last):
            continue
        if loop.left - step.cost >= _reserved(loop, max(target or 0, _length(step, last))):
            return step
        dear = dear or step
    if dear is None:
        return _Ended(reason=_quiet(last, target), longer=target, left=left)
    why = f"budget: {dear.study} would cost {dear.cost:,} of the {loop.left:,} steps left ({dear.reason})"
    grown = _length(dear, last)
    return _Ended(reason=why, longer=max(target or 0, grown) if grown > last.steps else target, left=left)


def _quiet(last: Searched, target: int | None) -> str:
    """Why there is no further study, if it is not the budget."""
    asked = asked_for(last.findings, sampler=str(last.data.get("sampler", "halton")))
    if target is not None and (high := _high_rates(last)):
        why = f"{last.steps} steps suit high learning rates ({high[0].rule}), but the best one falls with the length"
        return f"{why}, so no wider range is searched"
    if target is None or not (asked.narrow or asked.trials):
        return "no finding calls for another study"
    return f"no finding calls for another space, and more trials at {last.steps} steps say little about {target} steps"


def _length(step: Step, last: Searched) -> int:
    return int((step.data or {}).get("max_train_steps", last.steps))


def _target(loop: Loop, last: Searched, bound: Finding | None) -> int | None:
    """The length at which the best points should be trained in the end; None for that of the last study."""
    if loop.final_steps is not None:
        return loop.final_steps if loop.final_steps > last.steps else None
    asked = bound.act.max_train_steps if bound is not None and isinstance(bound.act, Next) else None
    swept = loop.sweep is not None and (loop.sweep.max_train_steps or loop.max_train_steps) < loop.max_train_steps
    longest = max(asked or 0, loop.max_train_steps if swept else 0)
    return longest if longest > last.steps else None


def _horizon(loop: Loop, last: Searched, finding: Finding) -> Step | None:
    """Measure how long to train, where the steps are the limit and that takes a modest part of what is left."""
    if last.record.horizon is not None or last.name in loop.lengths_tried or last.record.listed:
        return None
    cost = round(LADDER * RATES * len(last.record.arms) * last.steps)
    if cost > HORIZON_SHARE * (loop.left - reserve(2 * last.steps)):
        return None
    reason = f"{finding.rule}: {first_line(finding.message)}; how much longer pays is measured"
    return Step(kind="horizon", study=last.name, reason=reason, cost=cost)


def _request(loop: Loop, last: Searched, bound: Finding | None) -> Next | None:
    """What the findings ask of the next study; None if nothing, or nothing that is worth a study.

    Compute-bound work stays short, as does all work whose final length is given: its best points train longer in the
    end. Where exactly the best of the short trials lie then matters little, since it moves with the length: no trials
    are added for that, and no range is narrowed. A length that was made longer is never made shorter again: when in
    doubt, longer. A space is made smaller only a few times, since few points are never enough to say that the best one
    is not elsewhere.
    """
    longer = _target(loop, last, bound) is not None
    cuts = not longer and any(f.rule == "instability-edge" and f.verdict == "unstable-above" for f in last.findings)
    asked = asked_for(last.findings, sampler=str(last.data.get("sampler", "halton")))
    steps = asked.max_train_steps
    lengthened = any(a.steps < b.steps for a, b in zip(loop.searches, loop.searches[1:], strict=False))
    later = bound is not None or loop.final_steps is not None
    if steps is not None and ((steps > last.steps and later) or (steps < last.steps and lengthened)):
        asked = replace(asked, max_train_steps=None)
    if asked.narrow and sum(map(_smaller, loop.searches, loop.searches[1:])) >= NARROWED:
        asked = replace(asked, narrow=False)
    if longer:
        above = {f.subject for f in _high_rates(last)}
        widen = tuple(label for label in asked.widen if label not in above)
        asked = replace(asked, narrow=False, trials=None, widen=widen)
    elif replace(asked, eval_every=None) == Next() and _unclear(loop, last):
        asked = replace(asked, trials=2 * last.record.search.planned)
    shorter = asked.max_train_steps is not None and asked.max_train_steps < last.steps
    alone = replace(asked, eval_every=None, max_train_steps=None if shorter else asked.max_train_steps)
    return asked if cuts or alone != Next() else None


def _high_rates(last: Searched) -> list[Finding]:
    """Findings that the best learning rates lie beyond the upper edge, or at the border of stability.

    Before longer trainings they are no reason for another study: the best rate falls with the length.
    """
    names = {p.label: p.name for p in last.record.parameters}
    return [f for f in last.findings if names.get(f.subject or "") in NAMES and (f.rule, f.verdict) in _HIGH]


def _unclear(loop: Loop, last: Searched) -> bool:
    """Whether there are too few trials to say if more would help, or too few near the best; no findings are quiet then.

    Only up to a multiple of the trials that were asked for.
    """
    unclear = any((f.rule, f.verdict) in _UNCLEAR for f in last.findings)
    return unclear and last.resizable and 2 * last.record.search.planned <= MOST_TRIALS * loop.trials


def _smaller(before: Searched, after: Searched) -> bool:
    """Whether a range of the space is smaller than before."""
    spans = {p.label: (p.low, p.high) for p in before.record.parameters if p.kind != "choice"}
    return any(
        (p.low > spans[p.label][0] and p.high <= spans[p.label][1])
        or (p.high < spans[p.label][1] and p.low >= spans[p.label][0])
        for p in after.record.parameters
        if p.label in spans
    )


def _modest(request: Next, last: Searched) -> list[Next]:
    """The request, and smaller ones for where the budget does not allow it."""
    had = last.record.search.planned
    asked = [request]
    if request.trials is not None:
        asked.append(replace(request, trials=None))
    if last.resizable and had // 2 >= LEAST_TRIALS * len(last.record.arms):
        asked.append(replace(request, trials=had // 2))
    if request.max_train_steps is not None and request.max_train_steps > last.steps:
        asked += [replace(one, max_train_steps=None) for one in asked]
    return list(dict.fromkeys(asked))


def _study(loop: Loop, last: Searched, request: Next) -> Step:
    """The next study with what is asked for."""
    name = _free(loop, following(last.name))
    revision = revise(deepcopy(dict(last.data)), last.record.search, last.findings, request, name)
    if last.record.adaptive and revision.changes and not revision.grows:
        explore(revision)
    had = last.record.search.planned
    trials = int(revision.data.get("trials", had)) - (had if revision.grows else 0)
    steps = int(revision.data.get("max_train_steps", last.steps))
    return Step(
        kind="study",
        study=str(revision.data["name"]),
        reason=_because(last, request),
        cost=trials * steps,
        data=revision.data,
        changes=revision.changes,
        left=revision.left,
        begins=had if revision.grows else 0,
    )


def _because(last: Searched, request: Next) -> str:
    """The finding that asks for this, the most important one; findings are in reading order."""
    for finding in last.findings:
        act = finding.act
        cuts = finding.rule == "instability-edge" and finding.verdict == "unstable-above"
        if cuts or (
            isinstance(act, Next)
            and (
                set(act.widen) & set(request.widen)
                or (act.narrow and request.narrow)
                or (act.regularize and request.regularize)
                or (act.trials is not None and act.trials == request.trials)
                or (act.max_train_steps is not None and last.steps < act.max_train_steps == request.max_train_steps)
            )
        ):
            return f"{finding.rule}: {first_line(finding.message)}"
    unclear = next((f for f in last.findings if (f.rule, f.verdict) in _UNCLEAR), None)
    return f"{unclear.rule}: {first_line(unclear.message)}" if unclear else "what the findings ask for"


def _worth_a_study(step: Step, last: Searched) -> bool:
    """Whether something changes that could change the answer."""
    keys = {change.key[0] for change in step.changes} - {"seed"} - _CHEAPER
    smaller = int((step.data or {}).get("trials", last.record.search.planned)) < last.record.search.planned
    shorter = _length(step, last) < last.steps
    return bool(keys - ({"trials"} if smaller else set()) - ({"max_train_steps"} if shorter else set()))


def _free(loop: Loop, name: str) -> str:
    """The name, or the next one that no study has."""
    while name in loop.names:
        name = following(name)
    return name


def _finals(loop: Loop, last: Searched, ended: _Ended) -> Step | Stop:
    """The best points on fresh seeds: longer, if that is wanted and affordable."""
    name, seed = _free_finals(loop), max(int(one.data.get("seed", 0)) for one in loop.searches) + 1
    chosen = finalists.finalists(loop.searches)
    if ended.longer is not None:
        sizes = [(SEEDS, count) for count in range(len(chosen), 0, -1)]
        for seeds, count in [*sizes, (LEAST_SEEDS, 1)] if loop.final_steps else sizes[:-1] or sizes:
            revision = finalists.longer(chosen[:count], ended.longer, name)
            points = len(revision.data["points"])
            if _finals_cost(loop, points, ended.longer, seeds) <= loop.left:
                revision.data["seed"] = seed
                why = f"{ended.reason}; the best {plural(points, 'point')} in a longer round"
                return Step(
                    kind="finals",
                    study=name,
                    reason=why,
                    cost=points * ended.longer,
                    data=revision.data,
                    changes=revision.changes,
                    left=[*ended.left, *revision.left],
                )
        if loop.final_steps:
            return _unaffordable(loop, last, ended, loop.final_steps)
    for seeds, count in [*((SEEDS, n) for n in range(len(chosen), 0, -1)), (LEAST_SEEDS, 1)]:
        if _finals_cost(loop, count, last.steps, seeds) <= loop.left:
            data, changes = finalists.of_same_length(last, chosen[:count], name, seed)
            return Step(
                kind="finals",
                study=name,
                reason=f"{ended.reason}; the best {plural(count, 'point')} on fresh seeds",
                cost=count * last.steps,
                data=data,
                changes=changes,
                left=ended.left,
            )
    return _unaffordable(loop, last, ended, last.steps)


def _unaffordable(loop: Loop, last: Searched, ended: _Ended, steps: int) -> Stop:
    needed = _finals_cost(loop, 1, steps, LEAST_SEEDS)
    reason = f"{ended.reason}; repeats of the best point and the baseline need {needed:,} steps; {loop.left:,} are left"
    return Stop(why="budget", reason=reason, command=command("next", f"runs/{last.name}"))


def _free_finals(loop: Loop) -> str:
    name, number = f"{loop.name}-final", 1
    while name in loop.names:
        number += 1
        name = f"{loop.name}-final-{number}"
    return name


def _finals_cost(loop: Loop, points: int, steps: int, seeds: int) -> int:
    """Of training these points and the baseline, and of repeating each."""
    return (points + 1) * (1 + seeds) * steps - _trained(loop, steps)


def _baseline_first(loop: Loop, study: Step, final: int) -> Step:
    """The settings to beat, before any search: what can be expected, and whether the program trains at all."""
    data = dict(study.data or loop.data)
    steps = int(data["max_train_steps"])
    if steps != final:
        every = int(data.get("eval_every") or max(1, steps // USUAL))
        data |= {"max_train_steps": final, "eval_every": max(1, round(every * final / steps))}
    reason = f"the settings to beat, trained for {final:,} steps before the search"
    return _of_baseline(loop, data, _free(loop, f"{loop.name}-baseline"), reason)


def _baseline(loop: Loop, finals: Searched) -> Step:
    reason = f"the settings to beat, trained for the same {finals.steps:,} steps"
    return _of_baseline(loop, finals.data, _free(loop, finals.name.replace("-final", "-baseline", 1)), reason)


def _of_baseline(loop: Loop, beside: Mapping[str, Any], name: str, reason: str) -> Step:
    seed, steps = int(beside.get("seed", 0)), int(beside["max_train_steps"])
    data = finalists.baseline(beside, loop.baseline_params, loop.max_train_steps, name, seed)
    return Step(kind="baseline", study=name, reason=reason, cost=steps, data=data)


def _beside(baseline: Searched, finals: Searched) -> bool:
    """Whether the baseline was trained and evaluated as the finals were."""
    ours, theirs = baseline.record, finals.record
    return (ours.max_train_steps, ours.eval_every) == (theirs.max_train_steps, theirs.eval_every)


def _refine(loop: Loop, finals: Searched) -> Step | None:
    """Further points where a model expects better ones; None if it expects none, or for want of budget."""
    listed = finals.data["points"]
    cost = AT_ONCE * finals.steps
    if loop.refined + AT_ONCE > REFINED or loop.left - cost < _contest(finals.steps):
        return None
    found = promising(loop.searches, finals, loop.baseline)
    if found is None or not found.worthwhile:
        return None
    data = deepcopy(dict(finals.data)) | {"points": [*map(dict, listed), *map(dict, found.points)]}
    data.pop("trials", None)
    metric = finals.record.metric.name
    better = f"a model of all results expects {metric} to be {number(found.gain)} better there"
    changes = [
        Change(key=("points", len(listed) + n), reason=better if not n else "chosen with the point above")
        for n in range(AT_ONCE)
    ]
    return Step(
        kind="refine",
        study=finals.name,
        reason=f"{better}, at {AT_ONCE} new points of {finals.steps:,} steps",
        cost=cost,
        data=data,
        changes=changes,
        begins=len(listed),
    )


def _contest(steps: int) -> int:
    """Steps of the repeats that choose between the two best finals, and of those that compare one with the baseline."""
    return (2 * LEAST_SEEDS + _CONFIRMED) * steps


def _repeats(loop: Loop, finals: Searched) -> Step | None:
    """Repeats of the finalists where it is undecided which is best; None if there is nothing to decide, or no budget.

    What the repeats of the best point and of the baseline that follow cost more is left for.
    """
    best = [trial.id for trial in ranked(finals.record.search.trials, finals.record.metric)]
    if loop.refined:
        best = best[:POINTS]
    room = loop.left // finals.steps - _CONFIRMED
    count = min(len(best), room // LEAST_SEEDS)
    if count < 2:
        return None
    repeats = min(room, SEEDS * count)
    return Step(
        kind="repeats",
        study=finals.name,
        reason=f"at most {repeats} new training seeds, added where the best point is still undecided",
        cost=repeats * finals.steps,
        trials=best[:count],
        repeats=repeats,
    )


def _confirm(loop: Loop, finals: Searched, against: Searched) -> Step | Stop:
    """The best point and the baseline on as many seeds as the interval of the gain is planned with."""
    chosen = select(finals.record)
    assert chosen is not None
    works = bool(completed(against.record.search.trials))
    again, room = len(finals.record.repeats(chosen.trial.id)), loop.left // finals.steps
    seeds = max(count for count in range(SEEDS + 1) if max(count - again, 0) + works * count <= room)
    if seeds < LEAST_SEEDS:
        needed = (1 + works) * LEAST_SEEDS * finals.steps
        return Stop(
            why="budget",
            reason=f"{LEAST_SEEDS} repeats of the best point and the baseline need {needed:,} steps; {loop.left:,} "
            "are left",
            command=command("repeat", f"runs/{finals.name}"),
        )
    beside = " and the baseline" if works else ""
    return Step(
        kind="confirm",
        study=finals.name,
        reason=f"the best point{beside} on {seeds} fresh training seeds each, for the interval of the gain",
        cost=(max(seeds - again, 0) + works * seeds) * finals.steps,
        trials=[chosen.trial.id],
        repeats=seeds,
        baseline=against.name if works else None,
    )


def _over(loop: Loop) -> Stop:
    finals = loop.finals
    assert finals is not None
    longer = next((f for f in finals.findings if asks_longer(f)), None)
    if longer is not None:
        return Stop(why="decided", reason=f"the best points were trained on fresh seeds; {longer.message}")
    return Stop(why="decided", reason="the best points and the baseline were trained on fresh seeds")
