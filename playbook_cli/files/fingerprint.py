"""What a program was made of when an attempt of a trial began, and what differs between two such states."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMED = 4
"""Files or packages that a sentence names; of more, the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The files of a program by the hash of their content, and the installed packages that these import."""

    files: Mapping[str, str]
    """What every trial runs: scripts and the local modules that they import, by path from the study file's folder."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """What only trials with such hyperparameters run, as `--config ${optimizer}.yaml` does: others have other files."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Versions by name; empty where another Python than Playbook's own runs the program."""
    partial: bool = False
    """Whether the program has more files than are looked at."""

    @cached_property
    def code(self) -> str:
        """What stands for it: equal where all of it is."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()[:16]

    def described(self) -> dict[str, object]:
        """In JSON's own types, without what is empty."""
        said = {"inputs": dict(self.inputs), "packages": dict(self.packages), "partial": self.partial}
        return {"files": dict(self.files), **{name: value for name, value in said.items() if value}}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed from one state of a program to another; it is false where nothing did."""

    changed: Sequence[str] = ()
    """Files with another content."""
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    packages: Sequence[str] = ()
    """`torch 2.12 -> 2.13`."""

    @property
    def code(self) -> bool:
        """Whether files differ, not only versions of packages."""
        return bool(self.changed or self.added or self.removed)

    def __bool__(self) -> bool:
        return self.code or bool(self.packages)

    def __str__(self) -> str:
        """`t.py and model.py changed, old.py was removed`; of packages only where no file differs."""
        if not self.code:
            return ", ".join(_first(self.packages))
        said = [f"{_joined(self.changed)} changed"] if self.changed else []
        for names, what in ((self.added, "added"), (self.removed, "removed")):
            said += [f"{_joined(names)} {'was' if len(names) == 1 else 'were'} {what}"] if names else []
        return ", ".join(said)


def difference(before: Fingerprint, after: Fingerprint) -> Difference:
    """What differs. Not files that were moved, or that only other hyperparameters lead to."""
    old, new = {**before.inputs, **before.files}, {**after.inputs, **after.files}
    partial = before.partial or after.partial  # then an edit of one file may move others in or out of view
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
