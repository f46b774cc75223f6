"""Every verb, in the order in which a study meets them. The module of one is imported when it is called.

So `playbook --help` pays for none of them, and each verb not for the others.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.main import get_command


class Verb(NamedTuple):
    """Where a verb is, MODULE:FUNCTION of this package, and what it is for: the first paragraph of its help."""

    place: str
    purpose: str


VERBS = {
    "init": Verb(
        "init:init",
        "Write a study file to start from: with a training script that runs, or for a script or a sweep of yours.",
    ),
    "plan": Verb(
        "plan:plan",
        "Show the trials, the coverage of every dimension, the budget and warnings; launch nothing.",
    ),
    "try": Verb(
        "try_:try_",
        "Run one short trial at the middle of the space, and show what reaches the program and what Playbook reads of "
        "it.",
    ),
    "lr-sweep": Verb(
        "lr_sweep:lr_sweep",
        "Find the initial max_train_steps by a sweep of constant learning rates, or say that it is unknown.",
    ),
    "batch-size": Verb(
        "batch_size:batch_size",
        "Find the batch size that trains fastest: powers of two until memory runs out or doubling stops paying.",
    ),
    "run": Verb(
        "run:run",
        "Run a study, or finish what is missing of it.",
    ),
    "status": Verb(
        "status:status",
        "Tell how a study goes. Reads only, so it never slows or locks the run.",
    ),
    "watch": Verb(
        "watch:watch",
        "Follow a study that runs, here or on another machine that shares its folder, until nothing of it runs.",
    ),
    "report": Verb(
        "report:report",
        "Say what a study means: on the terminal, and as index.html and report.json in its folder. Works while it "
        "runs.",
    ),
    "next": Verb(
        "next:next_",
        "Write the next study as YAML, with each change and its reason as a comment.",
    ),
    "instability": Verb(
        "instability:instability",
        "Say whether training is unstable just above its best learning rate, and find what mends it.",
    ),
    "horizon": Verb(
        "horizon:horizon",
        "Measure how long to train: the best points at half, once, twice and four times max_train_steps.",
    ),
    "repeat": Verb(
        "repeat:repeat",
        "Train the best trials of a study again on fresh seeds, and say how much of their results was luck.",
    ),
    "compare": Verb(
        "compare:compare",
        "Adopt the candidate over the baseline? `adopt`, `keep`, or `not-yet` and how many more runs would settle it.",
    ),
    "adopt": Verb(
        "adopt:adopt",
        "Note in the ledger that a study is the baseline now, and on what evidence.",
    ),
    "log": Verb(
        "log:log",
        "Show the ledger: a row a study, oldest first, with what it came to, what was decided, and how to reproduce "
        "it.",
    ),
    "check": Verb(
        "check:check",
        "Check a finished study against expectations: exits with 3, and a line for each that is broken.",
    ),
    "guide": Verb(
        "guide:guide",
        "Print one page for a script or a coding agent: the loop, the verbs with their JSON, the exit codes.",
    ),
    "devices": Verb(
        "devices:devices",
        "Show the GPUs and cores that trials can use here, and why a GPU is not used.",
    ),
    "explain": Verb(
        "explain:explain",
        "Explain a rule of the report, or a check of the design: what it looks at, its thresholds, and what to do.",
    ),
    "import": Verb(
        "import_:import_",
        "Read runs of other tools into a study's folder, so that `report` and all other verbs read them.",
    ),
    "export": Verb(
        "export:export",
        "Write a study's trials and evaluations as tables, or as runs of Optuna, MLflow, TensorBoard or W&B.",
    ),
    "schema": Verb(
        "schema:schema",
        "Print the JSON schema of the study file, so that editors complete and check it.",
    ),
}


class Commands(MutableMapping[str, Any]):
    """The verbs as commands of typer, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, _, function = VERBS[name].place.partition(":")
            alone = typer.Typer(add_completion=False)
            callback = getattr(import_module(f"playbook_cli.commands.{module}"), function)
            alone.command(name, help=flowing(inspect.cleandoc(callback.__doc__ or "")))(callback)
            self._made[name] = get_command(alone)
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


def flowing(text: str) -> str:
    """Text with one line a paragraph, so that it wraps where the terminal ends; examples keep lines of their own."""
    return re.sub(r"(?<=[^\n])\n(?!\n|Example:)", " ", text)
