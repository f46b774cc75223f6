"""How often each rule speaks when it should and when it should not, on generated studies whose truth is known.

    python -m benchmarks.truth --seeds dev|report [--studies 200] [--rule NAME ...] [--held] [--markdown]

Thresholds were chosen on the development seeds; published figures come from the reporting seeds, which nothing was
fitted to. `undecided` counts as neither: it is shown beside the two rates, which are shares of the decided studies.
`--rule compare` is `playbook compare` on pairs of pipelines of known difference, a table of its own.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from tests.generators import decision_cases
from tests.generators.truth import CASES, HELD, OPEN, SEEDS, Row, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.generators.cases import Case


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", choices=sorted(SEEDS), default="dev")
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--rule", action="append")
    parser.add_argument("--held", action="store_true", help="the curves of held_curves.py in place of all others")
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--alone", action="store_true", help="each rule by itself: what others say blocks nothing")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    rows = []
    for case in HELD if options.held else [*CASES, *OPEN]:
        if (options.rule and case.rule not in options.rule) or options.case not in case.name:
            continue
        done = [
            measure(case, n, d, studies=options.studies, seeds=options.seeds, alone=options.alone)
            for n, d in case.sizes
        ]
        rows += done
        if not options.markdown:
            print(_line(case, done), flush=True)
    if options.markdown:
        print(markdown(rows))
    if not options.held and (not options.rule or decision_cases.NAME in options.rule):
        compared = decision_cases.table(
            cases=options.studies, seed=SEEDS[options.seeds], named=options.case, reports=not options.alone
        )
        print(f"\n{compared}")
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
