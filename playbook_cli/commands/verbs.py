"""Every verb, in the order in which a study uses them. A verb's module is imported when it is called.

So `playbook --help` imports none of them, and a verb imports no other.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, MutableMapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand
from typer.main import get_command


class Verb(NamedTuple):
    """Where a verb is, as MODULE:FUNCTION in this package, and its purpose: the first paragraph of its help."""

    place: str
    purpose: str


VERBS = {
    "init": Verb(
        "init:init",
        "Write a study file: a demo, or for your own script or sweep.",
    ),
    "plan": Verb(
        "plan:plan",
        "Show what would run: trials, coverage, budget, warnings.",
    ),
    "try": Verb(
        "try_:try_",
        "Run one short trial, and check what arrives and is measured.",
    ),
    "lr-sweep": Verb(
        "lr_sweep:lr_sweep",
        "Find an initial max_train_steps by sweeping learning rates.",
    ),
    "batch-size": Verb(
        "batch_size:batch_size",
        "Find the batch size that trains fastest.",
    ),
    "run": Verb(
        "run:run",
        "Run a study, or resume it.",
    ),
    "status": Verb(
        "status:status",
        "Show progress, without slowing down the run.",
    ),
    "watch": Verb(
        "watch:watch",
        "Watch a running study in the terminal or a browser.",
    ),
    "stop": Verb(
        "stop:stop",
        "Stop a running study; run the same command again to resume it.",
    ),
    "list": Verb(
        "list_:list_",
        "List the studies in a folder, with progress and best results.",
    ),
    "show": Verb(
        "show:show",
        "Show one trial: settings, result, curves, log and files.",
    ),
    "report": Verb(
        "report:report",
        "Analyse a study: print the report, and write HTML and JSON.",
    ),
    "next": Verb(
        "next:next_",
        "Write the next study, with a reason for each change.",
    ),
    "instability": Verb(
        "instability:instability",
        "Check whether training is unstable, and find a fix.",
    ),
    "horizon": Verb(
        "horizon:horizon",
        "Measure how long to train.",
    ),
    "repeat": Verb(
        "repeat:repeat",
        "Train the best trials again with new training seeds.",
    ),
    "compare": Verb(
        "compare:compare",
        "Decide whether a candidate should replace the baseline.",
    ),
    "adopt": Verb(
        "adopt:adopt",
        "Record a study as the new baseline, with the evidence.",
    ),
    "pursue": Verb(
        "pursue:pursue",
        "Run the whole loop within a budget.",
    ),
    "log": Verb(
        "log:log",
        "Show all studies, their results and decisions.",
    ),
    "check": Verb(
        "check:check",
        "Check a study against expectations, for CI and scripts.",
    ),
    "guide": Verb(
        "guide:guide",
        "Print one page for scripts and coding agents.",
    ),
    "devices": Verb(
        "devices:devices",
        "Show the GPUs and cores that trials can use here.",
    ),
    "explain": Verb(
        "explain:explain",
        "Explain a rule of the report or a check of plan.",
    ),
    "import": Verb(
        "import_:import_",
        "Import runs of other tools as a study.",
    ),
    "export": Verb(
        "export:export",
        "Export trials as tables, or as runs of other tools.",
    ),
    "schema": Verb(
        "schema:schema",
        "Print the JSON schema of the study file.",
    ),
}


class Command(TyperCommand):
    """A verb whose help names a value only where an option takes one, and each option by one name."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if param.metavar is None and param.param_type_name == "option":
                kind = param.display_type(ctx) if hasattr(param, "display_type") else ""  # a later typer than 0.21
                param.metavar = "" if param.is_flag else _VALUES.get(kind)
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, where an option may have an earlier name."""
        taken = {name for param in self.params for name in param.opts}
        now = {old: new for old, new in EARLIER_NAMES.items() if new in taken and old not in taken}
        return super().parse_args(ctx, [_renamed(word, now) for word in args])


def _renamed(word: str, now: dict[str, str]) -> str:
    name, equals, value = word.partition("=")
    return f"{now.get(name, name)}{equals}{value}"


class Commands(MutableMapping[str, Any]):
    """The verbs as commands of typer, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)

    def __contains__(self, name: object) -> bool:
        return name in VERBS


_VALUES = {"<int>": "N", "<int range>": "N", "<float>": "X", "<float range>": "X", "<str>": "NAME"}
EARLIER_NAMES = {"--learning-rate": "--parameter", "--write": "--output"}
"""Of options, which are still taken."""


@cache
def _command(name: str) -> Any:
    module, _, function = VERBS[name].place.partition(":")
    alone = typer.Typer(add_completion=False)
    callback = getattr(import_module(f"playbook_cli.commands.{module}"), function)
    alone.command(name, cls=Command, help=flowing(inspect.cleandoc(callback.__doc__ or "")))(callback)
    return get_command(alone)


def flowing(text: str) -> str:
    """Help with one line per paragraph, so that it wraps at the terminal's width; examples keep their own lines.

    Brackets are escaped, since typer would read them as markup.
    """
    return re.sub(r"(?<=[^\n])\n(?!\n|Example:)", " ", text).replace("[", r"\[")
