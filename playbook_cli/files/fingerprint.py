"""The files and packages of a program when an attempt started, and the difference between two such versions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMED = 4
"""Most files or packages named in a sentence; the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The files of a program by the hash of their content, and the installed packages that they import."""

    files: Mapping[str, str]
    """Files of every trial: scripts and the local modules that they import, by path from the study file's folder."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Files that only trials with certain hyperparameters use, as with `--config ${optimizer}.yaml`."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Versions by name; empty if another Python than Playbook's runs the program."""
    partial: bool = False
    """Whether the program has more files than the limit."""

    @cached_property
    def code(self) -> str:
        """A hash of everything: equal for equal fingerprints."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()[:16]

    def described(self) -> dict[str, object]:
        """As JSON types, without empty fields."""
        said = {"inputs": dict(self.inputs), "packages": dict(self.packages), "partial": self.partial}
        return {"files": dict(self.files), **{name: value for name, value in said.items() if value}}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed from one version of a program to another; false if nothing did."""

    changed: Sequence[str] = ()
    """Files whose content changed."""
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    packages: Sequence[str] = ()
    """Changed versions, such as `torch 2.12 -> 2.13`."""

    @property
    def code(self) -> bool:
        """Whether files differ, not only versions of packages."""
        return bool(self.changed or self.added or self.removed)

    def __bool__(self) -> bool:
        return self.code or bool(self.packages)

    def __str__(self) -> str:
        """Such as `t.py and model.py changed, old.py was removed`; packages are named only if no file differs."""
        if not self.code:
            return ", ".join(_first(self.packages))
        said = [f"{_joined(self.changed)} changed"] if self.changed else []
        for names, what in ((self.added, "added"), (self.removed, "removed")):
            said += [f"{_joined(names)} {'was' if len(names) == 1 else 'were'} {what}"] if names else []
        return ", ".join(said)


def difference(before: Fingerprint, after: Fingerprint) -> Difference:
    """What differs, except files that were moved or that only other hyperparameters use."""
    old, new = {**before.inputs, **before.files}, {**after.inputs, **after.files}
    partial = before.partial or after.partial  # then an edit of one file may bring others within the limit or beyond it
    versions = sorted(before.packages.keys() & after.packages.keys())
    changed = sorted(path for path in old.keys() & new.keys() if old[path] != new[path])
    added, removed = sorted(after.files.keys() - old.keys()), sorted(before.files.keys() - new.keys())
    moved = not changed and sorted(after.files[path] for path in added) == sorted(
        before.files[path] for path in removed
    )
    return Difference(
        changed=changed,
        added=[] if partial or moved else added,
        removed=[] if partial or moved else removed,
        packages=[
            f"{name} {before.packages[name]} -> {after.packages[name]}"
            for name in versions
            if before.packages[name] != after.packages[name]
        ],
    )


def _first(names: Sequence[str]) -> list[str]:
    more = len(names) - NAMED
    return [*names[:NAMED], f"{more} more"] if more > 1 else list(names)


def _joined(names: Sequence[str]) -> str:
    *others, last = _first(names)
    return f"{', '.join(others)} and {last}" if others else last
