"""Whether `playbook horizon` judges ladders of known truth rightly, and what an oracle that knows the noise could.

    python -m benchmarks.horizon [--dev] [--ladders 400] [--seed 1] [--only WORD]

Loss laws floor + a * steps^-b, normalized to 1 at the study's own length; the best rate moves by a drift; missing it by
a factor of two costs 5% of the loss; one run has a noise that is a share of the loss. Development ladders (--dev) have
normal noise and a parabola over the log of the rate, on seeds of their own; the reported ones have Student's t noise
with 6 degrees of freedom, a rate response that is a half steeper above the best rate than below, a carried rate that is
off by 0.3 (standard deviation of log2), and runs of one rate and seed that share 30% of their noise's variance.

Columns: intervals of gains, of the drift and of the best rate at the longest length that hold the truth; verdicts that
are right among those given, and how many are undecided; how often the drift is called `none`, `drifts`, `curved`; how
often a law is given, and its band holds the true loss at 8x and 16x. `oracle` is the same judge told the noise.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.horizon import judge as judging
from playbook_cli.horizon import surface
from tests.generators.ladders import LENGTHS, OWN, Truth, ladder

if TYPE_CHECKING:
    from playbook_cli.horizon.runs import Run

CELLS: dict[str, list[Truth]] = {
    "noise 1%": [Truth()],
    "noise 3%": [Truth(noise=0.03)],
    "noise 3%, 5 seeds": [Truth(noise=0.03, seeds=5)],
    "noise 10%": [Truth(noise=0.1)],
    "noise 10%, 5 seeds": [Truth(noise=0.1, seeds=5)],
    **{
        f"exponent {b:g}, floor {f:g}": [Truth(exponent=b, floor=f)]
        for b in (0.1, 0.2, 0.5, 1.0)
        for f in (0.0, 0.5, 0.9)
    },
    **{f"drift {d:+g}": [Truth(drift=d)] for d in (-0.5, -0.3, -0.15, 0.15, 0.3)},
    "drift -0.3, noise 3%, 5 seeds": [Truth(drift=-0.3, noise=0.03, seeds=5)],
    "drift +0.3, noise 10%, 5 seeds": [Truth(drift=0.3, noise=0.1, seeds=5)],
    "curved +0.3": [Truth(bend=0.3)],
    "curved -0.3": [Truth(bend=-0.3)],
    "curved +0.3, noise 3%, 5 seeds": [Truth(bend=0.3, noise=0.03, seeds=5)],
    "curved +0.3, noise 10%, 5 seeds": [Truth(bend=0.3, noise=0.1, seeds=5)],
    "curvature x0.8 a doubling": [Truth(grows=0.8)],
    "curvature x1.25 a doubling": [Truth(grows=1.25)],
}


def raced(runs: list[Run], worth: float, whole: judging.Judgement) -> judging.Judgement:
    """As the command trains them: the next length only where the last doubling may be worth it."""
    for count in range(2, len(LENGTHS)):
        known = [run for run in runs if run.steps in LENGTHS[:count]]
        (found,) = judging.judge([known], steps=OWN, worth=worth)
        if found.over:
            return found
    return whole


def right(truth: Truth, verdict: str, worth: float) -> bool:
    """Whether a verdict that was given is true; `long-enough` does not say that fewer steps would not do."""
    pays = truth.gain(1) >= worth
    if verdict == "longer-pays":
        return pays
    return not pays and (verdict == "long-enough" or truth.gain(0) < worth)


def measured(name: str, truths: list[Truth], count: int, seed: int, *, dev: bool) -> Counter[str]:
    """Counts over `count` ladders of each of these worlds."""
    seen: Counter[str] = Counter()
    rng = np.random.default_rng([seed, dev, *name.encode()])
    for _ in range(count):
        truth = truths[int(rng.integers(len(truths)))]
        runs, off = ladder(truth, rng, dev=dev)
        worth = float(np.exp(rng.uniform(math.log(0.005), math.log(0.1))))
        (found,) = judging.judge([runs], steps=OWN, worth=worth)
        told = _told(runs, truth, worth, dev=dev)
        seen["ladders"] += 1
        for j, doubling in enumerate(found.doublings):
            seen["gains"] += 1
            seen["gains held"] += doubling.gain.holds(truth.gain(j))
        if not truth.bend and found.drift.word != "curved":
            seen["straight"] += 1
            seen["drifts held"] += found.drift.factor.holds(2**truth.drift)
            rate = found.surface.rate(2.0)
            seen["rates held"] += rate.holds(truth.best(2.0) + off)
        seen[found.drift.word] += 1
        seen[f"oracle {told.drift.word}"] += 1
        for who, one in (("", raced(runs, worth, found)), ("oracle ", told)):
            if one.verdict == "undecided":
                seen[f"{who}undecided verdicts"] += 1
            else:
                seen[f"{who}verdicts"] += 1
                seen[f"{who}right"] += right(truth, one.verdict, worth)
        if found.law is not None:
            seen["laws"] += 1
            for times in (8, 16):
                predicted = found.loss(times * OWN)
                seen[f"{times}x held"] += predicted is not None and predicted.holds(truth.loss(math.log2(times)))
    return seen


def _told(runs: list[Run], truth: Truth, worth: float, *, dev: bool) -> judging.Judgement:
    """The judgement of one who knows the noise."""
    shared = 0.0 if dev else 0.3
    known = surface.Noise(own=(1 - shared) * truth.noise**2, shared=shared * truth.noise**2, free=10**6)
    before = surface._noise  # noqa: SLF001 (an oracle is told what the judge has to estimate)
    surface._noise = lambda *_: known  # noqa: SLF001
    try:
        return judging.judge([runs], steps=OWN, worth=worth)[0]
    finally:
        surface._noise = before  # noqa: SLF001


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", action="store_true", help="development ladders, by which nothing is reported")
    parser.add_argument("--ladders", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="cells whose name has this word")
    asked = parser.parse_args()
    head = (
        "gains",
        "drift",
        "rate",
        "right",
        "undec.",
        "oracle",
        "none",
        "drifts",
        "curved",
        "oracle",
        "laws",
        "8x",
        "16x",
    )
    print("| ladders | " + " | ".join(head) + " |")
    print("|---|" + "---|" * len(head))
    total: Counter[str] = Counter()
    for name, truths in CELLS.items():
        if asked.only in name:
            seen = measured(name, truths, asked.ladders, asked.seed, dev=asked.dev)
            total += seen
            print(_row(name, seen, bent=any(t.bend for t in truths)), flush=True)
    print(_row("all", total, bent=False))
    return 0


def _row(name: str, seen: Counter[str], *, bent: bool) -> str:
    n = seen["ladders"]

    def share(part: str, of: str) -> str:
        return f"{seen[part] / seen[of]:.2f}" if seen[of] else "-"

    best = "curved" if bent else "none"
    cells = [
        share("gains held", "gains"),
        share("drifts held", "straight"),
        share("rates held", "straight"),
        share("right", "verdicts"),
        f"{seen['undecided verdicts'] / n:.2f}",
        f"{seen['oracle undecided verdicts'] / n:.2f}",
        *(f"{seen[word] / n:.2f}" for word in ("none", "drifts", "curved")),
        f"{best} {seen[f'oracle {best}'] / n:.2f}",
        f"{seen['laws'] / n:.2f}",
        share("8x held", "laws"),
        share("16x held", "laws"),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
