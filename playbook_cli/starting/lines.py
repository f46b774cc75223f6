"""What a program shows, line by line: the text of each line, and on what it depends that it is shown."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from playbook_cli.starting.counting import counters, counting
from playbook_cli.starting.naming import METRIC
from playbook_cli.starting.syntax import calls, dotted, functions, imported, keywords, last_name, literal, parameters
from playbook_cli.starting.texts import Formatted, Spaces, meanings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playbook_cli.starting.texts import Parts

_SHOWS = {
    *("print", "echo", "info", "warning", "set_description", "set_description_str", "set_postfix_str", "print_log"),
    *("print0", "rprint", "main_print", "rank0_print", "print_rank_0", "print_rank0", "master_print", "log_print"),
    *("logprint", "print_fn"),
}
_BARS = {"tqdm", "trange", "progress_apply"}
_WRITERS = {"tqdm", "pbar", "stdout", "progress", "bar"}
"""What shows the text that its method `write` gets."""
OPTIONS = {"args", "opt", "opts", "cfg", "config", "conf", "hparams", "params", "FLAGS", "flags", "options"}
"""What programs call the object with their options."""
_LOGS = {"info", "warning"}
_SHOWING = re.compile(r"(^|_)(verbose|print\w*|log|logging|show\w*|report|display|progress)(_|$)", re.IGNORECASE)
_EVALUATING = re.compile(r"(^|_)(eval|evaluate|valid|validate|validation|val|test)(_|$)", re.IGNORECASE)
"""Names of flags without which a program shows or measures nothing."""
_TEXT = re.compile(r"^(msg|message|text|line|string|str|s)$")
"""The parameter of a function that shows it."""

Shows = dict[str, int]
"""Functions of the program that show what they get: the place of the text among their arguments."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The condition that a line is shown every so many steps: `if step % interval == 0`."""

    counter: str
    interval: str | int
    """The name of an option or a number."""
    others: bool = False
    """Whether it is shown at other steps, too: the last batch, say."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """The condition that a line is shown if a flag is on: `if args.verbose`."""

    name: str


Conditions = tuple[Gate | Flag, ...]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A formatted text that the program shows."""

    parts: Parts
    specs: dict[int, str]
    """The format of a value, by the identity of its expression."""
    line: int
    conditions: Conditions
    scope: ast.AST
    """The function in which it is shown, or the module."""
    logged: bool
    looped: bool
    counters: frozenset[str]
    """Names of the module that loops and additions count up, or that functions get."""
    steps: tuple[tuple[str, int, int], ...]
    """Those that run to the length of training, with the lines of their loops."""

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Every how many steps it is shown."""
        return tuple(each for each in self.conditions if isinstance(each, Gate))

    @property
    def flags(self) -> tuple[str, ...]:
        """What has to be on for it to be shown; not what makes a program evaluate, and train no more."""
        names = [each.name for each in self.conditions if isinstance(each, Flag)]
        return tuple(name for name in names if _SHOWING.search(name) or (self.looped and _EVALUATING.search(name)))

    @property
    def function(self) -> str:
        """The name of its function; empty outside of functions."""
        return getattr(self.scope, "name", "")

    def counts(self, value: ast.expr) -> bool:
        """Whether a value is a counter as it stands, perhaps plus one: and not how many there are, or an option."""
        value = _uncounted(value)
        if isinstance(value, ast.Attribute):
            return last_name(value.value) not in OPTIONS
        return isinstance(value, ast.Name) and value.id in self.counters

    def runs(self, value: ast.expr) -> bool:
        """Whether a value is a counter that runs to the length of training."""
        name = last_name(_uncounted(value))
        return any(name == step and first <= self.line <= last for step, first, last in self.steps)


def _uncounted(value: ast.expr) -> ast.expr:
    """A counter without what is added to it, or how it is written."""
    while isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        value = value.left if not isinstance(value.left, ast.Constant) else value.right
    if isinstance(value, ast.Call) and last_name(value.func) in ("int", "str") and len(value.args) == 1:
        return _uncounted(value.args[0])
    return value


def lines(tree: ast.Module, shows: Shows, length: str) -> Iterator[Shown]:
    """All lines with values that a module shows. `length` is the name of what bounds training."""
    walk = _Walk(
        found=[],
        called_at={},
        shows=shows,
        counters=counters(tree),
        steps=counting(tree, length),
        geometric="torch_geometric" in imported(tree),
    )
    walk.into(tree, (), tree)
    for shown in walk.found:
        outer = walk.called_at.get(shown.function) or ()
        for told in _told(shown, tree):
            yield from _by_line(replace(told, conditions=(*shown.conditions, *outer)))


def showing(trees: Iterable[ast.Module]) -> Shows:
    """The functions of a program that show a text which they get."""
    found: dict[str, set[int | None]] = {}
    for tree in trees:
        for function in functions(tree):
            found.setdefault(function.name, set()).add(_place(function))
    known = {name: places.pop() for name, places in found.items() if len(places) == 1 and name not in _SHOWS}
    return {name: place for name, place in known.items() if place is not None}


def _place(function: ast.FunctionDef) -> int | None:
    """Which argument a function shows; None where it shows none."""
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    showing_ = [call for call in calls(function) if _shows(call)]
    if not showing_:
        return None
    given = [each.value if isinstance(each, ast.Starred) else each for call in showing_ for each in call.args]
    handed = {each.id for each in given if isinstance(each, ast.Name)}
    rest = function.args.vararg
    if rest is not None and rest.arg in handed:
        return len(names)
    texts = [name for name in names if _TEXT.search(name)]
    lone = {last_name(call.args[0]) for call in showing_ if len(call.args) == 1}
    alone = names if len(names) == 1 and names[0] in lone else []
    return next((names.index(name) for name in [*texts, *alone]), None)


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """All that a module shows, with what it depends on."""

    found: list[Shown]
    called_at: dict[str, Conditions | None]
    """On what the call of a function depends; None where that differs from call to call."""
    shows: Shows = field(default_factory=dict)
    counters: frozenset[str] = frozenset()
    steps: tuple[tuple[str, int, int], ...] = ()
    wanted: ast.Call | None = None
    at: list[tuple[Conditions, str]] = field(default_factory=list)
    """On what the wanted call depends, and the function in which it is."""
    geometric: bool = False
    """Whether the module imports torch_geometric, whose `log` shows its keyword arguments."""

    def into(self, node: ast.AST, held: Conditions, scope: ast.AST, loops: int = 0) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            held, scope, loops = (), node, 0
        if isinstance(node, ast.Call):
            self._call(node, held, scope, looped=loops > 0)
        inside = isinstance(node, ast.For | ast.While | ast.AsyncFor)
        for name, value in ast.iter_fields(node):
            inner = (*held, *_conditions(node.test)) if isinstance(node, ast.If) and name == "body" else held
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.into(child, inner, scope, loops + (inside and name == "body"))

    def _call(self, node: ast.Call, held: Conditions, scope: ast.AST, *, looped: bool) -> None:
        name = last_name(node.func)
        if node is self.wanted:
            self.at.append((held, getattr(scope, "name", "")))
        self.called_at[name] = held if self.called_at.get(name, held) == held else None
        for parts, specs in self._texts(node, scope):
            if any(not isinstance(part, str) for part in parts):
                shown = Shown(
                    parts=parts,
                    specs=specs,
                    line=node.lineno,
                    conditions=held,
                    scope=scope,
                    logged=name in _LOGS,
                    looped=looped,
                    counters=self.counters,
                    steps=self.steps,
                )
                self.found.append(shown)

    def _texts(self, node: ast.Call, scope: ast.AST) -> Iterator[tuple[Parts, dict[int, str]]]:
        """What a call shows; several texts where a condition decides."""
        name = last_name(node.func)
        if _shows(node) or name in self.shows:
            for names in meanings(node, scope):
                text = Formatted(names=names)
                yield _of_call(node, text, self.shows.get(name, 0)), text.specs
        elif name in _BARS and "desc" in keywords(node):
            text = Formatted(names=meanings(node, scope)[0])
            parts = text.parts(keywords(node)["desc"])
            yield [*parts, ":"] if parts else [], text.specs
        elif name == "set_postfix":
            text = Formatted()
            parts = [part for key, value in _pairs(node) for part in (f", {key}=", *(text.parts(value) or [value]))]
            yield [str(parts[0]).removeprefix(", "), *parts[1:]] if parts else [], text.specs
        elif self.geometric and isinstance(node.func, ast.Name) and name == "log" and not node.args:
            parts = [part for key, value in keywords(node).items() for part in (f", {key}: ", value)]
            yield [str(parts[0]).removeprefix(", "), *parts[1:]] if parts else [], {}


def _pairs(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """The keys and values that a call gets, one by one or as mappings; keywords as tqdm sorts them."""
    for given in [*call.args, *(each.value for each in call.keywords if each.arg is None)]:
        if isinstance(given, ast.Dict):
            yield from (
                (key.value, value)
                for key, value in zip(given.keys, given.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )
        elif isinstance(given, ast.Call):
            yield from keywords(given).items()
    yield from sorted(keywords(call).items(), key=lambda pair: pair[0])


def gates_at(tree: ast.Module, call: ast.Call) -> tuple[Gate, ...]:
    """Every how many steps a call is made, in its function and where that is called."""
    walk = _Walk(found=[], called_at={}, wanted=call)
    walk.into(tree, (), tree)
    held = next((*own, *(walk.called_at.get(function) or ())) for own, function in walk.at) if walk.at else ()
    return tuple(each for each in held if isinstance(each, Gate))


def gates_of(tree: ast.AST) -> Iterator[Gate]:
    """All conditions of a module of the form `step % interval == 0`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            yield from (each for each in _conditions(node.test) if isinstance(each, Gate))


def _conditions(test: ast.expr) -> list[Gate | Flag]:
    """`step % interval == 0` among the conditions of a test, and the flags that must all be on."""
    joined = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    found: list[Gate | Flag] = [
        Flag(name=last_name(each)) for each in joined if isinstance(each, ast.Name | ast.Attribute)
    ]
    for node in ast.walk(test):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and not isinstance(node.left, ast.Constant):
            counter = value_name(node.left)
            others = any(isinstance(each, ast.Or) for each in ast.walk(test))
            if isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
                found.append(Gate(counter=counter, interval=node.right.value, others=others))
            elif value_name(node.right):
                found.append(Gate(counter=counter, interval=value_name(node.right), others=others))
    return found


def _shows(call: ast.Call) -> bool:
    name = last_name(call.func)
    if name == "write" and isinstance(call.func, ast.Attribute):
        return last_name(call.func.value) in _WRITERS
    if name in _LOGS:
        return isinstance(call.func, ast.Attribute) and "log" in "_".join(dotted(call.func)[:-1]).lower()
    return name in _SHOWS


def _of_call(call: ast.Call, text: Formatted, first: int) -> Parts:
    """What a call shows, as text and values, from its argument `first` on."""
    given = call.args[first:]
    if not given:
        return []
    if last_name(call.func) in _LOGS and len(given) > 1 and isinstance(given[0], ast.Constant):
        values = ast.Tuple(elts=given[1:], ctx=ast.Load())
        return text.parts(ast.BinOp(left=given[0], op=ast.Mod(), right=values))
    separator = keywords(call).get("sep")
    between = separator.value if isinstance(separator, ast.Constant) and isinstance(separator.value, str) else " "
    return text.all_of(given, between)


def _told(shown: Shown, tree: ast.Module) -> Iterator[Shown]:
    """A line as it is for each text that its function gets, as in evaluate(data, name="test")."""
    given = parameters(shown.scope) if isinstance(shown.scope, ast.FunctionDef) else ()
    known = {parameter.arg: literal(default) for parameter, default in given}
    for index, part in enumerate(shown.parts):
        if isinstance(part, ast.Name) and part.id in known and not re.search("[dfeg%]$", shown.specs.get(id(part), "")):
            names = list(known)
            place = names.index(part.id) - (names[0] == "self")
            given_ = [_given(call, part.id, place, known[part.id]) for call in calls(tree, shown.function)]
            texts = [each for each in given_ if isinstance(each, str)]
            if texts and len(texts) == len(given_):
                spaced = bool(re.search(r"\d", shown.specs.get(id(part), "")))
                for text in dict.fromkeys(texts):
                    inside: Parts = [Spaces(), text, Spaces()] if spaced else [text]
                    yield replace(shown, parts=[*shown.parts[:index], *inside, *shown.parts[index + 1 :]])
                return
    yield shown


def _given(call: ast.Call, name: str, place: int, default: object) -> object:
    """The literal that a call gives a parameter."""
    value = keywords(call).get(name, call.args[place] if place < len(call.args) else None)
    return default if value is None else literal(value)


def _by_line(shown: Shown) -> Iterator[Shown]:
    """A text that has several lines, one by one."""
    lines_: list[Parts] = [[]]
    for part in shown.parts:
        if isinstance(part, str) and not isinstance(part, Spaces):
            first, *others = re.split(r"[\n\r]", part)
            lines_[-1] += [first] if first else []
            lines_ += [[other] if other else [] for other in others]
        else:
            lines_[-1].append(part)
    for parts in lines_:
        if any(not isinstance(part, str) for part in parts):
            yield replace(shown, parts=parts)


def value_name(node: ast.expr) -> str:
    """What a value is called: a name, the last attribute, a key; of a call, what it is called on."""
    match node:
        case ast.Attribute(attr="avg" | "val" | "value" | "count" | "global_avg", value=value) if value_name(value):
            return value_name(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return f"{key}_{value_name(value)}" if not METRIC.search(key) else re.sub(r"\W", "_", key)
        case ast.Subscript(value=value):
            return value_name(value)
        case ast.Call(
            func=ast.Attribute(attr="item" | "mean" | "float" | "avg" | "compute" | "cpu" | "numpy", value=value)
        ):
            return value_name(value)
        case ast.Call(args=[value, *_]):
            return value_name(value)
        case ast.BinOp(left=ast.Constant(), right=value) | ast.BinOp(left=value):
            return value_name(value)
    return ""
