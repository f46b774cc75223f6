"""Which hyperparameters of a study are its learning rate, warmup and clipping, and which metric is its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Curve, Metric, TrialRecord, Value

LEARNING_RATE = "learning_rate"
WARMUPS = ("warmup_steps", "num_warmup_steps", "warmup")
CLIPS = ("clip_norm", "max_grad_norm", "grad_clip", "clip_grad_norm", "gradient_clip_val")
LOSSES = ("train_loss", "training_loss", "loss", "train/loss")
NORMS = ("grad_norm", "gradient_norm", "train/grad_norm")
"""The first one that exists is used."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The hyperparameters that a probe sets; None for those that the program does not have."""

    learning_rate: str
    warmup: str | None
    """The warmup length, in steps."""
    clip: str | None


def names(trial: TrialRecord, learning_rate: str | None, warmup: str | None, clip: str | None, *, where: str) -> Names:
    """Those that the user names, else those that the trial has. StudyError for one of the wrong kind."""
    params = trial.params
    rate = learning_rate or LEARNING_RATE
    positive = [name for name, value in params.items() if _number(value) is not None and _number(value) != 0]
    hint = f"name it: --parameter NAME, one of {', '.join(positive) or '(it has no number)'}"
    if rate not in params:
        raise StudyError(f"trial {trial.id} has no hyperparameter {rate}", where=where, hint=hint)
    value = _number(params[rate])
    if value is None or value <= 0:
        raise StudyError(f"{rate} is {params[rate]!r} in trial {trial.id}: not a learning rate", where=where, hint=hint)
    found = Names(
        learning_rate=rate,
        warmup=warmup or next((name for name in WARMUPS if name in params), None),
        clip=clip or next((name for name in CLIPS if name in params), None),
    )
    if found.warmup is not None:
        steps = _number(params.get(found.warmup, 0))
        if steps is None or steps < 0 or steps != int(steps):
            what = f"{found.warmup} is {params[found.warmup]!r} in trial {trial.id}, not a number of warmup steps"
            raise StudyError(what, where=where, hint="name the hyperparameter that sets it: --warmup NAME")
    if found.clip is not None and _number(params.get(found.clip) or 0) is None:
        what = f"{found.clip} is {params[found.clip]!r} in trial {trial.id}: gradients are clipped at a number"
        raise StudyError(what, where=where, hint="name the hyperparameter of the norm: --clip NAME")
    used = [name for name in (found.learning_rate, found.warmup, found.clip) if name is not None]
    if len(set(used)) < len(used):
        twice = next(name for name in used if used.count(name) > 1)
        raise StudyError(f"{twice} can be only one of learning rate, warmup and clipping", where=where)
    return found


def loss_of(curves: Sequence[Curve], metric: Metric, asked: str | None, *, where: str) -> str:
    """The name of the training loss in these evaluations, or of the study's metric if there is none.

    StudyError if they lack the requested one.
    """
    reported = [name for name in (curves[0].values if curves else ()) if all(name in c.values for c in curves)]
    if asked is not None:
        if curves and asked not in reported:
            what = f"the training script does not report {asked}"
            raise StudyError(what, where=where, hint=f"use --loss with one of: {', '.join(reported) or '(none)'}")
        return asked
    return next((name for name in LOSSES if name in reported), metric.name)


def norm_of(curve: Curve | None) -> str | None:
    """The name of the gradient norm in a run's evaluations; None if it is not reported."""
    return next((name for name in NORMS if curve is not None and name in curve.values), None)


def steps_of(params: Mapping[str, Value], warmup: str | None) -> int:
    """The warmup of a point, in steps."""
    return int(_number(params.get(warmup)) or 0) if warmup is not None else 0


def _number(value: Value) -> float | None:
    """`value` as a number; None if it is not a number. A bool is not one."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
