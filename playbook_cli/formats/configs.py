"""Config files of programs: YAML, JSON, and Python that assigns; their values, and new values in their place.

A value is replaced where it stands, so that comments, order, tags and anchors stay as they are.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIXES = (".yaml", ".yml", ".json", ".py")
_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")
"""A number with an exponent that YAML 1.1 reads as text, and every program means as a number."""
_BEFORE = re.compile(r"(&\S+\s+)?(![^\s]*\s+)?")
"""An anchor, which stays, and a tag, which would say what another value is."""

Span = tuple[int, int]


class ConfigError(ValueError):
    """A config file that can't be read, or has no place for a value."""


def values(text: str, suffix: str) -> dict[str, Any]:
    """All values of a config by their dotted names. ConfigError where it can't be read."""
    return {name: value for name, (value, _) in _places(text, suffix).items()}


def filled(text: str, suffix: str, given: Mapping[str, Any]) -> str:
    """The config with these values, by dotted name. ConfigError where it has no place for one of them."""
    places = _places(text, suffix)
    missing = [name for name in given if name not in places or places[name][1] is None]
    if missing:
        raise ConfigError(f"it has no value {missing[0]}")
    made = text
    spans = sorted(((places[name][1], value) for name, value in given.items()), key=lambda pair: pair[0] or (0, 0))
    for span, value in reversed(spans):
        assert span is not None
        made = made[: span[0]] + _written(value, suffix) + made[span[1] :]
    now = values(made, suffix)
    for name, value in given.items():
        if now.get(name) != (list(value) if isinstance(value, tuple) else value):
            raise ConfigError(f"{name} can't be set in it")
    return made


def _places(text: str, suffix: str) -> dict[str, tuple[Any, Span | None]]:
    """Each value with where it stands; None where that can't be written over."""
    try:
        return dict(_in_python(text) if suffix == ".py" else _in_yaml(text))
    except (yaml.YAMLError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"it can't be read: {' '.join(str(error).split())[:200]}") from None


def _written(value: Any, suffix: str) -> str:
    if suffix == ".py":
        return repr(list(value) if isinstance(value, tuple) else value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(each, suffix) for each in value)}]"
    text = json.dumps(value)
    # YAML 1.1 takes 1e-05 for text
    return re.sub(r"^(-?\d+)e", r"\1.0e", text) if isinstance(value, float) else text


def _in_yaml(text: str) -> Iterator[tuple[str, tuple[Any, Span | None]]]:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError("it is not a mapping of names to values")
    yield from _of_mapping(node, "", text)


def _of_mapping(node: yaml.MappingNode, prefix: str, text: str) -> Iterator[tuple[str, tuple[Any, Span | None]]]:
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode):
            yield from _of_mapping(value, f"{name}.", text)
        else:
            yield name, (_value(value), _span(value, text))


def _value(node: yaml.Node) -> Any:
    """A node as plain data; None for what a tag would make of it."""
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    if isinstance(node, yaml.MappingNode):  # in a list
        return {key.value: _value(value) for key, value in node.value}
    if node.tag == "!PLACEHOLDER":  # as hyperpyyaml says ???
        return "???"
    if not isinstance(node, yaml.ScalarNode) or not node.tag.startswith("tag:yaml.org,2002:"):
        return None
    if node.tag.endswith(":str"):
        return float(node.value) if node.style is None and _FLOAT.fullmatch(node.value) else node.value
    value = yaml.safe_load(node.value)
    return value if value is None or isinstance(value, bool | int | float) else str(node.value)


def _span(node: yaml.Node, text: str) -> Span | None:
    block = isinstance(node, yaml.SequenceNode) and not node.flow_style
    if block or (isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")):
        return None
    start, end = node.start_mark.index, node.end_mark.index
    found = _BEFORE.match(text, start)
    return start + len(found[1] or "") if found else start, end


def _in_python(text: str) -> Iterator[tuple[str, tuple[Any, Span | None]]]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines(keepends=True)

    def index(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    body = ast.parse(text).body
    plain = list(_assigned(body, ""))
    known = {name for name, _ in plain}
    blocks = [pair for pair in _assigned(body, "", blocks=True) if pair[0] not in known]
    often = Counter(name for name, _ in blocks)
    for name, node in [*plain, *(pair for pair in blocks if often[pair[0]] == 1)]:
        try:
            value = ast.literal_eval(_whole(node))
        except ValueError:
            continue
        place = index(node.lineno, node.col_offset), index(node.end_lineno or 1, node.end_col_offset or 0)
        yield name, (list(value) if isinstance(value, tuple) else value, place)


def _whole(node: ast.expr) -> ast.expr:
    """The number in int(1e5), as a whole one; anything else as it is."""
    match node:
        case ast.Call(func=ast.Name(id="int"), args=[ast.Constant(value=float(number))], keywords=[]) if (
            number.is_integer()
        ):
            return ast.Constant(value=int(number))
    return node


def _assigned(body: list[ast.stmt], prefix: str, *, blocks: bool = False) -> Iterator[tuple[str, ast.expr]]:
    """What names are assigned; with `blocks` also inside of conditions and loops, and how often loops run."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            given = node.args
            defaulted = [*given.posonlyargs, *given.args][-len(given.defaults) :] if given.defaults else []
            yield from ((f"{prefix}{node.name}.{a.arg}", d) for a, d in zip(defaulted, given.defaults, strict=True))
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield from _assigned(node.body, f"{prefix}{node.name}.", blocks=blocks)
        elif blocks and isinstance(node, ast.For) and (times := _times(node.iter)) is not None:
            if isinstance(node.target, ast.Name):
                yield f"{prefix}{node.target.id}", times
            yield from _assigned(node.body, prefix, blocks=True)
        elif blocks and isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
            inner = [*node.body, *getattr(node, "orelse", []), *getattr(node, "finalbody", [])]
            yield from _assigned(inner, prefix, blocks=True)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            called = node.value.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            yield from _inside(f"{prefix}{name}", node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield from _inside(f"{prefix}{target.id}", node.value)


def _times(node: ast.expr) -> ast.expr | None:
    """Where it stands how often a loop runs: in range(200), or in range(start, start + 200)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
        return None
    match node.func.id, node.args:
        case "tqdm", [inner, *_]:
            return _times(inner)
        case "range" | "trange", [end] | [ast.Constant(value=0), end]:
            return end
        case "range" | "trange", [ast.Name(id=first), ast.BinOp(left=ast.Name(id=again), op=ast.Add(), right=number)]:
            return number if first == again else None
    return None


def _inside(name: str, node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _inside(f"{name}.{key.value}", value)
    elif isinstance(node, ast.Call) and _whole(node) is node:  # dict(lr=0.1), or SGD(parameters, lr=0.1)
        for keyword in node.keywords:
            if keyword.arg:
                yield from _inside(f"{name}.{keyword.arg}", keyword.value)
    else:
        yield name, node
