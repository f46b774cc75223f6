"""Options of LightningCLI: the parameters of the module and of its data, and those of the Trainer."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument, Declared, kind_of, with_default, with_value
from playbook_cli.starting.syntax import calls, functions, keywords, last_name, literal, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.starting.program import Program

_MAX_EPOCHS = 1000
"""How long a Trainer trains where nobody says it."""


def read(program: Program) -> Declared:
    """The options of a program that hands its classes to LightningCLI."""
    for call in calls(program.tree, "LightningCLI"):
        given = keywords(call)
        model = given.get("model_class", call.args[0] if call.args else None)
        data = given.get("datamodule_class", call.args[1] if len(call.args) > 1 else None)
        found = [
            *_parameters(program, last_name(model), "model"),
            *_parameters(program, last_name(data), "data"),
        ]
        if found:
            words = () if literal(given.get("run")) is False else ("fit",)
            return Declared(arguments=[*_of_trainer(given), *found], words=words)
    return Declared(arguments=[])


def _of_trainer(given: dict[str, ast.expr]) -> Iterator[Argument]:
    defaults = given.get("trainer_defaults")
    values = (
        {
            key.value: literal(value)
            for key, value in zip(defaults.keys, defaults.values, strict=True)
            if isinstance(key, ast.Constant)
        }
        if isinstance(defaults, ast.Dict)
        else {}
    )
    for name, kind, value in (
        ("trainer.max_epochs", "int", values.get("max_epochs", _MAX_EPOCHS)),
        ("trainer.check_val_every_n_epoch", "int", values.get("check_val_every_n_epoch", 1)),
        ("trainer.default_root_dir", "str", None),
        ("trainer.logger", "other", None),
        ("seed_everything", "int", literal(given.get("seed_everything_default"))),
    ):
        yield with_value(Argument(name=name, option=f"--{name}", kind=kind), value)  # type: ignore[arg-type]


def _parameters(program: Program, name: str, prefix: str) -> Iterator[Argument]:
    """What the class of this name is made of."""
    for module in program.modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ClassDef) or node.name != name:
                continue
            for made in (each for each in functions(node) if each.name == "__init__"):
                for parameter, default in parameters(made):
                    if parameter.arg != "self":
                        full = f"{prefix}.{parameter.arg}"
                        argument = Argument(
                            name=full,
                            option=f"--{full}",
                            kind=kind_of(parameter.annotation, default="other"),
                            required=default is None,
                            line=parameter.lineno,
                        )
                        yield with_default(argument, default, infer=True)
            return
