"""Options that are the fields of dataclasses: HfArgumentParser, tyro, simple_parsing, pyrallis, draccus."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, kind_of, literal_type, with_default
from playbook_cli.starting.readers.hugging_face import TRAINING
from playbook_cli.starting.syntax import called, calls, constants, functions, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playbook_cli.starting.argument import Switch
    from playbook_cli.starting.program import Program

_PARSERS = {"HfArgumentParser", "H4ArgumentParser", "TrlParser", "simple_parsing", "tyro", "pyrallis", "draccus"}
_TRAINING = {"TrainingArguments", "Seq2SeqTrainingArguments"}
_DEEPEST = 4


def read(program: Program) -> Declared:
    """The fields of the dataclasses that the script hands to a parser."""
    if not _parses(program):
        return Declared(arguments=[])
    dashes = "tyro" in program.names
    found: list[Argument] = []
    for name in _handed(program):
        found += _of_class(program, name, dashes=dashes)
    return Declared(arguments=found)


def _parses(program: Program) -> bool:
    attributes = {node.attr for node in ast.walk(program.tree) if isinstance(node, ast.Attribute)}
    return bool((program.names | attributes) & _PARSERS)


def _handed(program: Program) -> list[str]:
    """The names of the classes that parsers get, in their order."""
    nodes = [node for module in program.modules for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    classes = {node.name for node in nodes if _is_dataclass(node)}
    known = classes | _TRAINING
    handed: list[str] = []
    for call in calls(program.tree, *_PARSERS, "cli", "parse", "add_arguments"):
        given = [*call.args, *keywords(call).values()]
        inside = [each for node in given for each in ast.walk(node)]
        handed += [last_name(node) for node in inside if last_name(node) in known]
    for function in functions(program.tree):
        if any(last_name(called(decorator)) == "wrap" for decorator in function.decorator_list):
            handed += [last_name(each.annotation) for each in function.args.args if last_name(each.annotation) in known]
    return list(dict.fromkeys(handed))


def _of_class(program: Program, name: str, *, dashes: bool, prefix: str = "", depth: int = _DEEPEST) -> list[Argument]:
    """The fields of a class, after those of the classes that it is made of."""
    names = constants(program.tree)
    for module in program.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and node.name == name and depth:
                found: dict[str, Argument] = {}
                for base in node.bases:
                    if last_name(base) != name or not isinstance(base, ast.Name):
                        inner = _inherited(program, base, name, dashes=dashes, prefix=prefix, depth=depth)
                        found |= {argument.name: argument for argument in inner}
                for argument in _fields(program, node, names, dashes=dashes, prefix=prefix, depth=depth):
                    before = found.get(argument.name)
                    help_ = argument.help or (before.help if before else "")
                    found[argument.name] = replace(argument, help=help_)
                return list(found.values())
    return list(TRAINING) if name in _TRAINING else []


def _inherited(
    program: Program, base: ast.expr, name: str, *, dashes: bool, prefix: str, depth: int
) -> Iterable[Argument]:
    if last_name(base) in _TRAINING and (last_name(base) == name or isinstance(base, ast.Attribute)):
        return TRAINING  # class TrainingArguments(transformers.TrainingArguments)
    return _of_class(program, last_name(base), dashes=dashes, prefix=prefix, depth=depth - 1)


def _fields(
    program: Program, node: ast.ClassDef, names: dict[str, ast.expr], *, dashes: bool, prefix: str, depth: int
) -> Iterator[Argument]:
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if last_name(called(statement.annotation)) == "ClassVar":
            continue
        field, default = statement.target.id, statement.value
        said = _text_after(after)
        if isinstance(default, ast.Call) and last_name(default.func) == "field":
            given = keywords(default)
            said = said or _help(given.get("metadata"))
            factory = last_name(given.get("default_factory"))
            if factory and any(True for _ in _classes(program, factory)):
                inner = f"{prefix}{field}."
                yield from _of_class(program, factory, dashes=dashes, prefix=inner, depth=depth - 1)
                continue
            required = "default" not in given and "default_factory" not in given
            default = given.get("default")
        else:
            required = default is None
            inner_class = (
                last_name(called(default)) if isinstance(default, ast.Call) else last_name(statement.annotation)
            )
            if any(True for _ in _classes(program, inner_class)):
                yield from _of_class(program, inner_class, dashes=dashes, prefix=f"{prefix}{field}.", depth=depth - 1)
                continue
        kind = kind_of(statement.annotation, default="other")
        name = f"{prefix}{field}"
        switch: Switch = "no-flag" if dashes and kind == "bool" else "python"
        argument = Argument(
            name=name,
            option=f"--{name.replace('_', '-') if dashes else name}",
            kind=kind,
            choices=literal_type(statement.annotation),
            switch=switch,
            required=required,
            help=said,
            line=statement.lineno,
        )
        value = names.get(default.id, default) if isinstance(default, ast.Name) else default
        yield with_default(argument, value)


def _classes(program: Program, name: str) -> Iterator[ast.ClassDef]:
    for module in program.modules if name else ():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and node.name == name and _is_dataclass(node):
                yield node


def _is_dataclass(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and (
        any(last_name(called(each)) == "dataclass" for each in node.decorator_list)
        or any(last_name(base) in _TRAINING for base in node.bases)
    )


def _text_after(statement: ast.stmt | None) -> str:
    """The text that documents a field, on the line after it."""
    return str(literal(statement.value) or "") if isinstance(statement, ast.Expr) else ""


def _help(metadata: ast.expr | None) -> str:
    if not isinstance(metadata, ast.Dict):
        return ""
    pairs = zip(metadata.keys, metadata.values, strict=True)
    return next((str(literal(value) or "") for key, value in pairs if literal(key) == "help"), "")
