"""Formatted text in a program's source, as literal text and the values between it."""

from __future__ import annotations

import ast
import itertools
import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playbook_cli.starting.syntax import calls, keywords, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST = 8
"""Texts that one call can show, of which a condition decides."""

_COMPUTED: dict[tuple[object, ...], tuple[str, ...]] = {
    ("accuracy",): ("accuracy",),
    ("f1",): ("f1",),
    ("mse",): ("mse",),
    ("glue", "mrpc"): ("accuracy", "f1"),
    ("glue", "qqp"): ("accuracy", "f1"),
    ("glue", "sst2"): ("accuracy",),
    ("glue", "cola"): ("matthews_correlation",),
    ("glue", "mnli"): ("accuracy",),
}
"""The keys of what metrics of the package `evaluate` compute, by what they are loaded as."""

Parts = list[str | ast.expr]


class Spaces(str):
    """Any number of spaces, which a width adds around a text."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Formatted:
    """Takes texts apart, each name in the sense in which it stands where the text is shown."""

    names: Mapping[str, ast.expr] = field(default_factory=dict)
    """Names of texts, and what they are assigned."""
    specs: dict[int, str] = field(default_factory=dict)
    """The format of each value that was found, by the identity of its expression."""

    def parts(self, node: ast.AST) -> Parts:
        """The literal text and the values of a formatted text, in their order; nothing of any other node."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                return self._joined(values)
            case ast.Call(func=ast.Attribute(value=text_, attr="format"), args=given):
                text = "".join(part for part in self.parts(text_) if isinstance(part, str))
                return self._formatted(text, given, keywords(node)) if text else []
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join"), args=[listed]):
                return self._listed(text, listed)
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                text = "".join(part for part in self.parts(left) if isinstance(part, str))
                return self._percent(text, right) if text else []
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                before, after = self.parts(left), self.parts(right)
                return [*(before or [left]), *(after or [right])] if before or after else []
            case ast.Call(func=ast.Name(id="str"), args=[value]):
                return [value]
            case ast.Dict() | ast.Call(func=ast.Name(id="dict"), args=[]):
                return self._mapping(node, "'")
            case ast.Call(func=ast.Name(id="dumps") | ast.Attribute(attr="dumps"), args=[ast.Name(id=name), *_]) if (
                name in self.names
            ):
                return self._mapping(self.names[name], '"')
            case ast.Call(func=ast.Name(id="dumps") | ast.Attribute(attr="dumps"), args=[mapping, *_]):
                return self._mapping(mapping, '"')
            case ast.Name(id=name) if name in self.names:
                others = {key: value for key, value in self.names.items() if key != name}
                return Formatted(names=others, specs=self.specs).parts(self.names[name])
        return []

    def all_of(self, given: Sequence[ast.expr], between: str) -> Parts:
        """Several texts and values, one after the other."""
        inner = [self.parts(each) or [each] for each in given]
        return [part for index, each in enumerate(inner) for part in ([between] if index else []) + each]

    def _mapping(self, node: ast.AST, quote: str) -> Parts:
        """A mapping as it is printed, or written as JSON; nothing where not all of its keys are known."""
        given: list[tuple[object, ast.expr]] = []
        if isinstance(node, ast.Dict):
            given = [(literal(key), value) for key, value in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Call):
            given = [(each.arg, each.value) for each in node.keywords]
        if not given or not all(isinstance(key, str) for key, _ in given):
            return []
        parts: Parts = []
        for index, (key, value) in enumerate(given):
            text = self.parts(value)
            mark = quote if text else ""
            parts += [f"{', ' if index else '{'}{quote}{key}{quote}: {mark}", *(text or [value]), mark]
        return [*(part for part in parts if part != ""), "}"]

    def _listed(self, between: str, listed: ast.expr) -> Parts:
        return self.all_of(listed.elts, between) if isinstance(listed, ast.List | ast.Tuple) else []

    def _joined(self, values: Sequence[ast.expr]) -> Parts:
        parts: Parts = []
        for part in values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            elif isinstance(part, ast.FormattedValue):
                form = ast.walk(part.format_spec) if part.format_spec is not None else ()
                spec = "".join(str(each.value) for each in form if isinstance(each, ast.Constant))
                parts += self._value(part.value, spec)
        return parts

    def _value(self, node: ast.expr, spec: str) -> Parts:
        inner = self.parts(node)
        if any(isinstance(part, str) and part.strip() for part in inner):  # a text in a text
            return [Spaces(), *inner, Spaces()] if re.search(r"\d", spec) else inner
        self.specs[id(node)] = spec
        return [node, "%"] if spec.endswith("%") else [node]

    def _percent(self, text: str, right: ast.expr) -> Parts:
        shown = right.elts if isinstance(right, ast.Tuple) else [right]
        form = re.compile(r"%[-+ #0]*(?:\d+)?(?:\.\d+)?[a-zA-Z]")
        literals = [literal.replace("\0", "%") for literal in form.split(text.replace("%%", "\0"))]
        for value, spec in zip(shown, form.findall(text.replace("%%", "\0")), strict=False):
            self.specs[id(value)] = spec[1:]
        return [part for pair in itertools.zip_longest(literals, shown) for part in pair if part not in (None, "")]

    def _formatted(self, text: str, given: Sequence[ast.expr], named: Mapping[str, ast.expr]) -> Parts:
        parts: Parts = []
        try:
            fields = list(string.Formatter().parse(text))
        except ValueError:
            return []
        position = 0
        for text_, place, spec, _ in fields:
            parts += [text_] if text_ else []
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
            parts += self._value(shown, spec or "")
        return parts


def meanings(call: ast.Call, scope: ast.AST) -> list[dict[str, ast.expr]]:
    """What the names in a call stand for where they are texts: several mappings where a condition decides."""
    names = {each.id for given in call.args for each in ast.walk(given) if isinstance(each, ast.Name)}
    found = {name: texts for name in sorted(names) if (texts := _texts(name, scope, call.lineno))}
    return [dict(zip(found, chosen, strict=True)) for chosen in itertools.product(*found.values())][:_MOST]


def _texts(name: str, scope: ast.AST, line: int) -> list[ast.expr]:
    """The texts that a name is assigned last before a line: one, or one for each branch of a condition."""
    made = [node for node in ast.walk(scope) if isinstance(node, ast.Assign) and _assigns(node, name)]
    before = [node for node in made if node.lineno < line] or (made if len(made) == 1 else [])
    if not before:
        return []
    last = max(before, key=lambda node: node.lineno)
    branches = [last]
    for node in ast.walk(scope):
        if isinstance(node, ast.If) and (node.end_lineno or 0) < line:
            own = [[one for one in before if _within(one, part)] for part in (node.body, node.orelse)]
            if any(last in each for each in own):
                branches += [each[-1] for each in own if each and each[-1] not in branches]
    values = [node.value for node in sorted(branches, key=lambda node: node.lineno)]
    return [
        _computed(name, value, scope) or value for value in values if _is_text(value) or _computed(name, value, scope)
    ]


def _computed(name: str, node: ast.expr, scope: ast.AST) -> ast.Dict | None:
    """What a metric of the package `evaluate` gives: scores = metric.compute(), after metric = load("accuracy")."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=metric), attr="compute")):
            pass
        case _:
            return None
    for made in ast.walk(scope):
        if isinstance(made, ast.Assign) and _assigns(made, metric):
            for call in calls(made.value, "load", "load_metric"):
                keys = _COMPUTED.get(tuple(literal(each) for each in call.args))
                if keys:
                    base = ast.Name(id=name, ctx=ast.Load())
                    return ast.Dict(
                        keys=[ast.Constant(value=key) for key in keys],
                        values=[
                            ast.Subscript(value=base, slice=ast.Constant(value=key), ctx=ast.Load()) for key in keys
                        ],
                    )
    return None


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _within(node: ast.stmt, part: Sequence[ast.stmt]) -> bool:
    return bool(part) and part[0].lineno <= node.lineno <= (part[-1].end_lineno or 0)


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, str)
        case ast.Dict() | ast.Call(func=ast.Name(id="dict")):
            return True
        case ast.JoinedStr() | ast.Call(func=ast.Attribute(attr="format" | "join")):
            return True
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return _is_text(left) or _is_text(right)
    return False
