"""What a hyperparameter is, judged by its name: `optim.lr` and `--learning-rate` are learning rates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playbook_cli.records import StepUnit, Value

Meaning = Literal[
    "learning-rate",
    "optimizer",
    "optimizer-setting",
    "schedule",
    "decay",
    "warmup",
    "batch-size",
    "evaluation-batch-size",
    "gradient-accumulation",
]
_ALIASES = (
    (r"learning_?rates?|learn_?rate|l_?rate|lr_?0|eta_?0", "lr"),
    (r"warm_up", "warmup"),
    (r"minibatch", "mini_batch"),
    (r"batchsize", "batch_size"),
    (r"optimi[sz]er|optim|opt", "optimizer"),
    (r"lrscheduler|lrschedule", "lr_schedule"),
    (r"schedulers?|schedules?|sched", "schedule"),
    (r"annealing", "anneal"),
    (r"validation|valid|evaluation|val|dev|test|inference", "eval"),
)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SECTIONS = _set("trainer training train args arguments config cfg hparams hyperparameters hp params run")
"""Words that name the section of a hyperparameter, not its meaning."""
_COUNTED = _set("num n total steps step iterations iters iter updates epochs epoch batches length duration")
_SHARED = _set("ratio fraction frac proportion prop share")
_PERCENT = _set("percent percentage pct")
_LENGTHS = _COUNTED | _SHARED | _PERCENT
_NO_RATE = _set(
    "decay schedule anneal cosine policy gamma milestones warmup cooldown layer layerwise llrd min final end floor "
    "step steps power lambda mult multiplier factor scale ratio patience drop type name finder find use"
)
_SELECTS = _set("optimizer name type class cls kind algo algorithm choice method")
_SCHEDULES = _set("schedule lr name type class cls kind fn mode policy decay optimizer use cosine linear anneal")
_NAMED_BY_TWO = (
    {"lr", "policy"},
    {"lr", "cosine"},
    {"lr", "anneal"},
    {"cosine", "decay"},
    {"linear", "decay"},
    {"cosine", "anneal"},
)
_WARMS = _set("warmup lr linear use optimizer schedule") | _LENGTHS
_DECAYS = _set("decay anneal cooldown gamma milestones drop cosine")
_BATCHES = _set("batch bs bsz size per device gpu mini global total data loader dataloader eval")
_ACCUMULATES = re.compile(r"(^|_)(accum(?!ulator)|grad(ient)?s?_acc(_|$)|acc_(grad|steps|iter)|ga_steps$|update_freq$)")
_OF_OPTIMIZERS = re.compile(r"(^|_)(momentum|mom|beta_?[12]|b[12]|betas|eps|epsilon|weight_decay|wd)$")
_OF_OTHERS = _set("norm bn ln layernorm batchnorm ema teacher warmup")
_OPTIMIZER = re.compile(
    r"(torch\.optim\.)?(sgd|momentum|nesterov|adam|adamw|adamax|nadam|radam|adagrad|adadelta|adafactor|rmsprop|lion|lamb|"
    r"lars|shampoo|soap|muon|sophia|lbfgs|novograd|adabelief|yogi)([_+-].*)?|(sgd|adam)[a-z]*",
    re.IGNORECASE,
)
_CONSTANT = re.compile(r"constant.*|none|null|no|off|false|flat|fixed|identity|disabled|", re.IGNORECASE)
_DECAYING = re.compile(
    r"cos|decay|poly|exp|step|sqrt|stable|wsd|anneal|noam|cycl|linear(?!_?warm)|plateau", re.IGNORECASE
)


def words(name: str) -> frozenset[str]:
    """The words of a name in lower case, with common synonyms as one word: `lr`, `warmup`, `optimizer`."""
    return frozenset(_plain(name).split("_"))


def meaning(name: str) -> Meaning | None:
    """What a hyperparameter of this name is; None if it is none of these."""
    plain = _plain(name)
    own = words(name) - _SECTIONS
    if _ACCUMULATES.search(plain):
        return "gradient-accumulation"
    if "lr" in own and not own & _NO_RATE:
        return "learning-rate"
    if "warmup" in own and own <= _WARMS and not plain.endswith("_lr"):
        return "warmup"
    if "optimizer" in own and own <= _SELECTS:
        return "optimizer"
    if own <= _SCHEDULES and ("schedule" in own or any(own >= pair for pair in _NAMED_BY_TWO)):
        return "schedule"
    if _is_decay(own):
        return "decay"
    if own & {"batch", "bs", "bsz"} and own <= _BATCHES:
        return "evaluation-batch-size" if "eval" in own else "batch-size"
    if _OF_OPTIMIZERS.search(plain) and not own & _OF_OTHERS:
        return "optimizer-setting"
    return None


def per_device(name: str) -> bool:
    """Whether a batch size of this name is per device."""
    return bool(words(name) & {"per", "device", "gpu"})


def names_optimizer(value: Value) -> bool:
    """Whether a value is the name of an optimizer."""
    return isinstance(value, str) and _OPTIMIZER.fullmatch(value) is not None


def decays(value: Value) -> bool:
    """Whether a schedule with this value, or a decay with this length or factor, lowers the learning rate."""
    if isinstance(value, str) and number(value) is None:
        if re.search(r"warm", value, re.IGNORECASE):
            return _DECAYING.search(value) is not None
        return _CONSTANT.fullmatch(value.strip()) is None
    if isinstance(value, tuple):
        return bool(value)
    return value is True or number(value) not in (None, 0.0, 1.0)


def warms_up(value: Value) -> bool:
    """Whether a schedule with this value has a warmup, or a warmup of this length is above zero."""
    if isinstance(value, str) and number(value) is None:
        return re.search(r"warm", value, re.IGNORECASE) is not None
    return value is True or (number(value) or 0.0) > 0


def warmup_share(name: str, value: Value, max_train_steps: int) -> float | None:
    """The least share of training that a warmup of this name and value takes; None if its unit is not known.

    An epoch has at least one step, so warmup epochs count as that many steps.
    """
    given, own = number(value), words(name)
    if given is None:
        return None
    if own & _PERCENT:
        return given if given < 1 else given / 100
    if own & _SHARED or 0 < given < 1:
        return given
    return given / max_train_steps


def counts(name: str) -> StepUnit | None:
    """What a length of this name counts: `warmup_epochs` epochs, `warmup_steps` updates; None for a share."""
    own = words(name)
    if own & (_SHARED | _PERCENT):
        return None
    return "epochs" if own & {"epoch", "epochs"} else "updates"


def number(value: Value) -> float | None:
    """A value, or text that is a number, as a number; None for anything else, including a bool."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plain(name: str) -> str:
    humps = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = "_".join(re.findall(r"[a-z0-9]+", humps.lower()))
    for pattern, word in _ALIASES:
        plain = re.sub(rf"(?<![a-z0-9])({pattern})(?![a-z0-9])", word, plain)
    return plain


def _is_decay(own: frozenset[str]) -> bool:
    if not own & _DECAYS or own & {"layer", "layerwise", "weight"}:
        return False
    return bool(own & {"lr", "schedule"}) or (own <= _DECAYS | _LENGTHS and bool(own & _LENGTHS))
