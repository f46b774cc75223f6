"""Small questions to the syntax tree of a program."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_POWER = 64
UNKNOWN = object()
"""For a value that would have to be computed."""


def literal(node: ast.expr | None, missing: Any = None) -> Any:
    """The value of a literal, lists as tuples; `missing` for anything that would have to be computed."""
    try:
        value = ast.literal_eval(node) if node is not None else missing
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        number = _number(node)
        return missing if number is None else number
    return tuple(value) if isinstance(value, list | set) else value


def _number(node: ast.AST | None) -> float | None:
    """A number that is written as a product or a power, or as int(1e5); None for anything else."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as written):
            return written
        case ast.Call(func=ast.Name(id="int" | "float" as kind), args=[inner], keywords=[]):
            value = _number(inner)
            return None if value is None or not math.isfinite(value) else int(value) if kind == "int" else float(value)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.Pow() | ast.LShift() as how, right=right):
            before, after = _number(left), _number(right)
            if before is None or after is None:
                return None
            return _computed(before, how, after)
    return None


def _computed(before: float, how: ast.operator, after: float) -> float | None:
    try:
        if isinstance(how, ast.Mult):
            return before * after
        if isinstance(how, ast.Div):
            return before / after
        if abs(after) > _MOST_POWER:
            return None
        value = before**after if isinstance(how, ast.Pow) else before * 2**after
    except (ArithmeticError, ValueError):
        return None
    return value if isinstance(value, int | float) else None


def last_name(node: ast.AST | None) -> str:
    """The name, or the last part of a dotted one; empty for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST | None) -> tuple[str, ...]:
    """The parts of a dotted name; none for anything else."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return (*before, node.attr)
    return ()


def subscripts(node: ast.AST | None) -> tuple[str, ...]:
    """The keys of config["a"]["b"]; none for anything else."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return (*subscripts(node.value), node.slice.value)
    return ()


def called(node: ast.expr) -> ast.expr:
    """What a call calls; anything else itself."""
    return node.func if isinstance(node, ast.Call) else node


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """The calls of functions or methods of these names, or of any."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (not names or last_name(node.func) in names):
            yield node


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """The keyword arguments of a call."""
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What a module's own names are assigned, where that is once and is a literal."""
    found: dict[str, list[ast.expr]] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return {name: given[0] for name, given in found.items() if len(given) == 1}


def assigned(tree: ast.AST, name: str) -> ast.expr | None:
    """What a name, or the last part of a dotted one, is assigned first."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(last_name(target) == name for target in targets):
            return node.value
    return None


def imported(tree: ast.AST) -> set[str]:
    """All names that the imports of a module speak of: packages, their parts, and what is taken from them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.ImportFrom):
            names |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
    return names


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """All functions of a module."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def parameters(function: ast.FunctionDef) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function, each with its default."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    yield from zip(plain, defaults, strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)
