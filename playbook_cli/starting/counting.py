"""What programs count: the names of steps, and the variables that run through them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Literal

from playbook_cli.starting.calling import callers, is_looped
from playbook_cli.starting.syntax import keywords, last_name, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

Unit = Literal["epoch", "episode", "environment", "update", "step"]

_UNITS: tuple[tuple[Unit, re.Pattern[str]], ...] = tuple(
    (unit, re.compile(rf"(^|_)({words})(_|$)", re.IGNORECASE))  # type: ignore[misc]
    for unit, words in (
        ("epoch", r"n?epochs?|ep"),
        ("episode", r"episodes?|epi"),
        ("environment", r"timesteps?|env_steps?|frames?"),
        ("update", r"n?iters?|n?iterations?|itr|updates?|batch(es)?|kimg"),
        ("step", r"n?steps?|it"),
    )
)


def unit_of(name: str) -> Unit | None:
    """What a counter of this name counts; None where it does not say."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return next((unit for unit, words in _UNITS if words.search(plain)), None)


def agree(one: Unit | None, other: Unit | None) -> bool:
    """Whether two counters can be the same: a step may be an update, or a step of an environment."""
    loose = {"step", "update", "environment"}
    return one == other or ("step" in (one, other) and one in loose and other in loose)


def counters(tree: ast.AST) -> frozenset[str]:
    """The names that loops and additions count up, parameters without a default, and names from elsewhere.

    A loop inside of another one counts from the beginning again and again.
    """
    found: set[str] = set()
    bound: set[str] = set()
    again: set[str] = set()
    rounds: set[str] = set()
    called = callers([tree]) if isinstance(tree, ast.Module) else {}
    for function, loop, nested in _loops(tree, "", nested=False):
        names = {last_name(each) for each in ast.walk(loop.target)}
        inside = nested or (function in called and is_looped(function, called))
        (again if inside else found).update(names)
        rounds |= set() if inside or not _is_range(loop.iter) else names
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign):
            found.add(last_name(node.target))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            names = {last_name(each) for each in ast.walk(node.value)}
            targets = {last_name(target) for target in node.targets}
            counted = isinstance(node.value.op, ast.Mult) and names & rounds
            found |= targets if counted or isinstance(node.value.op, ast.FloorDiv) else targets & names
        elif isinstance(node, ast.FunctionDef):
            found |= {parameter.arg for parameter, default in parameters(node) if default is None}
            bound |= {parameter.arg for parameter, default in parameters(node) if default is not None}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    epochs = {name for name in again if unit_of(name) == "epoch"}
    return frozenset((found | epochs | (read - bound - again)) - {""})


def _is_range(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in ("range", "trange")


def _loops(node: ast.AST, function: str, *, nested: bool) -> Iterator[tuple[str, ast.For | ast.AsyncFor, bool]]:
    """All for loops, each with its function and whether it is inside of another loop there."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.For | ast.AsyncFor):
            yield function, child, nested
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        loop = isinstance(child, ast.For | ast.While | ast.AsyncFor)
        yield from _loops(child, inner, nested=(nested and inner == function) or loop)


def counting(tree: ast.AST, length: str) -> tuple[tuple[str, int, int], ...]:
    """The variables of loops that end at an option, as `for t in range(args.max_timesteps)`: they count as it does.

    Each with the first and the last line of its loop.
    """
    if not length:
        return ()
    same = {length}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _behind(node.value) in same:
            same |= {last_name(target) for target in node.targets}
        elif isinstance(node, ast.Call):
            same |= {name for name, value in keywords(node).items() if _behind(value) in same and unit_of(name)}
    return tuple(
        (last_name(node.target), node.lineno, node.end_lineno or 0)
        for node in ast.walk(tree)
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name)
        for call in ast.walk(node.iter)
        if isinstance(call, ast.Call) and last_name(call.func) in ("range", "trange")
        if any(_behind(each) in same for each in call.args)
    )


def _behind(node: ast.expr) -> str:
    """The name of a value that is handed on as it is, perhaps as a whole number or plus one."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Name(id="int"), args=[value]) | ast.BinOp(left=value, op=ast.Add()):
            return _behind(value)
    return ""
