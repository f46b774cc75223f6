"""What to do next, as values, and the one place where a command line is written.

A finding carries an act, which is about the study that it was found in. `on` makes it a command for the folder of that
study, as the user gave it; `str` of a command is a line for a shell in the same directory.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Word = str | int | float | Path
Option = bool | Word | tuple[Word, ...] | list[Word] | None
"""True is a flag, a tuple an option with several values, a list an option that is repeated. False, None and an empty
list omit the option."""
RUNS = Path("runs")
"""The folder that holds all studies, unless --runs names another."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A verb with its arguments, which are mostly paths, and its options by name: `max-train-steps`."""

    verb: str
    arguments: Sequence[str | Path] = ()
    options: Mapping[str, Option] = field(default_factory=dict)

    def adding(self, **options: Option) -> Command:
        """The command with these options added; they replace options of the same name."""
        return replace(self, options={**self.options, **_named(options)})

    def __str__(self) -> str:
        words: list[str] = []
        for name, given in self.options.items():
            for one in given if isinstance(given, list) else [given]:
                if one is None or one is False:
                    continue
                following = one if isinstance(one, tuple) else () if one is True else (one,)
                words += [f"--{name}", *map(str, following)]
        return " ".join(["playbook", self.verb, *map(argument, self.arguments), *map(quoted, words)])


def command(verb: str, *arguments: str | Path, **options: Option) -> Command:
    """A command: `command("next", "runs/digits", max_train_steps=800)`."""
    return Command(verb=verb, arguments=arguments, options=_named(options))


def run(file: str | Path, runs: Path, verb: str = "run") -> Command:
    """The command that runs a study file, or applies another verb to it, with the results in `runs`."""
    return command(verb, file, runs=None if runs == RUNS else runs)


@dataclass(frozen=True, kw_only=True)
class Next:
    """The study after this one, and what to change in it. With no field set: all changes that findings ask for."""

    widen: tuple[str, ...] = ()
    """Labels of the ranges to widen."""
    narrow: bool = False
    regularize: bool = False
    fix: bool = False
    """Whether to fix the hyperparameters that did not matter."""
    round: int | None = None
    """Number of the round that trains the best points for longer."""
    max_train_steps: int | None = None
    eval_every: int | None = None
    trials: int | None = None
    seed: int | None = None
    """Search seed."""
    top: int | None = None
    """Number of best points in the round."""
    of: str | None = None
    """Path of the study that the act is about, if it is not this one; relative to the folder that holds this one."""

    def on(self, folder: str | Path) -> Command:
        """The command for the study in `folder`."""
        return command(
            "next",
            folder if self.of is None else holding(Path(folder)) / self.of,
            widen=[*self.widen],
            narrow=self.narrow,
            regularize=self.regularize,
            fix=self.fix,
            round=self.round,
            max_train_steps=self.max_train_steps,
            eval_every=self.eval_every,
            trials=self.trials,
            seed=self.seed,
            top=self.top,
        )


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """Train the best trials again with new training seeds."""

    top: int

    def on(self, folder: str | Path) -> Command:
        """The command for the study in `folder`."""
        return command("repeat", folder, top=self.top)


@dataclass(frozen=True, kw_only=True)
class CompareArms:
    """One arm of the study against another, by their repeats."""

    baseline: Mapping[str, object]
    candidate: Mapping[str, object]

    def on(self, folder: str | Path) -> Command:
        """The command for the study in `folder`."""
        return command("compare", folder, arms=(_settings(self.baseline), _settings(self.candidate)))


@dataclass(frozen=True, kw_only=True)
class ProbeInstability:
    """Whether training is unstable just above the best learning rate, and what fixes it."""

    def on(self, folder: str | Path) -> Command:
        """The command for the study in `folder`."""
        return command("instability", folder)


@dataclass(frozen=True, kw_only=True)
class MeasureHorizon:
    """How long to train, measured at several lengths."""

    seeds: int | None = None
    """Number of training seeds per run."""

    def on(self, folder: str | Path) -> Command:
        """The command for the study in `folder`."""
        return command("horizon", folder, seeds=self.seeds)


Act = Next | Repeat | CompareArms | ProbeInstability | MeasureHorizon


def holding(folder: Path) -> Path:
    """The parent of this folder, as a path of the same kind (relative or absolute)."""
    return folder.parent if folder.name not in ("", "..") else folder / ".."


def line(words: Iterable[str]) -> str:
    """The words as one line that bash, zsh and ksh read as these words."""
    return " ".join(map(quoted, words))


def argument(path: str | Path) -> str:
    """A path quoted for a shell; one that begins with a hyphen gets `./` before it, so it is no option."""
    return quoted(f"./{path}" if str(path).startswith("-") else str(path))


def quoted(word: str) -> str:
    """A word quoted for a shell; unprintable characters, such as line ends, are written as escaped bytes."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    undecoded = "\udc80" <= character <= "\udcff"  # a byte of a file name that is not text
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", _BYTES if undecoded else _ANY))


_BYTES, _ANY = "surrogateescape", "surrogatepass"


def _named(options: Mapping[str, Option]) -> dict[str, Option]:
    return {name.replace("_", "-"): given for name, given in options.items()}


def _settings(arm: Mapping[str, object]) -> str:
    """An arm as --arms takes it: a=1,b=2."""
    return ",".join(f"{name}={value}" for name, value in arm.items())
