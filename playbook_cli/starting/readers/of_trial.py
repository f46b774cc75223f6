"""What a script that calls Playbook takes: the defaults of current_trial, and what the trial itself has."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, with_default
from playbook_cli.starting.syntax import assigned, calls, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.starting.program import Program


def read(program: Program) -> Declared:
    """The hyperparameters, the length of training, and how often it evaluates."""
    return Declared(arguments=list(options(program.tree)))


def options(tree: ast.Module) -> Iterator[Argument]:
    """As `read`, of one module."""
    yield from _params(tree)
    for call in calls(tree, "current_trial"):
        given = keywords(call)
        for name in ("max_train_steps", "eval_every"):
            argument = Argument(name=name, option=None, kind="int", given="trial", line=call.lineno)
            yield with_default(argument, given.get(name))


def _params(tree: ast.Module) -> Iterator[Argument]:
    """The defaults of current_trial, where they are a literal, or a name of one."""
    for call in calls(tree, "current_trial"):
        given = call.args[0] if call.args else keywords(call).get("defaults")
        if isinstance(given, ast.Name):
            given = assigned(tree, given.id)
        if isinstance(given, ast.Dict):
            pairs = [(literal(key), value) for key, value in zip(given.keys, given.values, strict=True)]
        elif isinstance(given, ast.Call) and last_name(given.func) == "dict":
            pairs = list(keywords(given).items())
        else:
            continue
        for name, value in pairs:
            if isinstance(name, str):
                argument = Argument(name=name, option=None, kind="other", given="params", line=value.lineno)
                yield with_default(argument, value, infer=True)
