"""How a script prints its numbers, as the patterns that find them: f-strings with a step in them, read from its source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEP = re.compile(r"(^|_)(global_step|step|steps|iter|iteration|iter_num|it|update|batch|epoch|ep)(_|$)", re.IGNORECASE)
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
    """Of all f-strings that show a step and a metric, in the order of the script; each text once."""
    found = {pattern.text: pattern for node in ast.walk(tree) for pattern in _pattern(node)}
    return sorted(found.values(), key=lambda pattern: pattern.line)


def likely_metric(found: list[Pattern]) -> str | None:
    """What a study would look at: a measure of held-out data before one of training, a loss last among equals."""
    names = [name for pattern in found for name in pattern.metrics if name.lower() != "step"]
    return min(names, key=lambda name: (not _HELD_OUT.search(name), "train" in name.lower()), default=None)


def _pattern(node: ast.AST) -> Iterator[Pattern]:
    if not isinstance(node, ast.JoinedStr):
        return
    text, names = "", []
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += re.escape(str(part.value).rstrip("\n")).replace(r"\ ", " ")
        elif isinstance(part, ast.FormattedValue):
            name = _name(part.value)
            kind = "step" if _STEP.search(name) and "step" not in names else name if _METRIC.search(name) else ""
            if not kind or kind in names:
                text += r"\s*\S+?" if not kind else r"\s*\S+"
            else:
                names.append(kind)
                text += rf"\s*(?P<{kind}>\d+)" if kind == "step" else rf"\s*(?P<{kind}>[-+.\w]+)"
    if "step" in names and len(names) > 1:
        yield Pattern(text=text, metrics=tuple(name for name in names if name != "step"), line=node.lineno)


def _name(node: ast.expr) -> str:
    """What a value is called: a name, the last attribute, a key; of a call, what it is called on."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            prefix = _name(value)
            return f"{key}_{prefix}" if _METRIC.search(prefix) and not _METRIC.search(key) else re.sub(r"\W", "_", key)
        case ast.Call(func=ast.Attribute(attr="item" | "mean" | "float" | "avg" | "compute", value=value)):
            return _name(value)
        case ast.Call(args=[value, *_]):
            return _name(value)
        case ast.BinOp(left=ast.Constant(), right=value) | ast.BinOp(left=value):
            return _name(value)
    return ""
