"""Options that are the fields of a config object: CfgNode with merge_from_args, ConfigDict of ml_collections."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.starting.argument import Argument, Declared, with_value
from playbook_cli.starting.program import parse_script
from playbook_cli.starting.syntax import UNKNOWN, calls, dotted, functions, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from playbook_cli.starting.program import Program

_NODES = ("CfgNode", "CN", "ConfigDict", "Namespace", "EasyDict", "edict")
_DEEPEST = 4


def read(program: Program) -> Declared:
    """The fields of the config that the script builds, where its command line overrides them."""
    if not any(True for _ in calls(program.tree, "merge_from_args")):
        return Declared(arguments=[])
    for function in functions(program.tree):
        found = _fields(function, program, _DEEPEST)
        if found:
            return Declared(arguments=[replace(each, evaluated=_evaluates(program)) for each in found])
    return Declared(arguments=[])


def _evaluates(program: Program) -> bool:
    """Whether values of the command line are evaluated, as minGPT does it."""
    return any(
        any(calls(function, "literal_eval"))
        for module in program.modules
        for function in functions(module.tree)
        if function.name == "merge_from_args"
    )


def fields_of_file(program: Program, file: Path) -> list[Argument]:
    """The fields of the config that a file's get_config returns; none where it can't be read."""
    try:
        tree = parse_script(file)
    except SpecError:
        return []
    return next((_fields(each, program, _DEEPEST) for each in functions(tree) if each.name == "get_config"), [])


def _fields(function: ast.FunctionDef, program: Program, depth: int) -> list[Argument]:
    """What a function puts into the config object that it returns, the last value of each field."""
    returned = {last_name(node.value) for node in ast.walk(function) if isinstance(node, ast.Return)}
    made = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _is_node(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    roots = returned & made
    found: dict[str, Argument] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            root, *path = dotted(target) or ("",)
            if root in roots and path:
                for argument in _assigned(".".join(path), node.value, node.lineno, program, depth):
                    found[argument.name] = argument
            elif isinstance(target, ast.Name) and target.id in roots:
                inner = node.value.args[0] if isinstance(node.value, ast.Call) and node.value.args else None
                found |= {each.name: each for each in _of_mapping(inner, node.lineno)}
    return list(found.values())


def _assigned(name: str, value: ast.expr, line: int, program: Program, depth: int) -> Iterable[Argument]:
    if _is_node(value):
        return []
    if isinstance(value, ast.Call) and depth:
        inner = next(
            (
                found
                for module in program.modules
                for owner in ast.walk(module.tree)
                if isinstance(owner, ast.ClassDef) and owner.name in dotted(value.func)
                for function in functions(owner)
                if function.name == last_name(value.func) and (found := _fields(function, program, depth - 1))
            ),
            [],
        )
        return [replace(each, name=f"{name}.{each.name}", option=f"--{name}.{each.name}") for each in inner]
    known = literal(value, missing=UNKNOWN)
    return [_field(name, known, line)]


def _of_mapping(node: ast.expr | None, line: int) -> list[Argument]:
    given = literal(node)
    return [_field(str(name), value, line) for name, value in given.items()] if isinstance(given, dict) else []


def _field(name: str, value: object, line: int) -> Argument:
    argument = Argument(name=name, option=f"--{name}", kind="other", line=line)
    return with_value(argument, value, infer=True)


def _is_node(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and last_name(value.func) in _NODES
