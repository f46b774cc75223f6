"""Checks of what is scientific, nuisance and fixed: the learning rate, the optimizer, and how much at once."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.spec.design.settings import Check
from playbook_cli.spec.meaning import meaning
from playbook_cli.spec.problem import Problem, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playbook_cli.records import Value
    from playbook_cli.spec.design.settings import Design, Setting

MOST_SCIENTIFIC = 3
"""Most scientific hyperparameters of a study: a default, since the playbook names no number."""

LEAST_TRIALS = 5
"""Fewest trials per arm: a default, since the playbook names no number."""
_ROLES = "Identifying scientific, nuisance, and fixed hyperparameters"


@partial(Check, name="scientific-learning-rate", title="The learning rate is scientific", source=_ROLES)
def scientific_learning_rate(design: Design) -> Problem | None:
    """Looks at numbers only: text under such a name is a schedule."""
    found = [s for s in design.of("learning-rate") if s.role == "scientific" and s.numbers]
    if not found:
        return None
    return Problem(
        location=("scientific", found[0].name),
        what=f"{_names(found)} under scientific: the best learning rate changes with every later change of the "
        "pipeline, so knowing it is of little use",
        hint=f"move {found[0].name} to nuisance:",
    )


@partial(Check, name="fixed-learning-rate", title="The learning rate is not tuned", source=_ROLES)
def fixed_learning_rate(design: Design) -> Problem | None:
    """Silent if any learning rate is tuned; a program with several may fix some."""
    rates = [s for s in design.of("learning-rate") if s.numbers]
    if not rates or any(s.role != "fixed" and s.varies for s in rates) or _finds_its_rate(design):
        return None
    rate = rates[0]
    return Problem(
        location=(rate.role, rate.name),
        what=f"{rate} in all trials: the best learning rate depends on the other settings, so settings that happen "
        "to suit this rate win",
        hint=f"tune it: nuisance: {{{rate.name}: {_decades(rate.numbers[0])}}}",
    )


@partial(Check, name="nuisance-optimizer", title="The optimizer is a nuisance hyperparameter", source=_ROLES)
def nuisance_optimizer(design: Design) -> Problem | None:
    """The choice of the optimizer is typically scientific or fixed."""
    found = [s for s in design.optimizers if s.role == "nuisance"]
    if not found:
        return None
    return Problem(
        location=("nuisance", found[0].name),
        what=f"{_names(found)} under nuisance: each optimizer needs its own tuning, so the one that needs the "
        "least tuning wins",
        hint=f"move it to scientific:, or choose one under fixed: {{{found[0].name}: {found[0].values[0]}}}",
    )


@partial(
    Check,
    name="many-scientific",
    title=f"More than {MOST_SCIENTIFIC} scientific hyperparameters",
    source="Striking a balance between informative and affordable experiments",
)
def many_scientific(design: Design) -> Problem | None:
    """A hyperparameter with a single value doesn't count."""
    found = [s for s in design.settings if s.role == "scientific" and s.varies]
    if len(found) <= MOST_SCIENTIFIC:
        return None
    return Problem(
        location=("scientific",),
        what=f"{len(found)} scientific hyperparameters ({_names(found)}): too many questions for "
        f"one study to answer well; at most {MOST_SCIENTIFIC} (default)",
        hint="keep the one that the study's goal is about, and move the others to fixed: or nuisance:",
    )


@partial(
    Check,
    name="small-arms",
    title=f"Fewer than {LEAST_TRIALS} trials per arm",
    source="Striking a balance between informative and affordable experiments",
)
def small_arms(design: Design) -> Problem | None:
    """Silent for listed points, and if the study continues from earlier trials."""
    spec, trials = design.spec, design.trials
    arms = spec.space().arm_count
    if arms < 2 or trials is None or trials >= LEAST_TRIALS * arms or spec.points is not None or spec.follows:
        return None
    return Problem(
        location=("trials",) if spec.trials else ("scientific",),
        what=f"{wording.plural(trials, 'trial')} in {arms} arms, {wording.number(trials / arms)} each: too few to tune "
        f"an arm, so chance decides which one wins; at least {LEAST_TRIALS} (default)",
        hint=f"run {LEAST_TRIALS * arms} trials or more, or list fewer values under scientific:",
    )


@partial(Check, name="shared-range", title="Two optimizers share one range", source=_ROLES)
def shared_range(design: Design) -> Problem | None:
    """Looks for hyperparameters that several optimizers share by name and tune over the same range or values."""
    for selector in design.optimizers:
        shared: dict[str, list[Value]] = {}
        for parameter in design.spec.parameters():
            if meaning(parameter.name) not in ("learning-rate", "optimizer-setting"):
                continue
            under = [
                v for v in dict.fromkeys(selector.values) if v in parameter.when.get(selector.name, selector.values)
            ]
            if len(under) > 1 and len({*parameter.choices, parameter.low, parameter.high}) > 1:
                shared.setdefault(parameter.name, under)
        if shared:
            name, under = next(iter(shared.items()))
            one, other = under[:2]
            return Problem(
                location=("nuisance" if name in design.spec.nuisance else "scientific", name),
                what=f"{_and(under)} share one range of {_and(shared)}: each optimizer has its own, "
                "and good values can differ by orders of magnitude",
                hint=f"give each its own range, {name}: [{{..., when: {{{selector.name}: {one}}}}}, "
                f"{{..., when: {{{selector.name}: {other}}}}}]",
            )
    return None


def _finds_its_rate(design: Design) -> bool:
    """Whether the optimizer estimates the learning rate (D-Adaptation, Prodigy) and the setting is only a factor."""
    chosen = [value for s in design.of("optimizer") for value in s.values]
    return bool(chosen) and all(re.match(r"prodigy|d_?-?adapt", str(value), re.IGNORECASE) for value in chosen)


def _names(settings: list[Setting]) -> str:
    return listed(setting.name for setting in settings)


def _and(names: Iterable[object]) -> str:
    """Names in a sentence: `sgd and adam`, `sgd, adam and lion`."""
    *first, last = map(str, names)
    return f"{listed(first)} and {last}" if first else last


def _decades(centre: float) -> str:
    if centre <= 0:
        return "{min: 1e-4, max: 1e-1, scale: log}"
    return f"{{min: {centre / 10:g}, max: {centre * 10:g}, scale: log}}"
