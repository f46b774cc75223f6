"""What a program does with its options: which one it hands to an optimizer as the learning rate."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.starting.syntax import calls, keywords, last_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playbook_cli.starting.argument import Argument
    from playbook_cli.starting.program import Program

_OPTIMIZER = re.compile(
    r"(Fused|Distributed|Decoupled)?(SGD|ASGD|R?Adam[WX]?|NAdam|Adamax|Adadelta|Adagrad|RMSprop|Rprop|LBFGS|LAMB|Lamb|"
    r"LARS|Lars|Lion|Adafactor|AdaBelief|Muon)(LRD|8bit)?"
)
"""Classes of PyTorch, and of the packages that build on it."""


def with_use(arguments: Iterable[Argument], program: Program) -> list[Argument]:
    """The options, those marked that are a learning rate by how the program uses them."""
    rates = _rates(program)
    return [
        replace(each, rate=True) if each.name.rpartition(".")[2].replace("-", "_") in rates else each
        for each in arguments
    ]


def _rates(program: Program) -> set[str]:
    """The names of values that optimizers get as their learning rate, as they are."""
    given = [
        keywords(call).get("lr", keywords(call).get("learning_rate", call.args[1] if len(call.args) > 1 else None))
        for module in program.modules
        for call in calls(module.tree)
        if _OPTIMIZER.fullmatch(last_name(call.func))
    ]
    return {name for value in given if (name := _name(value))}


def _name(value: ast.expr | None) -> str:
    """The name of a value: lr, args.lr, config["lr"], config.get("lr")."""
    match value:
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name
    return last_name(value)
