"""How a program prints its numbers, as the patterns that find them: text with values in it that shows a step."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playbook_cli.starting.calling import callers, is_looped
from playbook_cli.starting.counting import agree, counters, unit_of
from playbook_cli.starting.lines import OPTIONS, Shown, lines, value_name
from playbook_cli.starting.meters import progresses
from playbook_cli.starting.meters import shown as of_meter
from playbook_cli.starting.naming import HELD_OUT, METRIC, measured_on, rank, words_before
from playbook_cli.starting.syntax import assigned, calls, last_name
from playbook_cli.starting.texts import Formatted, Spaces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playbook_cli.starting.counting import Unit
    from playbook_cli.starting.lines import Gate, Shows

_NO_STEP = re.compile(
    r"time(?!_?step)|sec|dur|speed|(^|_)per(_|$)|lr|rate|size|len|total|eta|left|best|"
    r"(^|_)(num|n|max)_(?!(epi|episode|iter|epoch|update|timesteps?)(_|$))",
    re.IGNORECASE,
)
_MEASURED_ON = re.compile(
    r"\b(accuracy|error|loss|perplexity|score)\s+(?:of|on|over)\s\w[^:=,;|]*[:=]\s*$", re.IGNORECASE
)
"""A sentence that says what is measured, and on what: Accuracy of the network on the 10000 test images."""
_OF_THE_PAST = re.compile(
    r"^\W*(re-?)?(load(ing|ed)|resum(ing|ed)|continu(ing|e)|restor(ing|ed)|sav(ing|ed))\b", re.IGNORECASE
)
"""A line that tells what was trained before, or what is kept."""
_CORRECT = re.compile(r"\s*%\s*(correct|accuracy|acc)\b", re.IGNORECASE)
"""Behind a share: 98.5% correct."""
_NUMBERS = {"len", "round", "int", "float", "sum", "max", "min", "abs", "next"}
_SPLIT = re.compile(r"(^|_)(split|mode|phase|stage|subset|partition|dataset_name|set_name|log_name|name|prefix|desc)$")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A regular expression for one kind of line."""

    text: str
    metrics: tuple[str, ...]
    line: int
    """In the script."""
    step: str = ""
    """What the program calls the step that is shown; empty where none is."""
    gates: tuple[Gate, ...] = ()
    flags: tuple[str, ...] = ()
    """What has to be on for it to be shown."""
    logged: bool = False
    """Whether a logger shows it, which depends on its level."""
    looped: bool = True
    """Whether it is shown in a loop of its function."""
    function: str = ""
    """In which it is shown."""
    unit: Unit | None = None
    """What the step counts."""
    sample: str = ""
    """Such a line, every value as 1."""
    alike: str = ""
    """Where another line is shown that it matches, too, and that is measured on something else."""
    of: str = ""
    """The variable by which the line says what was measured on, so that it is shown for one after the other."""


def patterns(
    tree: ast.Module, unit: Unit | None = None, *, shows: Shows | None = None, length: str = ""
) -> list[Pattern]:
    """Of all lines that the program shows with a step and a metric, in the order of the program; each text once.

    Where there are such, also of those that show a metric of held-out data: it belongs to the step before it. Of a
    line that shows two counters, the one that counts in this unit is the step. `shows` are the program's own functions
    that show a text, and `length` is the name of the option that bounds training.
    """
    found: dict[str, Pattern] = {}
    others: list[Pattern] = []
    for shown in lines(tree, shows or {}, length):
        pattern = _pattern(shown, unit)
        if _OF_THE_PAST.search(pattern.sample):
            continue
        told = pattern.step or any(rank(name) == 0 or _is_mean_return(name) for name in pattern.metrics)
        if told:
            found.setdefault(pattern.text, pattern)
        others.append(pattern)
    for pattern in _of_meters(tree, unit):
        found.setdefault(pattern.text, pattern)
    with_step = [pattern for pattern in found.values() if pattern.step]
    measured = [pattern for pattern in found.values() if pattern.metrics]
    if not with_step or not measured:
        return []
    held_out = any(not pattern.step for pattern in measured)
    kept = [pattern for pattern in found.values() if pattern.metrics or (held_out and pattern.step)]
    bare = [pattern for pattern in kept if not pattern.metrics]
    if any(pattern.step and pattern.metrics for pattern in kept):
        kept = [pattern for pattern in kept if pattern not in bare]
    elif len(bare) != 1 or not _is_repeated(bare[0], tree) or any(_earlier(pattern, bare[0]) for pattern in measured):
        return []  # which step a metric belongs to is not certain
    return [compared(pattern, others) for pattern in sorted(kept, key=lambda pattern: pattern.line)]


def _is_mean_return(name: str) -> bool:
    return rank(name) == 1 and re.search(r"avg|average|mean", name) is not None


def without_steps(tree: ast.Module, shows: Shows) -> list[Pattern]:
    """The lines that show a metric and no step, each of which can be told from all others that the module shows."""
    found = [_pattern(shown, None) for shown in lines(tree, shows, "")]
    return [
        pattern
        for pattern in found
        if pattern.metrics and not pattern.step and not pattern.of
        if not any(other is not pattern and re.search(pattern.text, other.sample) for other in found)
    ]


def _is_repeated(pattern: Pattern, tree: ast.Module) -> bool:
    return pattern.looped or is_looped(pattern.function, callers([tree]))


def _earlier(pattern: Pattern, bare: Pattern) -> bool:
    """Whether a line stands above the one with the step, in the same function."""
    return pattern.line < bare.line and pattern.function == bare.function


def compared(pattern: Pattern, others: Iterable[Pattern]) -> Pattern:
    """With the function of another line that the pattern matches, and that is measured on something else."""
    for other in others:
        foreign = set(other.metrics) - set(pattern.metrics)
        if foreign and other.text != pattern.text and pattern.metrics and re.search(pattern.text, other.sample):
            return replace(pattern, alike=other.function or f"line {other.line}")
    return pattern


def _of_meters(tree: ast.Module, unit: Unit | None) -> Iterator[Pattern]:
    """What ProgressMeters show: the step is in their prefix, or in the line before."""
    known = counters(tree)
    for progress in progresses(tree):
        formatted = Formatted()
        prefix = Shown(
            parts=formatted.parts(progress.prefix),
            specs=formatted.specs,
            line=progress.line,
            conditions=(),
            scope=tree,
            logged=False,
            looped=True,
            counters=known,
            steps=(),
        )
        counter = _counter(prefix, unit)
        if unit is not None and counter is not None and not agree(counter.unit, unit):
            continue
        text = "".join(
            _escaped(part)
            if isinstance(part, str)
            else r"\s*(?P<step>\d+)"
            if counter is not None and part is counter.value
            else r"\s*\S+?"
            for part in prefix.parts
        )
        said = "".join(part for part in prefix.parts if isinstance(part, str))
        step = counter.called if counter is not None else ""
        for line, metrics in of_meter(progress, text, measured_on(said, progress.function) or ("" if step else "val_")):
            if step or any(rank(name) == 0 for name in metrics):
                here = step if "(?P<step>" in line else ""
                yield Pattern(text=line, metrics=metrics, line=progress.line, step=here, function=progress.function)


def reported(tree: ast.Module) -> list[str]:
    """The metrics that a script names in calls of trial.report, in their order."""
    return [
        k.arg for call in calls(tree, "report") if isinstance(call.func, ast.Attribute) for k in call.keywords if k.arg
    ]


def _pattern(shown: Shown, unit: Unit | None) -> Pattern:
    """Of one line; of held-out data, what is of the last batch alone is left out where a mean stands beside it."""
    pattern = _read(shown, unit, frozenset())
    last = frozenset(id(part) for part in shown.parts if not isinstance(part, str) and _is_of_last_batch(part, shown))
    if not last or not any(rank(name) == 0 for name in pattern.metrics):
        return pattern
    whole = _read(shown, unit, last)
    return whole if any(rank(name) == 0 for name in whole.metrics) else pattern


def _is_of_last_batch(value: ast.expr, shown: Shown) -> bool:
    """Whether a value is made in each round of a loop that is over, and never added up."""
    match value:
        case ast.Name(id=name) | ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="item")):
            pass
        case _:
            return False
    loops = [
        node
        for node in ast.walk(shown.scope)
        if isinstance(node, ast.For) and node.lineno < shown.line and (node.end_lineno or 0) < shown.line
    ]
    made = [node for loop in loops for node in ast.walk(loop) if isinstance(node, ast.Assign) and _assigns(node, name)]
    anywhere = [node for node in ast.walk(shown.scope) if isinstance(node, ast.Assign | ast.AugAssign)]
    return bool(made) and all(node in made for node in anywhere if _assigns(node, name))


def _assigns(node: ast.Assign | ast.AugAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _read(shown: Shown, unit: Unit | None, left: frozenset[int]) -> Pattern:
    """The pattern, without the values with these identities."""
    counter = _counter(shown, unit)
    if counter is not None and unit is not None and not agree(counter.unit, unit):
        counter = None  # it counts something else than the study
    text, label, before, said, sample = "", "", "", "", ""
    names: list[str] = []
    for index, part in enumerate(shown.parts):
        if isinstance(part, str):
            label += part
            text += _escaped(part)
            sample += part
            continue
        sample += "1"
        last = isinstance(part, ast.Attribute) and part.attr == "val"  # of the last batch: the mean comes after it
        if last or id(part) in left:
            text, label, before = text + r"\s*\S+?", "", label
            continue
        raw = label
        label, before = label if words_before(label) else before, ""
        stepping = counter is not None and part is counter.value
        behind = shown.parts[index + 1] if index + 1 < len(shown.parts) else ""
        if not stepping and not words_before(label) and isinstance(behind, str) and _CORRECT.match(behind):
            label = "accuracy"
        name = "step" if stepping else _group(part, label, names, shown, said + raw)
        if name is None:
            text += r"\s*.*?" if _may_have_spaces(part, shown) else r"\s*\S+?"
        else:
            names.append(name)
            text += rf"\s*(?P<{name}>\d+)" if name == "step" else rf"\s*\[?(?P<{name}>[-+.\w]+)"
        said, label = said + raw, ""
    return Pattern(
        text=re.sub(r"^( |\\s\*)+(?=[^(\\])", "", text).lstrip(" "),
        metrics=tuple(name for name in names if name != "step"),
        line=shown.line,
        step=counter.called if counter is not None else "",
        unit=counter.unit if counter is not None else None,
        gates=shown.gates,
        flags=shown.flags,
        logged=shown.logged,
        looped=shown.looped,
        function=shown.function,
        sample=sample,
        of=next((name for part in shown.parts if _SPLIT.search(name := _text_name(part))), ""),
    )


def _may_have_spaces(value: ast.expr, shown: Shown) -> bool:
    """Whether a value is what a function of the program makes of it, such as the time since the start: 1m 5s."""
    number = re.search(r"[dfeg%]$", shown.specs.get(id(value), ""))
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and not number
        and value.func.id not in _NUMBERS
    )


def _made_of(value: ast.expr, shown: Shown) -> str:
    """What a value is measured on, by the call that makes it: `val_` of acc = evaluate(model, val_loader)."""
    own = value_name(value)
    made = [
        node.value
        for node in ast.walk(shown.scope)
        if isinstance(node, ast.Assign)
        if own in {last_name(each) for target in node.targets for each in ast.walk(target)}
    ]
    said = {_given(each) if isinstance(each, ast.Call) else "" for each in made}
    return said.pop() if len(said) == 1 else ""


def _given(call: ast.Call) -> str:
    """What the arguments of a call say of the data, or its own name."""
    given = [*call.args, *(each.value for each in call.keywords)]
    names = " ".join(last_name(each) for argument in given for each in ast.walk(argument))
    trained = re.search(r"(^|[ _])(train|training)(_|$| )", names)  # and evaluated: nothing is certain
    return measured_on(names, "" if trained else last_name(call.func))


def _text_name(part: str | ast.expr) -> str:
    """What a value is called that may be text; an option is the same in every line."""
    option = isinstance(part, ast.Attribute) and last_name(part.value) in OPTIONS
    return "" if isinstance(part, str) or option else value_name(part)


def _escaped(text: str) -> str:
    if isinstance(text, Spaces):
        return r"\s*"
    return re.escape(text).replace(r"\ ", " ").replace("\\\t", r"\t")


@dataclass(frozen=True, kw_only=True)
class _Counter:
    """A value that is the step."""

    value: ast.expr
    unit: Unit
    called: str
    """By the words before it, or by its own name."""


def _counter(shown: Shown, unit: Unit | None) -> _Counter | None:
    """The value that is the step: the first that counts in this unit, else the first that counts at all."""
    label = ""
    found: list[_Counter] = []
    for part in shown.parts:
        if isinstance(part, str):
            label += part
            continue
        words, own = "_".join(words_before(label)[-2:]), value_name(part)
        if not re.search(r"[feg%,]", shown.specs.get(id(part), "")) and shown.counts(part):
            named = [name for name in (words, own) if unit_of(name)]
            counts = unit if shown.runs(part) else unit_of(named[0]) if named else None
            said = (words,) if unit_of(words) and _is_product(part, shown) else (words, own)
            if unit_of(own) and METRIC.search(words) and isinstance(part, ast.Name):  # Validation loss 300: 0.25
                said = (own,)
            if counts is not None and not any(METRIC.search(each) or _NO_STEP.search(each) for each in said):
                found.append(_Counter(value=part, unit=counts, called=words if unit_of(words) else own))
        label = ""
    return next((one for one in found if agree(one.unit, unit)), found[0] if found else None)


def _is_product(value: ast.expr, shown: Shown) -> bool:
    """Whether a value is the steps so far, whatever it is called: total = (j + 1) * processes * steps."""
    made = assigned(shown.scope, value.id) if isinstance(value, ast.Name) else None
    return isinstance(made, ast.BinOp) and isinstance(made.op, ast.Mult)


def _group(value: ast.expr, label: str, taken: list[str], shown: Shown, said: str) -> str | None:
    """What to call a shown value, by the words before it or by its own name; None where it is no metric."""
    words, own = words_before(label), value_name(value)
    held_out = [word for word in words[:-2] if HELD_OUT.search(word)]
    named = "_".join([*held_out[-1:], *words[-2:]]).lower()
    sentence = _MEASURED_ON.search(said)
    name = named if METRIC.search(named) else own if METRIC.search(own) else sentence[1].lower() if sentence else ""
    if name and "best" in (word.lower() for word in words):
        name = f"best_{name}"  # so far, and not of this step
    number = isinstance(value, ast.Call) and last_name(value.func) == "len"
    if number or (re.search(r"[ds]$", shown.specs.get(id(value), "")) and rank(name) != 1):
        return None  # a count, or text
    if name and rank(name) == 1 and isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):
        name = name if re.search("avg|average|mean", name) else f"mean_{name}"
    if name and rank(name) == 2:
        owner = measured_on(last_name(value.value), "") if isinstance(value, ast.Subscript) else ""
        name = f"{measured_on(said, '') or owner or _made_of(value, shown) or measured_on('', shown.function)}{name}"
    return name if name.isidentifier() and name not in taken else None
