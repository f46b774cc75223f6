"""How a program prints its numbers, as the patterns that find them: text with values in it that shows a step."""

from __future__ import annotations

import ast
import itertools
import re
import string
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from playbook_cli.starting.meters import progresses
from playbook_cli.starting.meters import shown as of_meter
from playbook_cli.starting.syntax import calls, dotted, imported, keywords, last_name, parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Unit = Literal["epoch", "episode", "environment", "update", "step"]

_UNITS: tuple[tuple[Unit, re.Pattern[str]], ...] = tuple(
    (unit, re.compile(rf"(^|_)({words})(_|$)", re.IGNORECASE))  # type: ignore[misc]
    for unit, words in (
        ("epoch", r"n?epochs?|ep"),
        ("episode", r"episodes?"),
        ("environment", r"timesteps?|env_steps?|frames?"),
        ("update", r"iters?|iterations?|niter|itr|updates?|batch(es)?|kimg"),
        ("step", r"steps?|it"),
    )
)
_NO_STEP = re.compile(
    r"time|sec|dur|speed|(^|_)per(_|$)|lr|rate|size|len|total|(^|_)(num|n|max)_|eta|left|best", re.IGNORECASE
)
_METRIC = re.compile(
    r"loss|err|acc(?!um|el|ess)|f1|auc|bleu|ppl|perplexity|bpb|bpc|mse|mae|rmse|nll|ssim|psnr|score|reward|"
    r"(^|_)returns?(_|$)|iou|dice|recall|precision|rouge|(^|_)map(_|$)|elbo|(^|_)fid(_|$)",
    re.IGNORECASE,
)
_HELD_OUT = re.compile(r"(^|_)(val|valid|validat[a-z]*|dev|eval[a-z]*|test[a-z]*|heldout|held_out)(_|$)", re.IGNORECASE)
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
_SPLIT = re.compile(r"(^|_)(split|mode|phase|stage|subset|partition|dataset_name|set_name|log_name|name|prefix|desc)$")
_SMOOTH = re.compile(r"avg|average|mean|running|smooth", re.IGNORECASE)
_SHOWS = {"print", "echo", "info", "warning", "set_description", "set_description_str", "print_log", "print0", "rprint"}
_SHOWS |= {
    "main_print",
    "rank0_print",
    "print_rank_0",
    "print_rank0",
    "master_print",
    "log_print",
    "logprint",
    "print_fn",
}
_WRITERS = {"tqdm", "pbar", "stdout", "progress", "bar"}
"""What shows the text that its method `write` gets."""
_OPTIONS = {"args", "opt", "opts", "cfg", "config", "conf", "hparams", "params", "FLAGS", "flags", "options"}
_LOGS = {"info", "warning"}


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The condition that a line is shown every so many steps: `if step % interval == 0`."""

    counter: str
    interval: str | int
    """The name of an option or a number."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A regular expression for one kind of line."""

    text: str
    metrics: tuple[str, ...]
    line: int
    """In the script."""
    step: str = ""
    """What the program calls the step that is shown; empty where none is."""
    gates: tuple[Gate, ...] = ()
    logged: bool = False
    """Whether a logger shows it, which depends on its level."""
    looped: bool = True
    """Whether it is shown in a loop of its function."""
    function: str = ""
    """In which it is shown."""
    of: str = ""
    """The variable by which the line says what was measured on, so that it is shown for one after the other."""


def unit_of(name: str) -> Unit | None:
    """What a counter of this name counts; None where it does not say."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return next((unit for unit, words in _UNITS if words.search(plain)), None)


def agree(one: Unit | None, other: Unit | None) -> bool:
    """Whether two counters can be the same: a step may be an update, or a step of an environment."""
    loose = {"step", "update", "environment"}
    return one == other or ("step" in (one, other) and one in loose and other in loose)


def patterns(tree: ast.Module, unit: Unit | None = None) -> list[Pattern]:
    """Of all lines that the program shows with a step and a metric, in the order of the program; each text once.

    Where there are such, also of those that show a metric of held-out data: it belongs to the step before it. Of a
    line that shows two counters, the one that counts in this unit is the step.
    """
    found: dict[str, Pattern] = {}
    for shown in _lines(tree):
        for pattern in _patterns(shown, unit):
            found.setdefault(pattern.text, pattern)
    for pattern in _of_meters(tree, unit):
        found.setdefault(pattern.text, pattern)
    with_step = [pattern for pattern in found.values() if pattern.step]
    measured = [pattern for pattern in found.values() if pattern.metrics]
    if not with_step or not measured:
        return []
    held_out = any(not pattern.step for pattern in measured)
    kept = [pattern for pattern in found.values() if pattern.metrics or (held_out and pattern.step)]
    bare = [pattern for pattern in kept if not pattern.metrics]
    if any(pattern.step and pattern.metrics for pattern in kept):
        kept = [pattern for pattern in kept if pattern not in bare]
    elif len(bare) != 1 or not bare[0].looped or any(pattern.line < bare[0].line for pattern in measured):
        return []  # which step a metric belongs to is not certain
    return sorted(kept, key=lambda pattern: pattern.line)


def _of_meters(tree: ast.Module, unit: Unit | None) -> Iterator[Pattern]:
    """What ProgressMeters show: the step is in their prefix, or in the line before."""
    known = counters(tree)
    for progress in progresses(tree):
        specs: dict[int, str] = {}
        parts = _parts(progress.prefix, tree, specs)
        prefix = _Shown(
            parts=parts,
            specs=specs,
            line=progress.line,
            gates=(),
            function=progress.function,
            logged=False,
            looped=True,
            counters=known,
        )
        counter = _counter(prefix, unit)
        step = _counted(counter, prefix) if counter is not None else ""
        if unit is not None and step and not agree(unit_of(step), unit):
            continue
        text = "".join(
            re.escape(part).replace(r"\ ", " ")
            if isinstance(part, str)
            else r"\s*(?P<step>\d+)"
            if part is counter
            else r"\s*\S+?"
            for part in parts
        )
        said = "".join(part for part in parts if isinstance(part, str))
        for line, metrics in of_meter(
            progress, text, _measured_on(said, progress.function) or ("" if step else "val_")
        ):
            if step or any(rank(name) == 0 for name in metrics):
                here = step if "(?P<step>" in line else ""
                yield Pattern(text=line, metrics=metrics, line=progress.line, step=here, function=progress.function)


def reported(tree: ast.Module) -> list[str]:
    """The metrics that a script names in calls of trial.report, in their order."""
    return [
        k.arg for call in calls(tree, "report") if isinstance(call.func, ast.Attribute) for k in call.keywords if k.arg
    ]


def likely(names: Iterable[str]) -> str | None:
    """What a study would look at: a measure of held-out data before one of training, the first among equals."""
    metrics = (name for name in names if name.lower() != "step")
    return min(metrics, key=lambda name: (rank(name), rank(name) == 1 and not _SMOOTH.search(name)), default=None)


def is_metric(name: str) -> bool:
    """Whether a name looks like that of a metric."""
    return _METRIC.search(name) is not None


def rank(name: str) -> int:
    """How near a metric is to what a study looks at: 0 held-out data, 1 returns, 2 not said, 3 training, 4 nothing."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
    if re.search(r"(^|_)(best|max|min|top_score)(_|$)", plain, re.IGNORECASE) or _PLAYERS.search(plain):
        return 4
    if _TRAINING.search(plain):
        return 3
    if _HELD_OUT.search(plain):
        return 0
    return 1 if _RETURN.search(plain) else 2


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A formatted text that the program shows."""

    parts: list[str | ast.expr]
    specs: dict[int, str]
    """The format of a value, by the identity of its expression."""
    line: int
    gates: tuple[Gate, ...]
    function: str
    logged: bool
    looped: bool
    counters: frozenset[str]
    """Names of the module that loops and additions count up, or that functions get."""

    def counts(self, value: ast.expr) -> bool:
        """Whether a value is a counter as it stands, perhaps plus one: and not how many there are, or an option."""
        while isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
            value = value.left if not isinstance(value.left, ast.Constant) else value.right
        if isinstance(value, ast.Call) and last_name(value.func) in ("int", "str") and len(value.args) == 1:
            return self.counts(value.args[0])
        if isinstance(value, ast.Attribute):
            return last_name(value.value) not in _OPTIONS
        return isinstance(value, ast.Name) and value.id in self.counters


def _lines(tree: ast.Module) -> Iterator[_Shown]:
    walk = _Walk(found=[], called_at={}, counters=counters(tree), geometric="torch_geometric" in imported(tree))
    walk.into(tree, (), "", tree)
    for shown in walk.found:
        outer = walk.called_at.get(shown.function) or ()
        yield from _by_line(replace(shown, gates=(*shown.gates, *outer)))


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """All that a module shows, with what it depends on."""

    found: list[_Shown]
    counters: frozenset[str]
    called_at: dict[str, tuple[Gate, ...] | None]
    """On what the call of a function depends; None where it is called at several places."""
    wanted: ast.Call | None = None
    at: list[tuple[tuple[Gate, ...], str]] = field(default_factory=list)
    """On what the wanted call depends, and the function in which it is."""

    modules: frozenset[str] = frozenset({"self"})
    """Names of which a call is one of the program's own functions."""
    geometric: bool = False
    """Whether the module imports torch_geometric, whose `log` shows its keyword arguments."""
    callers: dict[str, set[tuple[str, bool]]] = field(default_factory=dict)
    """By the name of a function, from which functions it is called, and whether in a loop there."""

    def into(self, node: ast.AST, gates: tuple[Gate, ...], function: str, scope: ast.AST, loops: int = 0) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            gates, function, scope, loops = (), node.name, node, 0
        if isinstance(node, ast.Call):
            self._call(node, gates, function, scope, looped=loops > 0)
        inside = isinstance(node, ast.For | ast.While | ast.AsyncFor)
        for name, value in ast.iter_fields(node):
            inner = (*gates, *_gates(node.test)) if isinstance(node, ast.If) and name == "body" else gates
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.into(child, inner, function, scope, loops + (inside and name == "body"))

    def _of_geometric(self, node: ast.Call) -> list[str | ast.expr]:
        """What log(Epoch=epoch, Val=val_acc) of torch_geometric shows."""
        if not self.geometric or not isinstance(node.func, ast.Name) or node.func.id != "log" or node.args:
            return []
        parts = [part for name, value in keywords(node).items() for part in (f", {name}: ", value)]
        return [str(parts[0]).removeprefix(", "), *parts[1:]] if parts else []

    def _call(self, node: ast.Call, gates: tuple[Gate, ...], function: str, scope: ast.AST, *, looped: bool) -> None:
        name = last_name(node.func)
        if node is self.wanted:
            self.at.append((gates, function))
        owner = getattr(node.func, "value", None)
        if isinstance(node.func, ast.Name) or last_name(owner) in self.modules:  # and not model.train()
            self.callers.setdefault(name, set()).add((function, looped))
        self.called_at[name] = gates if name not in self.called_at else None
        specs: dict[int, str] = {}
        parts = _of_call(node, scope, specs) if _shows(node) else self._of_geometric(node)
        if any(not isinstance(part, str) for part in parts):
            shown = _Shown(
                parts=parts,
                specs=specs,
                line=node.lineno,
                gates=gates,
                function=function,
                logged=name in _LOGS,
                looped=looped,
                counters=self.counters,
            )
            self.found.append(shown)


def counters(tree: ast.AST) -> frozenset[str]:
    """The names that loops and additions count up, parameters without a default, and names from elsewhere.

    A loop inside of another one counts from the beginning again and again.
    """
    found: set[str] = set()
    bound: set[str] = set()
    again: set[str] = set()
    called = callers([tree]) if isinstance(tree, ast.Module) else {}
    for function, loop, nested in _loops(tree, "", nested=False):
        names = {last_name(each) for each in ast.walk(loop.target)}
        inside = nested or (function in called and is_looped(function, called))
        (again if inside else found).update(names)
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign):
            found.add(last_name(node.target))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            names = {last_name(each) for each in ast.walk(node.value)}
            targets = {last_name(target) for target in node.targets}
            found |= targets if isinstance(node.value.op, ast.FloorDiv) else targets & names
        elif isinstance(node, ast.FunctionDef):
            found |= {parameter.arg for parameter, default in parameters(node) if default is None}
            bound |= {parameter.arg for parameter, default in parameters(node) if default is not None}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    epochs = {name for name in again if unit_of(name) == "epoch"}
    return frozenset((found | epochs | (read - bound - again)) - {""})


def _loops(node: ast.AST, function: str, *, nested: bool) -> Iterator[tuple[str, ast.For | ast.AsyncFor, bool]]:
    """All for loops, each with its function and whether it is inside of another loop there."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.For | ast.AsyncFor):
            yield function, child, nested
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        loop = isinstance(child, ast.For | ast.While | ast.AsyncFor)
        yield from _loops(child, inner, nested=(nested and inner == function) or loop)


def callers(trees: Iterable[ast.Module]) -> dict[str, set[tuple[str, bool]]]:
    """By the name of a function, from which functions it is called, and whether in a loop there."""
    found: dict[str, set[tuple[str, bool]]] = {}
    for tree in trees:
        modules = frozenset({"self", *imported(tree)})
        walk = _Walk(found=[], called_at={}, counters=frozenset(), callers=found, modules=modules)
        walk.into(tree, (), "", tree)
    return found


def is_looped(function: str, called: Mapping[str, set[tuple[str, bool]]], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function is called in a loop, directly or by others; one that nobody calls may be."""
    if not function or function in seen:
        return False
    if function not in called:
        return True
    inner = seen | {function}
    return any(looped or is_looped(caller, called, inner) for caller, looped in called[function])


def gates_at(tree: ast.Module, call: ast.Call) -> tuple[Gate, ...]:
    """On what a call depends, in its function and where that is called."""
    walk = _Walk(found=[], called_at={}, counters=frozenset(), wanted=call, at=[])
    walk.into(tree, (), "", tree)
    return next((*gates, *(walk.called_at.get(function) or ())) for gates, function in walk.at) if walk.at else ()


def _gates(test: ast.expr) -> list[Gate]:
    """`step % interval == 0` among the conditions of a test."""
    found = []
    for node in ast.walk(test):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and not isinstance(node.left, ast.Constant):
            counter = _name(node.left)
            if isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
                found.append(Gate(counter=counter, interval=node.right.value))
            elif _name(node.right):
                found.append(Gate(counter=counter, interval=_name(node.right)))
    return found


def _shows(call: ast.Call) -> bool:
    name = last_name(call.func)
    if name == "write" and isinstance(call.func, ast.Attribute):
        return last_name(call.func.value) in _WRITERS
    if name in _LOGS:
        return isinstance(call.func, ast.Attribute) and "log" in "_".join(dotted(call.func)[:-1]).lower()
    return name in _SHOWS


def _of_call(call: ast.Call, scope: ast.AST, specs: dict[int, str]) -> list[str | ast.expr]:
    """What a call shows, as text and values."""
    given = call.args
    if not given:
        return []
    if last_name(call.func) in _LOGS and len(given) > 1 and isinstance(given[0], ast.Constant):
        values = ast.Tuple(elts=given[1:], ctx=ast.Load())
        return _parts(ast.BinOp(left=given[0], op=ast.Mod(), right=values), scope, specs)
    separator = keywords(call).get("sep")
    between = separator.value if isinstance(separator, ast.Constant) and isinstance(separator.value, str) else " "
    parts: list[str | ast.expr] = []
    for index, each in enumerate(given):
        parts += [between] if index else []
        parts += _parts(each, scope, specs) or [each]
    return parts


def _parts(node: ast.AST, scope: ast.AST, specs: dict[int, str]) -> list[str | ast.expr]:
    """The literal text and the values of a formatted text, in their order; nothing of any other node."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return _joined(values, specs)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=given):
            return _formatted(text, given, keywords(node), specs)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join"), args=[ast.List(elts=elts)]):
            inner = [_parts(each, scope, specs) or [each] for each in elts]
            return [part for index, each in enumerate(inner) for part in ([text] if index else []) + each]
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            text_ = "".join(part for part in _parts(left, scope, specs) if isinstance(part, str))
            return _percent(text_, right, specs) if text_ else []
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            before, after = _parts(left, scope, specs), _parts(right, scope, specs)
            if not before and not after:
                return []
            return [*(before or [left]), *(after or [right])]
        case ast.Call(func=ast.Name(id="str"), args=[value]):
            return [value]
        case ast.Name(id=name):
            texts = [each for each in ast.walk(scope) if isinstance(each, ast.Assign) and _assigns(each, name)]
            if len(texts) == 1 and not isinstance(texts[0].value, ast.Name):
                return [*_parts(texts[0].value, scope, specs)]
    return []


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _joined(values: Sequence[ast.expr], specs: dict[int, str]) -> list[str | ast.expr]:
    parts: list[str | ast.expr] = []
    for part in values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            form = ast.walk(part.format_spec) if part.format_spec is not None else ()
            spec = "".join(str(each.value) for each in form if isinstance(each, ast.Constant))
            parts += _value(part.value, spec, specs)
    return parts


def _value(node: ast.expr, spec: str, specs: dict[int, str]) -> list[str | ast.expr]:
    specs[id(node)] = spec
    return [node, "%"] if spec.endswith("%") else [node]


def _percent(text: str, right: ast.expr, specs: dict[int, str]) -> list[str | ast.expr]:
    shown = right.elts if isinstance(right, ast.Tuple) else [right]
    form = re.compile(r"%[-+ #0]*(?:\d+)?(?:\.\d+)?[a-zA-Z]")
    literals = [literal.replace("\0", "%") for literal in form.split(text.replace("%%", "\0"))]
    for value, spec in zip(shown, form.findall(text.replace("%%", "\0")), strict=False):
        specs[id(value)] = spec[1:]
    return [part for pair in itertools.zip_longest(literals, shown) for part in pair if part not in (None, "")]


def _formatted(
    text: str, given: Sequence[ast.expr], named: Mapping[str, ast.expr], specs: dict[int, str]
) -> list[str | ast.expr]:
    parts: list[str | ast.expr] = []
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return []
    position = 0
    for literal, place, spec, _ in fields:
        parts += [literal] if literal else []
        if place is None:
            continue
        name = re.split(r"[.\[]", place)[0]
        index = int(name) if name.isdecimal() else position
        position += 0 if name else 1
        value = named.get(name) if name and not name.isdecimal() else given[index] if index < len(given) else None
        if value is None:
            return []
        attribute = place[len(name) :].lstrip(".")
        shown = ast.Attribute(value=value, attr=attribute, ctx=ast.Load()) if attribute.isidentifier() else value
        parts += _value(shown, spec or "", specs)
    return parts


def _by_line(shown: _Shown) -> Iterator[_Shown]:
    """A text that has several lines, one by one."""
    lines: list[list[str | ast.expr]] = [[]]
    for part in shown.parts:
        if isinstance(part, str):
            first, *others = re.split(r"[\n\r]", part)
            lines[-1] += [first] if first else []
            lines += [[other] if other else [] for other in others]
        else:
            lines[-1].append(part)
    for parts in lines:
        if any(not isinstance(part, str) for part in parts):
            yield replace(shown, parts=parts)


def _patterns(shown: _Shown, unit: Unit | None) -> Iterator[Pattern]:
    counter = _counter(shown, unit)
    if counter is not None and unit is not None and not agree(unit_of(_counted(counter, shown)), unit):
        counter = None  # it counts something else than the study
    text, label, before, said = "", "", "", ""
    names: list[str] = []
    for part in shown.parts:
        if isinstance(part, str):
            label += part
            text += re.escape(part).replace(r"\ ", " ").replace("\\\t", r"\t")
            continue
        if isinstance(part, ast.Attribute) and part.attr == "val":  # of the last batch: the mean comes after it
            text, label, before = text + r"\s*\S+?", "", label
            continue
        label, before = label if _words(label) else before, ""
        name = "step" if part is counter else _group(part, label, names, shown, said + label)
        if name is None:
            text += r"\s*\S+?"
        else:
            names.append(name)
            text += rf"\s*(?P<{name}>\d+)" if name == "step" else rf"\s*\[?(?P<{name}>[-+.\w]+)"
        said, label = said + label, ""
    metrics = tuple(name for name in names if name != "step")
    told = "step" in names or any(rank(name) == 0 for name in metrics)
    if not told:
        return
    step = _counted(counter, shown) if counter is not None else ""
    yield Pattern(
        text=text.lstrip(" "),
        metrics=metrics,
        line=shown.line,
        step=step,
        gates=shown.gates,
        logged=shown.logged,
        looped=shown.looped,
        function=shown.function,
        of=next((part.id for part in shown.parts if isinstance(part, ast.Name) and _SPLIT.search(part.id)), ""),
    )


def _counter(shown: _Shown, unit: Unit | None) -> ast.expr | None:
    """The value that is the step: the first that counts in this unit, else the first that counts at all."""
    label = ""
    counters: list[tuple[Unit, ast.expr]] = []
    for part in shown.parts:
        if isinstance(part, str):
            label += part
            continue
        spec = shown.specs.get(id(part), "")
        words = "_".join(_words(label)[-2:])
        own = _name(part)
        if not re.search(r"[feg%,]", spec) and shown.counts(part):
            for name in (words, own):
                counts = unit_of(name)
                no_step = any(_METRIC.search(each) or _NO_STEP.search(each) for each in (name, own))
                if counts and not no_step:
                    counters.append((counts, part))
                    break
        label = ""
    return next((part for counts, part in counters if agree(counts, unit)), counters[0][1] if counters else None)


def _counted(counter: ast.expr, shown: _Shown) -> str:
    """What the step is called, by the words before it or by its own name."""
    label = ""
    for part in shown.parts:
        if part is counter:
            break
        label = label + part if isinstance(part, str) else ""
    words = "_".join(_words(label)[-2:])
    return words if unit_of(words) else _name(counter)


def _words(label: str) -> list[str]:
    """The words just before a value: `Acc@1: ` is acc_1."""
    return re.findall(
        r"[A-Za-z]\w*", re.split(r"[,|;()]|(?<![\w@])\d", re.sub(r"@|(?<=[A-Za-z])-(?=\d)", "_", label))[-1]
    )


def _group(value: ast.expr, label: str, taken: list[str], shown: _Shown, said: str) -> str | None:
    """What to call a shown value, by the words before it or by its own name; None where it is no metric."""
    words, own = _words(label), _name(value)
    held_out = [word for word in words[:-2] if _HELD_OUT.search(word)]
    named = "_".join([*held_out[-1:], *words[-2:]]).lower()
    name = named if _METRIC.search(named) else own if _METRIC.search(own) else ""
    if re.search(r"[ds]$", shown.specs.get(id(value), "")) and rank(name) != 1:
        return None  # a count, or text
    if name and rank(name) == 2:
        name = f"{_measured_on(said, shown.function)}{name}"
    return name if name.isidentifier() and name not in taken else None


def _measured_on(text: str, function: str) -> str:
    """What the text before a value, or its function, says of the data: `val_`, `train_`; nothing where it says both."""
    for said in ("_".join(re.findall(r"[A-Za-z]+", text)), function):
        held_out, training = _HELD_OUT.search(said), _TRAINING.search(said)
        if held_out and not training:
            return f"{held_out[2].lower()}_"
        if training and not held_out:
            return "train_"
    return ""


def _name(node: ast.expr) -> str:
    """What a value is called: a name, the last attribute, a key; of a call, what it is called on."""
    match node:
        case ast.Attribute(attr="avg" | "val" | "value" | "count" | "global_avg", value=value) if _name(value):
            return _name(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return f"{key}_{_name(value)}" if not _METRIC.search(key) else re.sub(r"\W", "_", key)
        case ast.Subscript(value=value):
            return _name(value)
        case ast.Call(
            func=ast.Attribute(attr="item" | "mean" | "float" | "avg" | "compute" | "cpu" | "numpy", value=value)
        ):
            return _name(value)
        case ast.Call(args=[value, *_]):
            return _name(value)
        case ast.BinOp(left=ast.Constant(), right=value) | ast.BinOp(left=value):
            return _name(value)
    return ""
