"""What a recorded column measures, judged by the words in its name.

The words `train` and `training` mean training data; `val`, `valid`, `validation`, `dev` and `eval` mean validation data
(`val_loss`, `validation/loss`, `loss.train`). A plain `loss` is a training loss. `learning_rate` and `lr` are the
learning rate, and so is a name that ends in one of them after a separator (`optim/lr`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRAINING = {"train", "training", "trn"}
VALIDATION = {"val", "valid", "validation", "dev", "eval"}
LOSS = {"loss", "nll", "ce", "xent", "crossentropy", "perplexity", "ppl", "mse"}
ERROR = {"error", "err"}
_LEARNING_RATE = re.compile(r"(^|[^a-z0-9])(learning[_-]?rate|lr)$", re.IGNORECASE)


def says(name: str, words: set[str]) -> bool:
    """Whether the name has one of these words."""
    return not words.isdisjoint(re.split(r"[^a-z0-9]+|_", name.lower()))


def training_losses(names: Iterable[str], metric: str) -> Sequence[str]:
    """The columns that hold a training loss, or else a training error; `metric` is the study's own."""
    return _training_losses(tuple(names), metric)


@lru_cache(maxsize=64)  # called for every trial, and most report the same columns
def _training_losses(names: tuple[str, ...], metric: str) -> tuple[str, ...]:
    marked = [n for n in names if says(n, TRAINING)]
    loss = [n for n in marked if says(n, LOSS)] + [n for n in names if n.lower() == "loss" and n != metric]
    return (*loss, *(n for n in marked if says(n, ERROR)))


def is_learning_rate(name: str) -> bool:
    """Whether a column or a hyperparameter of this name holds the learning rate."""
    return _LEARNING_RATE.search(name) is not None
