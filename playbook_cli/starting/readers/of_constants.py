"""Options that are constants of the script itself: each trial gets a copy of it with its own values."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, ConfigUse, Declared, with_value
from playbook_cli.starting.configs import read_config
from playbook_cli.starting.counting import unit_of
from playbook_cli.starting.syntax import calls, functions, keywords, last_name, parameters

if TYPE_CHECKING:
    from playbook_cli.starting.program import Program

_WORTH = re.compile(
    r"(^|_)(learning_?rate|lr|batch_?size|weight_?decay|drop_?out|momentum|seed)$|"
    r"^(max_|num_|n_|total_|train_)*(epochs?|steps|iters|iterations|updates|batches)$",
    re.IGNORECASE,
)
"""Constants that a study tunes, or has to set."""
_TRAINS = re.compile(r"(^|_)(train|training|trainer|fit|main|run|learn)", re.IGNORECASE)


def read(program: Program, *, loops: bool) -> Declared:
    """The numbers that are assigned once, or are keywords of one call or defaults that nobody overrides.

    With `loops` also how often the only loop over epochs or episodes runs. None where the script looks for itself, or
    imports a `config`: the copy lies elsewhere, and is called so.
    """
    if "config" in program.names or any(
        isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(program.tree)
    ):
        return Declared(arguments=[])
    stored = Counter(
        node.id for node in ast.walk(program.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    passed = _passed(program.tree)
    lengths = _lengths(program.tree) if loops else {}
    elsewhere = _elsewhere(program.tree)
    found: dict[str, object] = {}
    for name, value in read_config(program.script).items():
        *above, own = name.split(".")
        if (*above[-1:], own) in elsewhere and unit_of(own) is not None:
            continue  # so many steps of something else
        number = isinstance(value, int | float) and not isinstance(value, bool)
        once = all(stored[part] <= 1 for part in (own, *above)) and (*above[-1:], own) not in passed
        worth = own in lengths or (_WORTH.search(own) and above[-1:] != ["__init__"])
        if number and once and worth:
            found[name] = value
    own_names = Counter(name.rpartition(".")[2] for name in found)
    arguments = []
    for name, value in found.items():
        own = name.rpartition(".")[2]
        called = lengths.get(own, name if own_names[own] > 1 else own)
        loop = own if own in lengths else ""
        argument = Argument(name=called, option=name, kind="other", given="config", loop=loop)
        arguments.append(with_value(argument, value, infer=True))
    return Declared(arguments=arguments, config=ConfigUse(file=program.script, option=None))


def _lengths(tree: ast.Module) -> dict[str, str]:
    """The variable of the only loop over epochs, or else over episodes, and what it counts."""
    variables = [last_name(node.target) for node in ast.walk(tree) if isinstance(node, ast.For)]
    for unit in ("epoch", "episode"):
        found = [name for name in variables if unit_of(name) == unit]
        if found:
            return {found[0]: f"{unit}s"} if len(found) == 1 else {}
    return {}


def _elsewhere(tree: ast.Module) -> set[tuple[str, str]]:
    """The parameters of functions that do not train, by their names."""
    return {
        (function.name, parameter.arg)
        for function in functions(tree)
        if not _TRAINS.search(function.name)
        for parameter, _ in parameters(function)
    }


def _passed(tree: ast.Module) -> set[tuple[str, str]]:
    """The parameters of functions that a call of them gives."""
    found: set[tuple[str, str]] = set()
    for function in functions(tree):
        names = [argument.arg for argument in function.args.args]
        for call in calls(tree, function.name):
            given = [*names[: len(call.args)], *keywords(call)]
            found |= {(function.name, name) for name in given}
    return found
