"""A YAML file as plain data, with the line of every key.

Scalars are read as people mean them: `1e-3` is a float, `yes` and `1:30` and `2026-01-01` are text, only true and
false are booleans. Nothing but mappings, lists and these scalars is ever constructed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from playbook_cli.errors import SpecError
from playbook_cli.files import regular

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
"""Most values in a file, with aliases expanded: a few lines of nested aliases can stand for billions of values."""

Location = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The data of a YAML file, and the line of each key."""

    path: str
    data: Any
    lines: Mapping[Location, int]

    def where(self, location: Location) -> str:
        """`file:line` of the deepest part of `location` that the file has; missing parts are skipped."""
        known: Location = ()
        for part in location:
            if (*known, part) in self.lines:
                known = (*known, part)
        return f"{self.path}:{self.lines.get(known, 1)}"


def read(path: Path, *, foreign: bool = False) -> Source:
    """Read a YAML file. SpecError, with file and line, if it is not a single document of plain data.

    In a `foreign` file, written by another tool, a tuple is a list, and names of Python objects and keys are text.
    """
    shown = str(path)
    try:
        with regular.opened(path) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError("there is no such file", where=shown, hint="playbook init writes one to start from") from None
    except IsADirectoryError:
        inside = path / "study.yaml"
        hint = f"use the study file in it: {inside}" if inside.is_file() else None
        raise SpecError("this is a folder, not a file", where=shown, hint=hint) from None
    except OSError as error:
        raise SpecError(f"the file can't be read: {error.strerror}", where=shown) from None
    if len(content) > MAX_BYTES:
        raise SpecError(
            f"the file is larger than the limit of {MAX_BYTES:,} bytes", where=shown, hint="is this a study file?"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError("the file is not UTF-8 text", where=f"{shown}:{line}") from None
    return parse(text, shown, foreign=foreign)


def parse(text: str, path: str, *, foreign: bool = False) -> Source:
    """Read YAML text; `path` is what errors call it, `foreign` is as for `read`."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        at = "".join(text.split("\n")[line - 1 : line]) if mark else ""  # YAML knows further line ends
        hint = "indent with spaces, not with tabs" if "\t" in at else _unquoted(at)
        if path.endswith(".py"):
            hint = f"for a study of a script, write its study file first: playbook init --from {path}"
        raise SpecError(
            f"not valid YAML: {error.problem or error.context}", where=f"{path}:{line}", hint=hint
        ) from None
    except yaml.YAMLError as error:
        raise SpecError(f"not valid YAML: {' '.join(str(error).split())}", where=path) from None
    except RecursionError:
        raise SpecError("the file is nested too deeply", where=path) from None
    if node is None:
        raise SpecError("the file is empty", where=path, hint="playbook init writes one to start from")
    reader = _Reader(path, foreign=foreign)
    data = reader.read(node, (), ())
    return Source(path=path, data=data, lines=reader.lines)


def _unquoted(line: str) -> str | None:
    """That a macro between brackets needs quotes, where a line has one without."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
    found = re.search(r"[^\s,\[{:]*\$\{[^}]*\}[^\s,\]}]*", plain)
    return f"quote it: '{found[0]}'" if found else None


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own attribute)


RESOLVERS = _Loader.yaml_implicit_resolvers
"""Which text is read as which kind of scalar; writers need it to quote."""
_TUPLE, _NAMED = "tag:yaml.org,2002:python/tuple", "tag:yaml.org,2002:python/name:"
_INT = re.compile(r"[-+]?[0-9][0-9_]*$")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""])


class _Reader:
    """Converts YAML nodes to data, with their lines, and counts values after expanding aliases."""

    def __init__(self, path: str, *, foreign: bool = False) -> None:
        self.path = path
        self._foreign = foreign
        self.lines: dict[Location, int] = {(): 1}
        self._count = 0

    def read(self, node: yaml.Node, location: Location, parents: tuple[int, ...]) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._error(node, f"the file expands to more than {MAX_NODES:,} values", "use fewer aliases")
        if id(node) in parents:
            raise self._error(node, "an alias contains itself", "write the value instead")
        inside = (*parents, id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, location, inside)
        if isinstance(node, yaml.SequenceNode) and (
            node.tag == "tag:yaml.org,2002:seq" or (self._foreign and node.tag == _TUPLE)
        ):
            values = []
            for index, item in enumerate(node.value):
                self.lines[(*location, index)] = item.start_mark.line + 1
                values.append(self.read(item, (*location, index), inside))
            return values
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error(
            node, f"the tag {_shown_tag(node.tag)} is not allowed", "write plain mappings, lists and scalars"
        )

    def _mapping(self, node: yaml.MappingNode, location: Location, inside: tuple[int, ...]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.read(key_node, location, inside)
            if self._foreign and isinstance(key, int | float | None):
                key = str(key_node.value)
            if not isinstance(key, str):
                raise self._error(key_node, f"a key must be text, not {key!r}", "put it in quotes")
            if key in mapping:
                raise self._error(key_node, f"the key {key!r} appears twice", "delete one of them")
            self.lines[(*location, key)] = key_node.start_mark.line + 1
            mapping[key] = self.read(value_node, (*location, key), inside)
        return mapping

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        if self._foreign and node.tag.startswith(_NAMED):
            return node.tag.removeprefix(_NAMED)
        if "\0" in text:
            raise self._error(node, "arguments, variables and names can't contain a zero byte", "delete it")
        try:
            match node.tag:
                case "tag:yaml.org,2002:str":
                    return text
                case "tag:yaml.org,2002:null":
                    return None
                case "tag:yaml.org,2002:bool":
                    return {"true": True, "false": False}[text.lower()]
                case "tag:yaml.org,2002:int":
                    return int(text.replace("_", ""))
                case "tag:yaml.org,2002:float":
                    return float(re.sub(r"\.(?=inf|nan)", "", text.replace("_", "").lower()))
        except (ValueError, KeyError):
            raise self._error(node, f"{text[:40]!r} is not a {_shown_tag(node.tag)}") from None
        raise self._error(
            node, f"the tag {_shown_tag(node.tag)} is not allowed", "write plain mappings, lists and scalars"
        )

    def _error(self, node: yaml.Node, what: str, hint: str | None = None) -> SpecError:
        return SpecError(what, where=f"{self.path}:{node.start_mark.line + 1}", hint=hint)


def _shown_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
