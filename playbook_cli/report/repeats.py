"""What trainings on fresh seeds say of the trials that were selected, as values to draw and as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.analysis import repeats as analysis
from playbook_cli.analysis import validation_set
from playbook_cli.analysis.reselection import rival
from playbook_cli.report import words
from playbook_cli.report.value import Repeats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.repeats import Repeated
    from playbook_cli.records import Metric, State, StudyRecord


def repeats(study: StudyRecord) -> list[Repeats]:
    """Every trial whose repeats have ended, arm by arm, and in each arm in the order that the search put them."""
    trials = {trial.id: trial for trial in study.trials}
    found = [_repeats(study, one, words.settings(trials[one.trial].arm)) for one in analysis.repeated(study)]
    arms = list(dict.fromkeys(one.arm for one in found))
    return sorted(found, key=lambda one: arms.index(one.arm))


def sentences(study: StudyRecord) -> list[str]:
    """For each arm: how much of its best result was luck, and whether another trial is better in repeats."""
    trials = {trial.id: trial for trial in study.trials}
    groups: dict[str, list[Repeated]] = {}
    for one in analysis.repeated(study):
        groups.setdefault(words.settings(trials[one.trial].arm), []).append(one)
    said = []
    for arm, group in groups.items():
        start = f"{arm}: " if len(groups) > 1 else ""
        said += [
            f"{start}{sentence}"
            for sentence in (_luck(group[0], trials[group[0].trial].state, study.metric), *_rival(group, study.metric))
        ]
    return said


def selected_from(study: StudyRecord, repeated: Sequence[int]) -> str | None:
    """From how many trials these were selected, and what new seeds can't take out of that; None without a selection."""
    trials = len(study.search.trials)
    if trials <= len(repeated):
        return None
    best = [trial.best.value for trial in study.trials if trial.id in repeated and trial.best is not None]
    half = validation_set.half(study.metric, best[0]) if best else None
    examples = "" if half is None else f" (of {study.metric.examples:,} examples: ± {half:.2g} for another such set)"
    return (
        f"selected from {trials} trials by {study.metric.name} on the validation set{examples}: new seeds remove seed "
        "noise, but not overfitting to this set; only a test set shows that"
    )


def as_json(one: Repeats) -> dict[str, Any]:
    """One trial's repeats as `repeat --json` and `report --json` give them."""
    return {
        "trial": one.trial,
        "selected": one.selected,
        "mean": one.mean,
        "sd": one.sd,
        "interval": None if one.interval is None else list(one.interval),
        "n": len(one.values),
        "infeasible": one.infeasible,
        "luck": one.luck,
        "seeds": list(one.seeds),
        "values": list(one.values),
        "trials": list(one.trials),
    }


def _repeats(study: StudyRecord, one: Repeated, arm: str) -> Repeats:
    completed = [t for t in study.repeats(one.trial) if t.state == "completed" and t.best is not None]
    return Repeats(
        trial=one.trial,
        arm=arm,
        selected=one.selected,
        values=one.values,
        trials=[trial.id for trial in completed],
        seeds=[trial.seed for trial in completed],
        infeasible=one.infeasible,
        mean=one.mean,
        sd=one.sd,
        interval=one.interval,
        luck=one.luck,
    )


def _luck(one: Repeated, state: State, metric: Metric) -> str:
    count = words.count(len(one.values), "repeat")
    diverged = f"; {one.infeasible} more diverged" if one.infeasible else ""
    if one.mean is None:
        every = "its only repeat" if one.infeasible == 1 else f"all {one.infeasible} repeats"
        return f"trial {one.trial} diverged in {every}"
    interval = "" if one.interval is None else f" (95%: {words.span(*one.interval)})"
    now = f"{words.number(one.mean)} over {count}{interval}"
    if one.selected is None:
        was = "infeasible in the search" if state == "infeasible" else "whose own result is not known"
        return f"trial {one.trial}, {was}, reaches {metric.name} {now}{diverged}"
    own = f"trial {one.trial} was selected at {metric.name} {words.number(one.selected)}"
    if one.luck is None:
        return f"{own}; with other code it reaches {now}, which says nothing about selection bias{diverged}"
    return f"{own}; it reaches {now}: {_size(one, one.luck)}{diverged}"


def _size(one: Repeated, luck: float) -> str:
    """How much of a result was luck, where that is known better than its own size."""
    size = f"{abs(luck):.2g}"
    if luck == 0:
        return "no selection bias"
    if one.interval is None:
        return "one repeat can't show selection bias; use at least two"
    half = (one.interval[1] - one.interval[0]) / 2
    if abs(luck) <= half:
        return f"the difference of {size} is within the error of that mean ({half:.2g}); more repeats would settle it"
    return f"too optimistic by {size}" if luck > 0 else f"too pessimistic by {size}"


def _rival(group: Sequence[Repeated], metric: Metric) -> list[str]:
    found = rival(group, metric)
    if found is None:
        return []
    mean = next(one.mean for one in group if one.trial == found.trial)
    if found.better:
        what = f"trial {found.trial} is better in repeats"
    elif found.gain > 0:
        what = f"trial {found.trial} does better in repeats, within noise"
    else:
        return [f"trial {found.first} is still the best of the {len(group)} that were repeated"]
    return [f"{what}: mean {words.number(mean)} (p = {found.p_value:.2g})"]
