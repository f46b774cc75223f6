"""`playbook explain`: what a rule looks at, its thresholds and where they come from, and what to do when it fires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.options import Json

if TYPE_CHECKING:
    from playbook_cli.advice.rule import Rule
    from playbook_cli.spec.design.settings import Check

_WHOSE = {"playbook": "from the Google playbook", "ours": "default"}
_SHOWN = ("name", "title", "looks_at", "verdicts", "thresholds", "formula", "action", "source")


def explain(
    rule: Annotated[
        str | None, typer.Argument(metavar="[RULE]", help="Name of a rule or check; by default all are listed.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print all rules as a Markdown table.")] = False,
    json: Json = False,
) -> None:
    """Explain a rule of the report or a check of the design: what it looks at, its thresholds, and what to do.

    Example:  playbook explain boundary
    """
    from playbook_cli.advice.rules import rules
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.errors import PlaybookError
    from playbook_cli.spec.design import CHECKS

    every = rules()
    if rule is not None and rule not in {*every, *CHECKS}:
        hint = f"the rules are {', '.join(every)}; the checks are {', '.join(CHECKS)}"
        raise PlaybookError(f"there is no rule or check named {rule!r}", hint=hint)
    if json:
        from dataclasses import asdict

        shown = [
            asdict(known) | {"verdicts": [*known.verdicts]} for known in every.values() if rule in (None, known.name)
        ]
        checks = [
            {"name": check.name, "title": check.title, "source": check.source}
            for check in CHECKS.values()
            if rule in (None, check.name)
        ]
        print_json({"rules": [{field: known[field] for field in _SHOWN} for known in shown], "checks": checks})
        return
    if markdown:
        print("\n".join(table()))
        return
    out = console()
    if rule is None:
        from rich.table import Table

        listed = Table("rule", "question", box=None, pad_edge=False, header_style="dim")
        for known in every.values():
            listed.add_row(known.name, known.title)
        out.print(listed)
        out.print()
        listed = Table("check of plan", "warns about", box=None, pad_edge=False, header_style="dim")
        for check in CHECKS.values():
            listed.add_row(check.name, check.title)
        out.print(listed)
        out.print("\n-> playbook explain RULE")
        return
    for line in _lines(every[rule]) if rule in every else _of_check(CHECKS[rule]):
        out.print(line)


def table() -> list[str]:
    """The rules as the lines of a Markdown table; the README's is this one."""
    from playbook_cli.advice.rules import rules

    lines = ["| rule | question | thresholds | what to do |", "|---|---|---|---|"]
    for rule in rules().values():
        numbers = ", ".join(f"{t.name} {t.default:g} ({_WHOSE[t.whose]})" for t in rule.thresholds)
        lines.append(f"| `{rule.name}` | {rule.title} | {numbers} | {rule.action} |")
    return lines


def _lines(rule: Rule) -> list[str]:
    lines = [f"{rule.name}: {rule.title}", "", f"Looks at: {rule.looks_at}", f"Verdicts: {', '.join(rule.verdicts)}"]
    lines += ["", rule.formula, ""]
    for threshold in rule.thresholds:
        lines.append(f"{threshold.name} = {threshold.default:g} ({_WHOSE[threshold.whose]}): {threshold.meaning}")
    if rule.thresholds:
        first = rule.thresholds[0]
        lines += [f"Set them in the study file:  rules: {{{rule.name}: {{{first.name}: {first.default:g}}}}}", ""]
    return [*lines, f"What to do: {rule.action}", f"Source: {rule.source}"]


def _of_check(check: Check) -> list[str]:
    return [
        f"{check.name}: {check.title}",
        "",
        "playbook plan makes this check; its warning gives the reason.",
        f"Silence it in the study file:  silence: [{check.name}]",
        f"Source: {check.source}",
    ]
