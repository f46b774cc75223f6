"""What a program takes, read from its source by the reader of whatever library it uses.

Nothing is imported or executed; what is computed while the program runs is not seen.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, ConfigUse, Declared
from playbook_cli.starting.program import Module, Program
from playbook_cli.starting.readers import (
    of_absl,
    of_argparse,
    of_click,
    of_config,
    of_constants,
    of_dataclasses,
    of_functions,
    of_globals,
    of_hydra,
    of_lightning,
    of_nodes,
    of_trial,
)
from playbook_cli.starting.roles import is_rate, plain, training_length
from playbook_cli.starting.used import with_use

if TYPE_CHECKING:
    import ast

READERS = (
    of_hydra.read,
    of_click.read,
    of_lightning.read,
    of_functions.read,
    of_dataclasses.read,
    of_absl.read,
    of_nodes.read,
    of_globals.read,
    of_argparse.read,
    of_trial.read,
)


def declared(program: Program, config: Path | None = None) -> Declared:
    """All that a program takes; of two options with one name the first. `config` is a config file that it reads."""
    parts = [read(program) for read in READERS]
    if any(part.arguments for part in parts[:-2]):  # what another reader has found parses the command line
        parts[-2] = Declared(arguments=list(of_argparse.options(program.tree)))
    parts = [replace(part, arguments=with_use(part.arguments, program)) for part in parts]
    options = [argument for part in parts for argument in part.arguments]
    if config is not None or not any(map(is_rate, options)):
        parts.append(of_config.read(program, options, config))
        if (use := parts[-1].config) is not None:
            parts[:-1] = [
                replace(part, arguments=[each for each in part.arguments if not _passes(each, use)])
                for part in parts[:-1]
            ]
    if parts[-1].config is None:
        parts += _constants(program, [argument for part in parts for argument in part.arguments])
    by_name: dict[str, Argument] = {}
    for part in parts:
        for argument in part.arguments:
            by_name.setdefault(argument.name, argument)
    return Declared(
        arguments=list(by_name.values()),
        style=next((part.style for part in parts if part.arguments), "--name=value"),
        words=tuple(word for part in parts for word in part.words),
        files=tuple(file for part in parts for file in part.files),
        config=parts[-1].config,
        unread=tuple(note for part in parts for note in part.unread),
        other_commands=tuple(name for part in parts for name in part.other_commands),
    )


def _constants(program: Program, options: list[Argument]) -> list[Declared]:
    """The constants of the script, where no option is a learning rate or the length of training."""
    rated = any(map(is_rate, options))
    bounded = training_length(options, program).argument is not None
    if (rated and bounded) or "playbook_cli" in program.names or {"hydra", "OmegaConf"} & program.names:
        return []
    part = of_constants.read(program, loops=not bounded)
    names = {plain(argument.name) for argument in options}
    new = [argument for argument in part.arguments if plain(argument.name) not in names]
    both = [*options, *new]
    helps = (not rated and any(map(is_rate, new))) or (
        not bounded and training_length(both, program).argument is not None
    )
    return [replace(part, arguments=new)] if helps else []


def _passes(argument: Argument, use: ConfigUse) -> bool:
    """Whether an option is the one by which the program gets its config file."""
    if use.option is not None:
        return argument.option == use.option
    return argument.option is None and re.search(r"param|conf|cfg|yaml", argument.name, re.IGNORECASE) is not None


def arguments(tree: ast.Module, path: Path = Path("train.py")) -> list[Argument]:
    """All options of a script by itself, without the modules that it imports."""
    return declared(Program(main=Module(path=path, tree=tree))).arguments
