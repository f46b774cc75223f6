"""A pursuit as one page: what was asked, what was tried and why, what is known, what it cost, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.pursuit.answer import counted
from playbook_cli.report import log_words, words
from playbook_cli.report.comparing import gain
from playbook_cli.report.section import Cell, Column, Document, Section, Sentence, Table
from playbook_cli.wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.pursuit.answer import Answer, Side, Taken
    from playbook_cli.report.section import Content, Part


def document(given: Answer) -> Document:
    """The whole page."""
    first = next((one.command for one in given.advice if one.command is not None), None)
    sections = [_asked(given), _tried(given), *_known(given), _cost(given), _advised(given)]
    return Document(
        name="index",
        study=given.study,
        kind="pursuit",
        headline=given.headline,
        sure=given.ended == "decided" and given.gain is not None,
        command=first,
        sections=[section for section in sections if section.parts],
        footer="Every step is an ordinary study in the same folder of runs: playbook report shows each. Made by "
        "Playbook from the studies' own records.",
    )


def _asked(given: Answer) -> Section:
    limit = f"{given.budget.steps:,} steps" if given.budget.steps is not None else duration(given.budget.seconds or 0.0)
    final = f"; the best points train for {given.final_steps:,} steps in the end" if given.final_steps else ""
    parts = [
        *([Sentence(text=given.goal)] if given.goal else []),
        Sentence(text=f"{given.metric.goal} {given.metric.name}, within {limit} of training{final}"),
        Sentence(text=f"baseline: {given.baseline_from}"),
    ]
    return Section(name="asked", title="What was asked?", heading="Asked", parts=parts)


def _tried(given: Answer) -> Section:
    rows = [list(_row(number, one)) for number, one in enumerate(given.taken, start=1)]
    columns = [
        Column(name=""),
        Column(name="step", left=True),
        Column(name="study", left=True),
        Column(name="steps"),
        Column(name="result", left=True, fold=True, spare=1),
        Column(name="why", left=True, fold=True, below=True),
    ]
    how = "Each step follows from the records of the steps before it."
    table = Table(columns=columns, rows=rows)
    return Section(
        name="tried", title="What was tried, and why?", heading="Tried", how=how, parts=[table] if rows else []
    )


def _row(number: int, one: Taken) -> Iterator[Content]:
    planned = one.planned
    yield str(number)
    yield planned.kind
    yield Cell(planned.study, link=f"../{one.row.report}" if one.row is not None and one.row.report else "")
    yield "skipped" if planned.skipped is not None else f"{one.steps:,}"
    if one.row is None or planned.skipped is not None:
        yield planned.skipped or ""
    elif planned.kind in ("repeats", "confirm"):
        yield log_words.repeats(one.row)
    else:
        yield "" if planned.kind == "horizon" else log_words.result(one.row)
    yield f"{planned.reason}{' (its study file was edited)' if one.edited else ''}"


def _known(given: Answer) -> Iterator[Section]:
    if given.weighed is None:
        return
    yield from gain(given.weighed)
    sides = [("best found", given.found), ("baseline", given.baseline)]
    rows = [_side(role, side) for role, side in sides if side is not None]
    columns = [
        Column(name="", left=True),
        Column(name="trial", left=True),
        Column(name="steps"),
        Column(name=f"{given.metric.name} on fresh seeds"),
        Column(name="repeats"),
    ]
    parts: list[Part] = [
        Table(columns=columns, rows=rows),
        Sentence(text=words.sentence(counted(given)), mark="info"),
        *_answers(given),
        *(Sentence(text=text, mark="warning") for text in given.weighed.decision.blocked_by),
        *(Sentence(text=text, mark="info") for text in given.weighed.decision.harmless),
    ]
    yield Section(name="known", title="What is known, on fresh training seeds?", heading="Known", parts=parts)
    yield _settings(given)


def _answers(given: Answer) -> Iterator[Sentence]:
    """What the reports of the last search and of the finals say to the study's question."""
    for kind in ("study", "finals"):
        last = next((one for one in reversed(given.taken) if one.planned.kind == kind), None)
        if last is not None and last.row is not None and last.row.answer:
            yield Sentence(text=f"{last.planned.study}: {last.row.answer}", mark="info")


def _side(role: str, side: Side) -> list[Content]:
    result = words.NOTHING if side.mean is None else log_words.spread(side.mean, side.sd)
    trial = f"{side.trial} of {side.study}"
    return [role, trial, f"{side.max_train_steps:,}", result, str(side.repeats)]


def _settings(given: Answer) -> Section:
    """The configurations, setting by setting; what differs comes first."""
    best, base = given.found, given.baseline
    if best is None:
        return Section(name="settings")
    theirs = {} if base is None else base.params
    names = sorted(best.params, key=lambda name: best.params[name] == theirs.get(name))
    rows: list[list[Content]] = [
        [name, words.setting(best.params[name]), words.setting(theirs[name]) if name in theirs else words.NOTHING]
        for name in names
    ]
    columns = [Column(name="", left=True), Column(name="best found"), Column(name="baseline")]
    which = "the best that was found" if given.recommended is best else "the baseline, since no gain over it is shown"
    return Section(
        name="settings",
        title="Which configuration is recommended?",
        heading="Recommended",
        parts=[Sentence(text=which), Table(columns=columns, rows=rows)],
    )


def _cost(given: Answer) -> Section:
    spent = given.spent
    of = f" of {given.budget.steps:,}" if given.budget.steps is not None else ""
    parts = [
        Sentence(text=f"{spent.steps:,}{of} training steps, {duration(spent.seconds)} in which trials trained"),
        Sentence(text=f"ended: {given.reason}"),
    ]
    return Section(name="cost", title="What did it cost, and why did it end?", heading="Cost", parts=parts)


def _advised(given: Answer) -> Section:
    parts = [Sentence(text=one.text, command=str(one.command) if one.command else "") for one in given.advice]
    if given.adopted:
        parts = [Sentence(text="it is adopted: the ledger has the evidence", mark="ok"), *parts]
    return Section(name="to-do", title="What should you do next?", heading="Next", parts=parts)
