"""Published tuning logs of other people, imported and reported; skipped where they are not there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

LOGS = Path(__file__).parents[3] / "shared" / "data" / "algoperf" / "logs" / "external_tuning"
METRICS = {
    "criteo1tb": ("validation/loss", "minimize"),
    "fastmri": ("validation/ssim", "maximize"),
    "imagenet": ("validation/accuracy", "maximize"),
    "librispeech": ("validation/wer", "minimize"),
    "ogbg": ("validation/mean_average_precision", "maximize"),
    "wmt": ("validation/bleu", "maximize"),
}
WORKLOADS = sorted(
    {
        (path.parent.parent.name, path.name)
        for path in LOGS.glob("*/study_*/*_*")
        if path.is_dir() and path.name.split("_")[0] in METRICS
    }
)
pytestmark = pytest.mark.skipif(not WORKLOADS, reason=f"the logs are not there: {LOGS}")


def best_in(path, metric, goal):
    """The best value and its step, from the file alone."""
    best = None
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row[metric]:
                value, step = float(row[metric]), int(row["global_step"])
                better = best is None or (value < best[0] if goal == "minimize" else value > best[0])
                best = (value, step) if better else best
    return best


def test_both_submissions_have_their_workloads():
    for submission in ("baseline", "schedule_free_adamw"):
        assert sum(name == submission for name, _ in WORKLOADS) >= 14


@pytest.mark.slow
@pytest.mark.parametrize(("submission", "workload"), WORKLOADS)
def test_every_workload_is_imported_in_one_command_and_reported(bench, submission, workload):
    metric, goal = METRICS[workload.split("_")[0]]
    files = f"study_*/{workload}/trial_*"
    arguments = ["--params", f"{files}/hparams.json", "--metrics", f"{files}/eval_measurements.csv"]
    arguments += ["--step", "global_step", "--metric", metric, "--goal", goal]
    answer = bench("import", LOGS / submission, "--into", "runs/theirs", *arguments)
    sources = sorted(LOGS.glob(f"{submission}/{files}/hparams.json"))
    if not any(path.with_name("eval_measurements.csv").exists() for path in sources):
        assert (answer.code, "matches no file" in answer.err) == (2, True)
        return
    assert answer.code == 0, answer.err
    report = bench("report", "runs/theirs", "--json", "--no-html").json
    names = {event["trial"]: event["name"] for event in bench.events("planned", "theirs")}
    assert sorted(names.values()) == [str(path.parent.relative_to(LOGS / submission)) for path in sources]
    assert report["findings"]
    points = {json.dumps(trial["params"], sort_keys=True) for trial in report["trials"]}
    search = [trial for trial in report["trials"] if trial["repeat_of"] is None]
    assert len(points) == len(search) == report["counts"]["planned"] <= 5, "five points at most, five times each"
    assert all(finding["evidence"].get("trials", 0) <= 5 for finding in report["findings"])
    assert sum(one["n"] for one in report["repeats"]) == report["repeat_counts"]["completed"]
    for trial in report["trials"]:
        folder = LOGS / submission / names[trial["id"]]
        assert trial["params"] == json.loads((folder / "hparams.json").read_text())
        measured = folder / "eval_measurements.csv"
        expected = best_in(measured, metric, goal) if measured.exists() else None
        assert (trial["value"], trial["step"]) == (expected or (None, None))
        lost = trial["state"] == "infeasible" and "no better than an untrained model" in trial["reason"]
        assert lost or trial["state"] == ("completed" if expected else "failed")
