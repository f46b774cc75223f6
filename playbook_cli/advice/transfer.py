"""What carries over from a round of short trainings to one of long trainings, by the playbook's table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Mark = Literal["keep", "recheck", "retune"]


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How likely the best value of a hyperparameter in short trainings is the best one in long trainings."""

    mark: Mark
    likely: str
    """The playbook's word; empty for what its table does not name."""
    what: str
    """What kind of hyperparameter it is."""

    def __str__(self) -> str:
        return f"{self.mark}: {self.what}{f' (carries over: {self.likely})' if self.likely else ''}"


WARMUP = Transfer(mark="keep", likely="very likely", what="warmup length")
INITIALIZATION = Transfer(mark="keep", likely="very likely", what="initialization")
CLEAR_WIN = Transfer(mark="keep", likely="likely", what="a clear win of one setting")
ARCHITECTURE = Transfer(
    mark="recheck", likely="", what="architecture: a large win likely carries over, a small one may not"
)
OPTIMIZER = Transfer(mark="recheck", likely="maybe", what="the optimizer and its settings")
AUGMENTATION = Transfer(mark="recheck", likely="maybe", what="data augmentation")
REGULARIZATION = Transfer(mark="recheck", likely="maybe", what="regularization")
SCHEDULE = Transfer(mark="retune", likely="unlikely", what="the learning-rate schedule")
UNKNOWN = Transfer(mark="recheck", likely="", what="unknown hyperparameter; the playbook gives no advice on transfer")

TABLE: tuple[tuple[str, Transfer], ...] = (
    (r"warm_?up", WARMUP),
    (r"(^|_)init", INITIALIZATION),
    (r"augment|mix_?up|cut_?(mix|out)|erasing|jitter|flip|crop|rotat", AUGMENTATION),
    (r"weight_?decay|(^|_)(wd|l1|l2)(_|$)|drop|smoothing|regulari|penalty|stochastic_?depth", REGULARIZATION),
    (r"schedul|(decay|cool_?down|anneal)|gamma$", SCHEDULE),
    (r"optim|learning_?rate|(^|_)lr(_|$)|momentum|beta|(^|_)eps|nesterov|clip", OPTIMIZER),
    (
        r"layers?|depth|width|hidden|d_model|heads?|dim$|channels?|kernel|activation|norm|architecture|(^|_)model",
        ARCHITECTURE,
    ),
)
"""Patterns of names, in this order, and what the playbook says of such hyperparameters."""


def transfer(name: str, *, clear_win: bool = False) -> Transfer:
    """What the table says of a hyperparameter of this name; `clear_win` of one that the study showed to matter."""
    found = next((kind for pattern, kind in TABLE if re.search(pattern, name, re.IGNORECASE)), UNKNOWN)
    return CLEAR_WIN if clear_win and found in (ARCHITECTURE, UNKNOWN) else found
