"""The result of a probe's runs so far, and what to train next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playbook_cli.instability import clipping, ladder
from playbook_cli.instability.names import loss_of
from playbook_cli.instability.rise import Yardstick, judge, yardstick
from playbook_cli.instability.runs import Point, read, turned
from playbook_cli.instability.verdict import CONFIRMING, EARLY, PROBED, decide, lowest_unstable, next_multiples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.instability.rise import Rise
    from playbook_cli.instability.runs import Run
    from playbook_cli.instability.setting import Setting
    from playbook_cli.instability.verdict import Verdict
    from playbook_cli.records import TrialRecord


@dataclass(frozen=True, kw_only=True)
class Clipped:
    """The result of clipping gradients at the unstable learning rate."""

    threshold: float
    share: float
    """Share of the updates at that learning rate whose unclipped norm is above the threshold."""
    run: Run | None = None
    """The run with clipping; None if the program has no such hyperparameter, or before the run has ended."""

    @property
    def too_often(self) -> bool:
        """Whether the learning rate should be lowered instead."""
        return self.share > clipping.TOO_MANY


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The result of a probe's runs."""

    loss: str
    """The judged metric; smaller is better, so it is `-val_accuracy` for a metric that is maximized."""
    runs: Sequence[Run]
    """All runs, in the order in which they were planned."""
    rises: Mapping[int, Rise]
    """The rises of the runs that have ended, by trial number."""
    multiples: Mapping[float, Run]
    """The ended runs at multiples of the best learning rate, by multiple."""
    early_until: int
    """The last step at which instability may begin and still count as early."""
    verdict: Verdict = "undecided"
    unstable: float | None = None
    """The lowest unstable learning rate; None if the verdict is not unstable."""
    rungs: Sequence[Run] = ()
    """The ended runs of the warmup ladder."""
    lengths: Sequence[int] = ()
    """Warmup lengths in steps that the ladder may try, longest first."""
    ladder: ladder.Found | None = None
    """The end of the ladder; None if it was not finished."""
    clipping: Clipped | None = None

    def rise(self, run: Run) -> Rise:
        return self.rises[run.trial]


def look(setting: Setting, trials: Sequence[TrialRecord], where: str) -> tuple[Reading, Sequence[Point]]:
    """The result of the trials so far, and the points to train next; [] once there are none."""
    metric = setting.study.objective
    curves = [trial.curve for trial in trials if trial.state == "completed" and trial.curve is not None]
    loss = loss_of(curves, metric, setting.loss, where=where)
    runs = [read(trial, setting.names, setting.base, loss, metric) for trial in trials]
    ended = {run.point: run for run in runs if run.state in ("completed", "infeasible")}
    plain = {multiple: _at(setting, multiple) for multiple in (*PROBED, *CONFIRMING)}
    multiples = {multiple: ended[point] for multiple, point in plain.items() if point in ended}
    against = _yardstick(multiples)
    rises = {run.trial: judge(run.losses, against, warmed_up=run.point.warmup is not None) for run in ended.values()}
    seen = Reading(
        loss=f"-{loss}" if turned(loss, metric) else loss,
        runs=runs,
        rises=rises,
        multiples=multiples,
        early_until=setting.warmup + int(EARLY * setting.study.max_train_steps),
    )
    known = {multiple: rises[run.trial] for multiple, run in multiples.items()}
    missing = next_multiples(known)
    if missing:
        return seen, [plain[multiple] for multiple in missing]
    seen = replace(seen, verdict=decide(known, seen.early_until))
    lowest = lowest_unstable(known)
    if not seen.verdict.startswith("unstable") or lowest is None:
        return seen, []
    seen = replace(seen, unstable=setting.at(lowest))
    seen, rung = _climbed(setting, seen, lowest, ended)
    seen, clip = _clipped(setting, seen, lowest, ended)
    return seen, [*rung, *clip]


def peak(setting: Setting, lowest: float, multiple: float) -> float:
    """The learning rate after the warmup of a rung; `lowest` is the multiple that is unstable without warmup."""
    return setting.at(lowest * multiple)


def _at(setting: Setting, multiple: float) -> Point:
    return Point(learning_rate=setting.at(multiple), warmup=None, clip=None)


def _yardstick(multiples: Mapping[float, Run]) -> Yardstick:
    reference = multiples.get(1.0)
    measured = [run.losses for run in multiples.values() if run.losses.values.size]
    if reference is None or reference.losses.values.size == 0:
        return Yardstick(start=0.0, drop=0.0, noise=0.0)
    return yardstick(reference.losses, measured)


def _climbed(
    setting: Setting, seen: Reading, lowest: float, ended: Mapping[Point, Run]
) -> tuple[Reading, Sequence[Point]]:
    if setting.names.warmup is None:
        return seen, []
    lengths = ladder.rungs(setting.study.max_train_steps, setting.warmup)
    points = {
        (multiple, length): Point(learning_rate=peak(setting, lowest, multiple), warmup=length, clip=None)
        for multiple in ladder.PEAKS
        for length in lengths
    }
    tried = {rung: ended[point] for rung, point in points.items() if point in ended}
    seen = replace(seen, rungs=list(tried.values()), lengths=lengths)
    result = ladder.climb({rung: seen.rise(run).course for rung, run in tried.items()}, lengths)
    if isinstance(result, ladder.Found):
        return replace(seen, ladder=result), []
    return seen, [points[result]]


def _clipped(
    setting: Setting, seen: Reading, lowest: float, ended: Mapping[Point, Run]
) -> tuple[Reading, Sequence[Point]]:
    """The threshold comes from the norms at the best learning rate, the share from those at the unstable one."""
    best, unstable = seen.multiples[1.0], seen.multiples[lowest]
    at_best = None if best.norms is None else clipping.norms(best.norms)
    if at_best is None or unstable.norms is None or at_best.quantile <= 0:
        return seen, []
    threshold = clipping.threshold(at_best)
    without = clipping.clipped(unstable.norms, threshold) or 0.0
    seen = replace(seen, clipping=Clipped(threshold=threshold, share=without))
    if setting.names.clip is None:
        return seen, []
    own = setting.base.get(setting.names.clip) == threshold  # every run already clips at that norm
    point = Point(learning_rate=setting.at(lowest), warmup=None, clip=None if own else threshold)
    if point not in ended:
        return seen, [point]
    run = ended[point]
    share = without if run.norms is None else clipping.clipped(run.norms, threshold)
    return replace(seen, clipping=Clipped(threshold=threshold, share=share or 0.0, run=run)), []
