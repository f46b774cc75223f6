"""Options that are a script's own names, which a configurator that it executes overrides: --name=value."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from playbook_cli.files import regular
from playbook_cli.starting.argument import Argument, Declared, with_default
from playbook_cli.starting.syntax import last_name

if TYPE_CHECKING:
    from playbook_cli.starting.program import Program


def read(program: Program) -> Declared:
    """The names that are assigned before the script executes another file which reads sys.argv."""
    line = next((node.lineno for node in program.tree.body if _configures(node, program)), None)
    found: dict[str, Argument] = {}
    for node in program.tree.body if line is not None else ():
        if isinstance(node, ast.Assign) and line is not None and node.lineno < line:
            for target in node.targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    argument = Argument(name=target.id, option=f"--{target.id}", kind="other", line=node.lineno)
                    found[target.id] = with_default(argument, node.value, infer=True)
    return Declared(arguments=[argument for argument in found.values() if argument.kind != "other"])


def _configures(node: ast.stmt, program: Program) -> bool:
    """Whether a statement is exec(open("configurator.py").read()), and that file reads the command line."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and last_name(node.value.func) == "exec"):
        return False
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            try:
                return b"sys.argv" in regular.content(program.script.parent / each.value)
            except (OSError, ValueError):
                return False
    return False
