"""What many tests share: the command line, in this process or in one of its own, and studies that take no time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

os.environ["OMP_NUM_THREADS"] = "1"  # of numpy and torch, which come later: the workers of the tests share the cores
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # a program that a test writes twice within a second runs as it now stands
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False  # the package and the tests are compiled once, for every process to come

import psutil
import pytest
from hypothesis import HealthCheck, settings

from playbook_cli import cli
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.launch.local import end_orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,  # a failure that comes and goes teaches people to ignore failures
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

PATIENCE = 120.0
"""Seconds to wait for what takes a moment, so that a busy machine fails no test."""

TOY: dict[str, Any] = {
    "name": "toy",
    "train": "toy:train",
    "metric": {"name": "val_error"},
    "max_train_steps": 4,
    "eval_every": 2,
    "trials": 4,
    "resources": {"timeout": "5m"},
    "nuisance": {"x": {"min": 0.0, "max": 1.0}},
}
TRAIN = """
def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + 1 / step)
"""


def list_of(*words: str) -> Sequence[str]:
    return words


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Bench:
    """A folder with a study in it, and the command line."""

    folder: Path
    _call: Callable[[list[str]], Answer]
    _spawned: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def study(self, program: str | None = TRAIN, /, **changes: Any) -> Path:
        """study.yaml: the toy study with these keys changed, those that are None left out; and toy.py."""
        if program is not None:
            self.write("toy.py", program)
        keys = {key: value for key, value in {**TOY, **changes}.items() if value is not None}
        return self.write("study.yaml", json.dumps(keys, indent=2))

    def __call__(self, *arguments: object) -> Answer:
        """The command line, in this process."""
        return self._call([str(argument) for argument in arguments])

    def spawn(
        self, *arguments: object, env: Mapping[str, str] | None = None, inside: Callable[..., Sequence[str]] = list_of
    ) -> subprocess.Popen[str]:
        """The command line, in a process of its own that goes on; `inside` says how a command runs elsewhere."""
        process = subprocess.Popen(
            inside(sys.executable, "-m", "playbook_cli", *map(str, arguments)),
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._spawned.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], patience: float = PATIENCE) -> Answer:
        """How a spawned command ends."""
        out, err = process.communicate(timeout=patience)
        return Answer(code=process.returncode, out=out, err=err)

    def real(self, *arguments: object, env: Mapping[str, str] | None = None) -> Answer:
        """The command line, in a process of its own, to its end."""
        return self.finish(self.spawn(*arguments, env=env))

    def paths(self, name: str = "toy") -> StudyPaths:
        return StudyPaths(self.folder / "runs" / name)

    def events(self, kind: str | None = None, name: str = "toy") -> list[dict[str, Any]]:
        """The journal of a study, or its events of one kind."""
        events = journal.read(self.paths(name).journal)
        return [event for event in events if kind in (None, event["event"])]

    def ended(self, name: str = "toy") -> dict[int, tuple[str, str | None]]:
        """The last state and reason of every trial that the journal saw end."""
        return {event["trial"]: (event["state"], event["reason"]) for event in self.events("ended", name)}

    def metrics(self, trial: int, name: str = "toy") -> list[dict[str, Any]]:
        return journal.read(self.paths(name).trial(trial).metrics)

    def processes(self) -> list[psutil.Process]:
        """All processes that run a trial of a study in this folder."""
        found = []
        for process in psutil.process_iter():
            try:
                directory = process.environ().get("PLAYBOOK_TRIAL_DIR", "")
            except (psutil.Error, OSError):
                continue
            if directory.startswith(str(self.folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def wait(self, condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """The first true value of `condition`."""
        deadline = time.monotonic() + patience
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {patience:g} s for {what}")
            time.sleep(0.02)
        return value

    def close(self) -> None:
        for process in self._spawned:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for study in self.folder.glob("runs/*"):
            end_orphans(study)


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys) -> Iterator[Bench]:
    """A folder to run studies in; nothing that a test starts there outlives it."""
    monkeypatch.chdir(tmp_path)

    def call(arguments: list[str]) -> Answer:
        monkeypatch.setattr(sys, "argv", ["playbook", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return Answer(code=code if isinstance(code, int) else 0, out=out, err=err)

    made = Bench(folder=tmp_path, _call=call)
    yield made
    made.close()
