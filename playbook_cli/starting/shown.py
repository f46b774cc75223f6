"""How a script prints its numbers, as the patterns that find them: text with values in it that shows a step."""

from __future__ import annotations

import ast
import itertools
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_STEP = re.compile(
    r"(^|_)(global_step|step|steps|iter|iteration|iter_num|it|update|batch|epoch|ep)(_|$)", re.IGNORECASE
)
_METRIC = re.compile(
    r"loss|err|acc|f1|auc|bleu|ppl|perplexity|bpb|bpc|mse|mae|rmse|nll|ssim|score|reward|iou", re.IGNORECASE
)
_HELD_OUT = re.compile(r"(^|_)(val|valid|validation|dev|eval|test)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A regular expression for one kind of line."""

    text: str
    metrics: tuple[str, ...]
    line: int
    """In the script."""


def patterns(tree: ast.Module) -> list[Pattern]:
    """Of all f-strings, `format` and `%` that show a step and a metric, in the order of the script; each text once.

    Where there are such, also of those that show a metric of held-out data: it belongs to the step before it.
    """
    found = {pattern.text: pattern for node in ast.walk(tree) for pattern in _pattern(node)}
    with_step = [pattern for pattern in found.values() if "(?P<step>" in pattern.text]
    return sorted(found.values() if with_step else (), key=lambda pattern: pattern.line)


def reported(tree: ast.Module) -> list[str]:
    """The metrics that a script names in calls of trial.report, in their order."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return [k.arg for call in calls if _name(call.func) == "report" for k in call.keywords if k.arg]


def likely(names: Iterable[str]) -> str | None:
    """What a study would look at: a measure of held-out data before one of training, the first among equals."""
    metrics = (name for name in names if name.lower() != "step")
    return min(metrics, key=lambda name: (not _HELD_OUT.search(name), "train" in name.lower()), default=None)


def _pattern(node: ast.AST) -> Iterator[Pattern]:
    text, label = "", ""
    names: list[str] = []
    for part in _parts(node):
        if isinstance(part, str):
            label = part
            text += re.escape(part.strip("\n")).replace(r"\ ", " ").replace("\\\t", r"\t")
        else:
            name = _group(part, label, names)
            if name is None:
                text += r"\s*\S+?"
            else:
                names.append(name)
                text += rf"\s*(?P<{name}>\d+)" if name == "step" else rf"\s*(?P<{name}>[-+.\w]+)"
            label = ""
    metrics = [name for name in names if name != "step"]
    told = "step" in names or any(_HELD_OUT.search(name) for name in metrics)
    if metrics and told and "\n" not in text and isinstance(node, ast.expr):
        yield Pattern(text=text, metrics=tuple(metrics), line=node.lineno)


def _parts(node: ast.AST) -> list[str | ast.expr]:
    """The literal text and the values of a formatted text, in their order; nothing of any other node."""
    match node:
        case ast.JoinedStr(values=values):
            return [
                part.value if isinstance(part, ast.FormattedValue) else str(part.value)
                for part in values
                if isinstance(part, ast.Constant | ast.FormattedValue)
            ]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=given):
            return _formatted(text, given, {each.arg: each.value for each in node.keywords if each.arg})
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            shown = right.elts if isinstance(right, ast.Tuple) else [right]
            literals = re.split(r"%[-+ #0]*(?:\d+)?(?:\.\d+)?[a-zA-Z]", text.replace("%%", "\0"))
            literals = [literal.replace("\0", "%") for literal in literals]
            return [part for pair in itertools.zip_longest(literals, shown) for part in pair if part not in (None, "")]
    return []


def _formatted(text: str, given: Sequence[ast.expr], named: Mapping[str, ast.expr]) -> list[str | ast.expr]:
    parts: list[str | ast.expr] = []
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return []
    position = 0
    for literal, field, _, _ in fields:
        parts += [literal] if literal else []
        if field is None:
            continue
        name = re.split(r"[.\[]", field)[0]
        index = int(name) if name.isdecimal() else position
        position += 0 if name else 1
        value = named.get(name) if name and not name.isdecimal() else given[index] if index < len(given) else None
        if value is None:
            return []
        parts.append(value)
    return parts


def _group(value: ast.expr, label: str, taken: list[str]) -> str | None:
    """What to call a shown value, by the words before it or by its own name; None where it is no step and no metric."""
    words = re.findall(r"[A-Za-z]\w*", re.split(r"[,|;\d()]", label)[-1])
    own = _name(value)
    if "step" not in taken and (_STEP.search(own) or _STEP.search("_".join(words))):
        return "step"
    held_out = [word for word in words[:-2] if _HELD_OUT.search(word)]
    shown = "_".join([*held_out[-1:], *words[-2:]]).lower()
    name = shown if _METRIC.search(shown) else own if _METRIC.search(own) else ""
    return name if name.isidentifier() and name not in taken else None


def _name(node: ast.expr) -> str:
    """What a value is called: a name, the last attribute, a key; of a call, what it is called on."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return f"{key}_{_name(value)}" if not _METRIC.search(key) else re.sub(r"\W", "_", key)
        case ast.Call(func=ast.Attribute(attr="item" | "mean" | "float" | "avg" | "compute", value=value)):
            return _name(value)
        case ast.Call(args=[value, *_]):
            return _name(value)
        case ast.BinOp(left=ast.Constant(), right=value) | ast.BinOp(left=value):
            return _name(value)
    return ""
