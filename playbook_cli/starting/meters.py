"""Lines that the meters of PyTorch's ImageNet example show, which many programs have taken over.

`ProgressMeter.display` shows a prefix, `[batch/batches]`, and of each AverageMeter its name, its last value and its
mean between brackets; `display_summary` shows the means after ` *`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.starting.syntax import calls, functions, keywords, last_name, literal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What one ProgressMeter shows."""

    prefix: ast.expr
    meters: tuple[str, ...]
    """Their names, as they are shown."""
    summed: tuple[str, ...]
    """Those that its summary shows; none where it has no summary."""
    function: str
    line: int


def progresses(tree: ast.Module) -> Iterator[Progress]:
    """All ProgressMeters of a module that has the classes itself, as in the example."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    meter = classes.get("ProgressMeter")
    if not (_is_usual(meter, "display") or _is_usual(meter, "print")) or not _is_usual(
        classes.get("AverageMeter"), "__str__"
    ):
        return
    summary = any(function.name == "display_summary" for function in functions(classes["ProgressMeter"]))
    for function in functions(tree):
        named = {
            last_name(node.targets[0]): node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        }
        for call in calls(function, "ProgressMeter"):
            listed = next((each.elts for each in call.args if isinstance(each, ast.List)), call.args[1:])
            prefix = keywords(call).get("prefix", call.args[2] if len(call.args) > 2 else None)
            made = [named.get(last_name(each)) for each in listed]
            names = [literal(each.args[0]) if isinstance(each, ast.Call) and each.args else None for each in made]
            if prefix is None or not names or not all(isinstance(name, str) for name in names):
                continue
            summed = [str(name) for name, each in zip(names, made, strict=True) if each and not _is_silent(each)]
            yield Progress(
                prefix=prefix,
                meters=tuple(map(str, names)),
                summed=tuple(summed) if summary else (),
                function=function.name,
                line=call.lineno,
            )


def _is_usual(node: ast.ClassDef | None, method: str) -> bool:
    return node is not None and any(function.name == method for function in functions(node))


def _is_silent(meter: ast.Call) -> bool:
    """Whether a meter is made with Summary.NONE."""
    return any(last_name(each) == "NONE" for each in ast.walk(meter))


def shown(progress: Progress, prefix: str, group: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The patterns of its lines with the metrics in them; `group` comes before the names of metrics."""
    names = {name: f"{group}{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}" for name in progress.meters}
    measured = [name for name in progress.meters if re.search(r"loss|acc|err|prec|top|f1|iou", name.lower())]
    text = prefix + r"\[\s*\d+/\d+\]"
    for name in progress.meters:
        value = rf"(?P<{names[name]}>[-+.\w]+)" if name in measured else r"\S+?"
        text += rf"\t{re.escape(name)} \s*\S+? \(\s*{value}\)"
    summed = [name for name in progress.summed if name in measured]
    if not summed or list(progress.summed) != summed:
        yield text, tuple(names[name] for name in measured)
    else:  # the means of all batches, where display shows those of the batches so far
        text = r" \* +" + " +".join(rf"{re.escape(name)} (?P<{names[name]}>[-+.\w]+)" for name in summed)
        yield text, tuple(names[name] for name in summed)
