"""From the files that a program begins with to all that it imports."""

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
"""A program's own; of one that has more, the nearest ones are looked at."""


class Walk:
    """The files of a program, found breadth first, so that those left out of a huge one are the farthest."""

    def __init__(self, view: View, cwd: str, path: Sequence[str], last: Sequence[str], without: str) -> None:
        """`path` is where Python looks for modules first, `last` where it might after that; `without` holds trials."""
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
        """A script: Python looks for modules in its folder first."""
        self._path.insert(0, os.path.dirname(file))
        self._add([file])

    def begin_module(self, name: str) -> bool:
        """What `-m name` runs, or a train function's module; False where it is none of the program's own."""
        found = self._module(name)
        if found is None or not (found.files or found.folders):
            return False
        self._add(found.files)
        main = locate(self._view, "__main__", found.folders, namespaces=False)
        self._add(main.files if main else ())
        return True

    def take(self, needs: Imports, file: str) -> None:
        """What such a text at this place needs."""
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
        """Whether a file of settings is the program's, and no trial's or package's."""
        foreign = is_installed(path) or path.startswith((f"{self._without}/", "/dev/", "/proc/", "/sys/"))
        return not foreign and self._view.is_file(path)

    def _add(self, paths: Iterable[str]) -> None:
        for path in paths:
            if path not in self._seen:
                self._seen.add(path)
                self._waiting.append(path)

    def _scripts(self, said: str, folder: str) -> list[str]:
        """What a shell script may mean by `train.py`, `$here/train.py` or `$(dirname "$0")/train.py`."""
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
        """The modules that these names may mean: `*` those that the package exports, and `/*` all that it has."""
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
        """As Python looks: the program's own folders, what is installed, and then folders that are no packages."""
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
