"""Flags that a program declares by absl, as programs of JAX do, and the fields of their ml_collections configs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, scalars, with_default
from playbook_cli.starting.readers.of_nodes import fields_of_file
from playbook_cli.starting.syntax import calls, keywords, last_name, literal

if TYPE_CHECKING:
    import ast
    from pathlib import Path

    from playbook_cli.starting.argument import Kind
    from playbook_cli.starting.program import Program

_DEFINES: dict[str, Kind] = {
    "DEFINE_float": "float",
    "DEFINE_integer": "int",
    "DEFINE_string": "str",
    "DEFINE_bool": "bool",
    "DEFINE_boolean": "bool",
    "DEFINE_enum": "str",
}


def read(program: Program) -> Declared:
    """The flags of the script, and the fields of the config that one of them names."""
    if "absl" not in program.names:
        return Declared(arguments=[])
    required = _required(program)
    found = [argument for call in calls(program.tree, *_DEFINES) if (argument := _flag(call, required)) is not None]
    files: list[tuple[str, Path]] = []
    unread: list[str] = []
    for call in calls(program.tree, "DEFINE_config_file"):
        name, path = (literal(each) for each in (*call.args[:2], None, None)[:2])
        if not isinstance(name, str):
            continue
        file = program.script.parent / (path if isinstance(path, str) else "configs/default.py")
        inner = fields_of_file(program, file)
        found += [replace(each, name=f"{name}.{each.name}", option=f"--{name}.{each.name}") for each in inner]
        if path is None and inner:
            files.append((f"--{name}", file))
            unread.append(f"guess: --{name} is configs/default.py, since the program names none")
        elif path is None:
            found.append(Argument(name=name, option=f"--{name}", kind="str", required=True, line=call.lineno))
    return Declared(arguments=found, files=tuple(files), unread=tuple(unread))


def _flag(call: ast.Call, required: set[str]) -> Argument | None:
    name, given = literal(call.args[0]) if call.args else None, keywords(call)
    if not isinstance(name, str):
        return None
    enum = last_name(call.func) == "DEFINE_enum"
    place = 3 if enum else 2
    argument = Argument(
        name=name,
        option=f"--{name}",
        kind=_DEFINES[last_name(call.func)],
        choices=scalars(given.get("enum_values", call.args[2] if len(call.args) > 2 else None)) if enum else (),
        required=name in required or literal(given.get("required")) is True,
        help=str(literal(given.get("help", call.args[place] if len(call.args) > place else None)) or ""),
        line=call.lineno,
    )
    return with_default(argument, given.get("default", call.args[1] if len(call.args) > 1 else None))


def _required(program: Program) -> set[str]:
    named: set[str] = set()
    for call in calls(program.tree, "mark_flags_as_required", "mark_flag_as_required"):
        value = literal(call.args[0]) if call.args else None
        named |= {value} if isinstance(value, str) else set(map(str, value or ()))
    return named
