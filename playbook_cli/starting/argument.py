"""One option of a program, as any of the libraries that read command lines declares it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from playbook_cli.starting.syntax import UNKNOWN, called, last_name, literal

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.records import Value

Kind = Literal["float", "int", "str", "bool", "other"]
Switch = Literal["python", "flag", "no-flag"]
Given = Literal["argument", "config", "params", "trial"]
Style = Literal["--name=value", "name=value"]


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One option of a program."""

    name: str
    """As a hyperparameter is called; with dots where the program nests its options."""
    option: str | None
    """As the command line has it, with its hyphens; None for a positional one."""
    kind: Kind
    default: Value = None
    has_default: bool = False
    """Whether `default` could be read."""
    choices: tuple[Value, ...] = ()
    switch: Switch = "python"
    """How a boolean is given: a value, its name alone, or its name with and without `no-`."""
    given: Given = "argument"
    """Where the program finds it: its command line, its config file, trial.params, or what the trial itself has."""
    required: bool = False
    """Whether the program ends with an error where it is not given."""
    handed: bool = False
    """Whether its default is what a person gives on the command line."""
    rate: bool = False
    """Whether the program hands it to an optimizer as its learning rate, whatever it is called."""
    evaluated: bool = False
    """Whether the program evaluates what it gets as Python, so that a path must be quoted."""
    loop: str = ""
    """The variable of a loop, where this is how often it runs and the script has that as a number."""
    help: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, kw_only=True)
class ConfigUse:
    """A config file that the program reads, to be filled in for each trial."""

    file: Path
    option: str | None
    """By which option the program gets it; None where it is the first argument."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """All that a program takes, and how its command line is written."""

    arguments: list[Argument]
    style: Style = "--name=value"
    words: tuple[str, ...] = ()
    """What stands before the arguments, such as the name of a subcommand."""
    files: tuple[tuple[str, Path], ...] = ()
    """Options whose value is a file of the program, such as its config."""
    config: ConfigUse | None = None
    unread: tuple[str, ...] = ()
    """What could not be read, as notes for the user."""
    other_commands: tuple[str, ...] = ()
    """Functions of commands that do something else than to train."""


KINDS: dict[str, Kind] = {"float": "float", "int": "int", "str": "str", "bool": "bool", "Path": "str"}
_CONVERTERS: dict[str, Kind] = {"bool": "bool", "float": "float", "int": "int", "choice": "str", "string": "str"}
"""Parts of the names of converters: str2bool, FloatRange, positive_int."""


def with_default(argument: Argument, node: ast.expr | None, *, infer: bool = False) -> Argument:
    """With the default that `node` is; where no type was declared and `infer`, its type too."""
    return argument if node is None else with_value(argument, literal(node, missing=UNKNOWN), infer=infer)


def with_value(argument: Argument, value: object, *, infer: bool = False) -> Argument:
    """With this default, where it is one that a hyperparameter can have."""
    if isinstance(value, tuple | list | dict):
        return replace(argument, kind="other")
    if not isinstance(value, bool | int | float | str | None):
        return argument
    kind = argument.kind
    if infer and kind == "other" and value is not None:
        kind = KINDS[type(value).__name__]
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return replace(argument, default=value, has_default=True, kind=kind)


def kind_of(node: ast.expr | None, *, default: Kind) -> Kind:
    """The kind that a type, or a converter of argparse or click, stands for."""
    if node is None:
        return default
    if isinstance(node, ast.BinOp):  # float | None
        return kind_of(node.left, default=default)
    if isinstance(node, ast.Subscript) and last_name(node.value) == "Optional":
        return kind_of(node.slice, default=default)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return KINDS.get(node.value.split("|", maxsplit=1)[0].strip(), "other")
    name = last_name(called(node))
    if isinstance(node, ast.Subscript):
        return "str" if last_name(node.value) == "Literal" else "other"
    if name in KINDS:
        return KINDS[name]
    lowered = name.lower()
    return next((kind for part, kind in _CONVERTERS.items() if part in lowered and "list" not in lowered), "other")


def scalars(node: ast.expr | None) -> tuple[Value, ...]:
    """The values of a list of scalars."""
    values = literal(node)
    scalar = isinstance(values, tuple) and all(isinstance(value, bool | int | float | str) for value in values)
    return values if scalar else ()


def literal_type(node: ast.expr | None) -> tuple[Value, ...]:
    """The values of Literal["a", "b"]."""
    if isinstance(node, ast.Subscript) and last_name(node.value) == "Literal":
        return scalars(
            node.slice if isinstance(node.slice, ast.Tuple) else ast.Tuple(elts=[node.slice], ctx=ast.Load())
        )
    return ()
