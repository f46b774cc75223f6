"""Checks of how a study searches and trains: grids, batches, warmup and schedule."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.spec.design.settings import Check
from playbook_cli.spec.meaning import counts, decays, per_device, warms_up, warmup_share
from playbook_cli.spec.problem import Problem, listed
from playbook_cli.spec.units import step_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playbook_cli.records import Parameter, Value
    from playbook_cli.spec.design.settings import Design, Setting

GRID_DIMENSIONS = 2
"""The playbook: grid search is acceptable in 1 to 2 dimensions (implementations of quasi-random search)."""

LONG_WARMUP = 0.05
"""Largest warmup as a share of max_train_steps, from the playbook (how to apply learning rate warmup)."""


@partial(
    Check,
    name="wide-grid",
    title=f"A grid in more than {GRID_DIMENSIONS} dimensions",
    source="Where can I find an implementation of quasi-random search?",
)
def wide_grid(design: Design) -> Problem | None:
    """Counts the dimensions of a single trial; scientific choices make arms, each with its own grid."""
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
        what=f"a grid over {len(names)} hyperparameters ({listed(names)}): its {design.trials} trials try at "
        f"most {most} values of each, but quasi-random trials try a new value every time",
        hint=f"write sampler: halton and trials: {design.trials}, or fewer",
    )


@partial(
    Check, name="small-eval-batch", title="Evaluation in smaller batches", source="Setting up periodic evaluations"
)
def small_eval_batch(design: Design) -> Problem | None:
    """Compares per-device batches only with per-device batches."""
    for evaluation in design.of("evaluation-batch-size"):
        for training in design.of("batch-size"):
            if per_device(evaluation.name) != per_device(training.name):
                continue
            if not evaluation.numbers or not training.numbers or min(evaluation.numbers) >= max(training.numbers):
                continue
            least = (
                f"is {min(evaluation.numbers):g}" if not evaluation.varies else f"starts at {min(evaluation.numbers):g}"
            )
            return Problem(
                location=(evaluation.role, evaluation.name),
                what=f"{evaluation.name} {least} and {training}: evaluation stores no activations for a backward "
                "pass, so batches of that size fit and are faster",
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
    """Looks for accumulation over more than one batch."""
    found = [
        s
        for s in design.of("gradient-accumulation")
        if any(v is True for v in s.values) or max(s.numbers, default=0) > 1
    ]
    if not found:
        return None
    return Problem(
        location=(found[0].role, found[0].name),
        what=f"{found[0]}: gradient accumulation only simulates a larger batch; training gets no faster",
        hint="drop it, and use the largest batch size that still speeds up training: playbook batch-size",
    )


@partial(
    Check,
    name="long-warmup",
    title=f"Warmup longer than {LONG_WARMUP:.0%} of training",
    source="How to apply learning rate warmup",
)
def long_warmup(design: Design) -> Problem | None:
    """Judges the longest warmup that a trial can have, unless it counts another unit than max_train_steps."""
    steps, unit = design.spec.max_train_steps, step_unit(design.spec)
    for setting in design.of("warmup"):
        counted = counts(setting.name)
        if counted is not None and unit is not None and counted != unit:
            continue
        shares = [share for v in setting.values if (share := warmup_share(setting.name, v, steps)) is not None]
        if max(shares, default=0.0) <= LONG_WARMUP:
            continue
        return Problem(
            location=(setting.role, setting.name),
            what=f"{setting}, {wording.percent(max(shares))} of max_train_steps: with more than {LONG_WARMUP:.0%}, too "
            "few steps are left at the full learning rate",
            hint="shorten it, or raise max_train_steps to make up for it",
        )
    return None


@partial(
    Check,
    name="early-schedule",
    title="A decaying schedule or warmup in a first study",
    source="Choosing the initial configuration",
)
def early_schedule(design: Design) -> Problem | None:
    """Silent if the study asks whether it helps, as a scientific hyperparameter that can be off."""
    if not design.first:
        return None
    schedules = design.of("schedule")
    lengths = design.of("decay") if all(decays(v) for s in schedules for v in s.values) else []
    decaying = [s for s in (*schedules, *lengths) if _is_on(s, decays)]
    warming = [s for s in (*schedules, *design.of("warmup")) if _is_on(s, warms_up)]
    found = list(dict.fromkeys([*decaying, *warming]))
    if not found:
        return None
    why = ["a decay must be tuned again whenever max_train_steps changes"] * bool(decaying)
    why += ["warmup is for training that has proved unstable"] * bool(warming)
    return Problem(
        location=(found[0].role, found[0].name),
        what=f"{_with_values(found)} in a first study: {', and '.join(why)}; start with a constant learning rate",
        hint="drop it for now, and test it in a later study",
    )


def _is_on(setting: Setting, by: Callable[[Value], bool]) -> bool:
    on = [by(value) for value in setting.values]
    return all(on) if setting.role == "scientific" else any(on)


def _possible(parameter: Parameter, settings: Mapping[str, Value]) -> bool:
    """Whether a trial with these settings can have it; conditions on other hyperparameters count as met."""
    return all(settings[name] in values for name, values in parameter.when.items() if name in settings)


def _with_values(settings: list[Setting]) -> str:
    return listed(s.name if s.varies else f"{s.name} = {wording.value(s.values[0])}" for s in settings)
