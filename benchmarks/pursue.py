"""Whether what `playbook pursue` claims in the end is true, on pipelines whose truth is known.

    python -m benchmarks.pursue [--pipelines 100] [--first 0]
    python -m benchmarks.pursue --kills 10

Each pipeline is a bowl over one to three ranges, with its optimum inside or beyond an edge, seed noise, sometimes two
arms, a part that diverges, and a loss that goes on falling with more steps. The baseline is the middle of the space, or
in every third pipeline the optimum itself, where nothing can be gained. The verb runs in this process with trials that
take no time, within a budget of one to four times what the study as asked costs with its repeats.

A claim is the 95% interval of the gain over the baseline. It is true if the difference of the two configurations' true
results lies in it; "beats the baseline" is false if that difference is not positive.

With --kills, a program of real processes is pursued once to its end, and once more killed with SIGKILL at random
moments, that often: both must come to the same answer for the same reasons.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from playbook_cli import cli
from tests.generators.instant import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Its true result at a point after a number of steps is level + noise."""

    optimum: np.ndarray
    """Inside [0, 1] or beyond."""
    steepness: float
    sd: float
    tails: float
    """Degrees of freedom of the noise, which is Student's t."""
    diverges: float
    """Above this value of x0 nothing trains."""
    arms: int
    worse: float
    """How much worse the second arm is."""
    falls: float
    """How much of the loss is left after 100 steps; it falls with the square root of the steps."""

    @property
    def longest(self) -> int:
        return 100

    def level(self, params: Mapping[str, Value], steps: float) -> float:
        """The true result of a training, without its noise."""
        point = np.array([params[f"x{number}"] for number in range(len(self.optimum))], dtype=float)
        bowl = self.steepness * float(((point - self.optimum) ** 2).sum())
        arm = self.worse if params.get("arm") == "b" else 0.0
        return 0.1 + bowl + arm + self.falls * math.sqrt(self.longest / steps)

    def best(self, steps: float) -> float:
        """The best true result that can be trained."""
        beyond = max(0.0, float(self.optimum[0]) - self.diverges)
        return 0.1 + self.steepness * beyond**2 + self.falls * math.sqrt(self.longest / steps)

    def curve(self, spec: StudySpec, trial: TrialRecord) -> Mapping[int, Mapping[str, float]] | None:
        """The evaluations of a trial; its noise is that of its seed, the same at every step."""
        if float(trial.params["x0"]) > self.diverges:  # type: ignore[arg-type]
            return None
        rng = np.random.default_rng([trial.seed, *(zlib.crc32(str(v).encode()) for v in trial.params.values())])
        luck = self.sd * float(rng.standard_t(self.tails)) * math.sqrt((self.tails - 2) / self.tails)
        steps = range(spec.steps_between_evaluations, spec.max_train_steps + 1, spec.steps_between_evaluations)
        early = 0.3
        return {
            step: {
                "val_error": self.level(trial.params, step) + luck + early * math.exp(-12 * step / self.longest),
                "train_loss": 0.5 * self.level(trial.params, step) + early * math.exp(-12 * step / self.longest),
            }
            for step in steps
        }


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a pursuit came to."""

    ended: str
    gain: float | None
    low: float
    high: float
    true: float
    steps: int
    budget: int
    kinds: Counter[str]
    """Steps of the loop, by kind."""
    regret: float
    """How much worse the recommended point is than the best that the pipeline has at that length."""

    @property
    def holds(self) -> bool:
        return self.gain is None or self.low <= self.true <= self.high


def drawn(rng: np.random.Generator) -> Pipeline:
    """A pipeline."""
    ranges = int(rng.integers(1, 4))
    return Pipeline(
        optimum=rng.uniform(-0.2, 1.2, ranges),
        steepness=float(rng.uniform(0.2, 2.0)),
        sd=float(rng.uniform(0.002, 0.02)),
        tails=float(rng.choice([5.0, 30.0])),
        diverges=float(rng.choice([0.8, 9.0])),
        arms=int(rng.choice([1, 2])),
        worse=float(rng.choice([0.0, 0.01, 0.05])),
        falls=float(rng.choice([0.0, 0.0, 0.05])),
    )


def pursued(pipeline: Pipeline, number: int, rng: np.random.Generator, folder: Path) -> Claim:
    """Pursue a study of this pipeline in an empty folder."""
    ranges, trials = len(pipeline.optimum), int(rng.choice([8, 16, 32]))
    study: dict[str, Any] = {
        "name": "bowl",
        "command": ["${python}", "train.py", "${args}"],
        "metric": {"name": "val_error"},
        "max_train_steps": pipeline.longest,
        "eval_every": 5,
        "trials": trials,
        "seed": number,
        "nuisance": {f"x{n}": {"min": 0.0, "max": 1.0} for n in range(ranges)},
        **({"scientific": {"arm": ["a", "b"]}} if pipeline.arms == 2 else {}),
    }
    (folder / "train.py").write_text("", encoding="utf-8")
    (folder / "bowl.yaml").write_text(json.dumps(study), encoding="utf-8")
    budget = int(rng.uniform(1.0, 4.0) * (trials + 12) * pipeline.longest)
    arguments = ["bowl.yaml", "--budget", str(budget), "--json"]
    if number % 3 == 0:  # nothing can be gained but by widening the space
        best = {f"x{n}": round(float(np.clip(x, 0.0, 1.0)), 3) for n, x in enumerate(pipeline.optimum)}
        best["x0"] = min(best["x0"], 0.79)
        arguments += [word for name, value in best.items() for word in ("--baseline", f"{name}={value}")]
    with instant(pipeline.curve):
        answer = json.loads(said("pursue", *arguments))
    if answer["gain"] is None:
        gain, low, high, true, regret = None, math.nan, math.nan, math.nan, math.nan
    else:
        gain, (low, high) = answer["gain"], answer["interval"]
        best_side, base = answer["found"], answer["baseline"]
        level = pipeline.level(best_side["params"], best_side["max_train_steps"])
        true = pipeline.level(base["params"], base["max_train_steps"]) - level
        regret = level - pipeline.best(best_side["max_train_steps"])
    return Claim(
        ended=answer["ended"],
        gain=gain,
        low=low,
        high=high,
        true=true,
        steps=answer["steps_spent"],
        budget=budget,
        kinds=Counter(step["kind"] for step in answer["steps"]),
        regret=regret,
    )


PROGRAM = """
import random
def train(trial):
    luck = random.Random(trial.seed).gauss(0.0, 0.01)
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=(trial.params["x"] - 1.2) ** 2 + luck + 1 / step)
"""
SAME = ("ended", "headline", "gain", "interval", "verdict", "recommended", "baseline", "selected_from", "steps_spent")


def killed(kills: int, seed: int) -> bool:
    """Whether a pursuit that is killed comes to the same answer as one that is not."""
    answers, lines = [], 0
    moments = random.Random(seed)
    study = {
        "name": "bowl",
        "train": "bowl:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 20,
        "eval_every": 1,
        "trials": 12,
        "resources": {"gpus": 0, "timeout": "5m"},
        "nuisance": {"x": {"min": 0.0, "max": 1.0}},
    }
    command = [sys.executable, "-m", "playbook_cli", "pursue", "bowl.yaml", "--budget", "2000", "--jobs", "1", "--json"]
    for deaths in (0, kills):
        with tempfile.TemporaryDirectory() as folder:
            runs = Path(folder) / "runs"
            (Path(folder) / "bowl.py").write_text(PROGRAM, encoding="utf-8")
            (Path(folder) / "bowl.yaml").write_text(json.dumps(study), encoding="utf-8")
            for line in sorted(moments.randrange(lines) for _ in range(deaths)):
                process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                while process.poll() is None and _lines(runs) < line:
                    time.sleep(0.01)
                time.sleep(moments.uniform(0.0, 0.5))
                process.kill()
                process.wait()
                print(f"killed after {_lines(runs)} of {lines} lines of journals", flush=True)
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            lines = _lines(runs)
            answers.append(json.loads(done.stdout))
    same = all(answers[0][key] == answers[1][key] for key in SAME)
    why = [[step["reason"] for step in answer["steps"]] for answer in answers]
    return same and why[0] == why[1]


def _lines(runs: Path) -> int:
    """Of all journals: how far a pursuit has come."""
    return sum(path.read_bytes().count(b"\n") for path in [*runs.glob("*/trials.jsonl"), *runs.glob("*/pursuit.jsonl")])


def said(*arguments: str) -> str:
    """What a command prints, in this process, without pages."""
    sys.argv = ["playbook", *arguments]
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()) as err,
        mock.patch("playbook_cli.commands.report.written"),
        mock.patch("playbook_cli.report.html.write", return_value=[]),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(err.getvalue()[-2000:]) from None
    return out.getvalue()


def main() -> None:
    """Print a line for each pipeline, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kills", type=int, help="kill a real pursuit so often, instead")
    options = parser.parse_args()
    if options.kills:
        print("the same answer" if killed(options.kills, options.first) else "ANOTHER ANSWER")
        return
    claims: list[Claim] = []
    begun = time.process_time()
    here = Path.cwd()
    for number in range(options.first, options.first + options.pipelines):
        rng = np.random.default_rng([number, 21])
        pipeline = drawn(rng)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                claims.append(pursued(pipeline, number, rng, Path(folder)))
            finally:
                os.chdir(here)
        one = claims[-1]
        mark = "" if one.holds else "  FALSE"
        print(
            f"{number}: {one.ended}, {one.kinds['study']} searches, {one.steps:,} of {one.budget:,} steps, "
            f"gain {one.gain or math.nan:.4f} ({one.low:.4f} to {one.high:.4f}), true {one.true:.4f}, "
            f"regret {one.regret:.4f}{mark}",
            flush=True,
        )
    made = [one for one in claims if one.gain is not None]
    beats = [one for one in made if one.low > 0.0]
    over = sum(one.steps > one.budget for one in claims)
    print(f"\n{len(claims)} pursuits, {(time.process_time() - begun) / len(claims):.1f} s of CPU each")
    print(f"claims: {len(made)}, true: {sum(one.holds for one in made)}")
    print(f"'beats the baseline': {len(beats)}, false: {sum(one.true <= 0.0 for one in beats)}")
    print(
        f"over the budget: {over}; median share of it spent {statistics.median(o.steps / o.budget for o in claims):.2f}"
    )
    kinds = sum((one.kinds for one in claims), Counter())
    print(f"steps of the loop: {', '.join(f'{kind} {count}' for kind, count in kinds.items())}")
    print(f"ended: { {why: sum(one.ended == why for one in claims) for why in sorted({o.ended for o in claims})} }")


if __name__ == "__main__":
    main()
