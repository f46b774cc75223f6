"""Where a program leaves its numbers, and which of them a study would look at, by what its source shows."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.formats.tables import whole_number
from playbook_cli.starting.calling import callers, is_looped
from playbook_cli.starting.counted import schedule
from playbook_cli.starting.counting import agree, unit_of
from playbook_cli.starting.hugging_face import of_trainer, of_trainer_in_code
from playbook_cli.starting.lightning import logged_by_lightning
from playbook_cli.starting.lines import gates_at, showing
from playbook_cli.starting.naming import is_metric, likely, measured_on, rank
from playbook_cli.starting.place import TRIAL, Measured, below
from playbook_cli.starting.roles import named, plain
from playbook_cli.starting.shown import compared, patterns, without_steps
from playbook_cli.starting.syntax import assigned, calls, functions, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playbook_cli.starting.argument import Argument
    from playbook_cli.starting.counting import Unit
    from playbook_cli.starting.lines import Gate
    from playbook_cli.starting.program import Module, Program
    from playbook_cli.starting.roles import Length
    from playbook_cli.starting.shown import Pattern

_LEARNS = re.compile(r"backward|optimi[sz]|(^|_)step$|train|gradient")
"""Calls in a loop that trains."""
_AGAIN = re.compile(r"run|repeat|rep|trial|seed|fold|split|experiment")


def measured(
    program: Program, arguments: Sequence[Argument], length: Length, folders: Sequence[str]
) -> Measured | None:
    """The best place by what it measures: held-out data before returns before training; None where there is none.

    `folders` are the names of the options that say where results are written.
    """
    trainer = [*of_trainer(program, arguments)]
    printed = [*_printed(program, length, arguments), *_counted(program, length, arguments)]
    found = [
        *trainer,
        *(each for each in printed if not trainer or rank(each.objective) == 0),
        *of_trainer_in_code(program, length),
        *logged_by_lightning(program, arguments, length.unit, folders),
        *_json_lines(program, length.unit, folders),
        *_tensorboard(program, length.unit, folders, arguments),
    ]
    asked = _monitored(program, arguments)
    found = [replace(each, objective=asked) if asked and asked in _names(each) else each for each in found]
    return min(found, key=lambda each: (rank(each.objective), len(each.doubts) > 0 or each.in_trial), default=None)


def _names(one: Measured) -> set[str]:
    patterns_ = one.metrics.get("stdout", ())
    return {name for text in patterns_ for name in re.findall(r"\(\?P<(\w+)>", text)} - {"step"}


def _monitored(program: Program, arguments: Sequence[Argument]) -> str | None:
    """What the program itself selects its best model by."""
    given = [a.default for a in arguments if plain(a.name) == "monitor" and isinstance(a.default, str)]
    given += [
        literal(k.value) for m in program.modules for c in calls(m.tree) for k in c.keywords if k.arg == "monitor"
    ]
    return next((name for name in given if isinstance(name, str) and name != "???"), None)


def _printed(program: Program, length: Length, arguments: Sequence[Argument]) -> Iterator[Measured]:
    shows = showing(module.tree for module in program.modules)
    unit, option = length.unit, length.argument
    bound = option.name.rpartition(".")[2].replace("-", "_") if option is not None else ""
    for distance, ring in enumerate(program.rings):
        by_module = {module.path: patterns(module.tree, unit, shows=shows, length=bound) for module in ring}
        found = [pattern for given in by_module.values() for pattern in given]
        found = [compared(pattern, found) for pattern in found]
        name = _objective(found, unit)
        if name is None:
            continue
        first = next(pattern for pattern in found if name in pattern.metrics)
        places = [
            f"{path.name}:{','.join(str(pattern.line) for pattern in given)}"
            for path, given in by_module.items()
            if given
        ]
        doubts = []
        hidden = any(pattern.logged for pattern in found) and not _shows_info(program)
        words = ("--verbosity=0",) if hidden and {"absl", "app"} <= program.names else ()
        if hidden and not words:
            doubts.append("a logger shows these lines only at level INFO, and the program does not seem to set it")
        if distance == len(program.rings) - 1:
            doubts.append("these lines are in a module that the script does not import itself")
        if first.of:
            doubts.append(f"assumes that this line is printed for one {first.of} only; several would be mixed")
        of_it = [pattern for pattern in found if name in pattern.metrics]
        if rank(name) == 0 and all(_leaves_out(program, each, unit) for each in of_it):
            doubts.append("this line is printed every few batches: the last one of an epoch may leave some out")
        if first.alike and _follows(program, first.function, first.alike):
            found = [each for each in found if each.function != first.alike or not re.search(first.text, each.sample)]
        elif first.alike:
            doubts.append(
                f"the line of {first.alike} looks the same, and the last one of each step counts: the one "
                "on held-out data must come last"
            )
        again = _several_times(program, arguments)
        if again:
            doubts.append(f"it trains once for each {again}, and the metrics of all are mixed")
        if unit is None and first.step:
            doubts.append(f"the step is what the program calls {first.step}")
        yield Measured(
            metrics={"stdout": list(dict.fromkeys(pattern.text for pattern in _without_twins(found)))},
            objective=name,
            where=f"what the program prints in {', '.join(places)}",
            gates=tuple(_known(gate, program, arguments) for gate in first.gates),
            flags=first.flags,
            doubts=tuple(doubts),
            words=words,
            once=not _repeats(program, [pattern for pattern in found if name in pattern.metrics]),
        )
        return


def _counted(program: Program, length: Length, arguments: Sequence[Argument]) -> Iterator[Measured]:
    """Lines that show a metric of held-out data and no step, where it is certain when each of them comes."""
    shows = showing(module.tree for module in program.modules)
    places = [(module, each) for module in program.modules for each in without_steps(module.tree, shows)]
    name = likely(name for _, pattern in places for name in pattern.metrics if _is_evaluated(pattern, name))
    found = [(module, pattern) for module, pattern in places if name in pattern.metrics]
    if name is None or len(found) != 1 or _several_times(program, arguments):
        return
    (module, pattern), when = found[0], schedule(program, found[0][0], found[0][1].line, length)
    if when is None or (pattern.logged and not _shows_info(program)):
        return
    gate = None if when.gate is None else _known(when.gate, program, arguments)
    if gate is not None and isinstance(gate.interval, str):
        option = named(arguments, gate.interval)
        if option is None or whole_number(option.default) is None:
            return
    yield Measured(
        metrics={"stdout": [pattern.text], "first": 0 if when.before else "eval_every"},
        objective=name,
        where=f"what the program prints in {module.path.name}:{pattern.line}: no line shows the step, so the "
        f"evaluations are counted{', the first before training' if when.before else ''}",
        gates=() if gate is None else (gate,),
        flags=pattern.flags,
        once=gate is None,
    )


def _is_evaluated(pattern: Pattern, name: str) -> bool:
    """Whether a metric is measured on held-out data, or is the return of evaluations and not of training."""
    return rank(name) == 0 or (rank(name) == 1 and measured_on(pattern.sample, pattern.function) not in ("", "train_"))


def _several_times(program: Program, arguments: Sequence[Argument]) -> str:
    """The variable of a loop in which the program trains anew, where no option says how often; empty without one."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.For) or not _AGAIN.fullmatch(last_name(node.target)):
            continue
        inner = [each for part in node.body for each in ast.walk(part) if isinstance(each, ast.For)]
        trains = any(unit_of(last_name(each.target)) == "epoch" for each in inner)
        if trains and not any(named(arguments, last_name(each)) for each in ast.walk(node.iter)):
            return last_name(node.target)
    return ""


def _follows(program: Program, function: str, other: str) -> bool:
    """Whether one loop calls both functions, and this one after the other."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.For | ast.While):
            places = [[call.lineno for part in node.body for call in calls(part, name)] for name in (function, other)]
            if all(places):
                return min(places[0]) > max(places[1])
    return False


def _known(gate: Gate, program: Program, arguments: Sequence[Argument]) -> Gate:
    """With the number of steps, where the script assigns it once: print_interval = 20."""
    made = [
        node.value
        for node in ast.walk(program.tree)
        if isinstance(node, ast.Assign) and gate.interval in {last_name(target) for target in node.targets}
    ]
    option = named(arguments, str(gate.interval)) is not None
    number = literal(made[0]) if len(made) == 1 and not option else None
    return replace(gate, interval=number) if isinstance(number, int) else gate


def _objective(found: Sequence[Pattern], unit: Unit | None) -> str | None:
    """What a study would look at; of equals one that is not shown batch by batch, and whose line says the step."""
    for choice in (
        [pattern for pattern in found if pattern.step and not _is_partial(pattern, unit)],
        [pattern for pattern in found if not _is_partial(pattern, unit)],
        [pattern for pattern in found if pattern.step],
    ):
        name, best = (likely(each for p in chosen for each in p.metrics) for chosen in (choice, found))
        if name and best and rank(name) == rank(best):
            return name
    return likely(each for pattern in found for each in pattern.metrics)


def _is_partial(pattern: Pattern, unit: Unit | None) -> bool:
    """Whether a line is shown every so many batches of an epoch, so that its last one is not the whole."""
    return unit == "epoch" and any(unit_of(gate.counter) != "epoch" for gate in pattern.gates)


def _leaves_out(program: Program, pattern: Pattern, unit: Unit | None) -> bool:
    """Whether a line is shown in the loop over held-out data, every so many batches and not at the last."""
    if not _is_partial(pattern, unit) or pattern.gates[-1].others:
        return False
    trees: list[ast.AST] = [
        each for module in program.modules for each in functions(module.tree) if each.name == pattern.function
    ]
    loops = [
        node
        for tree in trees or [module.tree for module in program.modules]
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.While) and node.lineno < pattern.line <= (node.end_lineno or 0)
    ]
    names = {last_name(call.func) for node in loops for call in calls(node)}
    return bool(loops) and not any(_LEARNS.search(name) for name in names)


def _repeats(program: Program, found: Sequence[Pattern]) -> bool:
    """Whether one of these lines is shown in a loop, or by a function that is called in one."""
    if any(pattern.looped or pattern.step for pattern in found):
        return True
    called = callers(module.tree for module in program.modules)
    return any(is_looped(pattern.function, called) for pattern in found)


def _without_twins(found: Sequence[Pattern]) -> list[Pattern]:
    """Those in which each metric is counted by one counter: the first decides."""
    steps = [pattern.unit for pattern in found if pattern.step]
    return [pattern for pattern in found if not pattern.step or agree(pattern.unit, steps[0])]


def _shows_info(program: Program) -> bool:
    for module in program.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("INFO", "DEBUG", "setup_default_logging"):  # of timm
                return True
            if isinstance(node, ast.Constant) and node.value in ("INFO", "DEBUG"):
                return True
    return bool({"loguru", "hydra"} & program.names)  # which set it themselves


def _tensorboard(
    program: Program, unit: Unit | None, folders: Sequence[str], arguments: Sequence[Argument]
) -> Iterator[Measured]:
    """Calls of add_scalar with a tag and a step that can be read."""
    counted: list[tuple[str, ast.Call, Module]] = []
    others: list[str] = []
    for module in program.modules:
        for call in calls(module.tree, "add_scalar", "scalar"):
            given = [*call.args, *[keywords(call).get("global_step")]]
            tag = literal(given[0]) if given else None
            if isinstance(tag, str) and len(given) > 2 and _counts(given[2], module, unit):
                counted.append((tag, call, module))
            elif isinstance(tag, str) and len(given) > 2:
                others.append(tag)
    tag = likely(tag for tag, _, _ in counted if is_metric(tag))
    where = _written(program, folders)
    if tag is None or where is None:
        return
    call, module = next((call, module) for name, call, module in counted if name == tag)
    doubt = f"{others[0]} uses another step counter, which must not exceed max_train_steps" if others else ""
    yield Measured(
        metrics={"tensorboard": where[0]},
        objective=tag,
        where=f"what the program writes for TensorBoard in {module.path.name}:{call.lineno}",
        gates=gates_at(module.tree, call),
        doubts=(doubt,) if doubt else (),
        words=tuple(_switches(program, arguments)),
        in_trial=where[1],
    )


def _switches(program: Program, arguments: Sequence[Argument]) -> Iterator[str]:
    """The flags without which no writer is made: `if args.tensorboard: writer = SummaryWriter(...)`."""
    flags = {a.name: a for a in arguments if a.kind == "bool" and a.switch != "python" and a.default is False}
    for module in program.modules:
        for node in ast.walk(module.tree):
            body = node.body if isinstance(node, ast.If) else [node.body] if isinstance(node, ast.IfExp) else []
            if isinstance(node, ast.If | ast.IfExp) and any(any(calls(part, "SummaryWriter")) for part in body):
                named = {last_name(each) for each in ast.walk(node.test)}
                yield from (str(flag.option) for name, flag in flags.items() if name in named)


def _counts(step: ast.expr | None, module: Module, unit: Unit | None) -> bool:
    """Whether a step is a counter of this unit as it stands, and not one that something is made of."""
    name = last_name(step)
    made = assigned(module.tree, name) if isinstance(step, ast.Name) else None
    scaled = made is not None and any(isinstance(node, ast.Mult | ast.Div) for node in ast.walk(made))
    return bool(name) and not scaled and unit_of(name) is not None and (unit is None or agree(unit_of(name), unit))


def _written(program: Program, folders: Sequence[str]) -> tuple[str, bool] | None:
    """Where event files are, and whether the program has to run in the trial's folder for that."""
    for module in program.modules:
        for call in calls(module.tree, "SummaryWriter"):
            given = call.args[0] if call.args else keywords(call).get("log_dir", keywords(call).get("logdir"))
            if given is None:
                return f"{TRIAL}/runs/*", True
            inside = below(given, folders, module.tree)
            if inside is not None:
                return inside, False
            text = _beginning(given)
            if text is not None and not text.startswith("/"):
                return f"{TRIAL}/{text}", True
    return None


def _beginning(node: ast.expr) -> str | None:
    """A relative folder that is a literal, or begins as one: runs/{name} is runs/*."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        head = str(node.values[0].value)
        return f"{head.rpartition('/')[0]}/*" if "/" in head else "*"
    return None


def _json_lines(program: Program, unit: Unit | None, folders: Sequence[str]) -> Iterator[Measured]:
    """A file to which the program adds json.dumps(what it measured) after each epoch."""
    for ring in program.rings[:2]:
        for module in ring:
            for call in calls(module.tree, "write"):
                dumped = next((each for each in ast.walk(call) if _dumps(each)), None)
                path = _opened(module.tree, call, folders)
                if not isinstance(dumped, ast.Call) or path is None:
                    continue
                given = dumped.args[0]
                data = assigned(module.tree, given.id) if isinstance(given, ast.Name) else given
                names, step = _keys(data, program)
                name = likely(names)
                if name is None or step is None or (unit is not None and not agree(unit_of(step), unit)):
                    continue
                sure = name in _literals(data) or _is_measured(data, name, program)
                yield Measured(
                    metrics={"jsonl": path, "step": step},
                    objective=name,
                    where=f"what the program writes in {module.path.name}:{call.lineno}",
                    doubts=() if sure else (f"the name {name} is built at run time",),
                )


def _is_measured(data: ast.expr | None, name: str, program: Program) -> bool:
    """Whether a name that a mapping puts together is what a function returns: test_loss of evaluate's loss.

    Such a mapping is {f"test_{k}": v for k, v in test_stats.items()}, after test_stats = evaluate(...).
    """
    for node in ast.walk(data) if data is not None else ():
        if not isinstance(node, ast.DictComp) or not isinstance(node.generators[0].iter, ast.Call):
            continue
        prefix = _prefix(node)
        source = getattr(node.generators[0].iter.func, "value", None)
        made = _returned(program.tree, last_name(source))
        if prefix and name.startswith(prefix) and made:
            wanted = name.removeprefix(prefix)
            bodies = [each for module in program.modules for each in functions(module.tree) if each.name == made]
            if any(wanted in keywords(call) for body in bodies for call in calls(body, "update")):
                return True
    return False


def _returned(tree: ast.Module, name: str) -> str:
    """The function whose result a name is, perhaps among others."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        if name in {last_name(each) for target in node.targets for each in ast.walk(target)}:
            return last_name(node.value.func)
    return ""


def _prefix(node: ast.DictComp) -> str:
    """What is put before the names in a mapping."""
    if isinstance(node.key, ast.JoinedStr) and isinstance(node.key.values[0], ast.Constant):
        return str(node.key.values[0].value)
    if isinstance(node.key, ast.BinOp) and isinstance(node.key.left, ast.Constant):
        return str(node.key.left.value).partition("%")[0]
    return ""


def _dumps(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == "dumps" and bool(node.args)


def _opened(tree: ast.Module, call: ast.Call, folders: Sequence[str]) -> str | None:
    """The file behind a call of its write, opened by `with` around it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(inner is call for inner in ast.walk(node)):
            opened = node.items[0].context_expr
            if isinstance(opened, ast.Call) and last_name(opened.func) == "open":
                owner = opened.func.value if isinstance(opened.func, ast.Attribute) else None
                path = opened.args[0] if owner is None and opened.args else owner
                return below(path, folders, tree) if path is not None else None
    return None


def _literals(data: ast.expr | None) -> list[str]:
    keys = data.keys if isinstance(data, ast.Dict) else []
    return [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def _keys(data: ast.expr | None, program: Program) -> tuple[list[str], str | None]:
    """The metrics of a mapping, also those under a prefix from a meter; and the key that is the step."""
    own = _literals(data)
    step = next((key for key in own if unit_of(key)), None)
    nodes = ast.walk(data) if data is not None else ()
    prefixes = [prefix for node in nodes if isinstance(node, ast.DictComp) and (prefix := _prefix(node))]
    meters = [
        keyword.arg
        for module in program.modules
        for call in calls(module.tree, "update")
        if "logger" in last_name(getattr(call.func, "value", None))
        or "meter" in last_name(getattr(call.func, "value", None))
        for keyword in call.keywords
        if keyword.arg
    ]
    measured_ = [name for name in dict.fromkeys(meters) if re.search("loss|acc", name)]
    return [*(key for key in own if key != step), *(f"{p}{m}" for p in prefixes for m in measured_)], step
