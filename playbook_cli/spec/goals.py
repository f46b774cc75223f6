"""Whether lower or higher is better, from the words in a metric's name; never guessed if they leave it open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playbook_cli.records import Goal


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_DOWN = _set(
    "loss losses nll err error errors perplexity ppl mse rmse mae mape smape nrmse rmsle msle nmse mdape wer cer ter "
    "eer fid kid ece brier bpb bpc bpd crossentropy xent logloss rmsd hd95 hausdorff chamfer lpips epe deviance "
    "fpr fnr regret latency"
)
"""Lower is better for these, also with a word of `_UP` beside them: `f1_loss`, `brier_score`."""
_UP = _set(
    "acc accuracy auc auroc auprc roc map ap mar f1 f2 fbeta f1score bleu sacrebleu rouge meteor chrf cider spice "
    "bertscore comet score reward rewards rew return returns r2 r2score dice dsc psnr ssim msssim iou miou jaccard "
    "prec precision recall sensitivity specificity mcc kappa ndcg mrr pearson pearsonr spearman spearmanr kendall "
    "kendalltau top tpr"
)
_UP_TOGETHER = ("exact match", "hit rate", "win rate", "success rate", "explained variance", "average precision")
_OPEN = _set(
    "neg negative minus inverse inv improvement reduction gap drop diff difference delta std stddev var variance "
    "stderr sem scale weight coef coefficient ratio rank count size time seconds duration step steps epoch lr rate "
    "penalty margin threshold norm"
)
"""These words change the meaning of a name: `neg_mean_squared_error`, `acc_std`."""
_BEFORE = re.compile(r"(val|valid|validation|test|train|eval|dev|best|mean|avg|macro|micro|weighted|balanced|max|min)")
_BY = re.compile(r"_(epoch|step)$")
"""What Lightning adds to a metric that is logged both by epoch and by step."""
_CAMEL = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def direction(metric: str) -> Goal | None:
    """The usual goal for a metric of this name; None if its name doesn't say."""
    words = _words(_BY.sub("", metric))
    text = " ".join(re.findall(r"[a-z]+", metric.lower()))
    together = any(pair in text for pair in _UP_TOGETHER)
    if words & _OPEN - ({"rate", "variance"} if together or words & {"error"} else set()):
        return None
    if words & _DOWN:
        return "minimize"
    return "maximize" if together or words & _UP else None


def more_is_better(metric: str) -> bool:
    """Whether a metric of this name is usually maximized."""
    return direction(metric) == "maximize"


def _words(metric: str) -> set[str]:
    """The words of a name in lower case, split at separators and at capitals, with and without their last digits."""
    parted = re.findall(r"[a-z0-9]+", metric.lower())
    camel = [word.lower() for word in _CAMEL.findall(metric)]
    words = {*parted, *camel}
    words |= {_BEFORE.sub("", word, count=1) for word in words if _BEFORE.match(word)}
    return words | {word.rstrip("0123456789") for word in words}
