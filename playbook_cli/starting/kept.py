"""Files that a program writes under a name of its own, and reads again: trials in one folder take each other's."""

from __future__ import annotations

import ast

from playbook_cli.starting.syntax import calls, last_name
from playbook_cli.starting.texts import Formatted


def written_and_read(tree: ast.Module) -> str:
    """Such a file of torch.save and torch.load; empty where there is none.

    A load under a condition, as for --resume, is none; nor is a path with an option in it.
    """
    conditional = {
        call
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for part in node.body
        for call in calls(part, "load")
    }
    saved = {_name(call.args[1]) for call in _torch(tree, "save") if len(call.args) > 1}
    loaded = {_name(call.args[0]) for call in _torch(tree, "load") if call.args and call not in conditional}
    return min((saved & loaded) - {""}, default="")


def _torch(tree: ast.Module, name: str) -> list[ast.Call]:
    return [call for call in calls(tree, name) if last_name(getattr(call.func, "value", None)) == "torch"]


def _name(node: ast.expr) -> str:
    """A relative path as it is written, with {} for what is filled in."""
    parts = Formatted().parts(node)
    if any(isinstance(part, ast.Attribute) for part in parts) or not any(isinstance(part, str) for part in parts):
        return ""
    text = "".join(part if isinstance(part, str) else "{}" for part in parts)
    return "" if text.startswith(("/", "{}/")) else text
