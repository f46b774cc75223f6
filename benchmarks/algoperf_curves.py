"""What the rules about curves and steps say of AlgoPerf's logs, to be read by a person.

    python -m benchmarks.algoperf_curves DIR [--halves N]

DIR is that of `algoperf.py`. One line for every finding of a workload's trials (five points on five seeds). With
--halves, N random halves of the trials are read as well, and counted are the rules that say the opposite of the whole.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.algoperf import BASELINE, CANDIDATE, FRAMEWORKS, METRICS, logs
from playbook_cli.advice.reading import agreed, longer, shorter
from playbook_cli.advice.rules import rules
from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord

RULES = (
    "overfitting",
    "late-variance",
    "still-improving",
    "saturated",
    "training-loss-rising",
    "periodic",
    "best-step",
    "eval-frequency",
    "compute-bound",
)


def findings(study: StudyRecord) -> list[Finding]:
    """Of the rules about curves, of all trials: the five seeds of a point are trials here, no repeats."""
    return agreed([finding for rule in RULES for finding in rules()[rule].check(study)])


def asks(found: list[Finding]) -> tuple[str, ...]:
    """Whether they ask for more steps or for fewer."""
    return tuple(name for name, asked in (("more", longer), ("fewer", shorter)) if any(map(asked, found)))


def main() -> None:
    """Print the findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--halves", type=int, default=0)
    options = parser.parse_args()
    root = options.folder / "logs" / "external_tuning"
    names = sorted(
        {p.name.rpartition("_")[0] for p in root.glob("*/study_*/*") if p.name.split("_", maxsplit=1)[0] in METRICS}
    )
    rng = np.random.default_rng(0)
    opposed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            for submission in (BASELINE, CANDIDATE):
                try:
                    known = logs(
                        root / submission, name, Path(scratch) / f"{submission}-{name}-{FRAMEWORKS[submission]}"
                    )
                except PlaybookError as error:
                    print(f"{name} {submission}: {error.what}")
                    continue
                study = replace(known.record, arms=[{}])
                whole = findings(study)
                print(f"\n{name} {submission}: {len(study.trials)} trials, {study.max_train_steps} steps")
                for finding in whole:
                    print(f"  {finding.rule} {finding.verdict}: {finding.message}")
                for _ in range(options.halves):
                    some = rng.permutation(len(study.trials))[: max(7, len(study.trials) // 2)]
                    half = replace(study, trials=[study.trials[i] for i in sorted(some)])
                    opposed["halves"] += 1
                    opposed["opposed"] += {*asks(whole), *asks(findings(half))} == {"more", "fewer"}
    if options.halves:
        print(f"\n{opposed['opposed']} of {opposed['halves']} halves ask for the opposite of the whole")


if __name__ == "__main__":
    main()
