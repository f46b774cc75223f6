"""`playbook explain`: what a rule looks at, its thresholds and where they come from, and what to do when it fires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.options import Json

if TYPE_CHECKING:
    from playbook_cli.advice.rule import Rule
    from playbook_cli.spec.design.settings import Check

EARLY_STOPPING = "early_stopping"
WHOSE = {"playbook": "from the Google playbook", "ours": "default"}
_SHOWN = ("name", "title", "looks_at", "verdicts", "thresholds", "formula", "action", "source")


def explain(
    rule: Annotated[
        str | None, typer.Argument(metavar="[RULE]", help="Name of a rule or check; by default all are listed.")
    ] = None,
    json: Json = False,
) -> None:
    """Explain a rule of the report or a check of plan.

    It shows what the rule looks at, its thresholds, and what to do.

    Example:  playbook explain boundary
    """
    from playbook_cli.advice.rules import rules
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.errors import PlaybookError
    from playbook_cli.spec.design import CHECKS
    from playbook_cli.wording import did_you_mean

    every = rules()
    if rule == EARLY_STOPPING:
        _explain_early_stopping(json=json)
        return
    if rule is not None and rule not in {*every, *CHECKS}:
        names = f"the rules are {', '.join(every)}; the checks are {', '.join(CHECKS)}; or {EARLY_STOPPING}"
        hint = did_you_mean(rule, [*every, *CHECKS, EARLY_STOPPING], names)
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
        out.print(f"\n-> playbook explain RULE, or {EARLY_STOPPING}")
        return
    for line in _lines(every[rule]) if rule in every else _of_check(CHECKS[rule]):
        out.print(line)


def _explain_early_stopping(*, json: bool) -> None:
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.racing.judge import FIRST, LEAST, PHASES

    stops = (
        f"The first {FIRST} trials of each arm train to the end. After that, a trial is judged at every "
        f"{PHASES[1] - PHASES[0]:.0%} of max_train_steps, from {PHASES[0]:.0%} to {PHASES[-1]:.0%}, and is stopped if "
        "it is unlikely to become the best of its arm. Its chance is the larger of two estimates: a regression of the "
        f"completed trials' results (at least {LEAST}) on their best values at this step, which learns late drops; and "
        "the power law of playbook horizon, fitted to its own curve. The chances of all stopped trials add up to at "
        "most the risk (default 0.05). Curves are compared at the same stage of the schedule only, and never during "
        "warmup."
    )
    counts = (
        "A stopped trial has no result. It is never the best, it is not repeated, and its curve is not read. "
        "Analyses of all points use its expected result, which is worse than its arm's best."
    )
    if json:
        print_json({"rules": [], "checks": [], "early_stopping": f"{stops} {counts}"})
        return
    out = console()
    out.print(f"{EARLY_STOPPING}: honest: stop trials that are unlikely to become the best\n")
    for paragraph in (stops, counts):
        out.print(f"{paragraph}\n")
    out.print("Set it in the study file:  early_stopping: honest   or   early_stopping: {risk: 0.02}")


def _lines(rule: Rule) -> list[str]:
    lines = [f"{rule.name}: {rule.title}", "", f"Looks at: {rule.looks_at}", f"Verdicts: {', '.join(rule.verdicts)}"]
    lines += ["", rule.formula, ""]
    for threshold in rule.thresholds:
        lines.append(f"{threshold.name} = {threshold.default:g} ({WHOSE[threshold.whose]}): {threshold.meaning}")
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
