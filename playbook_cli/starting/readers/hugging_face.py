"""The options of transformers.TrainingArguments that a study uses, with their defaults since version 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.starting.argument import Argument

if TYPE_CHECKING:
    from playbook_cli.records import Value
    from playbook_cli.starting.argument import Kind


def _option(name: str, kind: Kind, default: Value, help_: str = "") -> Argument:
    return Argument(name=name, option=f"--{name}", kind=kind, default=default, has_default=True, help=help_)


TRAINING = (
    Argument(name="output_dir", option="--output_dir", kind="str"),
    _option("learning_rate", "float", 5e-5),
    _option("weight_decay", "float", 0.0),
    _option("adam_beta1", "float", 0.9),
    _option("adam_beta2", "float", 0.999),
    _option("adam_epsilon", "float", 1e-8),
    _option("lr_scheduler_type", "str", "linear"),
    _option("per_device_train_batch_size", "int", 8),
    _option("gradient_accumulation_steps", "int", 1),
    _option("num_train_epochs", "float", 3.0),
    _option("max_steps", "int", -1, "total number of updates; overrides num_train_epochs"),
    _option("seed", "int", 42),
)
