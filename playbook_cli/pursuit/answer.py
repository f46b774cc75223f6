"""What a pursuit came to: the steps that it took, what is known, what it cost, and what a person should do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.acts import Next, ProbeInstability, command
from playbook_cli.advice.reading import longer
from playbook_cli.advice.weighing import Contender, weigh
from playbook_cli.ledger import rows
from playbook_cli.wording import first_line, number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.acts import Command
    from playbook_cli.advice.weighing import Weighed
    from playbook_cli.ledger.rows import Row
    from playbook_cli.pursuit.budget import Budget
    from playbook_cli.pursuit.diary import Diary, Planned
    from playbook_cli.pursuit.loop import Loop, Searched, Step, Stop
    from playbook_cli.pursuit.state import Spent
    from playbook_cli.records import Metric, Value

_EDGE = 0.05
"""Part of a range at each end in which a best point is said to lie at that end. Playbook's own."""
Ended = Literal["decided", "budget", "person", "paused"]


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Something for a person to do."""

    text: str
    command: Command | None = None


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One step of the loop."""

    planned: Planned
    steps: int
    """Training steps that it took."""
    edited: bool
    """Whether its study file was edited after the pursuit wrote it."""
    row: Row | None
    """Its study in the ledger."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """The best configuration that was found, or the baseline, with its results on fresh seeds."""

    study: str
    trial: int
    params: Mapping[str, Value]
    max_train_steps: int
    mean: float | None
    sd: float | None
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that the page of a pursuit shows."""

    study: str
    goal: str
    metric: Metric
    runs: Path
    ended: Ended
    reason: str
    headline: str
    budget: Budget
    final_steps: int | None
    """Length of the last trainings, if it was given."""
    spent: Spent
    baseline_from: str
    taken: Sequence[Taken]
    trials: int
    """Trials of all searches, of which the best point was selected."""
    weighed: Weighed | None
    """The finalists against the baseline; None if it did not come to that."""
    found: Side | None
    """The best point, which is set against the baseline; None if it did not come to that."""
    baseline: Side | None
    adopted: bool
    advice: Sequence[Advice]
    next: Planned | None
    """The step that is planned, if the loop was told to pause."""

    @property
    def recommended(self) -> Side | None:
        """The point that was found if its whole gain lies above 0, or else the baseline; None without a comparison."""
        gain = self.gain
        return None if gain is None else self.found if gain[1] > 0.0 else self.baseline

    @property
    def gain(self) -> tuple[float, float, float] | None:
        """The gain over the baseline on fresh seeds and the ends of its 95% interval; None if it is not known."""
        if self.weighed is None or self.weighed.compared is None:
            return None
        return (self.weighed.compared.gain, *self.weighed.compared.interval)


def answer(
    diary: Diary,
    state: Loop,
    end: Stop | Step,
    *,
    metric: Metric,
    goal: str,
    runs: Path,
    budget: Budget,
    final_steps: int | None,
    costs: Sequence[Spent],
    spent: Spent,
    edited: Sequence[bool],
) -> Answer:
    """Everything, in words and numbers; `end` is why the loop ended, or the step that it pauses before."""
    from playbook_cli.pursuit.loop import Stop

    known = {row.folder: row for row in rows.log(runs).rows}
    weighed = _weighed(state, runs)
    stop = end if isinstance(end, Stop) else None
    ended: Ended = stop.why if stop is not None else "paused"
    reason = end.reason
    found = _side(state.finals, weighed, "candidate") if ended != "person" else None
    adopted = state.finals is not None and known[state.finals.name].adopted is not None
    return Answer(
        study=diary.study,
        goal=goal,
        metric=metric,
        runs=runs,
        ended=ended,
        reason=reason,
        headline=_headline(ended, end, weighed, metric, found),
        budget=budget,
        final_steps=final_steps,
        spent=spent,
        baseline_from=diary.baseline_from,
        taken=[
            Taken(planned=step, steps=cost.steps, edited=changed, row=known.get(step.study))
            for step, cost, changed in zip(diary.steps, costs, edited, strict=True)
            if step.done
        ],
        trials=sum(len(one.record.search.trials) for one in state.searches),
        weighed=weighed,
        found=found,
        baseline=_side(state.baseline, weighed, "baseline"),
        adopted=adopted,
        advice=[
            *_advice(diary, state, stop, weighed, runs, adopted=adopted),
            *(_edges(found, state.searches[-1], runs) if found is not None else ()),
        ],
        next=diary.steps[-1] if ended == "paused" and diary.steps and not diary.steps[-1].done else None,
    )


def _weighed(state: Loop, runs: Path) -> Weighed | None:
    if state.finals is None or state.baseline is None or not state.confirmed:
        return None
    sides = [
        Contender(label=str(runs / one.name), study=one.record, folder=str(runs / one.name))
        for one in (state.baseline, state.finals)
    ]
    return weigh(*sides)


def _side(study: Searched | None, weighed: Weighed | None, which: Literal["candidate", "baseline"]) -> Side | None:
    chosen = None if weighed is None else getattr(weighed, which)
    if study is None or chosen is None:
        return None
    mean = chosen.mean
    return Side(
        study=study.name,
        trial=chosen.trial.id,
        params=chosen.trial.params,
        max_train_steps=study.steps,
        mean=None if mean is None else study.record.metric.loss(mean),
        sd=chosen.sd,
        repeats=len(chosen.finite),
    )


def _headline(ended: Ended, end: Stop | Step, weighed: Weighed | None, metric: Metric, found: Side | None) -> str:
    if ended == "person":
        return f"Needs your attention: {first_line(end.reason)}."
    if ended == "paused":
        return f"Paused. Next: {end.reason}."
    if weighed is None or weighed.compared is None or found is None:
        return f"No answer within the budget: {end.reason}." if ended == "budget" else "The baseline has no result."
    gain, (low, high) = weighed.compared.gain, weighed.compared.interval
    what = f"trial {found.trial} of {found.study}"
    ends = f"{metric.name} {number(abs(gain))} {{}} (95%: {number(low)} to {number(high)}, fresh seeds)"
    if low > 0.0:
        return f"{what[0].upper()}{what[1:]} beats the baseline: {ends.format('better')}."
    if high < 0.0:
        return f"The baseline beats {what}: {ends.format('worse')}."
    return f"No significant gain over the baseline: {ends.format('better' if gain >= 0.0 else 'worse')}."


def _advice(
    diary: Diary, state: Loop, stop: Stop | None, weighed: Weighed | None, runs: Path, *, adopted: bool
) -> Iterator[Advice]:
    """What a person should do, the most important first."""
    if stop is not None and stop.why == "person":
        yield Advice(text="find out why, fix it, and start again under a new name", command=stop.command)
        return
    if stop is None:
        step = diary.steps[-1] if diary.steps and not diary.steps[-1].done else None
        steer = f"edit {step.file} to steer it, then run the same command again" if step and step.file else ""
        yield Advice(text=steer or "run the same command again to continue")
        return
    yield from _verdict(state, stop, weighed, runs, adopted=adopted)
    yield from _further(state, runs)
    for text in dict.fromkeys(text for step in diary.steps for text in step.left):
        yield Advice(text=text)
    for step in diary.steps:
        if step.kind == "finals" and step.reason.startswith("budget: "):
            yield Advice(text=f"with a larger budget, continue the search; {step.reason.rpartition(';')[0]}")
        if step.skipped is not None:
            yield Advice(text=f"{step.kind} of {step.study} was skipped: {step.skipped}")


def _verdict(state: Loop, stop: Stop, weighed: Weighed | None, runs: Path, *, adopted: bool) -> Iterator[Advice]:
    """What follows from the comparison with the baseline."""
    if weighed is None or state.finals is None or state.baseline is None:
        if stop.why == "budget":
            yield Advice(text="run the same command again with a larger --budget to continue", command=stop.command)
        return
    final, base = runs / state.finals.name, runs / state.baseline.name
    if weighed.compared is None or weighed.compared.interval[0] <= 0.0:
        yield Advice(text=weighed.decision.message, command=command("compare", base, final))
        short, steps = state.searches[-1].steps, state.finals.steps
        if short < steps and (weighed.compared is None or weighed.compared.gain <= 0.0):
            yield Advice(
                text=f"the best points at {short} steps do not beat the baseline at {steps:,} steps: the optimum may "
                f"change with training length, so try longer studies, for example {min(2 * short, steps):,} steps"
            )
    elif not adopted:
        blocked = "; ".join(weighed.decision.blocked_by)
        but = f"; first check: {blocked}" if blocked else ""
        yield Advice(text=f"adopt it{but}", command=command("adopt", final, over=base))


def _further(state: Loop, runs: Path) -> Iterator[Advice]:
    """What the last studies still ask for."""
    last = state.finals or (state.searches[-1] if state.searches else None)
    if last is not None:
        further = next((f for f in last.findings if longer(f) and f.act is not None), None)
        if further is not None and further.act is not None:
            yield Advice(text=first_line(further.message), command=further.act.on(runs / last.name))
    for one in state.searches[-1:]:
        for finding in one.findings:
            if isinstance(finding.act, ProbeInstability):
                yield Advice(text=first_line(finding.message), command=finding.act.on(runs / one.name))


def _edges(found: Side, last: Searched, runs: Path) -> Iterator[Advice]:
    """The ranges at whose ends the best point lies: no study of the final length has looked beyond."""
    if found.max_train_steps == last.steps:
        return  # the rule `boundary` has read the study
    for p in last.record.parameters:
        value = found.params.get(p.name)
        if p.kind == "choice" or p.when or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        place = p.to_unit(value)
        if min(place, 1.0 - place) < _EDGE:
            end = "lower" if place < _EDGE else "upper"
            yield Advice(
                text=f"the best point has {p.name} = {number(value)}, at the {end} end of its range: better ones may "
                "lie beyond",
                command=Next(widen=(p.label,)).on(runs / last.name),
            )


def as_json(given: Answer) -> dict[str, Any]:
    """The object of `pursue --json`."""
    gain = given.gain
    weighed = given.weighed
    return {
        "study": given.study,
        "goal": given.goal,
        "metric": {"name": given.metric.name, "goal": given.metric.goal},
        "ended": given.ended,
        "reason": given.reason,
        "headline": given.headline,
        "gain": None if gain is None else gain[0],
        "interval": [None, None] if gain is None else list(gain[1:]),
        "verdict": None if weighed is None else weighed.decision.verdict,
        "blocked_by": [] if weighed is None else list(weighed.decision.blocked_by),
        "found": _side_json(given.found),
        "recommended": _side_json(given.recommended),
        "baseline": (_side_json(given.baseline) or {}) | {"from": given.baseline_from},
        "selected_from": given.trials,
        "adopted": given.adopted,
        "budget": {"steps": given.budget.steps, "seconds": given.budget.seconds},
        "final_steps": given.final_steps,
        "steps_spent": given.spent.steps,
        "seconds_spent": given.spent.seconds,
        "steps": [
            {
                "kind": one.planned.kind,
                "study": one.planned.study,
                "reason": one.planned.reason,
                "changes": list(one.planned.changes),
                "at_most": one.planned.cost,
                "steps_spent": one.steps,
                "edited": one.edited,
                "skipped": one.planned.skipped,
                "answer": None if one.row is None else one.row.answer,
            }
            for one in given.taken
        ],
        "next_step": given.next and {"kind": given.next.kind, "study": given.next.study, "file": given.next.file},
        "to_do": [{"text": one.text, "command": one.command and str(one.command)} for one in given.advice],
    }


def _side_json(side: Side | None) -> dict[str, Any] | None:
    return (
        None
        if side is None
        else {
            "study": side.study,
            "trial": side.trial,
            "params": dict(side.params),
            "max_train_steps": side.max_train_steps,
            "mean": side.mean,
            "sd": side.sd,
            "repeats": side.repeats,
        }
    )


def counted(given: Answer) -> str:
    """`selected from 64 trials in 2 studies`."""
    studies = len({one.planned.study for one in given.taken if one.planned.kind == "study"})
    of = "study" if studies == 1 else "studies"
    return f"selected from {plural(given.trials, 'trial')} in {studies} {of}"
