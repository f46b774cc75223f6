"""The whole loop as a user gives it on the command line: sweep, studies, repeats, a comparison, an adopted point."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.loop_rivals import Pick, defaults
from playbook_cli.spec.load import load

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

STUDIES = 3
"""The loop gives up asking `playbook next` after so many studies, whatever it still advises."""
LONG = 3
"""Points of the round that trains in full."""
REPEATS = 3
"""Of the best trial of each arm, and of the baseline."""
EXTRA_RUNS = 10
"""Where `compare` says not-yet and names so many further runs or fewer, they are run, once."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One of the studies in configs, and what the benchmark changes in it."""

    name: str
    config: str
    measured: str
    """What is tested in the end, in words."""
    edits: dict[str, str] = field(default_factory=dict)
    """Keys of the study file and what they are set to, for every method alike."""
    first_round: dict[str, str] = field(default_factory=dict)
    """The same for the first round of Playbook's loop alone, where no sweep can say how short it may be."""

    def file(self, folder: Path, name: str, seed: int, **further: str) -> Path:
        """The study file in `folder`, edited."""
        text = (CONFIGS / self.config).read_text(encoding="utf-8")
        path = folder / f"{name}.yaml"
        path.write_text(edited(text, {"name": name, "seed": str(seed), **self.edits, **further}), encoding="utf-8")
        return path


@dataclass(kw_only=True)
class Played:
    """How one loop went."""

    pick: Pick
    steps: dict[str, int]
    """Training steps of each part of it."""
    verdict: str
    ended: str
    """Why no further study was run."""

    @property
    def spent(self) -> int:
        return sum(self.steps.values())


def edited(text: str, changes: dict[str, str]) -> str:
    """A study file with other values of keys that it has; comments stay."""
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^( *{key}: )\S+", rf"\g<1>{value}", text)
        assert count == 1, f"{key} stands {count} times in the study file"
    return text


@dataclass(kw_only=True)
class Bench:
    """A folder in which commands are given, one after the other, and what they train."""

    folder: Path
    jobs: int

    def say(self, *arguments: str) -> str:
        """What a command prints on stdout; it must work."""
        argv = [sys.executable, "-m", "playbook_cli", *arguments]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False)
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ playbook {' '.join(arguments)}\n{done.stdout}{done.stderr}\n")
        if done.returncode:
            sys.exit(f"playbook {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def answer(self, *arguments: str) -> dict[str, Any]:
        return json.loads(self.say(*arguments, "--json"))

    @property
    def slots(self) -> list[str]:
        return ["--jobs", str(self.jobs)]

    def run(self, file: Path) -> str:
        """Run a study; its folder."""
        done = self.answer("run", file.name, *self.slots)
        return f"runs/{done['study']}"

    def next(self, study: str, *options: str) -> Path | None:
        """The study file that `playbook next` writes; None where it finds nothing to change."""
        file = self.folder / f"next-{len(list(self.folder.glob('next-*.yaml')))}.yaml"
        self.say("next", study, "--output", file.name, *options)
        return file if file.exists() else None

    def lengths(self, study: str) -> tuple[int, int]:
        """max_train_steps and eval_every of a study."""
        spec = load(self.folder / study / "study.yaml")[0]
        return spec.max_train_steps, spec.steps_between_evaluations

    def trained(self, study: str, *, repeats: bool) -> int:
        """Training steps of a study's trials, or of their repeats."""
        trials = self.answer("report", study)["trials"]
        return sum(trial["last_step"] for trial in trials if (trial["repeat_of"] is not None) == repeats)


def play(workload: Workload, folder: Path, seed: int, *, jobs: int) -> Played:
    """The loop, from the study file to the adopted point.

    The file's max_train_steps is what can be afforded in the end. The studies are as short as the sweep allows, or the
    workload's first round is; then a few points train in full: in doubt, the playbook trains longer.
    """
    bench = Bench(folder=folder, jobs=jobs)
    whole = load(workload.file(folder, workload.name, seed))[0]
    longest = whole.max_train_steps
    file = workload.file(folder, workload.name, seed, **workload.first_round)
    swept = bench.answer("lr-sweep", file.name, "--output", file.name, "--overwrite", *bench.slots)

    studies = [bench.run(file)]
    following = bench.next(studies[-1])
    while following is not None and len(studies) < STUDIES:
        studies.append(bench.run(following))
        following = bench.next(studies[-1])
    ended = f"enough, {len(studies)}" if following is None else f"cap, {STUDIES}"
    if bench.lengths(studies[-1])[0] < longest:
        long = bench.next(studies[-1], "--round", "2", "--max-train-steps", str(longest), "--top", str(LONG))
        assert long is not None
        studies.append(bench.run(long))

    final, baseline = studies[-1], bench.run(_untuned(bench, file, studies[-1]))
    answer = _compared(bench, final, baseline)
    better = answer["verdict"] == "adopt" or (answer["verdict"] == "not-yet" and (answer["gain"] or 0) > 0)
    chosen, other = (final, baseline) if better else (baseline, final)
    adopted = bench.answer("adopt", chosen, "--over", other, "--note", f"compare says {answer['verdict']}")
    return Played(
        # for good all train with as many evaluations, whose best is kept
        pick=Pick(adopted["params"], bench.lengths(chosen)[0], whole.steps_between_evaluations),
        steps={
            "sweep": swept["steps_spent"],
            # a study that more trials were added to stands there twice
            "studies": sum(bench.trained(study, repeats=False) for study in dict.fromkeys(studies)),
            "baseline": bench.trained(baseline, repeats=False),
            "repeats": bench.trained(final, repeats=True) + bench.trained(baseline, repeats=True),
        },
        verdict=answer["verdict"],
        ended=ended,
    )


def _untuned(bench: Bench, file: Path, final: str) -> Path:
    """A study of the workload's defaults in every arm, in place of what the study file tunes; else like `final`."""
    max_train_steps, eval_every = bench.lengths(final)
    spec = load(file)[0]
    arms = {p.name: list(p.choices) for p in spec.space().parameters if p.role == "scientific"}
    best = bench.answer("report", final)["best"]["params"]
    fixed = {name: value for name, value in {**best, **defaults(spec)}.items() if name not in arms}
    study = {
        "name": f"{spec.name}-untuned",
        "goal": "What do the defaults reach?",
        "train": spec.train,
        "metric": {"name": spec.metric.name, "goal": spec.metric.goal},
        "max_train_steps": max_train_steps,
        "eval_every": eval_every,
        "sampler": "grid",
        "scientific": arms,
        "fixed": fixed,
    }
    path = bench.folder / "untuned.yaml"
    path.write_text(json.dumps(study, indent=2), encoding="utf-8")
    return path


def _compared(bench: Bench, final: str, baseline: str) -> dict[str, Any]:
    """What `compare` says of the two after their repeats, and after those that it asks for, where they are few."""
    repeat = ["repeat", final, "--top", "1", "--baseline", baseline, *bench.slots]
    bench.say(*repeat, "--seeds", str(REPEATS))
    answer = bench.answer("compare", baseline, final)
    if answer["verdict"] == "not-yet" and answer["runs_needed"] and answer["runs_needed"] <= EXTRA_RUNS:
        bench.say(*repeat, "--seeds", str(answer["settle"]["repeats"]))
        answer = bench.answer("compare", baseline, final)
    return answer
