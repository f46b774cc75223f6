"""What a script's arguments are in a study of one optimizer, and of so many trials."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import SpecError
from playbook_cli.spec.tiers import SELECTORS, TIERS, usual_name
from playbook_cli.starting.optimizers import OPTIMIZERS, affordable
from playbook_cli.starting.roles import is_rate, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playbook_cli.records import Value
    from playbook_cli.starting.optimizers import Optimizer
    from playbook_cli.starting.roles import Proposal


def of_optimizer(proposals: Sequence[Proposal], optimizer: Optimizer, script: Path) -> list[Proposal]:
    """The proposals with this optimizer selected, and with all of its hyperparameters tuned that the script takes.

    SpecError where the script has other optimizers to choose from.
    """
    own = {usual_name(knob.name): knob.setting for knob in optimizer.knobs}
    made = []
    for proposal in proposals:
        usual = usual_name(proposal.name)
        if proposal.name in SELECTORS and proposal.argument.kind == "str":
            made.append(_fixed(proposal, _selected(proposal, optimizer, script)))
        elif proposal.name == "nesterov" and proposal.argument.kind == "bool":
            made.append(_fixed(proposal, optimizer is OPTIMIZERS["nesterov"]))
        elif usual in own and proposal.part == "fixed" and isinstance(proposal.argument.default, float):
            made.append(replace(proposal, part="nuisance", **_ranged(proposal, own[usual])))
        elif usual in TIERS and usual not in own and proposal.part == "nuisance" and usual != "weight_decay":
            made.append(_settled(proposal))
        else:
            made.append(proposal)
    return made


def selector(proposals: Sequence[Proposal]) -> str | None:
    """The name in the study file of the argument that selects the optimizer; None where there is none."""
    return next((p.name for p in proposals if p.name in SELECTORS and p.part == "fixed"), None)


def within(nuisance: Sequence[Proposal], trials: int, offsets: int) -> tuple[list[Proposal], list[Proposal]]:
    """Those that so many trials can carry, in the order of the script, and the others at the script's own values.

    Learning rates come first, whatever the script calls them.
    """
    ordered = sorted(nuisance, key=_rank)
    kept = affordable([p.name for p in ordered], trials, offsets)
    return [p for p in nuisance if p.name in kept], [_settled(p) for p in nuisance if p.name not in kept]


def _rank(proposal: Proposal) -> int:
    order = list(TIERS)
    name = "learning_rate" if is_rate(proposal.argument) else usual_name(plain(proposal.name))
    return order.index(name if name in order else "weight_decay")


def _selected(proposal: Proposal, optimizer: Optimizer, script: Path) -> Value:
    choices = proposal.argument.choices
    by_name = {str(choice).lower(): choice for choice in choices}
    found = next((by_name[name] for name in optimizer.family if name in by_name), None)
    if choices and found is None:
        raise SpecError(
            f"its {proposal.argument.option} has no {optimizer.title}",
            where=f"{script}:{proposal.argument.line}",
            hint=f"it takes {', '.join(map(str, choices))}",
        )
    return found if choices else optimizer.family[0]


def _fixed(proposal: Proposal, value: Value) -> Proposal:
    argument = replace(proposal.argument, default=value, has_default=True)
    return replace(proposal, part="fixed", setting=value, argument=argument)


def _settled(proposal: Proposal) -> Proposal:
    """Fixed at the script's own value; left to the script where that is not known."""
    default = proposal.argument.default
    return replace(proposal, part="left" if default is None else "fixed", setting=default, why=None)


def _ranged(proposal: Proposal, setting: dict[str, Any]) -> dict[str, Any]:
    """A range for what is at the script's own value otherwise; a beta itself has no scale of factors."""
    if proposal.name.startswith("one_minus_") or usual_name(proposal.name) not in ("beta1", "beta2", "momentum"):
        return {"setting": setting, "why": None}
    ends = {"min": round(1 - setting["max"], 6), "max": round(1 - setting["min"], 6)}
    return {"setting": ends, "why": f"1 - {proposal.name} on a log scale is better, if the script can take it"}
