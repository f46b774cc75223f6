"""Prints every sentence of the package that users may read, by file and line, for whoever edits the words.

    python docs/words.py [PART OF A PATH ...]

docs/house-words.md says how they should read; tests/test_words.py holds that no sentence uses what it rules out.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parent.parent / "playbook_cli"


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string of a module that has more than one word, f-strings with {} for what they fill in.

    Docstrings are left out, but for those that are shown: help texts of verbs, and keys of the study file.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            formats = [part.format_spec for part in node.values if isinstance(part, ast.FormattedValue)]
            parts.update(inner for one in formats if one is not None for inner in ast.walk(one))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and not _is_shown(path, tree, node):
            parts.add(node.value)
    for node in ast.walk(tree):
        if node in parts or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = _text(node)
        if " " in text.strip():
            yield node.lineno, text


def _is_shown(path: Path, tree: ast.Module, docstring: ast.Expr) -> bool:
    """Whether it is the help text of a verb, or says what a key or section of the study file is."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    if path.parent == PACKAGE / "commands":
        return any(one.body[0] is docstring and one in tree.body and one.name[0] != "_" for one in functions)
    return path == PACKAGE / "spec/model.py" and all(one.body[0] is not docstring for one in functions)


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def main() -> None:
    """Print them all, or those of the modules whose paths have one of the arguments in them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if len(sys.argv) == 1 or any(part in str(path) for part in sys.argv[1:]):
            for line, text in sorted(sentences(path)):
                print(f"{path.relative_to(PACKAGE.parent)}:{line}: {text}")


if __name__ == "__main__":
    main()
