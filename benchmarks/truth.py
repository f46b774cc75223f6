"""How often each rule speaks when it should and when it should not, on generated studies whose truth is known.

    python -m benchmarks.truth --seeds dev|report [--studies 200] [--rule NAME ...] [--held] [--markdown]

Thresholds were chosen on the development seeds; published figures come from the reporting seeds, which nothing was
fitted to. `undecided` counts as neither: it is shown beside the two rates, which are shares of the decided studies.
`--rule compare` is `playbook compare` on pairs of pipelines of known difference, a table of its own.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import decision_cases
from benchmarks.arm_cases import ARM_CASES
from benchmarks.curve_cases import CURVE_CASES
from benchmarks.held_cases import HELD_CASES
from benchmarks.surface_cases import SURFACE_CASES
from playbook_cli.advice import advise
from playbook_cli.advice.rules import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case

CASES = [*SURFACE_CASES, *CURVE_CASES, *ARM_CASES]
HELD = HELD_CASES
"""Curves of another make: `--held`."""
SEEDS = {"dev": 1_000_000, "report": 2_000_000}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one rule did in the studies of one case, at one size."""

    case: Case
    trials: int
    dimensions: int
    studies: int
    spoke: int
    undecided: int

    @property
    def rate(self) -> float | None:
        """How often it spoke, of the decided studies; None where fewer than a tenth of them was decided."""
        decided = self.studies - self.undecided
        return self.spoke / decided if decided >= self.studies / 10 else None

    @property
    def wanted(self) -> bool:
        """Whether the rate is what issue and design ask for, or the rule says itself that it cannot tell."""
        return self.rate is None or (self.rate >= 0.95 if self.case.should else self.rate <= 0.05)


def measure(case: Case, trials: int, dimensions: int, *, studies: int, seeds: str) -> Row:
    """Generate the studies of this case and size, and count what the rule says."""
    spoke = undecided = 0
    for number in range(studies):
        rng = np.random.default_rng([SEEDS[seeds] + number, trials, dimensions])
        study = case.make(rng, trials, dimensions)
        rule = rules()[case.rule]
        findings = [f for f in (advise(study) if rule.concludes else rule(study)) if f.rule == case.rule]
        said = {f.verdict for f in findings if case.subject is None or f.subject == case.subject}
        if said & set(case.speaks):
            spoke += 1
        elif said & {"undecided", "blocked"}:
            undecided += 1
    return Row(case=case, trials=trials, dimensions=dimensions, studies=studies, spoke=spoke, undecided=undecided)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", choices=sorted(SEEDS), default="dev")
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--rule", action="append")
    parser.add_argument("--held", action="store_true", help="the curves of held_curves.py in place of all others")
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    rows = []
    for case in HELD if options.held else CASES:
        if (options.rule and case.rule not in options.rule) or options.case not in case.name:
            continue
        done = [measure(case, n, d, studies=options.studies, seeds=options.seeds) for n, d in case.sizes]
        rows += done
        if not options.markdown:
            print(_line(case, done), flush=True)
    if options.markdown:
        print(markdown(rows))
    if not options.held and (not options.rule or decision_cases.NAME in options.rule):
        print(f"\n{decision_cases.table(cases=options.studies, seed=SEEDS[options.seeds])}")
    kept = sum(row.wanted for row in rows)
    seconds = time.perf_counter() - start
    studies = f"{options.studies} studies a cell, {options.seeds} seeds, {seconds:.0f} s"
    print(f"\n{kept} of {len(rows)} cells as wanted; {studies}")


def markdown(rows: Sequence[Row]) -> str:
    """The table of the README: one line a case, one cell a size."""
    lines = [
        "| rule | case | should it speak? | spoke (trials/ranges: share of decided studies, undecided in brackets) |"
    ]
    lines.append("|---|---|---|---|")
    for case in dict.fromkeys(row.case for row in rows):
        cells = ", ".join(_cell(row) for row in rows if row.case == case)
        lines.append(f"| {case.rule} | {case.name} | {'yes' if case.should else 'no'} | {cells} |")
    return "\n".join(lines)


def _line(case: Case, rows: Sequence[Row]) -> str:
    return f"{case.rule:20} {case.name:34} {'+' if case.should else '-'} " + "  ".join(_cell(row) for row in rows)


def _cell(row: Row) -> str:
    """`24/2: 0.98`, with the share of undecided studies where there are any, and a mark where it is not as wanted."""
    silent = f" ({row.undecided / row.studies:.2f})" if row.undecided else ""
    rate = "undecided" if row.rate is None else f"{row.rate:.2f}" if row.wanted else f"**{row.rate:.2f}**"
    return f"{row.trials}/{row.dimensions}: {rate}{'' if row.rate is None else silent}"


if __name__ == "__main__":
    main()
