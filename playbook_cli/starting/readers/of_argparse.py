"""Options that a program declares by argparse."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, kind_of, scalars, with_default
from playbook_cli.starting.readers.commands import TRAINS
from playbook_cli.starting.syntax import calls, constants, functions, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playbook_cli.starting.program import Program

_TAKES_NONE_OR_MORE = ("?", "*", "...", "A...")


def read(program: Program) -> Declared:
    """The options of the script's own parser, else of the nearest module that makes one for it."""
    for ring in program.rings:
        for module in ring:
            found = list(options(module.tree))
            if found:
                added = _added(program) if module is program.main else []
                words, unread = _subcommand(module.tree)
                return Declared(arguments=[*found, *added], words=words, unread=unread)
    return Declared(arguments=[])


def _added(program: Program) -> list[Argument]:
    """The options that functions of imported modules add to the script's parser: add_model_args(parser)."""
    called = {last_name(call.func) for call in calls(program.tree) if call.args}
    return [
        argument
        for module in program.near
        for function in functions(module.tree)
        if function.name in called and function.args.args
        for argument in options(ast.Module(body=[function], type_ignores=[]))
    ]


def options(tree: ast.Module) -> Iterator[Argument]:
    """All calls of add_argument, with what set_defaults changes."""
    names = constants(tree)
    parsers = _parsers(tree)
    chosen = _training(parsers)
    changed = {name: value for call in calls(tree, "set_defaults") for name, value in keywords(call).items()}
    for call in sorted(calls(tree, "add_argument"), key=lambda each: each.lineno):
        owner = last_name(getattr(call.func, "value", None))
        if chosen is not None and owner in parsers and owner != chosen:
            continue
        argument = _option(call, names)
        if argument is not None:
            yield with_default(argument, changed.get(argument.name))


def _parsers(tree: ast.Module) -> dict[str, str]:
    """Subcommands by the name of the variable that holds their parser."""
    return {
        last_name(node.targets[0]): str(literal(node.value.args[0]))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args
        if last_name(node.value.func) == "add_parser"
    }


def _training(parsers: dict[str, str]) -> str | None:
    """The variable of the subcommand that trains."""
    return next((variable for variable, name in parsers.items() if TRAINS.search(name.replace("-", "_"))), None)


def _subcommand(tree: ast.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What calls the subcommand that trains, and what is not certain."""
    parsers = _parsers(tree)
    chosen = _training(parsers)
    if chosen is not None:
        return (parsers[chosen],), ()
    if any(True for _ in calls(tree, "add_subparsers")):
        return (), (f"fill in: the subcommand that trains ({', '.join(parsers.values())}), before ${{args}}",)
    return (), ()


def _option(call: ast.Call, names: Mapping[str, ast.expr]) -> Argument | None:
    flags = [value for value in map(literal, call.args) if isinstance(value, str)]
    given = keywords(call)
    if not flags:
        return None
    option = next((flag for flag in flags if flag.startswith("--")), flags[0])
    dest = literal(given.get("dest")) or option.lstrip("-").replace("-", "_")
    action = given.get("action")
    if dest in ("help", "version") or literal(action) in ("help", "version"):
        return None
    positional = not option.startswith("-")
    optional = literal(given.get("nargs")) in _TAKES_NONE_OR_MORE
    argument = Argument(
        name=str(dest),
        option=None if positional else option,
        kind=kind_of(given.get("type"), default="str"),
        choices=scalars(given.get("choices")),
        required=literal(given.get("required")) is True or (positional and not optional),
        help=str(literal(given.get("help")) or ""),
        line=call.lineno,
    )
    argument = with_default(argument, _value(given.get("default"), names))
    if literal(action) in ("store_true", "store_false"):
        own = option.lstrip("-").replace("-", "_")  # not dest, which a store_false turns off
        return replace(argument, name=own, kind="bool", switch="flag", default=False, has_default=True)
    if action is not None and last_name(action) == "BooleanOptionalAction":
        return replace(argument, kind="bool", switch="no-flag")
    if isinstance(given.get("type"), ast.Name) and last_name(given["type"]) == "bool":
        return replace(argument, kind="other")  # bool("False") is True: it can't be turned off
    if (action is not None and literal(action) != "store") or ("nargs" in given and not (positional and optional)):
        return replace(argument, kind="other")
    return argument


def _value(node: ast.expr | None, names: Mapping[str, ast.expr]) -> ast.expr | None:
    """A default; the literal behind it, where it is a name of one."""
    return names.get(node.id, node) if isinstance(node, ast.Name) else node
