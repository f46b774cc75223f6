"""What programs of Lightning log: the names of their metrics, and the file in which their logger writes them."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from playbook_cli.starting.lines import OPTIONS
from playbook_cli.starting.naming import likely
from playbook_cli.starting.place import TRIAL, Measured, below
from playbook_cli.starting.program import module_named
from playbook_cli.starting.readers.of_hydra import composed, csv_folder
from playbook_cli.starting.roles import plain
from playbook_cli.starting.syntax import (
    assigned,
    calls,
    functions,
    keywords,
    last_name,
    literal,
    parameters,
    subscripts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from playbook_cli.starting.argument import Argument
    from playbook_cli.starting.counting import Unit
    from playbook_cli.starting.program import Program

_PACKAGES = {"lightning", "pytorch_lightning", "LightningModule"}
_WRITERS = {"CSVLogger", "TensorBoardLogger"}
_FOLDER = "lightning_logs"
"""Where loggers of Lightning write by default."""


def logged_by_lightning(
    program: Program, arguments: Sequence[Argument], unit: Unit | None, folders: Sequence[str]
) -> Iterator[Measured]:
    """What the program's LightningModules log."""
    names = [*_tags(program), *_monitored(program)]
    name = likely(names)
    if name is None:
        return
    monitored = next((a.default for a in arguments if plain(a.name) == "monitor" and a.default in names), None)
    objective, step = str(monitored or name), unit or "step"
    folder = csv_folder(program)
    if folder is not None:
        yield Measured(
            metrics={"csv": f"{TRIAL}/{folder}/version_0/metrics.csv", "step": step},
            objective=objective,
            where="what the LightningModule logs, by the config's CSV logger",
            words=("logger=csv", f"hydra.run.dir={TRIAL}"),
        )
    elif any(argument.name == "trainer.logger" for argument in arguments):
        yield Measured(
            metrics={"csv": f"{TRIAL}/{_FOLDER}/version_*/metrics.csv", "step": step},
            objective=objective,
            where="what the LightningModule logs, by a CSV logger",
            words=("--trainer.logger=CSVLogger", f"--trainer.logger.save_dir={TRIAL}"),
        )
    elif (written := _written(program, arguments, folders)) is not None:
        place, in_trial = written
        epochs = {"step": "epoch"} if unit == "epoch" else {}
        csv = {"csv": f"{place}/version_*/metrics.csv", "step": step}
        yield Measured(
            metrics=csv if _writes_csv(program) else {"tensorboard": f"{place}/*"} | epochs,
            objective=objective,
            where="what the LightningModule logs",
            in_trial=in_trial,
        )


def _tags(program: Program) -> Iterator[str]:
    """The names under which values are logged, but for those of the final test."""
    targets = [module for name in _targets(program) if (module := module_named(name, program.script)) is not None]
    for module in (*program.modules, *targets):
        for function in functions(module.tree):
            if function.name.startswith(("test_", "on_test")):
                continue
            for call in calls(function, "log", "log_dict"):
                if isinstance(call.func, ast.Attribute) and last_name(call.func.value) == "self" and call.args:
                    for tag in _texts(call.args[0], function, module.tree):
                        yield f"{tag}{_suffix(call, function.name)}"


def _monitored(program: Program) -> Iterator[str]:
    """What the program selects by, where it logs a mapping with that prefix: {f"val_{key}": ...} and val_loss."""
    prefixes = [
        str(each.key.values[0].value)
        for module in program.modules
        for call in calls(module.tree, "log_dict")
        for each in call.args
        if isinstance(each, ast.DictComp) and isinstance(each.key, ast.JoinedStr)
        if isinstance(each.key.values[0], ast.Constant)
    ]
    given = [literal(keywords(call).get("monitor")) for module in program.modules for call in calls(module.tree)]
    yield from (name for name in given if isinstance(name, str) and any(name.startswith(p) for p in prefixes))


def _texts(node: ast.expr, function: ast.FunctionDef, tree: ast.Module) -> list[str]:
    """What a name is: itself, the keys of a mapping, or f"{stage}_loss" for each stage that the function gets."""
    if isinstance(node, ast.Dict):
        return [text for key in node.keys if key is not None for text in _texts(key, function, tree)]
    if isinstance(node, ast.JoinedStr):
        inside = [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
        names = [each.arg for each, _ in parameters(function)]
        if len(inside) != 1 or last_name(inside[0]) not in names:
            return []
        name = last_name(inside[0])
        place = names.index(name) - (names[0] == "self")
        given = [
            literal(keywords(call).get(name, call.args[place] if place < len(call.args) else None))
            for caller in functions(tree)
            if not caller.name.startswith(("test_", "on_test"))
            for call in calls(caller, function.name)
        ]
        return [
            "".join(str(each.value) if isinstance(each, ast.Constant) else text for each in node.values)
            for text in given
            if isinstance(text, str)
        ]
    text = literal(node)
    return [text] if isinstance(text, str) else []


def _suffix(call: ast.Call, function: str) -> str:
    """What Lightning adds where a value is logged both by step and by epoch."""
    given = {name: literal(value) for name, value in keywords(call).items()}
    training = function.startswith("training_step")
    by_step, by_epoch = given.get("on_step", training), given.get("on_epoch", not training)
    return "_epoch" if by_step is True and by_epoch is True else ""


def _written(program: Program, arguments: Sequence[Argument], folders: Sequence[str]) -> tuple[str, bool] | None:
    """The folder that the logger of a Trainer writes in, and whether the program must run in the trial's for that."""
    if not _PACKAGES & program.names:
        return None
    made = [given for call in _trainers(program) if (given := keywords(call)) or not call.args]
    if len(made) != 1:
        return None
    logger = _logger(program, made[0].get("logger"))
    if logger is None:
        return None
    name: Any = _FOLDER
    root = made[0].get("default_root_dir")
    if isinstance(logger, ast.Call):
        given = keywords(logger)
        root = given.get("save_dir", logger.args[0] if logger.args else None)
        named = given.get("name", logger.args[1] if len(logger.args) > 1 else None)
        config = {argument.name: argument.default for argument in arguments if argument.given == "config"}
        name = config.get(".".join(subscripts(named)), literal(named, missing=_FOLDER))
    if not isinstance(name, str):
        return None
    inside = TRIAL if root is None else below(root, folders, program.tree)
    if root is None or inside is not None:
        return "/".join(filter(None, (inside, name))), root is None
    text = literal(root)
    relative = isinstance(text, str) and not text.startswith(("/", "~"))
    return ("/".join(filter(None, (TRIAL, text.strip("./"), name))), True) if relative else None


def _trainers(program: Program) -> list[ast.Call]:
    return [
        call
        for ring in program.rings[:2]
        for module in ring
        for call in calls(module.tree, "Trainer")
        if last_name(getattr(call.func, "value", None)) not in OPTIONS
    ]


def _logger(program: Program, given: ast.expr | None) -> ast.expr | bool | None:
    """The call that makes the logger; True for the default one, None for one that can't be read."""
    if given is None or literal(given) is True:
        return True
    if isinstance(given, ast.Name):
        given = assigned(program.tree, given.id)
    each = given.elts if isinstance(given, ast.List | ast.Tuple) else [given]
    return next((one for one in each if isinstance(one, ast.Call) and last_name(one.func) in _WRITERS), None)


def _writes_csv(program: Program) -> bool:
    """Whether the logger writes CSV: as it says, or because TensorBoard is not installed."""
    logger = _logger(program, keywords(_trainers(program)[0]).get("logger"))
    if isinstance(logger, ast.Call):
        return last_name(logger.func) == "CSVLogger"
    return find_spec("tensorboard") is None and find_spec("tensorboardX") is None


def _targets(program: Program) -> Iterable[str]:
    """The modules that the config names by _target_."""
    return [value.rpartition(".")[0] for key, value in composed(program).items() if key.endswith("_target_")]
