"""A training script with the modules of its own that it imports, parsed and never run."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.files import regular
from playbook_cli.starting.syntax import imported, last_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LARGEST = 1_000_000
"""Bytes of a module that is still looked at."""
_MOST = 60
"""Modules of one distance from the script that are looked at."""
_ROOTS = 4
"""Folders in which imports are looked for: the script's own, and those above it."""
_PROJECT = (".git", ".project-root", "pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, kw_only=True)
class Module:
    """A file of a program."""

    path: Path
    tree: ast.Module


@dataclass(frozen=True, kw_only=True)
class Program:
    """A script, and the local modules that it imports."""

    main: Module
    near: tuple[Module, ...] = ()
    """Those that the script imports itself."""
    far: tuple[Module, ...] = ()
    """Those that these import."""

    @property
    def script(self) -> Path:
        return self.main.path

    @property
    def tree(self) -> ast.Module:
        return self.main.tree

    @property
    def rings(self) -> tuple[tuple[Module, ...], ...]:
        """The modules by their distance from the script."""
        return ((self.main,), self.near, self.far)

    @property
    def modules(self) -> tuple[Module, ...]:
        """All of them, the nearest first."""
        return (self.main, *self.near, *self.far)

    @property
    def names(self) -> set[str]:
        """All names that the script's imports speak of."""
        return imported(self.tree)


def without(program: Program, names: Sequence[str]) -> Program:
    """The program without these functions of the script, and without what they alone call."""
    removed = set(names)
    while removed:
        kept = [each for each in program.tree.body if not (isinstance(each, ast.FunctionDef) and each.name in removed)]
        spoken = {last_name(each) for node in kept for each in ast.walk(node)}
        before = {last_name(each) for each in ast.walk(program.tree)}
        alone = {each.name for each in kept if isinstance(each, ast.FunctionDef)} & before - spoken
        if not alone:
            return replace(program, main=replace(program.main, tree=ast.Module(body=kept, type_ignores=[])))
        removed |= alone
    return program


def read_program(script: Path) -> Program:
    """The script and its local modules. SpecError where the script itself can't be read."""
    main = Module(path=script, tree=parse_script(script))
    roots = _roots(script)
    seen = {script.resolve()}
    near = _imports([main], roots, seen)
    return Program(main=main, near=near, far=_imports(near, roots, seen))


def parse_script(script: Path) -> ast.Module:
    """The source of a script, parsed and not run. SpecError where it can't be."""
    try:
        return ast.parse(regular.content(script), filename=str(script))
    except OSError as error:
        raise SpecError(f"the script can't be read: {error.strerror}", where=str(script)) from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SpecError(
            f"this is not Python: {getattr(error, 'msg', error)}",
            where=f"{script}:{line}",
            hint="--from reads a training script, or a W&B sweep that ends in .yaml",
        ) from None


def module_named(name: str, script: Path) -> Module | None:
    """A module of the program by its dotted name; None where it is not one of its own."""
    path = _file(name.split("."), _roots(script))
    return None if path is None else _parsed(path)


def _roots(script: Path) -> list[Path]:
    folder = script.absolute().parent
    roots = [folder]
    for above in folder.parents:
        if len(roots) == _ROOTS or any((roots[-1] / name).exists() for name in _PROJECT):
            break
        roots.append(above)
    return roots


def _imports(modules: list[Module] | tuple[Module, ...], roots: list[Path], seen: set[Path]) -> tuple[Module, ...]:
    found: list[Module] = []
    for module in modules:
        for path in _paths(module, roots):
            if len(found) == _MOST:
                return tuple(found)
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            read = _parsed(path)
            found += [read] if read is not None else []
    return tuple(found)


def _paths(module: Module, roots: list[Path]) -> Iterator[Path]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from filter(None, [_file(alias.name.split("."), roots)])
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".") if node.module else []
            above = module.path.absolute().parents
            if node.level > len(above):
                continue
            places = [above[node.level - 1]] if node.level else roots
            inner = [_file([*parts, alias.name], places) for alias in node.names]
            yield from filter(None, inner if all(inner) else [_file(parts, places), *inner])


def _file(parts: list[str], roots: list[Path]) -> Path | None:
    if not parts or not all(part.isidentifier() for part in parts):
        return None
    for root in roots:
        base = root.joinpath(*parts)
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def _parsed(path: Path) -> Module | None:
    """A module that can be read; None where it can't be: the script itself is what matters."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return Module(path=path, tree=ast.parse(regular.content(path)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
