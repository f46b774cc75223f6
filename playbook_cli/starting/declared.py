"""What a Python script takes, read from its source: argparse, click, typer, dataclasses, defaults of current_trial.

Nothing is imported or executed; what is computed while the script runs is not seen.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.records import Value

Kind = Literal["float", "int", "str", "bool", "other"]
Switch = Literal["python", "flag", "no-flag"]
Given = Literal["argument", "params", "trial"]


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a program."""

    name: str
    """As a hyperparameter is called."""
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
    """Where the script finds it: on its command line, in trial.params, or as what the trial itself has."""
    line: int = field(default=0, compare=False)


def arguments(tree: ast.Module) -> list[Argument]:
    """All arguments of a script, in the order of its lines; of two with one name the first."""
    found = [*_argparse(tree), *_click(tree), *_typer(tree), *_params(tree)]
    if not found or _reads_dataclasses(tree):
        found += _dataclasses(tree)
    found += _of_trial(tree)
    by_name: dict[str, Argument] = {}
    for argument in sorted(found, key=lambda each: each.line):
        by_name.setdefault(argument.name, argument)
    return list(by_name.values())


_DATACLASS_PARSERS = {"HfArgumentParser", "simple_parsing", "tyro", "pyrallis", "draccus"}
"""Names of what makes arguments of dataclasses, of transformers the class."""
_KINDS: dict[str, Kind] = {"float": "float", "int": "int", "str": "str", "bool": "bool", "Path": "other"}


def _argparse(tree: ast.Module) -> Iterator[Argument]:
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and _last_name(call.func) == "add_argument"):
            continue
        flags = [value for value in map(_literal, call.args) if isinstance(value, str)]
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if not flags:
            continue
        option = next((flag for flag in flags if flag.startswith("--")), flags[0])
        dest = _literal(keywords.get("dest")) or option.lstrip("-").replace("-", "_")
        if dest in ("help", "version") or _literal(keywords.get("action")) in ("help", "version"):
            continue
        argument = Argument(
            name=str(dest),
            option=option if option.startswith("-") else None,
            kind=_kind_of(keywords.get("type"), default="str"),
            choices=_choices(keywords.get("choices")),
            line=call.lineno,
        )
        argument = _with_default(argument, keywords.get("default"))
        action = keywords.get("action")
        if _literal(action) in ("store_true", "store_false"):
            given = option.lstrip("-").replace("-", "_")  # not dest, which a store_false turns off
            argument = replace(argument, name=given, kind="bool", switch="flag", default=False, has_default=True)
        elif action is not None and _last_name(action) == "BooleanOptionalAction":
            argument = replace(argument, kind="bool", switch="no-flag")
        elif action is not None or "nargs" in keywords:
            argument = replace(argument, kind="other")
        yield argument


def _click(tree: ast.Module) -> Iterator[Argument]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in function.decorator_list:
            if not (isinstance(call, ast.Call) and _last_name(call.func) in ("option", "argument")):
                continue
            names = [value for value in map(_literal, call.args) if isinstance(value, str)]
            keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
            if not names:
                continue
            option, _, off = next((name for name in names if name.startswith("--")), names[0]).partition("/")
            own = next((name for name in names if name.isidentifier()), None)
            argument = Argument(
                name=own or option.lstrip("-").replace("-", "_"),
                option=option if _last_name(call.func) == "option" else None,
                kind=_kind_of(keywords.get("type"), default="other"),
                choices=_click_choices(keywords.get("type")),
                line=call.lineno,
            )
            argument = _with_default(argument, keywords.get("default"), infer=True)
            if off or _literal(keywords.get("is_flag")):
                switch: Switch = "no-flag" if off else "flag"
                default = _literal(keywords.get("default")) is True
                argument = replace(argument, kind="bool", switch=switch, default=default, has_default=True)
            elif _literal(keywords.get("multiple")) or "nargs" in keywords:
                argument = replace(argument, kind="other")
            yield argument


def _typer(tree: ast.Module) -> Iterator[Argument]:
    commands = {
        name.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _last_name(call.func) == "run"
        for name in call.args
        if isinstance(name, ast.Name)
    }
    imported = any(
        "typer" in ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
    )
    for function in ast.walk(tree) if imported else ():
        if not isinstance(function, ast.FunctionDef):
            continue
        decorated = any(_last_name(_called(d)) in ("command", "callback") for d in function.decorator_list)
        if function.name not in commands and not decorated:
            continue
        given = function.args
        plain = [*given.posonlyargs, *given.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
        pairs = [*zip(plain, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        for parameter, default in pairs:
            yield _typer_argument(parameter, default)


def _typer_argument(parameter: ast.arg, default: ast.expr | None) -> Argument:
    annotation, about = parameter.annotation, None
    if isinstance(annotation, ast.Subscript) and _last_name(annotation.value) == "Annotated":
        inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        annotation = inside[0]
        about = next((each for each in inside[1:] if isinstance(each, ast.Call)), None)
    elif isinstance(default, ast.Call) and _last_name(default.func) in ("Option", "Argument"):
        about = default
        default = default.args[0] if default.args else None
    words = [value for value in map(_literal, about.args if about else []) if isinstance(value, str)]
    option, _, off = next((word for word in words if word.startswith("--")), "").partition("/")
    positional = _last_name(about.func) == "Argument" if about else default is None
    kind = _kind_of(annotation, default="str")
    argument = Argument(
        name=parameter.arg,
        option=None if positional else option or f"--{parameter.arg.replace('_', '-')}",
        kind=kind,
        choices=_literal_type(annotation),
        switch="python" if kind != "bool" else "flag" if option and not off else "no-flag",
        line=parameter.lineno,
    )
    return _with_default(argument, default)


def _dataclasses(tree: ast.Module) -> Iterator[Argument]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        if not any(_last_name(_called(each)) == "dataclass" for each in node.decorator_list):
            continue
        for statement in node.body:
            if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
                continue
            default = statement.value
            if isinstance(default, ast.Call) and _last_name(default.func) == "field":
                default = next((k.value for k in default.keywords if k.arg == "default"), None)
            argument = Argument(
                name=statement.target.id,
                option=f"--{statement.target.id}",
                kind=_kind_of(statement.annotation, default="other"),
                choices=_literal_type(statement.annotation),
                line=statement.lineno,
            )
            yield _with_default(argument, default)


def _params(tree: ast.Module) -> Iterator[Argument]:
    """The defaults of current_trial, where they are a literal, or a name of one."""
    for call in _calls_of_current_trial(tree):
        given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "defaults"), None)
        if isinstance(given, ast.Name):
            given = _assigned(tree, given.id)
        if isinstance(given, ast.Dict):
            pairs = [(_literal(key), value) for key, value in zip(given.keys, given.values, strict=True)]
        elif isinstance(given, ast.Call) and _last_name(given.func) == "dict":
            pairs = [(keyword.arg, keyword.value) for keyword in given.keywords]
        else:
            continue
        for name, value in pairs:
            if isinstance(name, str):
                argument = Argument(name=name, option=None, kind="other", given="params", line=value.lineno)
                yield _with_default(argument, value, infer=True)


def _of_trial(tree: ast.Module) -> Iterator[Argument]:
    for call in _calls_of_current_trial(tree):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        for name in ("max_train_steps", "eval_every"):
            argument = Argument(name=name, option=None, kind="int", given="trial", line=call.lineno)
            yield _with_default(argument, keywords.get(name))


def _calls_of_current_trial(tree: ast.Module) -> Iterator[ast.Call]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.Call) and _last_name(n.func) == "current_trial")


def _assigned(tree: ast.Module, name: str) -> ast.expr | None:
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(_last_name(target) == name for target in targets):
            return node.value
    return None


def _with_default(argument: Argument, node: ast.expr | None, *, infer: bool = False) -> Argument:
    """With the default that `node` is; where no type was declared and `infer`, its type too."""
    if node is None:
        return argument
    value = _literal(node, missing=_UNKNOWN)
    if isinstance(value, tuple):
        return replace(argument, kind="other")
    if value is _UNKNOWN or not isinstance(value, bool | int | float | str | None):
        return argument
    kind = argument.kind
    if infer and kind == "other" and value is not None:
        kind = _KINDS[type(value).__name__]
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return replace(argument, default=value, has_default=True, kind=kind)


_UNKNOWN = object()


def _literal(node: ast.expr | None, missing: Any = None) -> Any:
    """The value of a literal, lists as tuples; `missing` for anything that would have to be computed."""
    try:
        value = ast.literal_eval(node) if node is not None else missing
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return missing
    return tuple(value) if isinstance(value, list | set) else value


def _last_name(node: ast.expr | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _reads_dataclasses(tree: ast.Module) -> bool:
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name.split(".")[0] for node in imports for alias in node.names}
    modules = {(node.module or "").split(".")[0] for node in imports if isinstance(node, ast.ImportFrom)}
    return bool((names | modules) & _DATACLASS_PARSERS)


def _kind_of(node: ast.expr | None, *, default: Kind) -> Kind:
    """The kind that a type, or a converter of argparse or click, stands for."""
    if node is None:
        return default
    if isinstance(node, ast.BinOp):  # float | None
        return _kind_of(node.left, default=default)
    if isinstance(node, ast.Subscript) and _last_name(node.value) == "Optional":
        return _kind_of(node.slice, default=default)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _KINDS.get(node.value.split("|", maxsplit=1)[0].strip(), "other")
    name = _last_name(_called(node))
    if isinstance(node, ast.Subscript):
        return "str" if _last_name(node.value) == "Literal" else "other"
    if name in _KINDS:
        return _KINDS[name]
    lowered = name.lower()
    for part, kind in _CONVERTERS.items():
        if part in lowered:
            return kind
    return "other"


_CONVERTERS: dict[str, Kind] = {"bool": "bool", "float": "float", "int": "int", "choice": "str", "string": "str"}
"""Parts of the names of converters: str2bool, FloatRange, positive_int."""


def _choices(node: ast.expr | None) -> tuple[Value, ...]:
    values = _literal(node)
    scalar = isinstance(values, tuple) and all(isinstance(value, bool | int | float | str) for value in values)
    return values if scalar else ()


def _click_choices(node: ast.expr | None) -> tuple[Value, ...]:
    if isinstance(node, ast.Call) and _last_name(node.func) == "Choice" and node.args:
        return _choices(node.args[0])
    return ()


def _literal_type(node: ast.expr | None) -> tuple[Value, ...]:
    """The values of Literal["a", "b"]."""
    if isinstance(node, ast.Subscript) and _last_name(node.value) == "Literal":
        return _choices(
            node.slice if isinstance(node.slice, ast.Tuple) else ast.Tuple(elts=[node.slice], ctx=ast.Load())
        )
    return ()
