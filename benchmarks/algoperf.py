"""Whether two of five published studies say the same as all five: `playbook compare` on AlgoPerf's logs.

    python -m benchmarks.algoperf DIR

DIR holds `logs/external_tuning/<submission>/study_<0-4>/<workload>_<framework>/trial_<1-5>` of the submissions
`baseline` and `schedule_free_adamw` (mlcommons/submissions_algorithms): five studies of the same five points on other
seeds, so that the later ones are repeats of the first. All five studies give one verdict for each workload and
direction, and each of the 10 x 10 pairs of two studies a side gives another. The points are a fixed list, so the
intervals hold no luck of a search. Only the numbers are compared: no finding of the reports blocks anything.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.advice.decision import decide, without_repeats
from playbook_cli.analysis.comparison import Side, compare
from playbook_cli.errors import PlaybookError
from playbook_cli.files import journal
from playbook_cli.importing import importing, sources, writing
from playbook_cli.importing.runs import Ask
from playbook_cli.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.advice.decision import Decision
    from playbook_cli.records import Goal, StudyRecord, TrialRecord

BASELINE, CANDIDATE = "baseline", "schedule_free_adamw"
FRAMEWORKS = {BASELINE: "jax", CANDIDATE: "pytorch"}
STUDIES = range(5)
METRICS: dict[str, tuple[str, Goal]] = {
    "criteo1tb": ("validation/loss", "minimize"),
    "fastmri": ("validation/ssim", "maximize"),
    "imagenet": ("validation/accuracy", "maximize"),
    "librispeech": ("validation/wer", "minimize"),
    "ogbg": ("validation/mean_average_precision", "maximize"),
    "wmt": ("validation/bleu", "maximize"),
}


@dataclass(frozen=True, kw_only=True)
class Logs:
    """One submission on one workload: a record of all, and which study and point each of its trials is."""

    record: StudyRecord
    places: Mapping[int, tuple[int, str]]

    def of(self, studies: Sequence[int]) -> StudyRecord:
        """These studies as one: the first ended trial of each point is the search's, the others repeat it."""
        trials: list[TrialRecord] = []
        first: dict[str, int] = {}
        for trial in sorted(self.record.trials, key=lambda t: self.places[t.id]):
            study, point = self.places[trial.id]
            if study in studies and trial.state in ("completed", "infeasible"):
                trials.append(replace(trial, seed=study, repeat_of=first.get(point)))
                first.setdefault(point, trial.id)
        return replace(self.record, trials=trials, planned=len(trials), arms=[{}], parameters=[])


def logs(folder: Path, workload: str, into: Path) -> Logs:
    """Import all studies of one submission on one workload. PlaybookError where it has no evaluations."""
    metric, goal = METRICS[workload.split("_", maxsplit=1)[0]]
    files = f"study_*/{workload}_{FRAMEWORKS[folder.name]}/trial_*"
    ask = Ask(
        source=str(folder),
        params=f"{files}/hparams.json",
        metrics=[f"{files}/eval_measurements.csv"],
        step="global_step",
        metric=metric,
    )
    made = importing.study(sources.read(ask, None), importing.Wish(name=into.name, metric=metric, goal=goal))
    writing.write(made, into, {"command": []})
    store = Store(into)
    places = {}
    for event in journal.read(store.paths.journal):
        if event["event"] == "planned":
            study, _, point = event["name"].split("/")
            places[event["trial"]] = (int(study.removeprefix("study_")), point)
    return Logs(record=replace(store.record(), listed=True), places=places)


def verdict(baseline: StudyRecord, candidate: StudyRecord) -> Decision:
    """By the numbers alone."""
    compared = compare(Side(study=baseline), Side(study=candidate))
    if compared is None:
        return without_repeats(None, (0, 0), [], unit=baseline.metric.name)
    return decide(compared, [], least=0.0, unit=baseline.metric.name)


def row(a: Logs, b: Logs) -> tuple[Decision, Counter[str]]:
    """What all five studies say of b over a, and how often pairs of studies say what."""
    pairs = list(itertools.combinations(STUDIES, 2))
    some = [[side.of(pair) for pair in pairs] for side in (a, b)]
    return verdict(a.of(STUDIES), b.of(STUDIES)), Counter(
        verdict(x, y).verdict for x, y in itertools.product(some[0], some[1])
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    root = parser.parse_args().folder / "logs" / "external_tuning"
    folders = root.glob(f"{BASELINE}/study_*/*_{FRAMEWORKS[BASELINE]}")
    names = sorted({p.name.rpartition("_")[0] for p in folders if p.name.split("_")[0] in METRICS})
    if not names:
        parser.error(f"there are no logs in {root}")
    print("| workload | candidate | all five studies | pairs of two: adopt / keep / not-yet | contradictions |")
    print("|---|---|---|---|---|")
    agree = wrong = adopted_wrongly = kept = total = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            try:
                both = [logs(root / s, name, Path(scratch) / f"{s}-{name}") for s in (BASELINE, CANDIDATE)]
            except PlaybookError as error:
                print(f"| {name} | | {error.what} | | |")
                continue
            for (a, _), (b, title) in itertools.permutations(zip(both, (BASELINE, CANDIDATE), strict=True)):
                whole, counts = row(a, b)
                against = counts[{"adopt": "keep", "keep": "adopt"}.get(whole.verdict, "")]
                shown = " / ".join(str(counts[v]) for v in ("adopt", "keep", "not-yet"))
                print(f"| {name} | {title} | {whole.verdict}: {whole.message} | {shown} | {against} |", flush=True)
                total += counts.total()
                agree += counts[whole.verdict]
                wrong += against
                if whole.verdict == "keep":
                    kept += counts.total()
                    adopted_wrongly += counts["adopt"]
    print(f"\n{agree} of {total} pairs agree with all five, {wrong} contradict them;")
    print(f"where all five say keep, {adopted_wrongly} of {kept} pairs say adopt")


if __name__ == "__main__":
    main()
