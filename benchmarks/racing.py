"""What `early_stopping: honest` saves and loses: AlgoPerf's logs and generated curves, replayed.

    python -m benchmarks.racing [--algoperf DIR] [--orders 8] [--studies 20] [--risks 0.05 0.1 0.2]

Trials run one after the other. Each is cut at the first phase at which the judge would stop it, with what was known by
then. A study is lost if its eventual best (of an arm) was stopped. The oracle knows all results: it stops every trial
that would not be its arm's new best at 10% of training, after as many whole trials as the judge needs. Then the report
is read with and without racing: `changed` are findings with another verdict, `opposed` those decided both ways.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.algoperf import METRICS, logs
from playbook_cli.advice.reading import read
from playbook_cli.analysis import outcomes
from playbook_cli.errors import PlaybookError
from playbook_cli.racing.judge import FIRST, PHASES, Race
from playbook_cli.records import Curve
from playbook_cli.storage.metrics import Measured, measured_by
from tests.generators.learning_curves import Course, curve_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playbook_cli.records import StudyRecord, TrialRecord

TRIALS = 24
OPEN = ("undecided", "blocked")


@dataclass(kw_only=True)
class Tally:
    """Of several studies of one kind."""

    lost: list[bool] = field(default_factory=list)
    saved: list[float] = field(default_factory=list)
    oracle: list[float] = field(default_factory=list)
    worse: list[float] = field(default_factory=list)
    """By how much the best that is left is worse, as a share of what lies between the best and the median result."""
    findings: Counter[str] = field(default_factory=Counter)

    def row(self, name: str) -> str:
        of = max(self.findings["all"], 1)
        changed, opposed = self.findings["changed"], self.findings["opposed"]
        said = f"{changed / of:.1%} ({opposed / of:.1%}) of {of}" if self.findings["all"] else "-"
        return (
            f"| {name} | {len(self.lost)} | {np.mean(self.lost):.1%} | {np.mean(self.worse):.2%} | "
            f"{np.mean(self.saved):.1%} | {np.mean(self.oracle):.1%} | {said} |"
        )

    def add(self, other: Tally) -> None:
        for name in ("lost", "saved", "oracle", "worse"):
            getattr(self, name).extend(getattr(other, name))
        self.findings += other.findings


def cut(trial: TrialRecord, step: float, study: StudyRecord) -> TrialRecord:
    """The trial as it was at this step."""
    assert trial.curve is not None
    kept = trial.curve.steps <= step + 1e-9
    curve = Curve(steps=trial.curve.steps[kept], values={n: v[kept] for n, v in trial.curve.values.items()})
    return measured_by(trial, Measured(curve=curve, infeasible=None, damaged=None), study.metric, curve=curve)


def raced(study: StudyRecord, order: Sequence[int], risk: float) -> StudyRecord:
    """The study as it would be with racing, its trials run in this order."""
    planned = len(study.trials)
    race = Race(metric=study.metric, max_train_steps=study.max_train_steps, risk=risk, planned=planned)
    trials = list(study.trials)
    for place in order:
        trial = trials[place]
        if trial.curve is None or trial.state != "completed":
            race.learn(trial)
            continue
        for phase, share in enumerate(PHASES):
            if trial.last_step < (share + 0.02) * study.max_train_steps:
                break
            stopped = race.judge(trial, phase)
            if stopped is not None:
                trials[place] = replace(cut(trial, stopped.step, study), state="stopped", stopped=stopped)
                break
        race.learn(trials[place])
    return replace(study, trials=trials)


def replayed(study: StudyRecord, order: Sequence[int], risk: float, *, rules: bool) -> Tally:
    """What racing does to one study."""
    after, tally = raced(study, order, risk), Tally()
    steps = sum(t.last_step for t in study.trials)
    losses = outcomes.losses(outcomes.completed(study.trials), study.metric)
    for arm in study.arms:
        first = outcomes.ranked(outcomes.of_arm(study.trials, arm), study.metric)[0]
        left = outcomes.ranked(outcomes.of_arm(after.trials, arm), study.metric)[0]
        gap = outcomes.result(left, study.metric) - outcomes.result(first, study.metric)
        tally.lost.append(gap > 0.0)
        tally.worse.append(gap / max(float(np.median(losses) - losses.min()), 1e-12))
    tally.lost, tally.worse = [any(tally.lost)], [max(tally.worse)]
    tally.saved.append(1 - sum(_trained(t) for t in after.trials) / steps)
    tally.oracle.append(1 - _oracle(study, order) / steps)
    if rules:
        said, now = ({(f.rule, f.subject): f.verdict for f in read(one)} for one in (study, after))
        for key in said | now:
            a, b = said.get(key, "undecided"), now.get(key, "undecided")
            tally.findings["all"] += 1
            tally.findings["changed"] += a != b
            tally.findings["opposed"] += a != b and a not in OPEN and b not in OPEN
            tally.findings[f"{key[0]}: {a} -> {b}"] += a != b
    return tally


def _trained(trial: TrialRecord) -> int:
    return trial.stopped.step if trial.stopped is not None else trial.last_step


def _oracle(study: StudyRecord, order: Sequence[int]) -> float:
    steps, known = 0.0, {outcomes.key(arm): list[float]() for arm in study.arms}
    for place in order:
        trial = study.trials[place]
        before, loss = known[outcomes.key(trial.arm)], outcomes.result(trial, study.metric)
        whole = len(before) < FIRST or loss < min(before)
        steps += trial.last_step if whole else min(trial.last_step, PHASES[0] * study.max_train_steps)
        before.append(loss)
    return steps


def algoperf(root: Path, scratch: Path) -> Iterator[tuple[str, StudyRecord]]:
    """Each submission on each workload as a study: five points on five seeds."""
    names = {p.name.rpartition("_")[0] for p in root.glob("*/study_*/*") if p.name.split("_", maxsplit=1)[0] in METRICS}
    for name in sorted(names):
        for submission in ("baseline", "schedule_free_adamw"):
            try:
                found = logs(root / submission, name, scratch / f"{submission}-{name}")
            except PlaybookError:
                continue
            places = sorted(found.record.trials, key=lambda t: found.places[t.id])
            study = replace(found.record, arms=[{}], trials=[replace(t, arm={}) for t in places])
            if len(study.trials) > 2 * FIRST and study.max_train_steps > 1:
                yield f"{submission} {name}", study


def _kinds() -> dict[str, Callable[[np.random.Generator, float], Course]]:
    """By name, the course of a trial from its quality, 0 (the best) to 1."""
    return {
        "saturating": lambda rng, _q: Course(tau=0.2 * rng.uniform(0.8, 1.25)),
        "power laws": lambda rng, _q: Course(power=0.4 * rng.uniform(0.8, 1.25)),
        "noise x 5": lambda rng, _q: Course(tau=0.2 * rng.uniform(0.8, 1.25), noise=0.05),
        "cosine, late drops": lambda rng, _q: Course(tau=0.12, anneal=rng.uniform(0.05, 0.4), schedule="cosine"),
        "late drops of the best": lambda _rng, q: Course(tau=0.12, anneal=0.4 * (1 - q), schedule="linear", rate=False),
        "crossing: the best are slow": lambda rng, q: Course(tau=0.05 + 0.5 * (1 - q) * rng.uniform(0.8, 1.25)),
        "one in eight is slow and best": lambda _rng, q: Course(tau=0.6 if q < 1 / 8 else 0.05),
        "overfitting": lambda rng, _q: Course(tau=0.08, turn=rng.uniform(0.3, 0.8), rise=0.2),
    }


def generated(kind: Callable[[np.random.Generator, float], Course], seed: int, arms: int = 1) -> StudyRecord:
    """A study of curves of this kind over a bowl in two ranges; the better points have the lower floors."""
    rng = np.random.default_rng(seed)
    quality = rng.permutation(TRIALS) / TRIALS
    settings = [{"arm": number} for number in range(arms)] if arms > 1 else [{}]
    return curve_study([kind(rng, q) for q in quality], rng, floors=0.02 + 0.3 * quality**1.5, arms=settings)


def bowls(kind: Callable[[np.random.Generator, float], Course], seed: int, arms: int = 1) -> StudyRecord:
    """As `generated`, with the floors of a bowl over the ranges, so that the rules about the space have it to read."""
    rng = np.random.default_rng(seed)
    settings = [{"arm": number} for number in range(arms)] if arms > 1 else [{}]
    return curve_study([kind(rng, 0.5) for _ in range(TRIALS)], rng, arms=settings)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algoperf", type=Path)
    parser.add_argument("--orders", type=int, default=8)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--read", type=int, default=1, help="orders, or studies, whose reports are read")
    parser.add_argument("--risks", type=float, nargs="+", default=[0.05])
    parser.add_argument("--each", action="store_true", help="a line for every workload")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.algoperf and options.algoperf / "logs" / "external_tuning"
        logged = list(algoperf(root, Path(scratch))) if root else []
    head = "| studies | replays | best lost | worse by | steps saved | oracle saves | findings changed (opposed) |"
    print(f"{head}\n|---|---|---|---|---|---|---|")
    for risk in options.risks:
        if logged:
            _algoperf(logged, options, risk)
        for name, kind in _kinds().items():
            _several(name, partial(generated, kind), options, risk)
        saturating = _kinds()["saturating"]
        _several("bowl, saturating", partial(bowls, saturating), options, risk)
        _several("bowl, two arms", partial(bowls, saturating, arms=2), options, risk)


def _several(name: str, make: Callable[[int], StudyRecord], options: argparse.Namespace, risk: float) -> None:
    tally = Tally()
    for seed in range(options.studies):
        study = make(seed)
        tally.add(replayed(study, range(len(study.trials)), risk, rules=seed < options.read))
    print(tally.row(f"{name}, {risk:g}"), flush=True)
    _why(tally)


def _algoperf(logged: Sequence[tuple[str, StudyRecord]], options: argparse.Namespace, risk: float) -> None:
    rng, every, shuffled = np.random.default_rng(0), Tally(), Tally()
    for name, study in logged:
        own = Tally()
        for number in range(options.orders):
            order = range(len(study.trials)) if not number else rng.permutation(len(study.trials)).tolist()
            one = replayed(study, order, risk, rules=number < options.read)
            own.add(one)
            (shuffled if number else every).add(one)
        if options.each:
            print(own.row(name), flush=True)
    print(every.row(f"AlgoPerf in the order given, {risk:g}"))
    if shuffled.lost:
        print(shuffled.row(f"AlgoPerf shuffled, {risk:g}"), flush=True)
    _why(every)


def _why(tally: Tally) -> None:
    for what, count in tally.findings.most_common():
        if " -> " in what and count:
            print(f"<!-- {count} {what} -->")


if __name__ == "__main__":
    main()
