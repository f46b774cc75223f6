"""The study with what the probe recommends, and why."""

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
    """The user's study with the warm-up or the clipping that mends its instability, on fresh points; one of them does.

    StudyError where the hyperparameter is what the study asks about, or its points are listed.
    """
    setting, seen = given.setting, given.seen
    if setting.study.points is not None:
        raise StudyError(
            "the trials of this study are its listed points, and each would change", where=where, hint="edit them"
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
            f"instability: the 90th percentile of the gradient norm at the best learning rate; with it "
            f"{seen.unstable:.4g} trains stably, and {seen.clipping.share:.0%} of the updates are clipped",
            where,
        )
        _raise(revision, given, seen.unstable or setting.rate)
    data["seed"] = int(data.get("seed", 0)) + 1
    _say(revision, ("seed",), "fresh points: the old ones are known already")
    return revision


def _warm_up(revision: Revision, given: Answer, where: str) -> None:
    setting, run = given.setting, warmed(given.seen)
    assert run is not None
    steps, peak = run.point.warmup or 0, run.point.learning_rate
    reason = (
        f"instability: without it training at {given.seen.unstable:.4g} is {given.seen.verdict.replace('-', ', ')}; "
        f"the shortest that was found to make {peak:.4g} stable"
    )
    _fix(revision, str(setting.names.warmup), steps, reason, where)
    longer = steps - setting.warmup
    most = setting.study.max_train_steps
    revision.data["max_train_steps"] = most + longer
    more = "; over 5% of them: consider still more steps" if steps > ladder.LONG * most else ""
    _say(revision, ("max_train_steps",), f"the warm-up is prepended to the {most} steps{more}")
    _raise(revision, given, peak)


def _fix(revision: Revision, name: str, value: Value, reason: str, where: str) -> None:
    """Fix a hyperparameter at this value. StudyError where the study asks about it."""
    data = revision.data
    if name in data.get("scientific", {}):
        raise StudyError(
            f"{name} is scientific in this study, so it is not fixed here",
            where=where,
            hint=f"add {value} to its values",
        )
    data.get("nuisance", {}).pop(name, None)
    data.setdefault("fixed", {})[name] = value
    _say(revision, ("fixed", name), reason)


def _raise(revision: Revision, given: Answer, rate: float) -> None:
    """Let the learning rate be searched up to this one; what can't be done is said."""
    name = given.setting.names.learning_rate
    for role in ("scientific", "nuisance"):
        space: Any = revision.data.get(role, {}).get(name)
        if isinstance(space, dict) and "max" in space:
            if space["max"] < rate:
                was = space["max"]
                space["max"] = rate
                _say(revision, (role, name), f"instability: stable up to {rate:.4g} now; its upper end was {was:g}")
            return
    revision.left.append(f"{name} is no range here: tune it again, up to {rate:.4g}")


def _say(revision: Revision, key: tuple[str | int, ...], reason: str) -> None:
    revision.changes.append(Change(key=key, reason=reason))
