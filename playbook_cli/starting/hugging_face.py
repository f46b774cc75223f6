"""What the Trainer of transformers leaves of its numbers."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from playbook_cli.starting.place import TRIAL, Measured
from playbook_cli.starting.roles import of_hugging_face
from playbook_cli.starting.syntax import calls, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playbook_cli.starting.argument import Argument
    from playbook_cli.starting.program import Program
    from playbook_cli.starting.roles import Length

_BELOW = f"{TRIAL}/out"
"""Where a program writes that refuses a folder with anything in it."""
_ARGUMENTS = re.compile(r"(TrainingArguments|SFTConfig|DPOConfig)$")


def of_trainer(program: Program, arguments: Sequence[Argument]) -> Iterator[Measured]:
    """What the Trainer writes for TensorBoard, where the program takes all of its arguments."""
    if not of_hugging_face(arguments):
        return
    trainers = _trainers(program)
    evaluates = any(_is_given(keywords(call).get("eval_dataset")) for call in trainers)
    words = ["--report_to=tensorboard", "--logging_steps=${eval_every}", "--save_strategy=no"]
    words += [
        f"--{name}" for name in ("do_train", "do_eval") if _asks(program, name) and (evaluates or name == "do_train")
    ]
    doubts: list[str] = []
    old, known = _version(program)
    words += [f"--logging_dir={_BELOW}/runs/tb"] if old else []
    if evaluates:
        key = "evaluation_strategy" if old else "eval_strategy"
        words += [f"--{key}=steps", "--eval_steps=${eval_every}"]
        doubts += [] if known else ["transformers before 4.41 calls --eval_strategy --evaluation_strategy"]
    yield Measured(
        metrics={"tensorboard": f"{_BELOW}/runs/*"},
        objective="eval/loss" if evaluates else "train/loss",
        where="what transformers' Trainer writes for TensorBoard, which must be installed",
        doubts=tuple(doubts),
        words=tuple(words),
        folder=_BELOW,
        per_step=True,
    )


def of_trainer_in_code(program: Program, length: Length) -> Iterator[Measured]:
    """What the Trainer prints, where the program makes its arguments itself: a mapping for each log, with the epoch."""
    made = [c for module in program.modules for c in calls(module.tree) if _ARGUMENTS.search(last_name(c.func))]
    trainers = _trainers(program)
    if len(made) != 1 or not trainers or length.unit != "epoch":
        return
    given = keywords(made[0])
    asked = given.get("eval_strategy", given.get("evaluation_strategy"))
    how = {each.value for each in ast.walk(asked) if isinstance(each, ast.Constant)} if asked is not None else set()
    evaluates = bool(how & {"epoch", "steps"}) and any(_is_given(keywords(c).get("eval_dataset")) for c in trainers)
    whole = "epoch" in how and "steps" not in how
    name = "eval_loss" if evaluates else "loss"
    doubts = (
        [] if evaluates and whole else ["the step is the epoch, rounded down; the last evaluation of an epoch counts"]
    )
    objective = name if evaluates else "train_loss"
    yield Measured(
        metrics={"stdout": [rf"'{name}': '?(?P<{objective}>[-+.\w]+).*'epoch': '?(?P<step>\d+)"]},
        objective=objective,
        where="what transformers' Trainer prints",
        doubts=tuple(doubts),
    )


def _trainers(program: Program) -> list[ast.Call]:
    """The calls that make one."""
    return [c for module in program.modules for c in calls(module.tree) if last_name(c.func).endswith("Trainer")]


def _is_given(node: ast.expr | None) -> bool:
    """Whether the Trainer gets data to evaluate on."""
    return node is not None and not (isinstance(node, ast.Constant) and node.value is None)


def _asks(program: Program, name: str) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == name for m in program.modules for node in ast.walk(m.tree)
    )


def _version(program: Program) -> tuple[bool, bool]:
    """Whether transformers is older than 4.41, and whether the program says so."""
    for call in calls(program.tree, "check_min_version"):
        text = literal(call.args[0]) if call.args else None
        if isinstance(text, str) and (found := re.match(r"(\d+)\.(\d+)", text)):
            return (int(found[1]), int(found[2])) < (4, 41), True
    return False, False
