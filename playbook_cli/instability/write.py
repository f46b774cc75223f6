"""The study with the probe's recommendation, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.advice.revision import Change, Revision
from playbook_cli.errors import StudyError
from playbook_cli.instability import ladder
from playbook_cli.instability.answer import warmed
from playbook_cli.spec.load import plain

if TYPE_CHECKING:
    from playbook_cli.instability.answer import Answer
    from playbook_cli.records import Value


def revised(given: Answer, *, where: str) -> Revision:
    """The user's study with the warmup or clipping that fixes its instability, on new points.

    StudyError if the hyperparameter is scientific, or the study lists its points.
    """
    setting, seen = given.setting, given.seen
    if setting.study.points is not None:
        raise StudyError(
            "this study lists its points, and each of them would change", where=where, hint="edit them by hand"
        )
    revision = Revision(data=plain(setting.study))
    data = revision.data
    data["name"] = f"{setting.study.name}-{given.repair}"
    if given.repair == "warmup":
        _warm_up(revision, given, where)
    elif seen.clipping is not None:
        _fix(
            revision,
            str(setting.names.clip),
            seen.clipping.threshold,
            f"instability: 90th percentile of the gradient norm at the best learning rate; with it, "
            f"{seen.unstable:.4g} trains stably and {seen.clipping.share:.0%} of the updates are clipped",
            where,
        )
        _raise(revision, given, seen.unstable or setting.rate)
    data["seed"] = int(data.get("seed", 0)) + 1
    _say(revision, ("seed",), "new search seed, so no point is repeated")
    return revision


def _warm_up(revision: Revision, given: Answer, where: str) -> None:
    setting, run = given.setting, warmed(given.seen)
    assert run is not None
    steps, peak = run.point.warmup or 0, run.point.learning_rate
    reason = (
        f"instability: training is unstable at {given.seen.unstable:.4g} without warmup; this is the shortest warmup "
        f"found that makes {peak:.4g} stable"
    )
    _fix(revision, str(setting.names.warmup), steps, reason, where)
    longer = steps - setting.warmup
    most = setting.study.max_train_steps
    revision.data["max_train_steps"] = most + longer
    more = "; it is over 5% of them, so consider even more" if steps > ladder.LONG * most else ""
    _say(revision, ("max_train_steps",), f"the warmup is added before the {most} steps{more}")
    _raise(revision, given, peak)


def _fix(revision: Revision, name: str, value: Value, reason: str, where: str) -> None:
    """Fix a hyperparameter at this value. StudyError if it is scientific."""
    data = revision.data
    if name in data.get("scientific", {}):
        raise StudyError(
            f"{name} is a scientific hyperparameter of this study, so it cannot be fixed",
            where=where,
            hint=f"add {value} to its values",
        )
    data.get("nuisance", {}).pop(name, None)
    data.setdefault("fixed", {})[name] = value
    _say(revision, ("fixed", name), reason)


def _raise(revision: Revision, given: Answer, rate: float) -> None:
    """Extend the search of the learning rate up to this value, or say that it has no range."""
    name = given.setting.names.learning_rate
    for role in ("scientific", "nuisance"):
        space: Any = revision.data.get(role, {}).get(name)
        if isinstance(space, dict) and "max" in space:
            if space["max"] < rate:
                was = space["max"]
                space["max"] = rate
                _say(revision, (role, name), f"instability: now stable up to {rate:.4g}; the upper end was {was:g}")
            return
    revision.left.append(f"{name} has no range in this study: retune it, up to {rate:.4g}")


def _say(revision: Revision, key: tuple[str | int, ...], reason: str) -> None:
    revision.changes.append(Change(key=key, reason=reason))
