"""The study with the recommended number of steps, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.acts import command
from playbook_cli.advice.revision import Change, Revision
from playbook_cli.errors import StudyError
from playbook_cli.horizon.answer import number, span
from playbook_cli.spec.load import plain

if TYPE_CHECKING:
    from playbook_cli.horizon.answer import Answer


def revised(given: Answer, *, where: str) -> Revision:
    """The user's study at the recommended length, on new points, with its learning-rate range moved by the drift.

    StudyError if it lists its points, because each would change.
    """
    study, steps = given.setting.study, given.max_train_steps
    if study.points is not None:
        longer = command("next", where, round=(study.round.number if study.round else 1) + 1, max_train_steps=steps)
        hint = f"to train them in a longer round: {longer}"
        raise StudyError(
            "this study lists its points, so its length cannot be changed in a file", where=where, hint=hint
        )
    revision = Revision(data=plain(study))
    data = revision.data
    data["name"] = f"{study.name}-{steps}"
    _say(revision, ("name",), f"after {study.name}")
    data["max_train_steps"] = steps
    before = "unchanged" if steps == study.max_train_steps else f"was {study.max_train_steps}"
    _say(revision, ("max_train_steps",), f"playbook horizon: {given.verdict}; {before}")
    every = study.steps_between_evaluations
    data["eval_every"] = max(1, round(every * steps / study.max_train_steps))
    if data["eval_every"] != every:
        _say(revision, ("eval_every",), f"scaled with max_train_steps; was {every}")
    if study.follows is not None:
        data.pop("continue", None)
        data["sampler"] = "halton"
    _move(revision, given)
    data["seed"] = int(data.get("seed", 0)) + 1
    _say(revision, ("seed",), "new search seed, so no point is repeated")
    return revision


def _move(revision: Revision, given: Answer) -> None:
    """Move the range of learning rates by the drift of the best one, if all points agree that it drifts."""
    name, steps, now = given.setting.learning_rate, given.max_train_steps, given.now
    if name is None or steps == now:
        return
    drifts = [point.judgement.drift for point in given.points]
    if any(drift.word == "curved" for drift in drifts):
        revision.left.append(
            f"the best {name} changes with the training length, but not evenly: check its range yourself"
        )
        return
    if any(drift.word != "drifts" for drift in drifts):
        return
    factors = [point.judgement.surface.drift().value for point in given.points]
    factor = (steps / now) ** (sum(factors) / len(factors))
    for role in ("scientific", "nuisance"):
        space: Any = revision.data.get(role, {}).get(name)
        if isinstance(space, dict) and "max" in space:
            space["min"], space["max"] = (float(f"{space[end] * factor:.4g}") for end in ("min", "max"))
            said = f"moved by x{number(factor)}: the best one changes by x{span(drifts[0].factor)} per doubling"
            _say(revision, (role, name), said)
            return
    revision.left.append(f"{name} has no range here, and its best value changes by x{number(factor)}: retune it")


def _say(revision: Revision, key: tuple[str | int, ...], reason: str) -> None:
    revision.changes.append(Change(key=key, reason=reason))
