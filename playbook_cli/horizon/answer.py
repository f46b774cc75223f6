"""The answer of a ladder, in words and as JSON: the one value that every renderer shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.analysis.outcomes import arm_label
from playbook_cli.horizon.judge import overall
from playbook_cli.wording import p_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.acts import Command
    from playbook_cli.horizon.judge import Doubling, Judgement, Verdict
    from playbook_cli.horizon.ladder import Climbed
    from playbook_cli.horizon.setting import Setting
    from playbook_cli.horizon.surface import Interval
    from playbook_cli.records import Metric, TrialRecord

FURTHER = 3
"""Doublings beyond the longest length for which the loss is predicted."""
_SAID: dict[Verdict, str] = {
    "longer-pays": "longer training pays off",
    "long-enough": "long enough",
    "shorter-will-do": "shorter is enough",
    "undecided": "inconclusive",
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """The ladder's result for one point."""

    trial: TrialRecord
    rate: float | None
    """Its own learning rate; None if no other rate was tried."""
    judgement: Judgement
    lengths: Sequence[int]

    @property
    def label(self) -> str:
        arm = arm_label(self.trial.arm)
        return f"trial {self.trial.id}{f', {arm}' if arm else ''}"

    @property
    def predicted(self) -> Sequence[int]:
        """The lengths beyond the longest trained one for which predictions are shown."""
        return [self.lengths[-1] * 2**k for k in range(1, FURTHER + 1)]

    def best_rate(self, steps: int) -> Interval | None:
        """The best learning rate for a training of this many steps."""
        found = self.judgement.rate(steps)
        if found is None or self.rate is None:
            return None
        return type(found)(value=found.value * self.rate, low=found.low * self.rate, high=found.high * self.rate)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a ladder, and everything that is shown of it."""

    study: str
    metric: Metric
    setting: Setting
    climbed: Climbed
    points: Sequence[Point]
    verdict: Verdict
    max_train_steps: int
    """The recommended number of steps."""
    worth: float
    headline: str
    remarks: Sequence[str]
    next: Command | None

    @property
    def now(self) -> int:
        """The study's own max_train_steps."""
        return self.setting.study.max_train_steps

    def value(self, loss: float) -> float:
        """A loss in the metric's own sign."""
        return -loss if self.metric.goal == "maximize" else loss


def answer(setting: Setting, climbed: Climbed, worth: float, command: Command) -> Answer:
    """Put the measurements into words; `command` is the one that the user ran."""
    points = [
        Point(
            trial=trial,
            rate=_rate(setting, trial),
            judgement=judgement,
            lengths=climbed.lengths,
        )
        for trial, judgement in zip(setting.trials, climbed.judgements, strict=True)
    ]
    verdict = overall([point.judgement.verdict for point in points])
    agreeing = [point for point in points if point.judgement.verdict == verdict]
    steps = max(point.judgement.max_train_steps for point in points)
    needed = [point.judgement.seeds for point in agreeing]
    seeds = None if None in needed else max((n for n in needed if n is not None), default=None)
    following = command.adding(seeds=seeds) if verdict == "undecided" and seeds else None
    if verdict in ("longer-pays", "shorter-will-do"):
        following = command.adding(output=f"{setting.study.name}-{steps}.yaml")
    return Answer(
        study=setting.study.name,
        metric=setting.study.objective,
        setting=setting,
        climbed=climbed,
        points=points,
        verdict=verdict,
        max_train_steps=steps,
        worth=worth,
        headline=_headline(verdict, steps, _deciding(agreeing, setting.study.max_train_steps), worth, setting),
        remarks=_remarks(points, setting, climbed, worth, seeds if verdict == "undecided" else None),
        next=following,
    )


def as_json(given: Answer) -> dict[str, Any]:
    """The object of `horizon --json`; an unknown end of an interval is null."""
    return {
        "study": given.study,
        "verdict": given.verdict,
        "max_train_steps": given.max_train_steps,
        "now": given.now,
        "metric": given.metric.name,
        "learning_rate": given.setting.learning_rate,
        "headline": given.headline,
        "worth": given.worth,
        "lengths": list(given.climbed.lengths),
        "seeds": given.setting.seeds,
        "points": [_point(point, given) for point in given.points],
        "steps_spent": given.climbed.spent,
        "steps_from_scratch": given.setting.size * sum(given.climbed.lengths),
        "remarks": list(given.remarks),
    }


def _point(point: Point, given: Answer) -> dict[str, Any]:
    judged = point.judgement
    return {
        "trial": point.trial.id,
        "arm": dict(point.trial.arm),
        "learning_rate": point.rate,
        "verdict": judged.verdict,
        "max_train_steps": judged.max_train_steps,
        "lengths": [
            {
                "steps": steps,
                **_valued(level, given),
                "best_learning_rate": _interval(point.best_rate(steps)),
            }
            for steps, level in zip(judged.surface.lengths, judged.levels, strict=True)
        ],
        "doublings": [
            {"from": d.steps, "to": d.following, "gain": _finite(d.gain.value), "interval": _ends(d.gain)}
            for d in judged.doublings
        ],
        "drift": {
            "verdict": judged.drift.word,
            **(_interval(None if judged.drift.word == "curved" else judged.drift.factor) or _NOTHING),
            "why": judged.drift.why or None,
        },
        "law": None if judged.law is None else {"exponent": _interval(judged.law.exponent)},
        "predictions": [
            {
                "steps": steps,
                **_valued(judged.loss(steps), given),
                "best_learning_rate": _interval(point.best_rate(steps)),
            }
            for steps in point.predicted
        ],
        "seeds_needed": judged.seeds,
    }


def _valued(loss: Interval | None, given: Answer) -> dict[str, Any]:
    if loss is None:
        return {"value": None, "interval": None}
    ends = sorted((given.value(loss.low), given.value(loss.high)))
    return {"value": _finite(given.value(loss.value)), "interval": [_finite(x) for x in ends]}


def _interval(found: Interval | None) -> dict[str, Any] | None:
    return None if found is None else {"value": _finite(found.value), "interval": _ends(found)}


_LIMIT = 100
"""An end of an interval beyond this power of ten counts as unknown."""
_NOTHING = {"value": None, "interval": [None, None]}


def _ends(found: Interval) -> list[float | None]:
    return [_finite(found.low), _finite(found.high)]


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) and (x == 0.0 or abs(math.log10(abs(x))) < _LIMIT) else None


def _rate(setting: Setting, trial: TrialRecord) -> float | None:
    value = trial.params.get(setting.learning_rate or "")
    return float(value) if isinstance(value, int | float) else None


def number(x: float) -> str:
    """A number for display."""
    return f"{x:.3g}" if abs(x) < 1000 else f"{x:,.0f}"


def span(found: Interval, show: Any = number) -> str:
    """An interval for display; `?` is an unknown end."""
    low, high = (show(x) if _finite(x) is not None else "?" for x in (found.low, found.high))
    return f"{low} to {high}"


def _deciding(points: Sequence[Point], now: int) -> tuple[Point, Doubling]:
    """The point and the doubling that the headline is about: the one from the study's own length, or the last one."""
    found = [(p, next((d for d in p.judgement.doublings if d.steps >= now), p.judgement.doublings[-1])) for p in points]
    return max(found, key=lambda pair: pair[1].gain.value)


def _headline(verdict: Verdict, steps: int, deciding: tuple[Point, Doubling], worth: float, setting: Setting) -> str:
    _, doubling = deciding
    metric, now = setting.study.objective.name, setting.study.max_train_steps
    gains = f"{number(doubling.gain.value)} (95%: {span(doubling.gain)})"
    each = "" if doubling.following == 2 * doubling.steps else " per doubling"
    from_to = f"from {doubling.steps:,} to {doubling.following:,} steps {metric} improves by {gains}{each}"
    if verdict == "longer-pays":
        return f"Longer training pays off: {from_to}. Train for {steps:,} steps."
    if verdict in ("long-enough", "shorter-will-do"):
        enough = now if verdict == "long-enough" else steps
        return f"{enough:,} steps are enough: {from_to}; at least {number(worth)} would be worthwhile."
    return f"Inconclusive: {from_to}; at least {number(worth)} would be worthwhile."


def _remarks(points: Sequence[Point], setting: Setting, climbed: Climbed, worth: float, seeds: int | None) -> list[str]:
    lines = [line for point in points for line in _about(point, len(points) > 1, setting.study.max_train_steps)]
    if seeds is not None:
        more = (seeds - setting.seeds) * len(points) * len(setting.factors) * sum(setting.lengths)
        lines.append(
            f"If the gain is as estimated, {seeds} training seeds per run would settle it: {more:,} more steps."
        )
    elif any(point.judgement.verdict == "undecided" for point in points):
        lines.append(
            "The gain is too close to the threshold for any reasonable number of training seeds to settle it: set "
            "--worth to decide."
        )
    longest = climbed.lengths[-1]
    if longest < setting.lengths[-1]:
        lines.append(
            f"{setting.lengths[-1]:,} steps were not tried: after {longest:,}, another doubling is not worthwhile."
        )
    scratch = setting.size * sum(climbed.lengths)
    saved = f", {climbed.spent / scratch:.0%} of what training from scratch takes" if climbed.spent < scratch else ""
    lines.append(f"{climbed.spent:,} steps spent{saved}.")
    noise = points[0].judgement.surface.noise.own ** 0.5
    of = "of the loss" if points[0].judgement.scale.logarithmic else "of the metric"
    shown = f"{noise:.1%} {of}" if points[0].judgement.scale.logarithmic else f"{number(noise)} {of}"
    lines.append(f"A doubling counts as worthwhile at a gain of {number(worth)} or more. Noise of one run: {shown}.")
    return lines


def _about(point: Point, several: bool, now: int) -> list[str]:  # noqa: FBT001
    judged, lines = point.judgement, []
    name = f"{point.label}: " if several else ""
    if several:
        lines.append(f"{name}{_SAID[judged.verdict]}, {judged.max_train_steps:,} steps.")
    drift = judged.drift
    if point.rate is not None:
        lines.append(name + _drifts(point))
    if judged.law is not None:
        law, steps = judged.law, point.predicted[0]
        loss = judged.loss(steps)
        if loss is not None:
            lines.append(
                f"{name}The loss follows a power law with exponent {span(law.exponent)}, which correctly predicted the "
                f"longest length from the shorter ones; for {steps:,} steps it predicts {span(loss)}."
            )
    elif len(point.lengths) > FURTHER:
        lines.append(f"{name}No power law predicts the longest length from the shorter ones (or noise hides it).")
    longest = point.lengths[-1]
    if judged.verdict == "longer-pays" and judged.max_train_steps == longest:
        lines.append(f"{name}The last doubling still pays off, so training beyond {longest:,} steps may pay off too.")
    rate = point.best_rate(judged.max_train_steps)
    if rate is not None and judged.max_train_steps != now and drift.word == "drifts":
        lines.append(f"{name}For {judged.max_train_steps:,} steps, use a learning rate of {span(rate)}.")
    return lines


def _drifts(point: Point) -> str:
    drift = point.judgement.drift
    factor = f"x{number(drift.factor.value)} per doubling (95%: {span(drift.factor)})"
    return {
        "none": f"The best learning rate does not change with the training length: {factor}.",
        "drifts": f"The best learning rate changes with the training length: {factor}.",
        "curved": "The best learning rate changes with the training length, but not by the same factor per doubling "
        f"({p_text(drift.p_bend)}): do not extrapolate it.",
        "undecided": f"It is unknown whether the best learning rate changes with the training length: {drift.why}.",
    }[drift.word]
