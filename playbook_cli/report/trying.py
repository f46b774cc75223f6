"""A tried trial as an answer to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.section import Cell, Column, Document, Section, Sentence, Table
from playbook_cli.trying.answer import command_line, crashed, point
from playbook_cli.wording import duration

if TYPE_CHECKING:
    from playbook_cli.acts import Command
    from playbook_cli.report.section import Content
    from playbook_cli.trying.answer import Answer, Seen

GIB = 1 << 30
_MARK = {True: "ok", False: "no", None: "?"}


def document(given: Answer, following: Command | None) -> Document:
    """All that is shown; `following` is what to do next, where nothing is to be fixed."""
    seen = given.seen
    return Document(
        name="try",
        study=seen.spec.name,
        kind="trial",
        headline=given.headline,
        sure=given.works,
        command=following,
        sections=[part for part in (_problems(given), _trial(given), _arrivals(given), _metrics(given)) if part.parts],
    )


def _problems(given: Answer) -> Section:
    ordered = sorted(given.problems, key=lambda problem: not problem.fatal)
    said = []
    for problem in ordered:
        first, *rest = problem.what.split("\n")
        said.append(Sentence(text=first, mark="warning" if problem.fatal else "info", command=""))
        said += [Sentence(text=text) for text in rest]
        said += [Sentence(text=f"-> {problem.hint}")] if problem.hint else []
    return Section(name="problems", heading="To fix" if not given.works else "To check", parts=said)


def _trained(seen: Seen) -> str:
    if crashed(seen):
        return f"crashed after {_seconds(seen.seconds)}"
    return f"{seen.steps:,} of {seen.spec.max_train_steps:,} steps in {_seconds(seen.seconds)}"


def _trial(given: Answer) -> Section:
    seen, cost = given.seen, given.cost
    parts = [
        Sentence(text=command_line(seen), tone="code"),
        Sentence(text=f"the middle of the space: {point(seen)}" if seen.trial.params else "no hyperparameters"),
        Sentence(text=_trained(seen)),
    ]
    if cost is not None:
        most = "at most " if cost.at_most else "about "
        parts.append(
            Sentence(
                text=f"a trial takes {most}{_seconds(cost.trial)}, all {seen.spec.trials} {most}"
                f"{_seconds(cost.study)}: {cost.at_once} at once"
            )
        )
    if seen.gpu_bytes is not None:
        of = f" of {seen.gpu_total / GIB:.0f} GiB" if seen.gpu_total else ""
        parts.append(Sentence(text=f"GPU memory: {seen.gpu_bytes / GIB:.2g} GiB{of}"))
    return Section(name="trial", heading="The trial", parts=parts)


def _arrivals(given: Answer) -> Section:
    rows: list[list[Content]] = [
        [a.name, words.setting(a.value), Cell(_MARK[a.arrives], tone="" if a.arrives else "warning"), a.how]
        for a in given.arrivals
    ]
    columns = [
        Column(name="name", left=True),
        Column(name="value"),
        Column(name="arrives"),
        Column(name="how", left=True, fold=True),
    ]
    return Section(name="arrives", heading="What reaches the program", parts=[Table(columns=columns, rows=rows)])


def _metrics(given: Answer) -> Section:
    parts: list[Sentence] = []
    for match in given.seen.matches:
        found = words.count(match.count, "match" if match.count == 1 else "matche")
        parts.append(Sentence(text=f"{match.where}: {found}", mark="warning" if match.problem else "ok"))
        parts += [Sentence(text=f"  {text}", tone="soft") for text in match.lines]
    curve = given.seen.trial.curve
    if curve is not None:
        names = ", ".join(curve.values)
        steps = ", ".join(str(step) for step in curve.steps[:4]) + (", ..." if len(curve.steps) > 4 else "")
        parts.append(Sentence(text=f"recorded {names} at {words.count(len(curve.steps), 'step')}: {steps}"))
    return Section(name="metrics", heading="Metrics", parts=parts)


def _seconds(span: float) -> str:
    return f"{span:.1f} s" if span < 10 else duration(span)
