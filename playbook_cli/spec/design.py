"""A study file read as the playbook would read it before anything runs: one check a habit that costs the answer.

A check speaks in one line, with the reason, and is silenced by its name: `silence: [fixed-learning-rate]`.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.spec.meaning import (
    decays,
    meaning,
    names_optimizer,
    number,
    per_device,
    warms_up,
    warmup_share,
)
from playbook_cli.spec.problem import Problem, listed
from playbook_cli.spec.space import MAX_ARMS, grid_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from playbook_cli.records import Parameter, Role, Value
    from playbook_cli.spec.meaning import Meaning
    from playbook_cli.spec.model import StudySpec

MOST_SCIENTIFIC = 3
"""Scientific hyperparameters of one study: a default, the playbook names no number."""
LEAST_TRIALS = 5
"""Trials of an arm: a default, the playbook names no number."""
GRID_DIMENSIONS = 2
"""The playbook: grid search is acceptable in 1 to 2 dimensions (implementations of quasi-random search)."""
LONG_WARMUP = 0.05
"""Part of max_train_steps: the playbook's (how to apply learning rate warmup)."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A hyperparameter of a study, and the values that it can take."""

    name: str
    role: Role
    meaning: Meaning | None
    values: tuple[Value, ...]
    """Of a range both ends."""

    @property
    def varies(self) -> bool:
        return len(set(self.values)) > 1

    @property
    def numbers(self) -> list[float]:
        """The values that are numbers."""
        return [value for value in map(number, self.values) if value is not None]

    def __str__(self) -> str:
        """`name is 8` where it has one value, else `name goes up to 8`, or only its name."""
        if not self.varies:
            return f"{self.name} is {wording.value(self.values[0])}"
        return f"{self.name} goes up to {wording.value(max(self.numbers))}" if self.numbers else self.name


@dataclass(frozen=True)
class Design:
    """What the checks look at: a study, and whether it is the first one of its project."""

    spec: StudySpec
    _: KW_ONLY
    first: bool

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """All hyperparameters; those of a listed study with the values of its points."""
        spec = self.spec
        values: dict[tuple[Role, str], list[Value]] = {}
        for parameter in spec.parameters():
            of = values.setdefault((parameter.role, parameter.name), [])
            if spec.points is None:
                of += parameter.choices if parameter.kind == "choice" else (parameter.low, parameter.high)
            else:
                of += [point[parameter.name] for point in spec.points if parameter.name in point]
        values |= {("fixed", name): [value] for name, value in spec.fixed.items()}
        return tuple(
            Setting(name=name, role=role, meaning=meaning(name), values=tuple(given))
            for (role, name), given in values.items()
            if given
        )

    def of(self, *meanings: Meaning) -> list[Setting]:
        """The hyperparameters that are one of these."""
        return [setting for setting in self.settings if setting.meaning in meanings]

    @cached_property
    def optimizers(self) -> list[Setting]:
        """The hyperparameters that choose among two optimizers or more, by their name or by their values."""
        return [
            s for s in self.settings if s.varies and (s.meaning == "optimizer" or all(map(names_optimizer, s.values)))
        ]

    @cached_property
    def trials(self) -> int | None:
        """Of the whole study; None where nothing says it."""
        if self.spec.sampler == "grid":
            return grid_size(self.spec.space(), at_most=MAX_ARMS)
        return self.spec.trials or len(self.spec.points or ()) or None


@dataclass(frozen=True)
class Check:
    """One objection of the playbook to a design, as a decorator of the function that looks for it."""

    look: Callable[[Design], Problem | None]
    _: KW_ONLY
    name: str
    title: str
    source: str
    """Section of the playbook."""

    def __call__(self, design: Design) -> Problem | None:
        """What it objects to, with the reason; None where the design is as the playbook would have it."""
        return self.look(design)


def objections(spec: StudySpec, *, first: bool) -> dict[str, Problem]:
    """What the playbook objects to in a study's design, by the checks' names; nothing that it silences, or of a probe.

    `first` says that nothing was learned before it, as far as is known.
    """
    if spec.probe is not None or spec.imported is not None:
        return {}
    design = Design(spec, first=first and spec.round is None and spec.follows is None)
    looked = {name: check(design) for name, check in CHECKS.items() if name not in spec.silence}
    return {name: found for name, found in looked.items() if found is not None}


def silence_problems(spec: StudySpec) -> Iterator[Problem]:
    """The names under `silence` that are no check's."""
    for index, name in enumerate(spec.silence):
        if name not in CHECKS:
            what = f"there is no check {name!r} of a design"
            yield Problem(location=("silence", index), what=what, hint=f"the checks are {', '.join(CHECKS)}")


_ROLES = "Identifying scientific, nuisance, and fixed hyperparameters"


@partial(Check, name="scientific-learning-rate", title="The learning rate is scientific", source=_ROLES)
def scientific_learning_rate(design: Design) -> Problem | None:
    """Numbers only: text under such a name is a schedule."""
    found = [s for s in design.of("learning-rate") if s.role == "scientific" and s.numbers]
    if not found:
        return None
    return Problem(
        location=("scientific", found[0].name),
        what=f"{_names(found)} under scientific: the best learning rate changes with every later change of the "
        "pipeline, so knowing it says little",
        hint=f"move {found[0].name} to nuisance:",
    )


@partial(Check, name="fixed-learning-rate", title="The learning rate is not tuned", source=_ROLES)
def fixed_learning_rate(design: Design) -> Problem | None:
    """Not where any learning rate is tuned; a program with several may fix some."""
    rates = [s for s in design.of("learning-rate") if s.numbers]
    if not rates or any(s.role != "fixed" and s.varies for s in rates) or _finds_its_rate(design):
        return None
    rate = rates[0]
    return Problem(
        location=(rate.role, rate.name),
        what=f"{rate} in all trials: the best learning rate depends on the other settings, so whatever happens to suit "
        "this one wins",
        hint=f"tune it: nuisance: {{{rate.name}: {_decades(rate.numbers[0])}}}",
    )


@partial(Check, name="nuisance-optimizer", title="The optimizer is a nuisance hyperparameter", source=_ROLES)
def nuisance_optimizer(design: Design) -> Problem | None:
    """Which optimizer is typically a question, or fixed."""
    found = [s for s in design.optimizers if s.role == "nuisance"]
    if not found:
        return None
    return Problem(
        location=("nuisance", found[0].name),
        what=f"{_names(found)} under nuisance: each optimizer needs tuning of its own, so the one that needs the "
        "least wins unnoticed",
        hint=f"ask about it under scientific:, or choose one under fixed: {{{found[0].name}: {found[0].values[0]}}}",
    )


@partial(
    Check,
    name="many-scientific",
    title=f"More than {MOST_SCIENTIFIC} scientific hyperparameters",
    source="Striking a balance between informative and affordable experiments",
)
def many_scientific(design: Design) -> Problem | None:
    """One that has a single value asks nothing."""
    found = [s for s in design.settings if s.role == "scientific" and s.varies]
    if len(found) <= MOST_SCIENTIFIC:
        return None
    return Problem(
        location=("scientific",),
        what=f"{len(found)} scientific hyperparameters ({_names(found)}): so many questions share the trials that none "
        f"is answered well; {MOST_SCIENTIFIC} at most (default)",
        hint="keep the one that the goal is about, and move the others to fixed: or nuisance:",
    )


@partial(
    Check,
    name="small-arms",
    title=f"Fewer than {LEAST_TRIALS} trials an arm",
    source="Striking a balance between informative and affordable experiments",
)
def small_arms(design: Design) -> Problem | None:
    """Not of points that were listed, nor where earlier trials are taken over."""
    spec, trials = design.spec, design.trials
    arms = spec.space().arm_count
    if arms < 2 or trials is None or trials >= LEAST_TRIALS * arms or spec.points is not None or spec.follows:
        return None
    return Problem(
        location=("trials",) if spec.trials else ("scientific",),
        what=f"{wording.plural(trials, 'trial')} in {arms} arms, {wording.number(trials / arms)} each: too few to tune "
        f"an arm, so luck decides which one wins; {LEAST_TRIALS} at least (default)",
        hint=f"run {LEAST_TRIALS * arms} trials or more, or ask about fewer values under scientific:",
    )


@partial(Check, name="shared-range", title="Two optimizers share one range", source=_ROLES)
def shared_range(design: Design) -> Problem | None:
    """Whatever several optimizers have under one name, and tune over one range or one list of values."""
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
                what=f"{_and(under)} share one range of {_and(shared)}: each optimizer's is a hyperparameter of "
                "its own, and good values can lie orders of magnitude apart",
                hint=f"give each its own, {name}: [{{..., when: {{{selector.name}: {one}}}}}, "
                f"{{..., when: {{{selector.name}: {other}}}}}]",
            )
    return None


@partial(
    Check,
    name="wide-grid",
    title=f"A grid in more than {GRID_DIMENSIONS} dimensions",
    source="Where can I find an implementation of quasi-random search?",
)
def wide_grid(design: Design) -> Problem | None:
    """Dimensions that a trial has at once; scientific choices are arms, each with a grid of its own."""
    spec = design.spec
    if spec.sampler != "grid":
        return None
    space = spec.space()
    axes = [p for p in space.dimensions if len(p.choices) > 1 or (p.points or 1) > 1]
    active = max(([p for p in axes if _possible(p, {**spec.fixed, **arm})] for arm in space.arms), key=len)
    names = dict.fromkeys(p.name for p in active)
    if len(names) <= GRID_DIMENSIONS:
        return None
    most = max(len(p.choices) or p.points or 1 for p in active)
    return Problem(
        location=("sampler",),
        what=f"a grid over {len(names)} hyperparameters ({listed(names)}): its {design.trials} trials try {most} "
        "values of each at most; quasi-random ones try a new value every time",
        hint=f"write sampler: halton and trials: {design.trials}, or fewer",
    )


@partial(
    Check, name="small-eval-batch", title="Evaluation in smaller batches", source="Setting up periodic evaluations"
)
def small_eval_batch(design: Design) -> Problem | None:
    """Batches of one device are compared with those of one device."""
    for evaluation in design.of("evaluation-batch-size"):
        for training in design.of("batch-size"):
            if per_device(evaluation.name) != per_device(training.name):
                continue
            if not evaluation.numbers or not training.numbers or min(evaluation.numbers) >= max(training.numbers):
                continue
            least = (
                f"is {min(evaluation.numbers):g}" if not evaluation.varies else f"begins at {min(evaluation.numbers):g}"
            )
            return Problem(
                location=(evaluation.role, evaluation.name),
                what=f"{evaluation.name} {least} and {training}: evaluation keeps no activations for a backward "
                "pass, so batches at least as large fit, and are faster",
                hint=f"write {evaluation.name}: {max(training.numbers):g} or more",
            )
    return None


@partial(
    Check,
    name="gradient-accumulation",
    title="Gradient accumulation",
    source="Determining the feasible batch sizes and estimating training throughput",
)
def gradient_accumulation(design: Design) -> Problem | None:
    """Over more than one batch."""
    found = [
        s
        for s in design.of("gradient-accumulation")
        if any(v is True for v in s.values) or max(s.numbers, default=0) > 1
    ]
    if not found:
        return None
    return Problem(
        location=(found[0].role, found[0].name),
        what=f"{found[0]}: it imitates a batch larger than the hardware holds, and trains no faster for it",
        hint="leave it out, and use the largest batch size that still speeds training up: playbook batch-size",
    )


@partial(
    Check,
    name="long-warmup",
    title=f"Warm-up beyond {LONG_WARMUP:.0%} of the steps",
    source="How to apply learning rate warmup",
)
def long_warmup(design: Design) -> Problem | None:
    """The longest that a trial can have."""
    steps = design.spec.max_train_steps
    for setting in design.of("warmup"):
        shares = [share for v in setting.values if (share := warmup_share(setting.name, v, steps)) is not None]
        if max(shares, default=0.0) <= LONG_WARMUP:
            continue
        return Problem(
            location=(setting.role, setting.name),
            what=f"{setting}, {wording.percent(max(shares))} of max_train_steps: beyond {LONG_WARMUP:.0%}, too few "
            "steps are left at the full learning rate",
            hint="shorten it, or raise max_train_steps to make up for it",
        )
    return None


@partial(
    Check,
    name="early-schedule",
    title="A decaying schedule or warm-up in a first study",
    source="Choosing the initial configuration",
)
def early_schedule(design: Design) -> Problem | None:
    """Not where the study asks whether it helps: it is scientific, and can be off."""
    if not design.first:
        return None
    schedules = design.of("schedule")
    lengths = design.of("decay") if all(decays(v) for s in schedules for v in s.values) else []
    decaying = [s for s in (*schedules, *lengths) if _is_on(s, decays)]
    warming = [s for s in (*schedules, *design.of("warmup")) if _is_on(s, warms_up)]
    found = list(dict.fromkeys([*decaying, *warming]))
    if not found:
        return None
    why = ["a decay needs tuning again for every other max_train_steps"] * bool(decaying)
    why += ["warm-up is for training that proved unstable"] * bool(warming)
    return Problem(
        location=(found[0].role, found[0].name),
        what=f"{_with_values(found)} in a first study: {', and '.join(why)}; begin with a constant learning rate",
        hint="leave it out for now, and ask about it in a later study",
    )


CHECKS = {
    check.name: check
    for check in (
        scientific_learning_rate,
        fixed_learning_rate,
        nuisance_optimizer,
        many_scientific,
        small_arms,
        shared_range,
        wide_grid,
        small_eval_batch,
        gradient_accumulation,
        long_warmup,
        early_schedule,
    )
}
"""By name, in the order in which they are read."""


def _finds_its_rate(design: Design) -> bool:
    """Whether the optimizer estimates the learning rate (D-Adaptation, Prodigy), and the setting is only a factor."""
    chosen = [value for s in design.of("optimizer") for value in s.values]
    return bool(chosen) and all(re.match(r"prodigy|d_?-?adapt", str(value), re.IGNORECASE) for value in chosen)


def _is_on(setting: Setting, by: Callable[[Value], bool]) -> bool:
    on = [by(value) for value in setting.values]
    return all(on) if setting.role == "scientific" else any(on)


def _possible(parameter: Parameter, settings: Mapping[str, Value]) -> bool:
    """Whether a trial with these settings can have it: conditions on what is not among them count as met."""
    return all(settings[name] in values for name, values in parameter.when.items() if name in settings)


def _and(names: Iterable[object]) -> str:
    """Names in a sentence: `sgd and adam`, `sgd, adam and lion`."""
    *first, last = map(str, names)
    return f"{listed(first)} and {last}" if first else last


def _names(settings: list[Setting]) -> str:
    return listed(setting.name for setting in settings)


def _with_values(settings: list[Setting]) -> str:
    return listed(s.name if s.varies else f"{s.name} = {wording.value(s.values[0])}" for s in settings)


def _decades(centre: float) -> str:
    if centre <= 0:
        return "{min: 1e-4, max: 1e-1, scale: log}"
    return f"{{min: {centre / 10:g}, max: {centre * 10:g}, scale: log}}"
