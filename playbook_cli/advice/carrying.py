"""A learning-rate schedule, tuned in short trainings, goes into longer ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.schedules import HOLDING, WSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from playbook_cli.records import Value

DECAY_STEPS = "decay_steps"
"""What the decay's length is called where the study has no name for it yet, as in `playbook_cli.schedules`."""
_KINDS: tuple[tuple[str, str], ...] = (
    (r"wsd|stable|trapez", WSD),
    (r"cosine", "cosine"),
    (r"linear", "linear"),
    (r"constant|none|flat|fixed", "constant"),
)
_LENGTH = r"(steps?|updates|iters?|iterations|epochs|length)$"
_SHARE = r"(ratio|frac|fraction|share|percent|pct|proportion|portion)$"


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a study calls the parts of its schedule; None where it has no such hyperparameter."""

    schedule: str | None
    warmup: str | None
    """A length in steps: it stays as it is."""
    warmup_share: str | None
    """A part of max_train_steps."""
    decay: str | None
    decay_share: str | None


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What a point's schedule becomes in longer trainings."""

    kind: str | None
    """The schedule as `playbook_cli.schedules` calls it; None where it is not known."""
    changes: Mapping[str, Value]
    """New values of hyperparameters; they may be new to the study."""
    reason: str
    continues: bool
    """Whether training up to the decay is what it was, so that it can go on from a checkpoint that was kept there."""


def names(hyperparameters: Iterable[str], schedule: str | None) -> Names:
    """Find the parts of the schedule by their names; `schedule` is what the user says is its name."""
    known = list(hyperparameters)

    def first(*patterns: str) -> str | None:
        return next((name for name in known if all(re.search(p, name, re.IGNORECASE) for p in patterns)), None)

    decay = r"(^|_)(lr_?)?(decay|cool_?down|anneal)"
    return Names(
        schedule=schedule or first(r"schedul"),
        warmup=first("warm_?up", _LENGTH),
        warmup_share=first("warm_?up", _SHARE),
        decay=first(decay, _LENGTH),
        decay_share=first(decay, _SHARE),
    )


def carry(params: Mapping[str, Value], called: Names, *, before: int, now: int) -> Carried:
    """The schedule of the point `params`, tuned over `before` steps, in trainings of `now` steps.

    The playbook's rules: linear decay keeps the length of its decay, and the constant part before it grows; cosine
    keeps the base learning rate and stretches. A warmup keeps its length in steps.
    """
    changes: dict[str, Value] = {}
    changes |= _scaled(params, called.warmup_share, before / now)
    kind = _kind(params, called)
    match kind:
        case "linear":
            length, more = _linear(params, called, before, now)
            changes |= more
            reason = f"linear: the decay keeps its length of {length:g} steps, and the constant part before it grows"
        case "cosine":
            reason = f"cosine: the base learning rate is kept, and the decay stretches over all {now} steps"
        case "constant":
            reason = "constant: nothing to carry over"
        case None:
            reason = _unknown(params, called)
        case _:
            changes |= {name: round(value) for name, value in _scaled(params, called.decay, now / before).items()}
            reason = f"{kind}: the rate stays at its peak for longer, and the decay keeps its share of training"
    return Carried(kind=kind, changes=changes, reason=reason, continues=kind in HOLDING)


def _kind(params: Mapping[str, Value], called: Names) -> str | None:
    value = params.get(called.schedule or "", "")
    if value is None:
        return "constant"
    return next((kind for pattern, kind in _KINDS if re.search(pattern, str(value), re.IGNORECASE)), None)


def _unknown(params: Mapping[str, Value], called: Names) -> str:
    if called.schedule is not None:
        return f"how the schedule {params.get(called.schedule)} carries over is unknown: decide yourself"
    return (
        "no hyperparameter names the learning-rate schedule, so it was not adjusted; if the script decays the "
        "learning rate over max_train_steps, check it; --schedule NAME names the hyperparameter"
    )


def _linear(params: Mapping[str, Value], called: Names, before: int, now: int) -> tuple[float, dict[str, float]]:
    """The length of the decay, and what keeps it, whatever the study calls it."""
    shares = _scaled(params, called.decay_share, before / now)
    if called.decay_share is not None and shares:
        return before * _number(params, called.decay_share, share=True), shares
    length = _number(params, called.decay)
    if not length:
        warmup = _number(params, called.warmup) or before * _number(params, called.warmup_share, share=True)
        length = before - warmup
    return length, {called.decay or DECAY_STEPS: round(length)}


def _scaled(params: Mapping[str, Value], name: str | None, factor: float) -> dict[str, float]:
    value = _number(params, name)
    return {name: float(f"{value * factor:.12g}")} if name is not None and value else {}


def _number(params: Mapping[str, Value], name: str | None, *, share: bool = False) -> float:
    """The number that a hyperparameter is, percent as a share where one is meant; 0 where it is none."""
    value = params.get(name or "")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return value / 100 if share and value > 1 else value
