"""Finds all files that a program imports, starting from its scripts."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from playbook_cli.sources.modules import Found, Package, installed, is_installed, locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.sources.files import View
    from playbook_cli.sources.imports import Imports, Needed

MAX_FILES = 1000
"""Most files of a program that are read, the nearest ones first."""


class Walk:
    """The files of a program, found breadth first, so that only the farthest ones of a huge program are left out."""

    def __init__(self, view: View, cwd: str, path: Sequence[str], last: Sequence[str], without: str) -> None:
        """Python looks for modules in `path` first, perhaps in `last` afterwards; `without` is the folder of trials."""
        self._view = view
        self._cwd = cwd
        self._path = list(path)
        self._last = list(last)
        self._without = without
        self._waiting: deque[str] = deque()
        self._seen: set[str] = set()
        self._modules: dict[str, Found | None] = {}
        self.files: dict[str, str] = {}
        """Digests by path."""
        self.packages: dict[str, str] = {}
        self.partial = False

    def begin(self, file: str) -> None:
        """Start with a script; Python looks for modules in its folder first."""
        self._path.insert(0, os.path.dirname(file))
        self._add([file])

    def begin_module(self, name: str) -> bool:
        """Start with the module of `-m name` or of a train function; False if it is not the program's own."""
        found = self._module(name)
        if found is None or not (found.files or found.folders):
            return False
        self._add(found.files)
        main = locate(self._view, "__main__", found.folders, namespaces=False)
        self._add(main.files if main else ())
        return True

    def take(self, needs: Imports, file: str) -> None:
        """Add what a text in this file needs."""
        folder = os.path.dirname(file)
        for place in needs.places:
            base = file
            for _ in range(place.up):
                base = os.path.dirname(base)
            bases = [base] if place.up else [self._cwd, folder]
            added = [os.path.normpath(os.path.join(base, place.path)) for base in bases]
            if new := [path for path in added if path not in self._path]:
                self._path += new
                self._modules = {name: found for name, found in self._modules.items() if found is not None}
        for script in needs.started:
            found = next(filter(self._view.is_file, self._scripts(script, folder)), None)
            if found is not None:
                self._path.append(os.path.dirname(found))
                self._add([found])
        for named in needs.settings:
            places = (os.path.normpath(os.path.join(base, named)) for base in (self._cwd, folder))
            self._add(filter(self._is_own, places))
        for needed in needs.modules:
            self._add(self._needed(needed, folder))

    def run(self) -> None:
        """Follow all imports."""
        while self._waiting:
            path = self._waiting.popleft()
            file = self._view.read(path)
            if file is None:
                continue
            if len(self.files) >= MAX_FILES:
                self.partial = True
                return
            self.files[path] = file.digest
            self.take(file.imports, path)

    def _is_own(self, path: str) -> bool:
        """Whether a settings file belongs to the program, not to a trial or a package."""
        foreign = is_installed(path) or path.startswith((f"{self._without}/", "/dev/", "/proc/", "/sys/"))
        return not foreign and self._view.is_file(path)

    def _add(self, paths: Iterable[str]) -> None:
        for path in paths:
            if path not in self._seen:
                self._seen.add(path)
                self._waiting.append(path)

    def _scripts(self, said: str, folder: str) -> list[str]:
        """Paths that `train.py`, `$here/train.py` or `$(dirname "$0")/train.py` may mean in a shell script."""
        plain = said.rpartition("$")[2].partition("/")[2] if "$" in said else said
        return [os.path.normpath(os.path.join(base, plain.lstrip("/"))) for base in (self._cwd, folder)] + [said]

    def _needed(self, needed: Needed, folder: str) -> list[str]:
        if needed.level:
            for _ in range(needed.level - 1):
                folder = os.path.dirname(folder)
            found = locate(self._view, needed.module, [folder], namespaces=True)
            around = [f"{folder}/__init__.py"] if self._view.is_file(f"{folder}/__init__.py") else []
        else:
            found, around = self._module(needed.module), []
        if found is None:
            return around
        files = [*around, *found.files]
        for name in self._names(needed.names, found):
            inside = locate(self._view, name, found.folders, namespaces=True)
            files += inside.files if inside else ()
        return files

    def _names(self, names: Sequence[str], found: Found) -> list[str]:
        """The modules that these names may mean: `*` for those that the package exports, and `/*` for all."""
        if not found.folders:
            return []
        known = [name for name in names if name not in ("*", "/*")]
        if "*" in names and found.files and (own := self._view.read(found.files[-1])):
            known += own.imports.exported
        if "/*" in names:
            inside = (name for folder in found.folders for name in self._view.names_in(folder))
            known += sorted({name.partition(".")[0] for name in inside})
        return [name for name in known if name.isidentifier()]

    def _module(self, name: str) -> Found | None:
        if name not in self._modules:
            self._modules[name] = self._located(name)
        return self._modules[name]

    def _located(self, name: str) -> Found | None:
        """Search like Python: the program's folders, installed packages, then folders that are not packages."""
        own = locate(self._view, name, self._path, namespaces=False)
        if own is None or any(map(is_installed, own.files)):
            top, _, rest = name.partition(".")
            known = installed(self._view, top)
            if isinstance(known, Package):
                self.packages[known.name] = known.version
                return None
            if known is not None:
                inside = locate(self._view, rest, known.folders, namespaces=True)
                return known if inside is None else Found(files=known.files + inside.files, folders=inside.folders)
            own = locate(self._view, name, [*self._path, *self._last], namespaces=True)
        return own if own is not None and not any(map(is_installed, own.files)) else None
