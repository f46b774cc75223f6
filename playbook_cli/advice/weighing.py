"""Two pipelines weighed against each other: the comparison of their numbers, and what their reports say against it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.advice import advise
from playbook_cli.advice.decision import decide, without_repeats, without_results
from playbook_cli.advice.differences import differences, shared, together
from playbook_cli.advice.obstacles import (
    changed_between,
    of_code,
    of_divergence,
    of_findings,
    of_lost,
    of_nothing,
    of_unreached,
)
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.comparison import Side, compare, selected_gain
from playbook_cli.analysis.selection import select
from playbook_cli.analysis.time_to_target import time_to_target
from playbook_cli.analysis.validation_set import on_other_examples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.advice.decision import Decision
    from playbook_cli.advice.differences import Difference
    from playbook_cli.advice.obstacles import Obstacle
    from playbook_cli.analysis.comparison import Comparison
    from playbook_cli.analysis.contrast import Contrast
    from playbook_cli.analysis.selection import Selected
    from playbook_cli.records import Metric, StudyRecord, Value


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One side of a comparison, and how to call it."""

    label: str
    study: StudyRecord
    folder: str = ""
    """The study's, for commands that act on it."""
    arms: int = 1
    """Of the whole study, of which this may be one arm."""
    further: Sequence[StudyRecord] = ()
    """Searches of the same pipeline on other search seeds."""
    seeds: Sequence[int] = ()
    """Of its searches; none where its points would be the same on any other seed."""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The answer to "adopt the candidate over the baseline?"."""

    decision: Decision
    least: float
    """The smallest gain that is worth the change."""
    compared: Comparison | None
    """None where the trial variance of a side is not known."""
    gain: float | None
    """In `unit`, positive where the candidate is better; of the selected scores where nothing is compared."""
    unit: str
    """The metric's name; or steps."""
    metric: Metric
    """That is compared: the study's, or the steps to the target."""
    baseline: Selected | None
    candidate: Selected | None
    elsewhere: Contrast | None = None
    """The gain on other validation examples; None where their number isn't known."""
    caveats: Sequence[str] = field(default_factory=list)
    differences: Sequence[Difference] = ()
    """Every setting that differs."""
    limited_to: Mapping[str, Value] = field(default_factory=dict)
    """The settings of both sides that the answer holds for."""
    together: str | None = None
    """The warning that more than one of them changed."""

    def as_json(self) -> dict[str, Any]:
        """The answer in short; an interval without repeats has no ends."""
        settle = self.decision.settle
        settled = self.decision.verdict != "not-yet"
        return {
            "verdict": self.decision.verdict,
            "gain": self.gain,
            "interval": list(self.compared.interval) if self.compared else [None, None],
            "interval_other_examples": list(self.elsewhere.interval) if self.elsewhere else None,
            "looked": self.compared.looked if self.compared else False,
            "p_value": self.compared.p_value(self.least) if self.compared else None,
            "probability_better": self.compared.probability_better if self.compared else None,
            "runs_needed": 0 if settled else settle.runs if settle else None,
            "blocked_by": list(self.decision.blocked_by),
            "message": self.decision.message,
            "caveats": [*self.decision.harmless, *self.caveats],
        }


def weigh(baseline: Contender, candidate: Contender, *, least: float = 0.0, target: float | None = None) -> Weighed:
    """Weigh two contenders of one metric; by the steps to `target` where one is given.

    `least` is the smallest gain that is worth the change, in the metric's units or in steps.
    """
    a, b = (_side(contender, target) for contender in (baseline, candidate))
    chosen = [select(side.study) for side in (a, b)]
    obstacles: list[Obstacle] = []
    for contender, selected, first in ((baseline, chosen[0], True), (candidate, chosen[1], False)):
        said = advise(contender.study)
        obstacles += of_findings(contender.label, contender.study, said, baseline=first, arm=contender.arms > 1)
        obstacles += of_lost(contender.label, contender.study, baseline=first)
        if selected is None:
            obstacles.append(of_nothing(contender.label, target=target is not None))
        elif target is None:
            obstacles += of_divergence(contender.label, selected)
        else:
            obstacles += of_unreached(contender.label, selected, baseline=first)
    obstacles += _of_code(baseline, candidate)
    differing = differences(baseline.study, candidate.study)
    unit = baseline.study.metric.name if target is None else "steps"
    compared = compare(a, b)
    if compared is not None:
        decision = decide(compared, obstacles, least=least, unit=unit)
        gain: float | None = compared.gain
    else:
        gain = selected_gain(a.study, b.study)
        have = [len(selected.scores) for selected in chosen if selected is not None]
        some = len(have) == len(chosen)
        decision = without_repeats(gain, have, obstacles, unit=unit) if some else without_results(obstacles)
    elsewhere = None if compared is None else on_other_examples(compared, a.study.metric)
    return Weighed(
        decision=decision,
        least=least,
        compared=compared,
        gain=gain,
        unit=unit,
        metric=a.study.metric,
        baseline=chosen[0],
        candidate=chosen[1],
        elsewhere=elsewhere,
        caveats=[
            *_caveats(baseline, candidate, differing),
            *_of_selection(baseline, chosen[0]),
            *_of_selection(candidate, chosen[1]),
            *_of_size(baseline, candidate, compared, unit),
            *_of_looking(compared),
            *_of_validation_set(baseline, candidate, compared, elsewhere),
        ],
        differences=differing,
        limited_to=shared(baseline.study, candidate.study),
        together=together(
            [d.name for d in differing if d.counts] + ["the program"] * _other_program(baseline, candidate)
        ),
    )


def _one_study(a: Contender, b: Contender) -> bool:
    """Whether they are arms of one."""
    return bool(a.folder) and a.folder == b.folder


def _of_code(a: Contender, b: Contender) -> list[Obstacle]:
    """What speaks against the comparison in the programs: two studies may have two, and all of one side has one."""
    if not _one_study(a, b):
        return [obstacle for side in (a, b) for obstacle in of_code(side.label, side.study, side.further)]
    both = [
        replace(one, trials=sorted([*one.trials, *other.trials], key=lambda trial: trial.id))
        for one, other in zip((a.study, *a.further), (b.study, *b.further), strict=True)
    ]
    return of_code(a.folder, both[0], both[1:])


def _side(contender: Contender, target: float | None) -> Side:
    studies = [contender.study, *contender.further]
    timed = studies if target is None else [time_to_target(study, target) for study in studies]
    return Side(study=timed[0], further=timed[1:])


def _other_program(a: Contender, b: Contender) -> bool:
    return not _one_study(a, b) and changed_between(a.study, b.study) is not None


def _caveats(a: Contender, b: Contender, differing: Sequence[Difference]) -> list[str]:
    """What else differs between the two, and what is not finished."""
    said = []
    if a.study.max_train_steps != b.study.max_train_steps:
        said.append(
            f"{a.label} trains for {a.study.max_train_steps} steps, {b.label} for {b.study.max_train_steps}: "
            "the gain includes the effect of training length"
        )
    settings = [difference for difference in differing if difference.name != "max_train_steps"]
    if settings:
        said.append(f"settings differ: {', '.join(map(str, settings))}")
    changed = None if _one_study(a, b) else changed_between(a.study, b.study)
    if changed is not None:
        also = ", and so do the settings: the gain is that of both" if settings else ""
        said.append(f"the program differs ({changed} between {a.label} and {b.label}){also}")
    for contender in (a, b):
        search = contender.study.search
        ended = len(outcomes.ended(search.trials))
        if ended < search.planned:
            said.append(f"{contender.label}: {ended} of {wording.plural(search.planned, 'trial')} have a result")
    return said


def _of_selection(contender: Contender, selected: Selected | None) -> list[str]:
    if selected is None or not selected.scores or selected.trial.id == selected.best.id:
        return []
    worse = "does worse in its repeats" if contender.study.repeats(selected.best.id) else "has no repeats"
    best = f"{contender.label}: trial {selected.best.id}, the best of the search, {worse}"
    return [f"{best}: trial {selected.trial.id} is used instead"]


def _of_size(a: Contender, b: Contender, compared: Comparison | None, unit: str) -> list[str]:
    if compared is None or compared.baseline.trials == compared.candidate.trials:
        return []
    larger = a if compared.baseline.trials > compared.candidate.trials else b
    most = max(compared.baseline.trials, compared.candidate.trials)
    worth = f"{wording.number(abs(compared.shift))} worse in {unit}"
    trials = f"{larger.label} had {most} trials, the other side {compared.trials}"
    return [f"{trials}: for equal budgets, its result is taken as {worth}"]


def _of_looking(compared: Comparison | None) -> list[str]:
    """That results decided how many repeats there are."""
    if compared is None or not compared.looked:
        return []
    why = "the repeats were stopped by their results (repeat --until-decided)"
    return [f"{why}: the interval uses t at {1.0 - compared.alpha:.1%}, so it holds at 95% over all looks"]


def _of_validation_set(
    a: Contender, b: Contender, compared: Comparison | None, elsewhere: Contrast | None
) -> list[str]:
    """What was selected from how many on the validation set, and how little the set may say about other examples."""
    if compared is None:
        return []
    counts = [len(side.study.search.trials) for side in (a, b)]
    many = f"{counts[0]} trials on each side" if counts[0] == counts[1] else f"{counts[0]} and {counts[1]} trials"
    set_ = "new seeds remove seed noise, but not overfitting to this set; only a test set shows that"
    said = [f"selected from {many} on the validation set: {set_}"]
    if elsewhere is not None:
        low, high = elsewhere.interval
        said.append(
            f"on another {a.study.metric.examples:,} validation examples, the gain could be {wording.number(low)} to "
            f"{wording.number(high)} (binomial; conservative, since both sides share the examples)"
        )
    return said
