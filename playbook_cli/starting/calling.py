"""Which functions of a program call which, and in a loop."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from playbook_cli.starting.syntax import imported, last_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Callers = dict[str, set[tuple[str, bool]]]
"""By the name of a function, from which functions it is called, and whether in a loop there."""


def callers(trees: Iterable[ast.Module]) -> Callers:
    """Of all functions of these modules."""
    found: Callers = {}
    for tree in trees:
        _into(tree, "", frozenset({"self", *imported(tree)}), found, looped=False)
    return found


def _into(node: ast.AST, function: str, modules: frozenset[str], found: Callers, *, looped: bool) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function, looped = node.name, False
    if isinstance(node, ast.Call):
        owner = getattr(node.func, "value", None)
        if isinstance(node.func, ast.Name) or last_name(owner) in modules:  # and not model.train()
            found.setdefault(last_name(node.func), set()).add((function, looped))
    inside = isinstance(node, ast.For | ast.While | ast.AsyncFor)
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _into(child, function, modules, found, looped=looped or (inside and name == "body"))


def is_looped(function: str, called: Mapping[str, set[tuple[str, bool]]], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function is called in a loop, directly or by others; one that nobody calls may be."""
    if not function or function in seen:
        return False
    if function not in called:
        return True
    inner = seen | {function}
    return any(looped or is_looped(caller, called, inner) for caller, looped in called[function])
