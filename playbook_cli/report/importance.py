"""What mattered, in sentences and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import words
from playbook_cli.wording import p_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.importance import Importance
    from playbook_cli.analysis.ridge import Ridge

HOW = (
    "Share of the variance in trial rank that each hyperparameter explains by itself, and what noise alone would give. "
    "It shows what moved results, not which value is best."
)
_NAME = 48
_LISTED = 20
"""Hyperparameters that a sentence lists; it counts the others."""


def sentences(importance: Importance) -> list[str]:
    """What can be said, and how far it can be trusted; at least one sentence."""
    if not importance.enough:
        too_few = f"needs {importance.needed} trials with a result, has {importance.trials}"
        return [f"Too few trials to judge: {too_few}."]
    if not importance.effects:
        return ["All trials have the same result, so there are no effects to see."]
    said = [_mattered(importance)]
    said += [
        f"{_short(effect.label)} decides which trials are infeasible ({p_text(effect.infeasible_p_value)})."
        for effect in importance.effects
        if effect.hinders and effect.infeasible_p_value is not None
    ]
    said += _pair(importance)
    if importance.named:
        known = f"{round(100 * importance.predicted)}% of the variance in rank of held-out trials"
        said.append(f"The model predicts {known}.")
    if importance.infeasible:
        left_out = words.count(importance.infeasible, "infeasible trial")
        said.append(f"{left_out} {'has' if importance.infeasible == 1 else 'have'} no rank and are not in the shares.")
    if importance.crowded:
        where = _listed(importance.crowded)
        said.append(f"Most trials are in one part of {where}: the shares hold there, not for the whole range.")
    return said


def as_json(importance: Importance | None) -> dict[str, Any] | None:
    """None where there is nothing to say about this kind of study."""
    if importance is None:
        return None
    pair = importance.interaction
    return {
        "verdict": verdict(importance),
        "trials": importance.trials,
        "trials_needed": importance.needed,
        "predicted": importance.predicted,
        "crowded": list(importance.crowded),
        "hyperparameters": [
            {
                "subject": effect.label,
                "share": effect.share,
                "share_needed": effect.needed,
                "p_value": effect.p_value,
                "infeasible_p_value": effect.infeasible_p_value,
                "trials": effect.trials,
                "matters": effect.matters,
            }
            for effect in importance.effects
        ],
        "interaction": pair
        and {
            "subjects": list(pair.labels),
            "share": pair.share,
            "p_value": pair.p_value,
            "proven": pair.proven,
            "trade_off": pair.ridge is not None,
            "combined": " ".join(pair.ridge.combined) if pair.ridge and pair.ridge.combined else None,
        },
    }


def verdict(importance: Importance) -> str:
    """`undecided`, `named` where something mattered, else `none`."""
    if not importance.enough:
        return "undecided"
    return "named" if importance.named else "none"


def _mattered(importance: Importance) -> str:
    others = [effect.label for effect in importance.effects if not effect.matters]
    rest = f"; no visible effect: {_listed(others)}" if others else ""
    if not importance.named:
        return f"With {words.count(importance.trials, 'trial')}, no hyperparameter's effect stands out from noise."
    by_themselves = [effect.label for effect in importance.named if effect.moves or effect.hinders]
    joined = [effect.label for effect in importance.named if effect.label not in by_themselves]
    if not by_themselves:
        return f"{_listed(joined)} mattered together{rest}."
    also = f", and {_listed(joined)} by an interaction" if joined else ""
    return f"{_listed(by_themselves)} mattered{also}{rest}."


def _pair(importance: Importance) -> list[str]:
    pair = importance.interaction
    if pair is None:
        return []
    first, second = map(_short, pair.labels)
    if pair.proven:
        alone = any(effect.moves for effect in importance.effects if effect.label in pair.labels)
        rest = "" if alone else ", though neither has a visible effect by itself"
        if pair.ridge:
            return [f"{first} and {second} trade off ({p_text(pair.p_value)}){rest}: {_traded(pair.ridge)}."]
        shift = "the best value of one shifts with the other"
        return [f"{first} and {second} interact ({p_text(pair.p_value)}): {shift}{rest}."]
    return ["No interactions detected."] if importance.named else []


def _traded(ridge: Ridge) -> str:
    asks = f"a larger value of one goes with a {'larger' if ridge.together else 'smaller'} value of the other"
    if not ridge.combined:
        return f"{asks}; if you widen one, widen both"
    first, sign, second = ridge.combined
    return f"{asks}; widen them together, or tune {_short(first)} {sign} {_short(second)}"


def _listed(labels: Sequence[str]) -> str:
    short = [_short(label) for label in labels[:_LISTED]]
    if len(labels) > _LISTED:
        short.append(f"{len(labels) - _LISTED:,} more")
    return short[0] if len(short) == 1 else f"{', '.join(short[:-1])} and {short[-1]}"


def _short(label: str) -> str:
    return words.shortened(label, _NAME)
