"""What each option of a program is in a study, and how far that is certain: a proposal, for a person to correct.

All that names, defaults, help texts and the use of an option say is weighed here, and nowhere else.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.starting.counting import unit_of
from playbook_cli.starting.readers.hugging_face import TRAINING
from playbook_cli.starting.syntax import constants, dotted, imported, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from playbook_cli.records import StepUnit
    from playbook_cli.starting.argument import Argument
    from playbook_cli.starting.counting import Unit
    from playbook_cli.starting.program import Program

Part = Literal[
    "nuisance", "scientific", "fixed", "steps", "seed", "folder", "file", "eval_every", "on", "once", "left", "needed"
]

USUAL_NAMES = {
    "lr": "learning_rate",
    "learn_rate": "learning_rate",
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
"""The middle of the range where a program says nothing."""
_SAYS_RATE = re.compile(r"lr|learn(ing)?_?rate")
"""In the name of a learning rate that says which one it is, such as lr_generator."""
_SEED = re.compile(r"(^|_)seed$|^random_state$|^seed_everything$")
_FOLDER = re.compile(
    r"^(out|output|save|log|logging|run|work|result|exp|experiment|tb|tensorboard|default_root|local_output)s?_?"
    r"(dir|path|folder|root|directory)$|^(checkpoint|ckpt|model|train)s?_?(dir|folder|directory)$|"
    r"^(outf|output|outdir|logdir|workdir)$"
)
_FILE = re.compile(r"^(save|save_path|checkpoint|ckpt|model_path|save_model|output_file|out)$")
_WEIGHTS = re.compile(r"[^{}]*\.(pt|pth|ckpt|bin|tar|pkl|h5|npz|safetensors)")
_RUNS = re.compile(r"(n_|num_|nb_|number_of_)?(runs|repeats|reps|repetitions)")
"""How often a program trains anew, one after the other: Playbook repeats trials itself."""
_TRAINS = re.compile(r"(do_|is_|run_)?(train|training)")
"""Flags without which a program does something else than to train."""
_EVALUATION = re.compile(
    r"^(eval|val|evaluation|validation|valid|validate|evaluate|test)_(every|interval|freq|frequency|period|every_n_\w+)$"
    r"|^(check_)?val(_check)?_interval$|^check_val_every_n_epoch$"
)
_LENGTH = re.compile(
    r"^(max_|num_|number_of_|n_|total_|nb_|train_|training_)*n?(train_|training_)?"
    r"(steps?|iters?|iterations?|epochs?|updates|timesteps|niter|kimg|frames|env_steps|batches|episodes|epoch_num)$"
    r"|^(epoch|iter|iteration)s?_(num|count|max)$|^(training|train)_(length|duration)$"
)
_SAYS_LENGTH = re.compile(
    r"^(the )?(total |max(imum|imal)? )?(number of|num) (training (steps|epochs|iterations|updates)|epochs)"
    r"(?=\W*$|\s*[.,;(:]| to )",
    re.IGNORECASE,
)
"""The help of an option that is the length of training, whatever it is called."""
_OF_SOMETHING_ELSE = re.compile(
    r"\b(rollouts?|unroll\w*|per (policy|update|epoch|rollout|environment|env)|each (environment|env)|diffusion|"
    r"sampling|warm.?up|denois\w*|inner|lookahead|bptt|computed in runtime|history|resum\w+|start(ing)?)\b",
    re.IGNORECASE,
)
"""In the help of an option that counts steps, and not those of training."""
_HOUSEKEEPING = re.compile(
    r"(^|_)(save|saves|saving|load|resume|test|eval|valid|log|logs|logging|print|no|dry|cuda|pretrained|upload|push|hub|"
    r"track|tracking|wandb|mlflow|comet|neptune|tensorboard|capture|video|plot|debug|verbose|profile|download|cache|"
    r"overwrite|render|export|amp|fp16|bf16|tf32|compile|distributed|ddp|dist|device|gpu|gpus|workers|only|project|entity|"
    r"name|deterministic|benchmark|report|keep|dump|visuali[sz]e|watch|evaluate|checkpoint|checkpointing|checkpoints|"
    r"callbacks|logger|extras|paths|id)(_|$)"
)
_WORTH_FIXING = re.compile(
    r"(?!test|eval|val)(\w+_)?batch_size|mini_?batch_size|bs|(n|num|nb|hidden)?_?(hidden|layers?|heads?|blocks?)(_dim|_size|_units|_channels)?|"
    r"n(hid|head|layers?)|n?_?(embd|embed|emb)(_dim|_size)?|emsize|(model_|hidden_|emb_)?(dim|width|depth)(_model)?|"
    r"d_model|channels|block_size|context_(length|size)|seq_len(gth)?|max_seq_len(gth)?|kernel_size|patch_size|"
    r"opt(im|imizer)?(_name|_type)?|(lr_)?sched(uler)?(_type|_name)?|act(ivation)?(_fn)?|(grad_)?clip(_grad)?(_norm)?|"
    r"max_(grad_)?norm|clip_coef|ent_coef|vf_coef|warmup(_(steps|iters|epochs|ratio))?|(adam_)?beta_?[12]|epsilon|gamma|"
    r"gae_lambda|tau|alpha|arch(itecture)?|model(_type|_name)?|mixup(_alpha)?|cutmix(_alpha)?|nesterov|amsgrad|ema(_decay)?|"
    r"bias|tied|norm(_type|_adv)?|lora_(r|rank|alpha)|momentum|pool(ing)?|loss|\w*layer_?norm|\w*batch_?norm"
)
"""What a study holds fixed in so many words, since its answer depends on it."""
_ASKED = re.compile(
    r"^(optim(izer)?(_name|_type)?|opt|(lr_)?sched(uler)?(_type)?|lr_scheduler_type|act(ivation)?(_fn)?|norm(_type|_layer)?|"
    r"nesterov|amsgrad|use_(ema|bn|ln|norm|bias|batch_?norm|layer_?norm)|ema|norm_adv|tied?|bias|layer_?norm|batch_?norm|"
    r"model(_type)?|arch(itecture)?|pool(ing)?|rope|swiglu|residual)$"
)
"""What a study can ask about: a choice of the method, and never of what is kept, shown or sent."""
_NO_RATE = re.compile(
    r"(^|_)(min|final|end|floor|warmup|decay|noise|cycle|sched\w*|policy_type|k|step|steps|drop|gamma|power|mult|scale|size|"
    r"reduce|patience|factor|anneal|layer|milestones|ratio|find\w*|update|restart|stop)(_|$)"
)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An option's part in the study."""

    argument: Argument
    name: str
    """In the study file: with underscores, and without abbreviations that the report does not know.

    One in trial.params is called as it is there.
    """
    part: Part
    setting: Any = None
    """A range, values, or the fixed value."""
    why: str | None = None
    """Said above it in the study file; begins with `guess:` where it is one."""


@dataclass(frozen=True, kw_only=True)
class Length:
    """Which option is the length of training, in what it is counted, and what else it could have been."""

    argument: Argument | None = None
    unit: Unit | None = None
    certain: bool = False
    others: tuple[Argument, ...] = ()
    """Options that could be it, too."""
    same: tuple[Argument, ...] = ()
    """Options that must be as long, such as the length of the decay."""
    written: int | None = None
    """The number of epochs in the source, where no option bounds them."""


def plain(name: str) -> str:
    """The last part of an option's name in small letters with underscores."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().rpartition(".")[2].replace("-", "_")


def propose_all(arguments: Sequence[Argument], length: Length) -> list[Proposal]:
    """The part of each option, where their names together say more than each by itself."""
    proposals = [propose(argument, length) for argument in arguments]
    rates = [p for p in proposals if p.part == "nuisance" and is_rate(p.argument)]
    if any(p.argument.default for p in rates):  # one without a default is computed of the others
        proposals = [replace(p, part="left") if p in rates and not p.argument.default else p for p in proposals]
    lone = {name for p in proposals for name in [p.name] if [q.name for q in proposals].count(name) == 1}
    return [p if p.name in lone else replace(p, name=_own(p.argument)) for p in proposals]


def propose(argument: Argument, length: Length) -> Proposal:
    """The part of one option; which of several scientific ones is the question is not decided here."""
    own = plain(argument.name)
    usual = "learning_rate" if argument.rate and not _SAYS_RATE.search(own) else USUAL_NAMES.get(own, own)
    name = argument.name if argument.given == "params" else usual if "." not in argument.name else argument.name
    part, setting, why = _part(argument, own, usual, length)
    if argument.required and part in ("left", "fixed", "scientific"):
        part = "needed"
    return Proposal(argument=argument, name=name, part=part, setting=setting, why=why)


def _part(argument: Argument, own: str, usual: str, length: Length) -> tuple[Part, Any, str | None]:
    passed = _passed(argument, own, length)
    if passed is not None:
        return passed, None, None
    if argument.kind == "other" or argument in length.others:
        return "left", None, None
    number = argument.default
    whole = argument.kind == "int" and argument.given == "config" and isinstance(number, int)  # weight_decay: 0
    if argument.kind == "float" or whole:
        as_float = replace(argument, kind="float", default=float(number)) if isinstance(number, int) else argument
        given = _range(usual, as_float)
        if given is not None:
            return "nuisance", *given
    if not _is_worth_saying(argument, usual):
        return "left", None, None
    values = list(argument.choices) if argument.kind != "bool" else [False, True]
    asked = _ASKED.search(own) is not None
    if len(values) > 1 and asked and (argument.kind == "bool" or argument.default in values):
        return "scientific", values, None
    if argument.kind == "bool" or (argument.kind == "str" and not argument.choices):
        return "fixed" if asked else "left", argument.default, None
    return "fixed", argument.default, None


def _passed(argument: Argument, own: str, length: Length) -> Part | None:
    """The part of an option that Playbook gives its value, or that has none in a study; None where it may vary."""
    if argument.given == "trial":
        return "steps" if argument is length.argument else "eval_every" if own == "eval_every" else "left"
    tests: tuple[tuple[object, Part], ...] = (
        (argument is length.argument or argument in length.same, "steps"),
        (_is_part_of_config(argument), "left"),
        (_is_seed(argument, own), "seed"),
        (_SEED.search(own), "left"),
        (_is_saved(argument, own), "file"),
        (_is_folder(argument, own), "folder"),
        (argument.option is None and argument.given == "argument", "left"),
        (_RUNS.fullmatch(own) and isinstance(argument.default, int) and argument.default > 1, "once"),
        (_TRAINS.fullmatch(own) and argument.switch != "python" and argument.default is False, "on"),
        (_EVALUATION.search(own), "eval_every" if isinstance(argument.default, int) else "left"),
    )
    part = next((part for holds, part in tests if holds), None)
    return "left" if part is not None and argument.given == "params" else part


def _is_part_of_config(argument: Argument) -> bool:
    """Whether a key of a config names what is built, and not how."""
    return argument.given == "config" and bool(re.search(r"(^|\.)_|(^|\.)(type|class)$", argument.name))


def _is_seed(argument: Argument, own: str) -> bool:
    numeric = argument.default is None or isinstance(argument.default, int)
    kind = argument.kind in ("int", "other") and not argument.choices
    return bool(_SEED.search(own)) and numeric and kind and argument.option is not None


def _is_saved(argument: Argument, own: str) -> bool:
    """Whether an option says where weights are saved; a checkpoint that a person hands over may be read."""
    handed = argument.handed and not re.search("save|out", own)
    weights = isinstance(argument.default, str) and _WEIGHTS.fullmatch(argument.default) is not None
    return weights and bool(_FILE.search(own)) and not handed


def _is_folder(argument: Argument, own: str) -> bool:
    """Whether an option says where results are written; a positional one only where it must be given."""
    positional = argument.option is None and argument.given == "argument"
    computed = argument.given == "config" and not isinstance(argument.default, str)
    text = argument.kind in ("str", "other") and not computed
    file = isinstance(argument.default, str) and re.search(r"\.[a-z]\w{1,4}$", argument.default) is not None
    kept = own in ("checkpoints", "logs", "outputs") and isinstance(argument.default, str) and "/" in argument.default
    return (kept or bool(_FOLDER.search(own))) and text and not file and (argument.required or not positional)


def _is_worth_saying(argument: Argument, usual: str) -> bool:
    """Whether a study's answer plainly depends on an option, whose value is known."""
    if argument.default is None or not argument.has_default or not _WORTH_FIXING.fullmatch(usual):
        return False
    everywhere = re.sub(r"[.-]", "_", argument.name.lower())
    return (
        not _HOUSEKEEPING.search(re.sub(r"per_device_|model_name", "", everywhere)) and "runtime" not in argument.help
    )


def _own(argument: Argument) -> str:
    return argument.name.replace("-", "_")


def training_length(arguments: Sequence[Argument], program: Program) -> Length:
    """The option that bounds training."""
    given = next((a for a in arguments if a.given == "trial" and plain(a.name) == "max_train_steps"), None)
    if given is not None:
        return Length(argument=given, unit="step", certain=True)
    trainer = next((a for a in arguments if a.name == "max_steps" and of_hugging_face(arguments)), None)
    if trainer is not None:
        return Length(argument=trainer, unit="step", certain=True)
    bounds = _bounds(program)
    found = [argument for argument in arguments if _could_be_length(argument)]
    ranked = sorted(found, key=lambda argument: (_rank(argument), plain(argument.name) not in bounds))
    if not ranked:
        return _written(program)
    first = ranked[0]
    unit = unit_of(plain(first.name))
    if "epoch" in first.help.lower() and "step" not in plain(first.name):
        unit = "epoch"
    elif unit is None and (found_ := _SAYS_LENGTH.search(first.help.strip())):
        unit = unit_of(found_[0].split()[-1])
    bare = bool(re.fullmatch(r"(num_|n_)?(steps?|updates|frames|batches|episodes)", plain(first.name)))
    shown = bool(first.loop) or plain(first.name) in bounds
    rivals = [a for a in ranked[1:] if not shown or plain(a.name) in bounds or _rank(a) < _rank(first)]
    certain = not rivals and (shown or not bare)
    others = tuple(ranked[1:])
    same = tuple(a for a in arguments if a is not first and _as_long(a, first))
    return Length(argument=first, unit=unit, certain=certain, others=others, same=same)


def step_unit(length: Length, program: Program) -> StepUnit | None:
    """What a step of the study is; None where the name of the option leaves it open."""
    option = length.argument
    if option is not None and option.given == "trial":
        return None  # it is known from the script's own calls
    if option is not None and "kimg" in plain(option.name):
        return None
    if length.unit == "step":  # of training, unless something else could be stepped
        names = {name for module in program.modules for name in imported(module.tree)}
        return None if _ENVIRONMENTS & names else "updates"
    known: dict[Unit | None, StepUnit] = {"epoch": "epochs", "update": "updates", "environment": "env_steps"}
    return known.get(length.unit)


def _written(program: Program) -> Length:
    """The length of the only loop over epochs or episodes, where the script has it as a number: range(200)."""
    units: tuple[Unit, ...] = ("epoch", "episode")
    known = _elsewhere(program)
    for unit in units:
        found = [
            _times(node.iter, known)
            for node in ast.walk(program.tree)
            if isinstance(node, ast.For) and unit_of(last_name(node.target)) == unit
        ]
        if len(found) == 1 and found[0] is not None:
            return Length(unit=unit, certain=True, written=found[0])
    return Length()


def _times(node: ast.expr, known: Mapping[str, int]) -> int | None:
    """How often range(200), range(1, 201) or range(start, start + 200) runs, with the values of some names."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("range", "trange", "tqdm"):
        return None
    if last_name(node.func) == "tqdm":
        return _times(node.args[0], known) if node.args else None
    match node.args:
        case [end]:
            times = _value(end, known)
        case [ast.Name(id=first), ast.BinOp(left=ast.Name(id=again), op=ast.Add(), right=number)] if first == again:
            times = _value(number, known)
        case [first, end]:
            low, high = _value(first, known), _value(end, known)
            times = high - low if isinstance(low, int) and isinstance(high, int) else None
        case _:
            times = None
    return times if isinstance(times, int) and times >= 1 else None


def _value(node: ast.expr, known: Mapping[str, int]) -> int | None:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as how, right=right):
            one, other = _value(left, known), _value(right, known)
            if one is None or other is None:
                return None
            return one + other if isinstance(how, ast.Add) else one - other
        case ast.Name() | ast.Attribute():
            return known.get(".".join(dotted(node)))
    value = literal(node)
    return value if isinstance(value, int) else None


def _elsewhere(program: Program) -> dict[str, int]:
    """Whole numbers that a module of the program is there to keep: settings.EPOCHS, and n in n = settings.EPOCHS."""
    kept: dict[str, int] = {}
    for module in program.near:
        numbers = {name: literal(value) for name, value in constants(module.tree).items()}
        numbers = {name: value for name, value in numbers.items() if isinstance(value, int)}
        called = {module.path.stem, *_aliases(program.tree, module.path.stem)}
        kept |= {f"{name}.{number}": value for name in called for number, value in numbers.items()}
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        targets, values = (
            each.elts if isinstance(each, ast.Tuple) else [each] for each in (node.targets[0], node.value)
        )
        for target, value in zip(targets, values, strict=False):
            number = kept.get(".".join(dotted(value)))
            if isinstance(target, ast.Name) and number is not None and len(targets) == len(values):
                kept[target.id] = number
    again = [last_name(node) for node in ast.walk(program.tree) if isinstance(getattr(node, "ctx", None), ast.Store)]
    return {name: value for name, value in kept.items() if again.count(name.rpartition(".")[2]) <= ("." not in name)}


def _aliases(tree: ast.AST, module: str) -> set[str]:
    """What the script calls a module that it imports."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias for node in imports for alias in node.names]
    return {alias.asname for alias in names if alias.asname and alias.name.rpartition(".")[2] == module}


def of_hugging_face(arguments: Iterable[Argument]) -> bool:
    """Whether these are the options of the Trainer of transformers, in which max_steps overrides the epochs."""
    return any(argument is one for argument in arguments for one in TRAINING)


def _could_be_length(argument: Argument) -> bool:
    if argument.option is None or argument.kind not in ("int", "float", "other") or argument.given == "params":
        return False
    said = _LENGTH.search(plain(argument.name)) or _SAYS_LENGTH.search(argument.help.strip())
    if not said or _OF_SOMETHING_ELSE.search(argument.help):
        return False
    if any(_EVALUATION.search(part) or part in ("scheduler", "warmup") for part in argument.name.lower().split(".")):
        return False
    if re.match(r"^min_", plain(argument.name)) or (argument.given == "config" and argument.default is None):
        return False
    number = argument.default
    endless = number == -1 and plain(argument.name).startswith("max_")
    return number is None or endless or (isinstance(number, int | float) and number >= 1)


def _rank(argument: Argument) -> int:
    """How plainly a name says that it is the length of all of training."""
    name = plain(argument.name)
    if name.startswith("total_"):
        return 0
    if name.startswith("max_") or "train" in name:
        return 1
    return 3 if re.fullmatch(r"(num_|n_)steps?|(num_|n_)?(updates|frames|batches|episodes)", name) else 2


def _bounds(program: Program) -> set[str]:
    """Names that bound a loop, or are handed on as the length of one."""
    found: set[str] = set()
    for module in program.modules[: 1 + len(program.near)]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and last_name(node.func) in ("range", "trange"):
                found |= {plain(last_name(each)) for argument in node.args for each in ast.walk(argument)}
            elif isinstance(node, ast.Call):
                given = keywords(node)
                lengths = {name: value for name, value in given.items() if _LENGTH.search(plain(name))}
                found |= {plain(last_name(each)) for value in lengths.values() for each in ast.walk(value)}
            elif isinstance(node, ast.While | ast.If) and isinstance(node.test, ast.Compare):
                found |= {plain(last_name(each)) for each in ast.walk(node.test) if unit_of(plain(last_name(each)))}
    return found - {""}


def _as_long(argument: Argument, first: Argument) -> bool:
    """Whether an option is the length of a decay that ends where training ends."""
    name = plain(argument.name)
    return (
        bool(re.search(r"decay|anneal|cosine|t_max", name))
        and unit_of(name) is not None
        and argument.default is not None
        and argument.default == first.default
    )


def is_rate(argument: Argument) -> bool:
    """Whether an option is a learning rate, by its use or its name: and not its end, its decay or its warmup."""
    name = USUAL_NAMES.get(plain(argument.name), plain(argument.name))
    said = re.search(
        r"(^|_)learn(ing)?_?rate(_|$)|(^|_)(b|g|d|base_|peak_|max_|init_)?lr0?(_base|_backbone)?$|(^|_)lr_", name
    )
    return argument.rate or (bool(said) and not _NO_RATE.search(name))


def _range(name: str, argument: Argument) -> tuple[dict[str, Any], str | None] | None:
    """A range for what is tuned in every study of neural networks; None for anything else."""
    default = argument.default if isinstance(argument.default, float) else None
    known = default is not None and math.isfinite(default)
    if is_rate(argument):
        if not default or default < 0 or not known:
            return (
                _decades(USUAL_LEARNING_RATE, 100),
                "guess: there is no default to search around; the program may compute its own value",
            )
        return _decades(default), f"a decade on either side of the program's {_short(default)}"
    if default is None or not known or default < 0:
        return None  # the program does what it does where nothing is given, and nobody knows what that is
    if re.search(r"^weight_decay$|^l2(_reg\w*)?$|^weightdecay$|^w_?decay$", name):
        given = _decades(default) if default else {"min": 1e-6, "max": 1e-2, "scale": "log"}
        return given, "guess: the program's own value is 0, which a log scale can't include" if default == 0 else None
    if re.search(
        r"^(drop_?out|drop_rate|drop_path|drop_?path_rate|hidden_dropout|attn_pdrop|resid_pdrop|embd_pdrop)$", name
    ):
        return ({"min": 0.0, "max": max(0.5, default)}, None) if default < 1 else None
    if re.search(r"^(label_)?smoothing(_factor)?$", name):
        return {"min": 0.0, "max": max(0.2, default)}, None
    if re.search(r"^one_minus_(momentum|beta1)$", name):
        return {"min": 1e-2, "max": 0.5, "scale": "log"}, None
    if re.search(r"^momentum$|^beta1$|^beta_1$", name) and 0 < default < 1:
        ends = {"min": min(0.8, default), "max": max(0.99, default)}
        return ends, f"1 - {name} on a log scale is better, if the program can take it"
    return None


def _decades(centre: float, factor: float = 10) -> dict[str, Any]:
    return {"min": _rounded(centre / factor), "max": _rounded(centre * factor), "scale": "log"}


def _rounded(value: float) -> float:
    return float(f"{value:.2g}") if math.isfinite(value) else value


def _short(value: float) -> str:
    return f"{value:g}"


def loaded(program: Program, arguments: Sequence[Argument]) -> set[str]:
    """Names of options that the program opens or loads, and never asks whether they are given.

    What it opens only if a flag is on that is off by default, is not opened.
    """
    used: set[str] = set()
    asked: set[str] = set()
    needed: set[str] = set()
    off = {plain(a.name) for a in arguments if a.kind == "bool" and a.default is False}
    for module in program.modules:
        for node in _running(module.tree, off):
            if isinstance(node, ast.Call) and _LOADS.search(last_name(node.func)):
                used |= {last_name(each) for argument in node.args for each in ast.walk(argument)}
            elif isinstance(node, ast.Assert) and isinstance(node.test, ast.Name | ast.Attribute):
                used.add(last_name(node.test))
                needed.add(last_name(node.test))
            elif isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
                asked |= {last_name(each) for each in ast.walk(node.test)}
            elif isinstance(node, ast.BoolOp | ast.Compare):
                asked |= {last_name(each) for each in ast.walk(node)}
    return used - (asked - needed) - {""}


def _running(node: ast.AST, off: set[str]) -> Iterator[ast.AST]:
    """All nodes, without what runs only if one of these flags is on."""
    yield node
    idle = isinstance(node, ast.If) and isinstance(node.test, ast.Name | ast.Attribute) and last_name(node.test) in off
    for name, value in ast.iter_fields(node):
        if not (idle and name == "body"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _running(child, off)


def idle(program: Program, arguments: Sequence[Argument]) -> set[str]:
    """Names that the program speaks of only where a flag is on that is off by default."""
    off = {plain(a.name) for a in arguments if a.kind == "bool" and a.default is False}
    trees = [module.tree for module in program.modules]
    spoken = {last_name(node) for tree in trees for node in ast.walk(tree)}
    return spoken - {last_name(node) for tree in trees for node in _running(tree, off)}


def has_own(program: Program, name: str) -> bool:
    """Whether the program has a value of its own for an option without one: if args.data is None: args.data = "x"."""
    for node in ast.walk(program.tree):
        match node:
            case ast.If(
                test=ast.Compare(left=ast.Attribute(attr=left), ops=[ast.Is()], comparators=[ast.Constant(value=None)]),
                body=[ast.Assign(targets=[ast.Attribute(attr=target)], value=ast.Constant(value=str()))],
            ) if left == target == name:
                return True
    return False


_ENVIRONMENTS = {
    "atari_py",
    "ale_py",
    "gym",
    "gymnasium",
    "dm_env",
    "dm_control",
    "dmc",
    "envpool",
    "procgen",
    "pettingzoo",
    "mujoco",
}
_LOADS = re.compile(
    r"^(load|open|listdir|jload|ImageFolder|from_pretrained|load_dataset|read_\w+|fromfile|memmap|glob)$"
)


def named(arguments: Iterable[Argument], name: str) -> Argument | None:
    """The option that a program's own variable of this name holds, where that is one."""
    return next((a for a in arguments if plain(a.name) == plain(name) and a.option is not None), None)
