"""A place where a program leaves its numbers, as a study file names it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playbook_cli.starting.roles import plain
from playbook_cli.starting.syntax import assigned, last_name, literal, subscripts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.starting.lines import Gate

TRIAL = "${trial_dir}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One place where a program leaves its numbers."""

    metrics: dict[str, Any]
    """The section of the study file."""
    objective: str
    where: str
    """For the comment above it."""
    gates: tuple[Gate, ...] = ()
    flags: tuple[str, ...] = ()
    """What has to be on for the objective to be shown."""
    doubts: tuple[str, ...] = ()
    """What is not certain about it."""
    words: tuple[str, ...] = ()
    """Arguments without which the numbers are not there."""
    folder: str = TRIAL
    """What options that name a folder for results must be."""
    in_trial: bool = False
    """Whether the program has to run in the trial's own folder."""
    once: bool = False
    """Whether the objective is measured at the end alone."""
    per_step: bool = field(default=False)
    """Whether it says itself every how many steps it evaluates, by one of `words`."""


def below(node: ast.expr, folders: Sequence[str], tree: ast.Module) -> str | None:
    """A path as the trial sees it, where it begins with an option that names the folder of results."""
    if isinstance(node, ast.Call) and last_name(node.func) in ("join", "Path", "str") and node.args:
        first, *others = node.args
        rest = [literal(each) for each in others]
        inner = below(first, folders, tree)
        return "/".join([inner, *rest]) if inner and all(isinstance(each, str) for each in rest) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        inner, name = below(node.left, folders, tree), literal(node.right)
        return f"{inner}/{name}" if inner and isinstance(name, str) else None
    name = plain(last_name(node) or ".".join(subscripts(node)))
    if name in folders:
        behind = assigned(tree, name) if isinstance(node, ast.Name) else None
        return TRIAL if behind is None or name in {plain(last_name(n)) for n in ast.walk(behind)} else None
    return None
