"""What a source file imports, starts or reads as settings, judged by its text."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

_SHELL = re.compile(rb"\A#!.*\b(?:ba|da|k|z)?sh\b")
_PYTHON = re.compile(rb"\A#!.*\bpython")
_STARTED = re.compile(r"[^\s;|&()<>\"'=`]+\.(?:py|sh)\b")
_SETTINGS = re.compile(r"[\w./-]*\w\.(?:ya?ml|toml|ini|cfg|conf|gin)")
"""Settings files, which programs read; other paths may be files that a program writes."""
_MODULE = re.compile(r"\s-m[ \t]+([A-Za-z_][\w.]*)")


_MODE = re.compile(r"[rwxabt+]{1,3}")
_WRITES = frozenset("wax+")
"""Characters in the modes of `open` that write."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """A module that is imported: `from ..a import b` is level 2, module a, names (b,)."""

    level: int = 0
    module: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder that a file adds to sys.path: `os.path.join(dirname(__file__), "..")` is one level up, and then `..`."""

    up: int
    """Number of levels up from the file; 0 if the path is not relative to the file."""
    path: str


@dataclass(frozen=True, kw_only=True)
class Imports:
    """Everything that a file needs."""

    modules: tuple[Needed, ...] = ()
    places: tuple[Place, ...] = ()
    exported: tuple[str, ...] = ()
    """Names in `__all__`; a star import of a package imports modules with these names."""
    started: tuple[str, ...] = ()
    """Scripts that a shell script names."""
    settings: tuple[str, ...] = ()
    """Paths of settings files that it names and doesn't write."""


NOTHING = Imports()


def imports(path: str, content: bytes) -> Imports:
    """What a Python file or a shell script needs; nothing if it is neither, or can't be parsed."""
    if path.endswith(".sh") or _SHELL.match(content):
        return of_shell(content.decode(errors="replace"))
    if not (path.endswith((".py", ".pyw")) or _PYTHON.match(content)):
        return NOTHING
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own warnings are shown when it runs
            return _of_tree(ast.parse(content))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return NOTHING


def of_shell(text: str) -> Imports:
    """The scripts and modules that a shell command names."""
    lines = re.sub(r"(?m)(^|\s)#.*$", "", text).replace("\\\n", " ")
    modules = tuple(Needed(module=name) for name in dict.fromkeys(_MODULE.findall(lines)))
    return Imports(modules=modules, started=tuple(dict.fromkeys(_STARTED.findall(lines))))


def _of_tree(tree: ast.Module) -> Imports:
    modules: dict[Needed, None] = {}
    places, exported = [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update((Needed(module=alias.name), None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            modules[Needed(level=node.level, module=node.module or "", names=names)] = None
        elif isinstance(node, ast.Call):
            if needed := _imported(node):
                modules[needed] = None
            elif place := _place(node):
                places.append(place)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                exported += _texts(node.value)
    named = _settings(tree)
    return Imports(modules=tuple(modules), places=tuple(places), exported=tuple(exported), settings=named)


def _imported(call: ast.Call) -> Needed | None:
    """The module of `importlib.import_module("a.b")`; the whole package for a computed name, f"models.{name}"."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ("import_module", "__import__") or not call.args:
        return None
    first = call.args[0]
    if isinstance(first, ast.BinOp):
        first = first.left
    whole = isinstance(first, ast.Constant) and first is call.args[0]
    if isinstance(first, ast.JoinedStr) and first.values:
        first = first.values[0]
    text = first.value if isinstance(first, ast.Constant) else None
    if not isinstance(text, str):
        return None
    module = text.lstrip(".")
    level = len(text) - len(module)
    if whole:
        return Needed(level=level, module=module)
    package, dot, _ = module.rpartition(".")
    return Needed(level=level, module=package, names=("*", "/*")) if dot or level else None


def _place(call: ast.Call) -> Place | None:
    """The folder in `sys.path.append(...)`, `insert` or `extend`; None for another call."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in ("append", "insert", "extend"):
        return None
    if not (isinstance(function.value, ast.Attribute) and function.value.attr == "path"):
        return None
    if getattr(function.value.value, "id", "") != "sys":
        return None
    up, own = 0, False
    for node in (inner for argument in call.args for inner in ast.walk(argument)):
        name = getattr(node, "attr", getattr(node, "id", ""))
        own = own or name == "__file__"
        up += name in ("dirname", "parent")
        if isinstance(node, ast.Subscript) and getattr(node.value, "attr", "") == "parents":
            index = getattr(node.slice, "value", 0)
            up += index + 1 if isinstance(index, int) and 0 <= index < 100 else 0
    texts = [text for argument in call.args for text in _texts(argument)]
    return Place(up=up if own else 0, path="/".join(texts) or ".") if own or texts else None


def _settings(tree: ast.Module) -> tuple[str, ...]:
    """Settings files named by one string, or by pieces: `Path(__file__).parent / "conf" / "base.yaml"`."""
    named: dict[str, None] = {}
    written: set[str] = set()
    for node in ast.walk(tree):
        joins = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            joins = name in ("join", "joinpath", "Path")
            given = [*node.args[:2], *(word.value for word in node.keywords if word.arg == "mode")]
            modes = {text for argument in given for text in _texts(argument) if _MODE.fullmatch(text)}
            if name.startswith(("write", "save", "dump")) or (name == "open" and any(map(_WRITES.intersection, modes))):
                written.update(_texts(node))
                written.update(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
        texts = _texts(node) if joins else [node.value] if isinstance(node, ast.Constant) else []
        said = "/".join(map(str, texts))
        if _SETTINGS.fullmatch(said):
            named[said] = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") in written for target in node.targets):
            written.update(_texts(node.value))
    return tuple(path for path in named if written.isdisjoint((path, path.rpartition("/")[2])))


def _texts(tree: ast.AST) -> list[str]:
    """All strings, in the order of the file."""
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    texts = [node for node in found if isinstance(node.value, str)]
    return [str(node.value) for node in sorted(texts, key=lambda node: (node.lineno, node.col_offset))]
