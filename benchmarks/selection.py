"""How much of a selected result is luck, and whether repeats on fresh seeds take it away, where the truth is known.

    python -m benchmarks.selection [--studies 200] [--seeds 5]

Each study searches a quadratic response of known truth with trial noise; its best trial is repeated, by the same code
as `playbook repeat`. Errors are those of the selected result and of the mean of the repeats against the true level of
the selected point, in units of the trial standard deviation: smaller is luckier, since the metric is minimised.
"""

from __future__ import annotations

import argparse
import math

from tests.generators.selection import CASES, Case, Errors, simulate


def row(case: Case, errors: Errors) -> str:
    """A line of the table, in Markdown: mean errors with their standard errors."""
    means = [
        f"{error.mean():+.2f} ± {error.std(ddof=1) / math.sqrt(error.size):.2f}"
        for error in (errors.selected, errors.repeated)
    ]
    what = f"{case.trials} / {case.ranges} | {case.noise}, {case.sd:g}"
    return f"| {what} | {' | '.join(means)} | {errors.held.mean():.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    print("| trials / ranges | trial noise, sd | error of the selected result | of the repeats' mean | 95% held |")
    print("|---|---|---|---|---|")
    for case in CASES:
        print(row(case, simulate(case, studies=options.studies, seeds=options.seeds)), flush=True)


if __name__ == "__main__":
    main()
