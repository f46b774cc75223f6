"""Options that are the values of a config file, which the program reads whole: YAML, JSON, or Python that assigns."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.formats.configs import SUFFIXES
from playbook_cli.starting.argument import Argument, ConfigUse, Declared, with_value
from playbook_cli.starting.configs import read_config
from playbook_cli.starting.syntax import calls, last_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playbook_cli.starting.program import Program

_OPTION = re.compile(r"^(config|cfg|conf|hparams|hyperparameters|opt|options|yaml)(_?(file|path|name|yaml|json))?$")
_LOADS = {"safe_load", "load", "full_load", "load_hyperpyyaml", "fromfile", "read_json", "read_yaml", "parse_arguments"}
_LOADERS = {"yaml", "json", "OmegaConf", "hyperpyyaml", "ruamel", "Config", "sb"}
_BESIDE = ("config", "configs/default", "configs/config", "configs/base", "default", "hparams", "params", "train")


def read(program: Program, others: Sequence[Argument], given: Path | None = None) -> Declared:
    """The values of the config file that the program reads, or of the one that is given.

    `others` are the options of its command line, one of which may name the file.
    """
    option = next((each for each in others if any(_OPTION.match(name) for name in _names(each))), None)
    positional = option is None and _reads_argv(program)
    if given is None and not ((option is not None or positional) and _loads(program)):
        return Declared(arguments=[])
    file = given or _file(program, option)
    if file is None:
        return Declared(
            arguments=[],
            unread=("it reads a config file that was not found: name it with --config FILE",),
        )
    arguments = [_argument(name, value) for name, value in read_config(file).items()]
    if not arguments:
        return Declared(arguments=[])
    return Declared(arguments=arguments, config=ConfigUse(file=file, option=option.option if option else None))


def _names(option: Argument) -> list[str]:
    """What an option is called in the program and on its command line."""
    return [name.lower().strip("-").replace("-", "_") for name in (option.name, option.option or "")]


def _argument(name: str, value: object) -> Argument:
    missing = value == "???"
    argument = Argument(name=name, option=name, kind="other", given="config", required=missing)
    argument = argument if missing else with_value(argument, value, infer=True)
    return replace(argument, kind="other") if isinstance(value, str) and "${" in value else argument


def _reads_argv(program: Program) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "argv" for node in ast.walk(program.tree))


def _loads(program: Program) -> bool:
    return any(
        last_name(call.func) in _LOADS
        and (isinstance(call.func, ast.Name) or last_name(getattr(call.func, "value", None)) in _LOADERS)
        for module in program.modules
        for call in calls(module.tree, *_LOADS)
    )


def _file(program: Program, option: Argument | None) -> Path | None:
    """The file that the option has by default, else the only one beside the script that looks like it."""
    folder = program.script.parent
    if option is not None and isinstance(option.default, str) and option.default:
        path = folder / option.default
        return path if path.is_file() and path.suffix in SUFFIXES else None
    for name in _BESIDE:
        for suffix in (".yaml", ".yml", ".json"):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    for place in ("configs", "config", "conf", "hparams"):
        found = [path for path in sorted((folder / place).glob("*")) if path.suffix in (".yaml", ".yml", ".json")]
        if len(found) == 1:
            return found[0]
    return None
