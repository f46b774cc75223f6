"""Effects of importing a training module that forked trials can't share."""

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
    """Why trials can't share one import. Not an Exception, so that no module catches it and continues."""


class _Watched(os._Environ[str]):  # noqa: SLF001 (what os.environ is)
    """Refuses to read variables that differ between trials."""

    def __getitem__(self, name: str) -> str:
        try:
            return super().__getitem__(name)
        except KeyError:
            if name.startswith("PLAYBOOK_"):
                raise NotShareable(f"importing it reads {name}, which differs between trials") from None
            if name == "CUDA_VISIBLE_DEVICES":
                raise NotShareable(f"importing it reads {name}, which differs between slots") from None
            raise


@contextmanager
def watched_environment() -> Iterator[None]:
    """In this context, code that reads a variable of a single trial or slot gets NotShareable."""
    kind = type(os.environ)
    os.environ.__class__ = _Watched
    try:
        yield
    finally:
        os.environ.__class__ = kind


class States:
    """The initial states of the global random generators."""

    def __init__(self) -> None:
        self._first: dict[str, Any] = {"Python": random.getstate()}

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """In this context, record the states of numpy's and torch's generators as soon as these are imported."""
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
        """The library whose generator has been used or seeded since; None if there is none."""
        self._note()
        return next((name for name, first in self._first.items() if not _same(_state(name), first)), None)

    def renew(self) -> None:
        """In a child: seed them from the system, as a new process does. Python reseeds its own."""
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
    """Whether a module is fully imported."""
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
