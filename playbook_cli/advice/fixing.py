"""Which hyperparameters a study showed to be insensitive: the next one can fix them, and search fewer dimensions.

That nothing was seen of a hyperparameter is no proof that there is nothing: it counts as insensitive only where an
effect of some size would have been seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.importance import importance
from playbook_cli.spec.meaning import meaning
from playbook_cli.wording import p_text, percent, plural, value

if TYPE_CHECKING:
    from collections.abc import Collection

    from playbook_cli.analysis.importance import Effect
    from playbook_cli.records import Parameter, StudyRecord, TrialRecord, Value

INSENSITIVE = 0.2
"""Share of the variation in rank that a hyperparameter may explain at most, the uncertainty added: a default."""


@dataclass(kw_only=True)
class Fixing:
    """What can be fixed, at which value and why; and what can't, why not."""

    values: dict[str, tuple[Value, str]] = field(default_factory=dict)
    """By the name of the hyperparameter: its value in the best trial, and the reason."""
    left: list[str] = field(default_factory=list)


def fixing(study: StudyRecord, excluded: Collection[str]) -> Fixing:
    """The nuisance hyperparameters that did not matter, each at the best trial's value, but for those `excluded`.

    Never the learning rate, nor one that exists only under another, or that decides whether another exists; and the
    search keeps something to vary.
    """
    found = Fixing()
    told, best = importance(study), _best(study)
    if told is None or best is None:
        found.left.append(
            "--fix: this study's points are not a sample of its space, so it cannot show what did not matter"
        )
        return found
    if not told.effects:
        needs = f"needs {told.needed}, has {told.trials}" if not told.enough else "all trials have the same result"
        found.left.append(
            f"--fix: cannot determine what did not matter ({plural(told.trials, 'trial')} with a result: {needs})"
        )
        return found
    by_label = {p.label: p for p in study.parameters if p.role == "nuisance"}
    asked = {name for p in study.parameters for name in p.when}
    for effect in reversed(told.effects):
        parameter = by_label.get(effect.label)
        if parameter is None or effect.matters or effect.label in excluded:
            continue
        if (why := _kept(parameter, effect, asked)) is not None:
            found.left.append(f"{effect.label} is not fixed: {why}")
        elif len(found.values) + 1 == len(study.parameters):
            found.left.append(f"{effect.label} is not fixed: nothing else would be tuned")
        else:
            found.values[parameter.name] = best.params[parameter.name], _reason(effect, best, parameter)
    return found


def _kept(parameter: Parameter, effect: Effect, asked: Collection[str]) -> str | None:
    if meaning(parameter.name) == "learning-rate":
        return "the learning rate is always tuned"
    if parameter.when or parameter.name in asked:
        return "it is conditional, or others depend on it"
    if effect.share + effect.needed > INSENSITIVE:
        seen = percent(min(1.0, effect.share + effect.needed))
        return f"it may explain up to {seen} of the variance in trial rank; more trials would settle it"
    return None


def _reason(effect: Effect, best: TrialRecord, parameter: Parameter) -> str:
    most = percent(effect.share + effect.needed)
    return (
        f"insensitive: it explains {percent(effect.share)} of the variance in trial rank, at most {most} "
        f"({p_text(effect.p_value)}); {value(best.params[parameter.name])} is the value in the best trial ({best.id})"
    )


def _best(study: StudyRecord) -> TrialRecord | None:
    done = [trial for trial in outcomes.completed(study.search.trials) if trial.best is not None]
    return min(done, key=lambda t: study.metric.loss(t.best.value) if t.best else 0.0, default=None)
