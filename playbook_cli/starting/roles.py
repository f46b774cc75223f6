"""What a hyperparameter's name and default say of its part in a study: a first proposal, for a person to correct."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.spec.check import STEP_LIMITS

if TYPE_CHECKING:
    from playbook_cli.starting.declared import Argument

Part = Literal["nuisance", "scientific", "fixed", "steps", "seed", "folder", "eval_every", "left"]

USUAL_NAMES = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "bs": "batch_size",
    "eps": "epsilon",
    "mom": "momentum",
    "adam_beta1": "beta1",
    "adam_beta2": "beta2",
    "adam_epsilon": "epsilon",
    "adam_eps": "epsilon",
}
"""Short names of hyperparameters that the rules of the report and lr-sweep know by their long ones."""
USUAL_LEARNING_RATE = 1e-3
"""The middle of the range where a script says nothing."""
_SEED = re.compile(r"(^|_)seed$")
_FOLDER = re.compile(r"^(out|output|save|log|logging|run|work|result|results|checkpoint|ckpt)_?(dir|path|folder)$")
_EVALUATION = re.compile(r"^(eval|val|evaluation|validation|test)_(every|interval|steps|freq|frequency)$")
_STEPS = re.compile(r"^(max_|num_|n_|total_)?n?(train_|training_)?(steps|iter|iters|iterations|epochs|updates)$")
_HOUSEKEEPING = re.compile(r"^(save|load|resume|test|eval|valid|log|print|no|dry|use_cuda|pretrained)(_|$)")
_ARCHITECTURE = re.compile(
    r"batch_size|hidden|layer|depth|width|head|embd|embed|(^|_)dim|channel|filter|kernel|block_size|context|seq_len|"
    r"optim|^opt$|sched|activation|^act$|norm|clip|warmup|beta|epsilon|gamma|alpha|temperature|rank|lora|arch|model$|"
    r"augment|mixup|cutmix|init|bias|nesterov|amsgrad|decay|ema|tau|residual|pool|loss$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An argument's part in the study."""

    argument: Argument
    name: str
    """In the study file: with underscores, and without abbreviations that the report does not know.

    One in trial.params is called as it is there.
    """
    part: Part
    setting: Any = None
    """A range, values, or the fixed value."""
    why: str | None = None


def propose(argument: Argument) -> Proposal:
    """The part of one argument, by itself; which of several scientific ones is the question is not decided here."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", argument.name).lower()
    usual = USUAL_NAMES.get(plain, plain)
    name = argument.name if argument.given == "params" else usual
    if argument.kind == "other" or (argument.option is None and argument.given == "argument"):
        return Proposal(argument=argument, name=name, part="left")
    if plain in STEP_LIMITS or _STEPS.match(plain):
        return Proposal(argument=argument, name=name, part="left" if argument.given == "params" else "steps")
    for pattern, part in _PARTS:
        if pattern.search(plain):
            return Proposal(argument=argument, name=name, part="left" if argument.given == "params" else part)
    if argument.kind == "float" and (given := _range(usual, argument)) is not None:
        return Proposal(argument=argument, name=name, part="nuisance", setting=given[0], why=given[1])
    if _HOUSEKEEPING.search(plain) or not _ARCHITECTURE.search(usual):
        return Proposal(argument=argument, name=name, part="left")
    if not argument.has_default or argument.default is None:
        return Proposal(argument=argument, name=name, part="left")
    values = list(argument.choices) if argument.kind != "bool" else [False, True]
    if len(values) > 1 and (argument.kind == "bool" or argument.default in values):
        return Proposal(argument=argument, name=name, part="scientific", setting=values)
    return Proposal(argument=argument, name=name, part="fixed", setting=argument.default)


_PARTS: tuple[tuple[re.Pattern[str], Part], ...] = (
    (_SEED, "seed"),
    (_FOLDER, "folder"),
    (_EVALUATION, "eval_every"),
)


def _range(name: str, argument: Argument) -> tuple[dict[str, Any], str | None] | None:
    """A range for what is tuned in every study of neural networks; None for anything else."""
    default = argument.default if isinstance(argument.default, float) else None
    if re.search(r"(^|_)learning_rate$|^(base|peak|max)?_?lr$", name):
        if not default:
            return _decades(USUAL_LEARNING_RATE), "a guess: no default of the script says where to search"
        return _decades(default), f"a decade on either side of the script's {_short(default)}"
    if re.search(r"weight_decay|^l2(_|$)", name):
        given = _decades(default) if default else {"min": 1e-6, "max": 1e-2, "scale": "log"}
        return given, "0 is the script's own value, and on no log scale" if default == 0 else None
    if re.search(r"dropout|drop_rate|droppath|drop_path", name):
        return {"min": 0.0, "max": max(0.5, default or 0.0)}, None
    if re.search(r"label_smoothing", name):
        return {"min": 0.0, "max": 0.2}, None
    if re.search(r"^one_minus_(momentum|beta1)$", name):
        return {"min": 1e-2, "max": 0.5, "scale": "log"}, None
    if re.search(r"^momentum$|^beta1$|^beta_1$", name):
        return {
            "min": min(0.8, default or 0.8),
            "max": 0.99,
        }, f"1 - {name} on a log scale is better, where the script can take it"
    return None


def _decades(centre: float) -> dict[str, Any]:
    return {"min": _rounded(centre / 10), "max": _rounded(centre * 10), "scale": "log"}


def _rounded(value: float) -> float:
    return float(f"{value:.2g}") if math.isfinite(value) else value


def _short(value: float) -> str:
    return f"{value:g}"
