"""What the names of numbers say: whether they are metrics, and what they are measured on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

METRIC = re.compile(
    r"loss|err|acc(?!um|el|ess)|f1|auc|bleu|ppl|perplexity|bpb|bpc|mse|mae|rmse|nll|ssim|psnr|score|reward|"
    r"(^|_)returns?(_|$)|(^|_)prec(_|$)|(^|_)top_?[15](_|$)|iou|dice|recall|precision|rouge|(^|_)map(_|$)|elbo|(^|_)fid(_|$)",
    re.IGNORECASE,
)
HELD_OUT = re.compile(
    r"(^|_)(vali?|valid|validat[a-z]*|dev|eval[a-z]*|test[a-z]*|heldout|held_out)(_|$)", re.IGNORECASE
)
_TRAINING = re.compile(
    r"(^|_)(train|training|tr)(_|$)|(^|_)train|(^|_)(value|policy|pg|td|qf?\d?|actor|critic|vf?|entropy|alpha|rnd)_loss",
    re.IGNORECASE,
)
"""Measured on what the model is trained on; the losses of reinforcement learning are no more than that."""
_PLAYERS = re.compile(
    r"(^|_)(loss|err|errors?)_?(d|g|disc\w*|gen\w*)(_|$)|(^|_)(d|g|disc\w*|gen|generator)_?(loss|err)", re.IGNORECASE
)
"""The losses of a GAN's two networks, which say nothing of how good it is."""
_RETURN = re.compile(r"return|reward|score", re.IGNORECASE)
_MEAN = re.compile(r"(avg|average|mean)_|_(avg|average|mean)")
"""What the mean of a number is called beside it: test_loss of the last batch, and test_avg_loss of all."""
_SMOOTH = re.compile(r"avg|average|mean|running|smooth", re.IGNORECASE)


def likely(names: Iterable[str]) -> str | None:
    """What a study would look at: a measure of held-out data before one of training, the first among equals.

    Of held-out data, that which is there to choose by comes before the test data, and a mean before what it is of.
    """
    metrics = [name for name in names if name.lower() != "step"]
    best = min(metrics, key=lambda name: (rank(name), _preferred(name)), default=None)
    return next((name for name in metrics if name != best and _MEAN.sub("", name) == best), best)


def _preferred(name: str) -> int:
    if rank(name) == 1:
        return 0 if _SMOOTH.search(name) else 1
    found = HELD_OUT.search(re.sub(r"[^A-Za-z0-9]+", "_", name)) if rank(name) == 0 else None
    return 0 if found is None else "vdhet".index(found[2][0].lower())


def is_metric(name: str) -> bool:
    """Whether a name looks like that of a metric."""
    return METRIC.search(name) is not None


def rank(name: str) -> int:
    """How near a metric is to what a study looks at: 0 held-out data, 1 returns, 2 not said, 3 training, 4 nothing."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
    if re.search(r"(^|_)(best|max|min|top_score)(_|$)", plain, re.IGNORECASE) or _PLAYERS.search(plain):
        return 4
    if _TRAINING.search(plain):
        return 3
    if HELD_OUT.search(plain):
        return 0
    return 1 if _RETURN.search(plain) else 2


def words_before(label: str) -> list[str]:
    """The words just before a value: `Acc@1: ` is acc_1, and `mean/median reward ` its first, the mean reward."""
    label = re.sub(r"\b([A-Za-z]+)/[A-Za-z]+ (?=[A-Za-z])", r"\1 ", label)
    return re.findall(
        r"[A-Za-z]\w*", re.split(r"[,|;()]|(?<![\w@])\d", re.sub(r"@|(?<=[A-Za-z])-(?=\d)", "_", label))[-1]
    )


def measured_on(text: str, function: str) -> str:
    """What the text before a value, or its function, says of the data: `val_`, `train_`; nothing where it says both."""
    for said in ("_".join(re.findall(r"[A-Za-z]+", text)), function):
        held_out, training = HELD_OUT.search(said), _TRAINING.search(said)
        if held_out and not training:
            return f"{held_out[2].lower()}_"
        if training and not held_out:
            return "train_"
    return ""
