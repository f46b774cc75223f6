"""All file names of a study, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class TrialPaths:
    """The files of one trial. Only the trial writes them, except where another writer is named."""

    dir: Path

    @property
    def params(self) -> Path:
        """Its hyperparameters; written by the runner."""
        return self.dir / "params.json"

    @property
    def identity(self) -> Path:
        """Which planned trial the folder belongs to; written by the runner: see `identity`."""
        return self.dir / "identity.json"

    def config(self, suffix: str) -> Path:
        """The program's config file with the trial's hyperparameters filled in; written by the runner."""
        return self.dir / f"config{suffix}"

    @property
    def metrics(self) -> Path:
        return self.dir / "metrics.jsonl"

    @property
    def defaults(self) -> Path:
        """Hyperparameters that the training script set itself and has read: see `client`."""
        return self.dir / "defaults.json"

    @property
    def probe(self) -> Path:
        """Measurements of a batch-size probe: see `batch_size.probe`."""
        return self.dir / "probe.json"

    @property
    def stdout(self) -> Path:
        return self.dir / "stdout.log"

    @property
    def node(self) -> Path:
        """Heartbeat of a trial on a cluster; written by the process that watches it there."""
        return self.dir / "node.json"

    @property
    def usage(self) -> Path:
        """What it used of its machine, sampled by the process that watches it."""
        return self.dir / "usage.jsonl"

    @property
    def source(self) -> Path:
        """Original data of an imported trial."""
        return self.dir / "source.json"

    @property
    def checkpoints(self) -> Path:
        return self.dir / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        return self.checkpoints / "last.pt"

    @property
    def best_checkpoint(self) -> Path:
        return self.checkpoints / "best.pt"

    @property
    def stable_checkpoint(self) -> Path:
        """The state before the learning rate starts to decay, from which a longer training can continue."""
        return self.checkpoints / "stable.pt"


@dataclass(frozen=True)
class StudyPaths:
    """The files of one study, `runs/NAME`."""

    dir: Path

    @property
    def spec(self) -> Path:
        return self.dir / "study.yaml"

    @property
    def journal(self) -> Path:
        return self.dir / "trials.jsonl"

    @property
    def runner(self) -> Path:
        """Note of the process that runs the study, which keeps it locked."""
        return self.dir / "runner.json"

    @property
    def trials(self) -> Path:
        return self.dir / "trials"

    @property
    def report(self) -> Path:
        return self.dir / "report"

    @property
    def columns(self) -> Path:
        """Cache of what finished trials measured, so that the next report doesn't read their metrics files again."""
        return self.report / "columns.bin"

    @property
    def tensorboard(self) -> Path:
        """Event files, if the study is logged to TensorBoard."""
        return self.dir / "tensorboard"

    def logged_to(self, tool: str) -> Path:
        """How much of each trial a tool already has, if the study is logged to it; its output is the .log beside."""
        return self.dir / "log-to" / f"{tool}.json"

    def trial(self, number: int) -> TrialPaths:
        return TrialPaths(self.dir / f"trials/{number:04d}")
