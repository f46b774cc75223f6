"""Options that a program declares by click."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, kind_of, scalars, with_default
from playbook_cli.starting.readers.commands import trains
from playbook_cli.starting.syntax import called, constants, functions, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playbook_cli.starting.argument import Switch
    from playbook_cli.starting.program import Program


def read(program: Program) -> Declared:
    """The options of the command that trains."""
    if not {"click", "rich_click"} & program.names:
        return Declared(arguments=[])
    names = {name: value for module in reversed(program.modules) for name, value in constants(module.tree).items()}
    by_command = {function.name: list(_options(function, names)) for function in functions(program.tree)}
    by_command = {name: found for name, found in by_command.items() if found}
    name, words, unread = trains(by_command, grouped=_grouped(program.tree))
    others = tuple(other for other in by_command if other != name)
    return Declared(arguments=by_command.get(name, []), words=words, unread=unread, other_commands=others)


def _grouped(tree: ast.Module) -> bool:
    return any(
        last_name(called(decorator)) == "group" for function in functions(tree) for decorator in function.decorator_list
    )


def _options(function: ast.FunctionDef, names: Mapping[str, ast.expr]) -> Iterator[Argument]:
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and last_name(call.func) in ("option", "argument"):
            argument = _option(call, names)
            if argument is not None:
                yield argument


def _option(call: ast.Call, names: Mapping[str, ast.expr]) -> Argument | None:
    said = [value for value in map(literal, call.args) if isinstance(value, str)]
    given = keywords(call)
    if not said:
        return None
    option, _, off = next((name for name in said if name.startswith("--")), said[0]).partition("/")
    own = next((name for name in said if name.isidentifier()), None)
    positional = last_name(call.func) == "argument"
    default = given.get("default")
    if isinstance(default, ast.Name):
        default = names.get(default.id, default)
    required = literal(given.get("required"))
    argument = Argument(
        name=(own or option.lstrip("-")).replace("-", "_"),
        option=None if positional else option,
        kind=kind_of(given.get("type"), default="other"),
        choices=_choices(given.get("type")),
        required=required is True or (positional and required is None and default is None),
        help=str(literal(given.get("help")) or ""),
        line=call.lineno,
    )
    argument = with_default(argument, default, infer=True)
    if off or literal(given.get("is_flag")):
        switch: Switch = "no-flag" if off else "flag"
        return replace(argument, kind="bool", switch=switch, default=literal(default) is True, has_default=True)
    if literal(given.get("multiple")) or "nargs" in given:
        return replace(argument, kind="other")
    return argument


def _choices(node: ast.expr | None) -> tuple[bool | int | float | str, ...]:
    if isinstance(node, ast.Call) and last_name(node.func) == "Choice" and node.args:
        return tuple(value for value in scalars(node.args[0]) if isinstance(value, bool | int | float | str))
    return ()
