"""What the import of a training module reads and leaves behind that a forked trial could not share."""

from __future__ import annotations

import builtins
import os
import random
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotShareable(BaseException):
    """Why trials can't share one import. No Exception, so that no module catches it and goes on."""


class _Watched(os._Environ[str]):  # noqa: SLF001 (what os.environ is)
    """Refuses to tell what differs between trials."""

    def __getitem__(self, name: str) -> str:
        try:
            return super().__getitem__(name)
        except KeyError:
            if name.startswith("PLAYBOOK_"):
                raise NotShareable(f"importing it asks for the trial ({name}), which is different each time") from None
            if name == "CUDA_VISIBLE_DEVICES":
                raise NotShareable(f"importing it reads {name}, which is different in each slot") from None
            raise


@contextmanager
def watched_environment() -> Iterator[None]:
    """NotShareable is raised in whoever reads a variable of a single trial or slot meanwhile."""
    kind = type(os.environ)
    os.environ.__class__ = _Watched
    try:
        yield
    finally:
        os.environ.__class__ = kind


class States:
    """The global random generators: as they were before anybody could touch them."""

    def __init__(self) -> None:
        self._first: dict[str, Any] = {"Python": random.getstate()}

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Meanwhile, note the states of numpy's and torch's generators as soon as these are imported."""
        importing = builtins.__import__

        def noticing(*args: Any, **kwargs: Any) -> Any:
            module = importing(*args, **kwargs)
            self._note()
            return module

        builtins.__import__ = noticing
        try:
            yield
        finally:
            builtins.__import__ = importing
            self._note()

    def touched(self) -> str | None:
        """Whose random numbers were drawn or seeded since."""
        self._note()
        return next((name for name, first in self._first.items() if not _same(_state(name), first)), None)

    def renew(self) -> None:
        """In a child: seed them as a fresh process does, from the system. Python does so with its own."""
        if "numpy.random" in self._first:
            sys.modules["numpy.random"].seed()
        if "torch" in self._first:
            sys.modules["torch"].default_generator.seed()

    def _note(self) -> None:
        for name in ("numpy.random", "torch"):
            if name not in self._first and _is_whole(name):
                self._first[name] = None  # an import in the next line comes here again
                self._first[name] = _state(name)


def _is_whole(name: str) -> bool:
    """Whether a module is imported, and not only being imported."""
    module = sys.modules.get(name)
    return module is not None and not getattr(module.__spec__, "_initializing", False)


def _state(name: str) -> Any:
    if name == "Python":
        return random.getstate()
    if name == "numpy.random":
        return sys.modules[name].get_state(legacy=False)["state"]
    return sys.modules["torch"].get_rng_state()


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return bool(one["pos"] == other["pos"] and (one["key"] == other["key"]).all())
    return bool((one == other).all()) if hasattr(one, "all") else bool(one == other)
