"""Options that are constants of the script itself: each trial gets a copy of it with its own values."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, ConfigUse, Declared, with_value
from playbook_cli.starting.configs import read_config
from playbook_cli.starting.syntax import calls, functions, keywords

if TYPE_CHECKING:
    from playbook_cli.starting.program import Program

_WORTH = re.compile(
    r"(^|_)(learning_?rate|lr|batch_?size|weight_?decay|drop_?out|momentum|seed)$|"
    r"^(max_|num_|n_|total_|train_)*(epochs?|steps|iters|iterations|updates|batches)$",
    re.IGNORECASE,
)
"""Constants that a study tunes, or has to set."""


def read(program: Program) -> Declared:
    """The numbers that are assigned once, or are keywords of one call or defaults that nobody overrides.

    None where the script looks for itself, or imports a `config`: the copy lies elsewhere, and is called so.
    """
    if "config" in program.names or any(
        isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(program.tree)
    ):
        return Declared(arguments=[])
    stored = Counter(
        node.id for node in ast.walk(program.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    passed = _passed(program.tree)
    found: dict[str, object] = {}
    for name, value in read_config(program.script).items():
        *above, own = name.split(".")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        once = all(stored[part] <= 1 for part in (own, *above)) and (*above[-1:], own) not in passed
        if number and once and _WORTH.search(own) and "__init__" not in above:
            found[name] = value
    own_names = Counter(name.rpartition(".")[2] for name in found)
    arguments = [
        with_value(
            Argument(
                name=name if own_names[name.rpartition(".")[2]] > 1 else name.rpartition(".")[2],
                option=name,
                kind="other",
                given="config",
            ),
            value,
            infer=True,
        )
        for name, value in found.items()
    ]
    return Declared(arguments=arguments, config=ConfigUse(file=program.script, option=None))


def _passed(tree: ast.Module) -> set[tuple[str, str]]:
    """The parameters of functions that a call of them gives."""
    found: set[tuple[str, str]] = set()
    for function in functions(tree):
        names = [argument.arg for argument in function.args.args]
        for call in calls(tree, function.name):
            given = [*names[: len(call.args)], *keywords(call)]
            found |= {(function.name, name) for name in given}
    return found
