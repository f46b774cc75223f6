"""Evaluations that a program prints without their step: when each comes, by the loop in which it is made.

Only what is certain counts: one line for each evaluation, in one loop that runs for the length of training, under
conditions that say every how many steps.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playbook_cli.starting.counting import counting, unit_of
from playbook_cli.starting.lines import Gate, value_name
from playbook_cli.starting.syntax import functions, imported, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playbook_cli.starting.counting import Unit
    from playbook_cli.starting.program import Module, Program
    from playbook_cli.starting.roles import Length

_ONE_PROCESS = re.compile(r"rank|main_process|master|is_main|is_primary")
"""In a condition that holds in one process of several."""
_TRAINS = re.compile(r"backward|train(?!_loader)|(^|_)fit|(^|_)step$|optimi[sz]e|learn|update")
"""Calls that train."""
_OF_MODELS = {"train", "eval", "forward", "step", "__init__", "__call__"}
"""Methods that other objects have, too."""
_BEGINNINGS = {"", "main"}
"""Where a program begins: outside of functions, or in the one that it calls so."""
_DEEPEST = 5
"""Functions that call each other, from the line up to the loop."""
_COUNTERS: dict[Unit | None, str] = {"environment": "timestep", None: "step"}

Loop = ast.For | ast.While | ast.AsyncFor


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When the evaluations come."""

    gate: Gate | None
    """Every how many steps; None for one at the end."""
    before: bool
    """Whether the first is made before training."""


@dataclass(frozen=True, kw_only=True)
class _Site:
    """A call, with all that is around it in its function."""

    module: Module
    function: str
    line: int
    name: str
    """Of what is called."""
    owner: str
    """What it is a method or a part of; empty for a plain name."""
    loops: tuple[Loop, ...]
    tests: tuple[tuple[ast.expr, bool], ...]
    """Conditions around it, each with whether it has to hold."""


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How the program gets to a line, from its beginning."""

    sites: tuple[_Site, ...]
    """The line itself first, then the call of its function, and so on."""

    @property
    def loops(self) -> tuple[tuple[_Site, Loop], ...]:
        return tuple((site, loop) for site in self.sites for loop in site.loops)

    @property
    def tests(self) -> tuple[tuple[ast.expr, bool], ...]:
        return tuple(test for site in self.sites for test in site.tests)


def schedule(program: Program, module: Module, line: int, length: Length) -> Schedule | None:
    """When a line of a module is shown; None where that is not certain."""
    sites = [site for each in program.modules for site in _sites(each)]
    start = next((site for site in sites if site.module is module and site.line == line), None)
    if start is None:
        return None
    ways = list(_ways(program, start, sites, 0))
    trained = [way for way in ways if way.loops]
    others = [way for way in ways if not way.loops]
    if not trained:
        return Schedule(gate=None, before=False) if len(others) == 1 and _is_last(others[0], sites) else None
    if len(trained) != 1 or len(others) > 1 or len(trained[0].loops) != 1:
        return None
    (inside, loop), tests = trained[0].loops[0], trained[0].tests
    if not isinstance(loop, ast.For) or not _is_training(inside.module, loop, length) or _skips(loop, inside.line):
        return None
    found = _gated(loop, tests, length)
    if found is None and _is_plain(tests):
        found = _ungated(loop, inside.line, length)
    if found is None or not others:
        return found
    earlier = next((site for site in others[0].sites if site.function == inside.function), None)
    if earlier is None or earlier.line > loop.lineno or found.before or not _is_plain(others[0].tests):
        return None
    return replace(found, before=True)


def _trains(part: ast.stmt) -> bool:
    """Whether a statement calls something that trains."""
    return any(isinstance(node, ast.Call) and _TRAINS.search(last_name(node.func)) for node in ast.walk(part))


def _sites(module: Module) -> Iterator[_Site]:
    """All calls of a module."""

    def into(node: ast.AST, function: str, loops: tuple[Loop, ...], tests: tuple[tuple[ast.expr, bool], ...]) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function, loops, tests = node.name, (), ()
        if isinstance(node, ast.Call):
            found.append(
                _Site(
                    module=module,
                    function=function,
                    line=node.lineno,
                    name=last_name(node.func),
                    owner=last_name(node.func.value) or "?" if isinstance(node.func, ast.Attribute) else "",
                    loops=loops,
                    tests=tests,
                )
            )
        for field, value in ast.iter_fields(node):
            inner, held = loops, tests
            if isinstance(node, Loop) and field == "body":
                inner = (*loops, node)
            if isinstance(node, ast.If) and field in ("body", "orelse"):
                held = (*tests, (node.test, field == "body"))
            if isinstance(node, ast.ExceptHandler) and field == "body":
                held = (*tests, (ast.Constant(value=None), True))
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    into(child, function, inner, held)

    found: list[_Site] = []
    into(module.tree, "", (), ())
    return iter(found)


def _ways(program: Program, site: _Site, sites: Sequence[_Site], depth: int) -> Iterator[_Way]:
    """All ways to a call, through the functions around it; a function that nobody calls is where a program begins."""
    named = [f for module in program.modules for f in functions(module.tree) if f.name == site.function]
    callers = [each for each in sites if each.name == site.function and each.function != site.function]
    if len(named) != 1:
        callers = []
    elif named[0].args.args[:1] and named[0].args.args[0].arg == "self":
        callers = [each for each in callers if each.owner and site.function not in _OF_MODELS]
    else:
        callers = [each for each in callers if not each.owner or each.owner in imported(each.module.tree)]
    if not callers or depth == _DEEPEST:
        yield _Way(sites=(site,))
    for caller in callers if depth < _DEEPEST else ():
        for way in _ways(program, caller, sites, depth + 1):
            yield _Way(sites=(site, *way.sites))


def _is_last(way: _Way, sites: Sequence[_Site]) -> bool:
    """Whether a line is shown once, after training."""
    outer = way.sites[-1]
    trained = any(
        each.line < outer.line and (each.module, each.function) == (outer.module, outer.function)
        for each in sites
        if _TRAINS.search(each.name)
    )
    return trained and outer.function in _BEGINNINGS and _is_plain(way.tests)


def _is_plain(tests: Sequence[tuple[ast.expr, bool]]) -> bool:
    """Whether the conditions hold in every run: the script is run itself, and this is its only process."""
    return all(holds and _holds(test) for test, holds in tests)


def _holds(test: ast.expr) -> bool:
    names = {last_name(each) for each in ast.walk(test)} - {""}
    script = "__name__" in names
    return script or (bool(names) and all(_ONE_PROCESS.search(name) or name in ("args", "self") for name in names))


def _is_training(module: Module, loop: ast.For, length: Length) -> bool:
    """Whether a loop runs for the length of training."""
    name = last_name(loop.target)
    if length.argument is None:
        return length.written is not None and unit_of(name) == length.unit
    bound = length.argument.name.rpartition(".")[2].replace("-", "_")
    if any((name, loop.lineno) == (counter, first) for counter, first, _ in counting(module.tree, bound)):
        return True
    return unit_of(name) == length.unit == "epoch" and bound in {last_name(each) for each in ast.walk(loop.iter)}


def _skips(loop: ast.For, line: int) -> bool:
    """Whether the loop may begin its next round above a line."""
    return any(isinstance(node, ast.Continue) and node.lineno < line for node in ast.walk(loop))


def _gated(loop: ast.For, tests: Sequence[tuple[ast.expr, bool]], length: Length) -> Schedule | None:
    """By the condition `step % interval == 0`, and that alone."""
    counter, start = last_name(loop.target), _start(loop)
    joined = [(part, holds) for test, holds in tests for part in _and(test)]
    gates = [found for part, holds in joined if holds and (found := _interval(part, counter))]
    rest = [(part, holds) for part, holds in joined if not _interval(part, counter)]
    later = [(part, holds) for part, holds in rest if holds and _after_start(part, counter)]
    if len(gates) != 1 or start not in (0, 1) or not _is_plain([each for each in rest if each not in later]):
        return None
    interval, added = gates[0]
    if (start, added) == (1, 1):
        return None
    called = _COUNTERS.get(length.unit, length.unit or "step")
    return Schedule(gate=Gate(counter=called, interval=interval), before=(start, added) == (0, 0) and not later)


def _and(test: ast.expr) -> list[ast.expr]:
    return test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]


def _interval(test: ast.expr, counter: str) -> tuple[str | int, int] | None:
    """The interval of `counter % interval == 0`, and what is added to the counter there: 0 or 1."""
    match test:
        case ast.Compare(left=ast.BinOp() as found, ops=[ast.Eq()], comparators=[ast.Constant(value=0)]):
            pass
        case ast.UnaryOp(op=ast.Not(), operand=ast.BinOp() as found):
            pass
        case _:
            return None
    match found:
        case ast.BinOp(left=ast.Name(id=name), op=ast.Mod(), right=right) if name == counter:
            added = 0
        case ast.BinOp(
            left=ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=ast.Constant(value=1)),
            op=ast.Mod(),
            right=right,
        ) if name == counter:
            added = 1
        case _:
            return None
    number = literal(right)
    interval = number if isinstance(number, int) else value_name(right)
    return (interval, added) if interval else None


def _after_start(test: ast.expr, counter: str) -> bool:
    """Whether a condition leaves out step 0 alone: `step > 0`, `step != 0`, `step`."""
    match test:
        case ast.Name(id=name):
            return name == counter
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Gt() | ast.NotEq()], comparators=[ast.Constant(value=0)]):
            return name == counter
    return False


def _start(loop: ast.For) -> int | None:
    """The first number of range(n), range(1, n + 1), perhaps within a progress bar; None for anything else."""
    node = loop.iter
    while isinstance(node, ast.Call) and last_name(node.func) == "tqdm" and node.args:
        node = node.args[0]
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("range", "trange"):
        return None
    start = 0 if len(node.args) == 1 else literal(node.args[0]) if len(node.args) == 2 else None
    return start if isinstance(start, int) else None


def _ungated(loop: ast.For, line: int, length: Length) -> Schedule | None:
    """Once in each round of the loop: after training, or before it."""
    place = next((i for i, part in enumerate(loop.body) if part.lineno <= line <= (part.end_lineno or 0)), None)
    training = [_trains(part) for part in loop.body]
    if place is None or not any(training):
        return None
    after, own, before = any(training[:place]), training[place], any(training[place + 1 :])
    if own and after == before:
        return None  # a line among what trains
    gate = Gate(counter=_COUNTERS.get(length.unit, length.unit or "step"), interval=1)
    return Schedule(gate=gate, before=not after) if after != before or own else None
