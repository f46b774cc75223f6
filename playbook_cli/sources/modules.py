"""Where a module is: among a program's own files, or installed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution

    from playbook_cli.sources.files import View

OURS = ("playbook-cli", __version__)
_INSTALLED = ("site-packages", "dist-packages")
_SUFFIXES = (".py", *EXTENSION_SUFFIXES)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A module that was found."""

    files: tuple[str, ...] = ()
    """Its own file, which is the last, and those of the packages around it, which Python runs first."""
    folders: tuple[str, ...] = ()
    """Folders of the modules inside it; empty if it is not a package."""


@dataclass(frozen=True)
class Package:
    """An installed distribution."""

    name: str
    version: str


def locate(view: View, name: str, folders: Sequence[str], *, namespaces: bool) -> Found | None:
    """The module with this dotted name in the first of these folders that has it; the package itself for no name.

    With `namespaces`, a folder without `__init__.py` counts, which Python uses only if nothing else matches. For
    `a.b.c`, there may be only `a.b`, and c is something in it.
    """
    found = Found(folders=tuple(folders))
    for part in name.split(".") if name else ():
        step = _step(view, part, found.folders, namespaces=namespaces or bool(found.files))
        if step is None:
            return Found(files=found.files) if found.files else None
        found = Found(files=(*found.files, *step.files), folders=step.folders)
    return found


def _step(view: View, name: str, folders: Sequence[str], *, namespaces: bool) -> Found | None:
    spaces = []
    for folder in folders:
        names = view.names_in(folder)
        own = f"{folder}/{name}"
        within = view.names_in(own) if name in names else frozenset()
        if "__init__.py" in within and view.is_file(f"{own}/__init__.py"):
            return Found(files=(f"{own}/__init__.py",), folders=(own,))
        for suffix in _SUFFIXES:
            if f"{name}{suffix}" in names and view.is_file(f"{own}{suffix}"):
                return Found(files=(f"{own}{suffix}",))
        if within:
            spaces.append(own)
    return Found(folders=tuple(spaces)) if spaces and namespaces else None


def installed(view: View, name: str) -> Found | Package | None:
    """The distribution of an installed module, or its files if they are elsewhere, as for editable installs.

    None for the standard library, and for a missing module. `name` is a top-level module.
    """
    if name == "playbook_cli":
        return Package(*OURS)
    if name in sys.stdlib_module_names:
        return None
    return _installed(name, tuple((path, view.key(path)) for path in sys.path if is_installed(path)))


def is_installed(path: str) -> bool:
    """Whether a file belongs to an installed package."""
    return any(f"/{folder}" in path for folder in _INSTALLED)


@cache
def _installed(name: str, state: tuple[object, ...]) -> Found | Package | None:
    """`state` changes when something is installed."""
    del state
    spec = _spec(name)
    if spec is None:
        return None
    origin = spec.origin if spec.has_location else None
    places = tuple(spec.submodule_search_locations or ())
    first = origin or next(iter(places), None)
    if first is None:
        return None
    if not is_installed(first):
        return Found(files=(origin,) if origin else (), folders=places)
    return _distribution(name, next(folder for folder in Path(first).parents if folder.name in _INSTALLED))


def _spec(name: str) -> ModuleSpec | None:
    found = PathFinder.find_spec(name, list(filter(None, sys.path)))
    if found is not None:
        return found
    for finder in sys.meta_path:
        if finder is not PathFinder:
            try:
                found = finder.find_spec(name, None)
            except (
                ImportError,
                AttributeError,
                ValueError,
                OSError,
            ):  # a finder of an installer, for editable packages
                continue
            if found is not None:
                return found
    return None


def _distribution(name: str, folder: Path) -> Package | None:
    """The distribution in a folder of installed packages that contains a module; None if none does."""
    from importlib import metadata  # its import takes as long as the fingerprint of a small program

    try:
        by_name = next(iter(metadata.distributions(name=name, path=[str(folder)])), None)
        one = by_name or _that_records(name, folder)
        return None if one is None else Package(str(one.metadata["Name"]), str(one.version))
    except (OSError, KeyError, ValueError):
        return None


def _that_records(name: str, folder: Path) -> Distribution | None:
    """The distribution whose records have the module: PyYAML for yaml. importlib.metadata's function is 10x slower."""
    wanted = (f"\n{name}/".encode(), f"\n{name}.py,".encode(), f"\n{name}.cpython".encode())
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        content = b"\n" + record.read_bytes()
        if any(start in content for start in wanted):
            from importlib import metadata

            return metadata.Distribution.at(record.parent)
    return None
