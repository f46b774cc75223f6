"""Options that are the parameters of a function: typer, tyro, fire."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, kind_of, literal_type, with_default
from playbook_cli.starting.readers.commands import trains
from playbook_cli.starting.syntax import called, calls, constants, functions, last_name, literal, parameters
from playbook_cli.starting.syntax import keywords as keywords_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.starting.argument import Switch
    from playbook_cli.starting.program import Program


def read(program: Program) -> Declared:
    """The options of the command that trains."""
    if "typer" in program.names:
        return _typer(program)
    for caller, switch, join in (("cli", "no-flag", "-"), ("Fire", "python", "_")):
        for call in calls(program.tree, caller):
            if isinstance(call.func, ast.Attribute) and last_name(call.func.value) in ("tyro", "fire"):
                function = _function(program, last_name(call.args[0]) if call.args else "")
                if function is not None:
                    names = constants(program.tree)
                    return Declared(arguments=_plain(function, names, switch, join))  # type: ignore[arg-type]
    return Declared(arguments=[])


def _typer(program: Program) -> Declared:
    run = {
        name.id
        for call in calls(program.tree, "run")
        if isinstance(call.func, ast.Attribute) and last_name(call.func.value) == "typer"
        for name in call.args
        if isinstance(name, ast.Name)
    }
    names = constants(program.tree)
    commands = {
        function.name: [_of_typer(parameter, default, names) for parameter, default in parameters(function)]
        for function in functions(program.tree)
        if function.name in run or any(last_name(called(d)) == "command" for d in function.decorator_list)
    }
    grouped = any(
        last_name(called(d)) == "callback" for function in functions(program.tree) for d in function.decorator_list
    )
    name, words, unread = trains(commands, grouped=grouped)
    others = tuple(other for other in commands if other != name)
    return Declared(arguments=commands.get(name, []), words=words, unread=unread, other_commands=others)


def _function(program: Program, name: str) -> ast.FunctionDef | None:
    return next(
        (each for module in program.modules for each in functions(module.tree) if name and each.name == name), None
    )


def _plain(function: ast.FunctionDef, names: Mapping[str, ast.expr], switch: Switch, join: str) -> list[Argument]:
    found = []
    for parameter, default in parameters(function):
        argument = Argument(
            name=parameter.arg,
            option=f"--{parameter.arg.replace('_', join)}",
            kind=kind_of(parameter.annotation, default="other"),
            choices=literal_type(parameter.annotation),
            required=default is None,
            line=parameter.lineno,
        )
        value = names.get(default.id, default) if isinstance(default, ast.Name) else default
        argument = with_default(argument, value, infer=True)
        found.append(replace(argument, switch=switch if argument.kind == "bool" else "python"))
    return [argument for argument in found if argument.name != "self"]


def _of_typer(parameter: ast.arg, default: ast.expr | None, names: Mapping[str, ast.expr]) -> Argument:
    annotation, about = parameter.annotation, None
    if isinstance(annotation, ast.Subscript) and last_name(annotation.value) == "Annotated":
        inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        annotation = inside[0]
        about = next((each for each in inside[1:] if isinstance(each, ast.Call)), None)
    elif isinstance(default, ast.Call) and last_name(default.func) in ("Option", "Argument"):
        about = default
        default = default.args[0] if default.args else keywords_of(default).get("default")
    words = [value for value in map(literal, about.args if about else []) if isinstance(value, str)]
    option, _, off = next((word for word in words if word.startswith("--")), "").partition("/")
    required = default is None or literal(default) is ...
    positional = last_name(about.func) == "Argument" if about else default is None
    kind = kind_of(annotation, default="str")
    argument = Argument(
        name=parameter.arg,
        option=None if positional else option or f"--{parameter.arg.replace('_', '-')}",
        kind=kind,
        choices=literal_type(annotation),
        switch="python" if kind != "bool" else "flag" if option and not off else "no-flag",
        required=required,
        help=str(literal(keywords_of(about).get("help")) or "") if about else "",
        line=parameter.lineno,
    )
    return with_default(argument, names.get(default.id, default) if isinstance(default, ast.Name) else default)
