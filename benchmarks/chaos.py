"""Disturb runs of studies in every way that machines and people do, run them to their end, and check that all is there.

    python benchmarks/chaos.py [--runs 50] [--seed 0] [--workers 2] [--only KIND,...] [--case SEED]

A run is a small study of one of the `STUDIES`. It is begun up to four times, each time with a fault of `FAULTS` at a
random moment: after some of its events, or while it starts. Then it is run undisturbed. After that, everything must
be as in a study that was never disturbed: ids, parameters, seeds, metrics byte by byte, checkpoints that load, the
same report; each trial completed once; every line that the journal held at any time still there; no process left; no
traceback at any time.

`--case` repeats a run's plan, not its timing. The disk is filled with a tmpfs where it may
be mounted, and else with a limit on file sizes; a folder is made read-only for another user, where this one is root.
The machine's clock is not set: files and journals are given times far in the future and the past, and the clock that a
run and its trials read jumps by a year while they are at it. Exits with 1 where anything was violated.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import psutil

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent))

from playbook_cli.advice import advise
from playbook_cli.report.as_json import as_json
from playbook_cli.report.build import build
from playbook_cli.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

TRIALS = 8
EVENTS = 1 + 3 * TRIALS
"""Lines of the journal that an undisturbed run writes."""
PATIENCE = 600.0
"""Seconds after which a run hangs, on a busy machine too."""
TRAIN = """
import random, time
def train(trial):
    noise = random.Random(trial.seed)
    for step in trial.steps():
        time.sleep(0.01)
        if trial.should_evaluate(step):
            trial.report(step, val_error=abs(trial.params["x"] - 0.1) + noise.random() / step)
"""
SCRIPT = f"""{TRAIN}
from playbook_cli import current_trial
train(current_trial())
"""
CHECKPOINTS = """
import random, time
import torch
def train(trial):
    random.seed(trial.seed)
    torch.manual_seed(trial.seed)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * trial.params["x"], momentum=0.9)
    for step in trial.steps(model=model, optimizer=optimizer):
        time.sleep(0.01)
        loss = (model(torch.randn(8, 3)) - random.random()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if trial.should_evaluate(step):
            trial.report(step, val_error=float(loss))
"""
JUMP = """
import os, time
real, jump = time.time, int(os.environ["JUMP_YEARS"]) * 365 * 86400
due = time.monotonic() + float(os.environ["JUMP_AFTER"])
time.time = lambda: real() + (jump if time.monotonic() > due else 0)
"""
"""A sitecustomize by which the clock jumps while a process is at it."""
SPEC: dict[str, Any] = {
    "name": "chaos",
    "metric": {"name": "val_error", "goal": "minimize"},
    "max_train_steps": 20,
    "eval_every": 4,
    "trials": TRIALS,
    "nuisance": {"x": {"min": 1e-3, "max": 1.0, "scale": "log"}, "n": {"min": 1, "max": 64}},
    "resources": {"gpus": 0, "retries": 3},
}
DAEMON = """
import subprocess
def train(trial):
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    short(trial)
"""
"""It leaves a process in a session of its own."""
STUDIES: dict[str, tuple[str, dict[str, Any]]] = {
    "process": (TRAIN, {"train": "short:train", "isolation": "process"}),
    "command": (SCRIPT, {"command": ["${python}", "short.py"]}),
    "daemon": (TRAIN.replace("def train", "def short") + DAEMON, {"train": "short:train", "isolation": "fork"}),
    "fork": (TRAIN, {"train": "short:train", "isolation": "fork"}),
    "checkpoints": (CHECKPOINTS, {"train": "short:train", "isolation": "fork"}),
}
WEIGHTS = (3, 2, 2, 3, 3)


class Violated(Exception):  # noqa: N818 (no error: a find)
    """An invariant does not hold."""


@dataclass(kw_only=True)
class Run:
    """One study that is disturbed."""

    folder: Path
    kind: str
    dice: Random
    span: float
    """Seconds that an undisturbed run takes."""
    had: int = 0
    """Lines that the journal held when it was started last."""
    faults: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    """Moments of each fault at which the study was under way."""
    fault: str = ""
    exits: list[int] = field(default_factory=list)

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "chaos"

    @property
    def journal(self) -> Path:
        return self.study / "trials.jsonl"

    def start(self, **how: Any) -> subprocess.Popen[bytes]:
        self.had = len(self.lines())
        # faults may hit the runner's whole group, so that it has one of its own
        command = [sys.executable, "-m", "playbook_cli", "run", "study.yaml", "--jobs", "2"]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **how,
        )

    def pause(self, runner: subprocess.Popen[bytes]) -> None:
        """Wait for a random moment of the run: while it starts, or after some of its events; or until it ends."""
        events = self.had + self.dice.choice((0, self.dice.randint(1, EVENTS)))
        if events == self.had:
            time.sleep(self.dice.uniform(0.0, 0.6) * self.span)
        while len(self.lines()) < events and runner.poll() is None:
            time.sleep(0.002)
        time.sleep(self.dice.uniform(0.0, 0.2))
        self.met[self.fault] += runner.poll() is None

    def finish(self, runner: subprocess.Popen[bytes]) -> str:
        """What it said. Violated where it hangs or ends in a traceback of its own.

        Ctrl-C before Python has come to Playbook's first line is Python's to answer, and it does so with a traceback.
        """
        try:
            said = runner.communicate(timeout=PATIENCE)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            runner.kill()
            raise Violated(f"the runner still runs after {PATIENCE:g} s") from None
        self.exits.append(runner.returncode)
        traced = said.startswith("Traceback") or "\nTraceback" in said  # one that it quotes from a trial is indented
        if traced and not ("KeyboardInterrupt" in said and "/playbook_cli/" not in said):
            raise Violated(f"the runner ended in a traceback:\n{said[-2000:]}")
        return said

    def lines(self) -> list[bytes]:
        """Whole lines of the journal."""
        return self.journal.read_bytes().split(b"\n")[:-1] if self.journal.exists() else []

    def completed(self) -> set[int]:
        """Trials that have completed, by the journal."""
        return {record["trial"] for record in map(json.loads, self.lines()) if record.get("state") == "completed"}

    def processes(self) -> list[psutil.Process]:
        """Trials of this study that live, and processes to fork them from."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                mine = process.environ().get("PLAYBOOK_TRIAL_DIR", "").startswith(str(self.folder))
                if (mine or self.is_server(process)) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def is_server(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error, OSError):
            return "--serve" in process.cmdline() and process.cwd() == str(self.folder)
        return False


def kill_runner(run: Run) -> None:
    runner = run.start()
    run.pause(runner)
    runner.send_signal(run.dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    run.finish(runner)


def interrupt_twice(run: Run) -> None:
    runner = run.start()
    run.pause(runner)
    runner.send_signal(signal.SIGINT)
    time.sleep(run.dice.uniform(0.0, 0.05))
    runner.send_signal(run.dice.choice((signal.SIGINT, signal.SIGTERM, signal.SIGKILL)))
    run.finish(runner)


def stop_runner(run: Run) -> None:
    runner = run.start()
    run.pause(runner)
    runner.send_signal(signal.SIGSTOP)
    time.sleep(run.dice.uniform(0.05, 0.5))
    runner.send_signal(run.dice.choice((signal.SIGCONT, signal.SIGCONT, signal.SIGKILL)))
    run.finish(runner)


def signal_trials(run: Run) -> None:
    runner = run.start()
    for _ in range(run.dice.choice((1, 2, 4))):
        run.pause(runner)
        _to_one(run, (signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    run.finish(runner)


def stop_trial(run: Run) -> None:
    runner = run.start()
    run.pause(runner)
    stopped = _to_one(run, (signal.SIGSTOP,))
    time.sleep(run.dice.uniform(0.05, 0.5))
    if stopped is not None:
        with contextlib.suppress(psutil.Error):
            stopped.send_signal(run.dice.choice((signal.SIGCONT, signal.SIGCONT, signal.SIGKILL)))
    run.finish(runner)


def kill_trial_group(run: Run) -> None:
    runner = run.start()
    run.pause(runner)
    _to_one(run, (signal.SIGKILL,), group=True)
    run.finish(runner)


def kill_server(run: Run) -> None:
    """The process that trials are forked from; a trial where there is none."""
    runner = run.start()
    for _ in range(run.dice.choice((1, 2, 6))):
        run.pause(runner)
        servers = [process for process in run.processes() if run.is_server(process)]
        with contextlib.suppress(psutil.Error):
            number = run.dice.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
            for server in servers:
                server.send_signal(number)
                if number == signal.SIGSTOP:
                    time.sleep(0.2)
                    server.send_signal(signal.SIGCONT)
    run.finish(runner)


def kill_everything(run: Run) -> None:
    """As when the machine dies, except that what was written stays."""
    runner = run.start()
    run.pause(runner)
    runner.kill()
    for process in run.processes():
        with contextlib.suppress(psutil.Error):
            process.kill()
    run.finish(runner)


def kill_runners_group(run: Run) -> None:
    """As a terminal does that is closed, or a Ctrl-C."""
    runner = run.start()
    run.pause(runner)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(runner.pid, run.dice.choice((signal.SIGINT, signal.SIGHUP, signal.SIGKILL)))
    run.finish(runner)


def start_twice(run: Run) -> None:
    """Two runs of one study at once: one of them runs it, the other says so and touches nothing."""
    runners = [run.start()]
    if run.dice.random() < 0.5:
        run.pause(runners[0])
    runners.append(run.start())
    said = [run.finish(runner) for runner in runners]
    codes = sorted(runner.returncode for runner in runners)
    if codes not in ([0, 0], [0, 2]):
        raise Violated(f"two runs at once ended with {codes}: {said}")
    if codes == [0, 2] and not any("the study is already running" in text for text in said):
        raise Violated(f"the second of two runs said {said}")


def cut_journal(run: Run) -> None:
    """The last bytes of the journal never came to the disk."""
    kill_everything(run)
    if run.journal.exists():
        size = run.journal.stat().st_size
        os.truncate(run.journal, max(0, size - run.dice.choice((1, 7, 100, 400))))


def tear_journal(run: Run) -> None:
    """The last record is half written, or something else stands there."""
    kill_everything(run)
    if run.journal.exists():
        with run.journal.open("ab") as file:
            file.write(run.dice.choice((b'{"event": "ended", "tri', b"\0" * 50, b"\xff\xfe{", b'{"event"')))


def damage_journal(run: Run) -> None:
    """A line inside is damaged: run refuses, names it, and changes nothing; without that line it goes on."""
    kill_everything(run)
    before = run.lines()
    if not before:
        return
    damaged = [*before[:-1], b"\0\0garbage{", before[-1]]
    run.journal.write_bytes(b"\n".join([*damaged, b""]))
    said = run.finish(run.start())
    if run.exits[-1] != 2 or f"trials.jsonl:{len(before)}: " not in said:
        raise Violated(f"a damaged journal: exit code {run.exits[-1]}, {said}")
    if run.lines() != damaged:
        raise Violated("a run changed a journal that it refused")
    run.journal.write_bytes(b"\n".join([*before, b""]))


def damage_metrics(run: Run) -> None:
    """The last bytes of what unfinished trials measured are lost, or torn, or something else."""
    kill_everything(run)
    done = run.completed()
    for file in run.study.glob("trials/*/metrics.jsonl"):
        if not file.parent.name.isdecimal() or int(file.parent.name) in done:
            continue
        match run.dice.randrange(4):
            case 0:
                os.truncate(file, max(0, file.stat().st_size - run.dice.choice((1, 10, 60))))
            case 1:
                with file.open("ab") as lines:
                    lines.write(b'{"step": 4, "val_er')
            case 2:
                with file.open("ab") as lines:
                    lines.write(b"\0\0\0\n")
            case _:
                os.truncate(file, 0)


def jump_the_clock(run: Run) -> None:
    """Times in the journal, and of all files, are a year off."""
    kill_everything(run)
    year = run.dice.choice((-1, 1)) * 365 * 86400.0
    lines = [json.loads(line) for line in run.lines()]
    if lines:
        text = b"".join(json.dumps({**record, "time": record["time"] + year}).encode() + b"\n" for record in lines)
        run.journal.write_bytes(text)
    for path in run.folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, (time.time() + year, time.time() + year))


def jump_the_clock_meanwhile(run: Run) -> None:
    """For a run and its trials, it is another year all of a sudden."""
    hook = run.folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(JUMP)
    jump = {"JUMP_AFTER": str(run.dice.uniform(0.0, run.span)), "JUMP_YEARS": str(run.dice.choice((-1, 1)))}
    run.finish(run.start(env={**os.environ, **jump, "PYTHONPATH": f"{hook}:{os.environ.get('PYTHONPATH', '')}"}))
    if run.exits[-1] != 0:
        raise Violated(f"a clock that jumps: exit code {run.exits[-1]}")


def fill_the_disk(run: Run) -> None:
    """The disk is full after some kilobytes: the run says so, and loses nothing that it had told."""
    limit = run.dice.choice((300, 1000, 2000, 3000, 5000))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    said = run.finish(run.start(preexec_fn=limited))
    if run.exits[-1] not in (0, 1, 2):
        raise Violated(f"a full disk: exit code {run.exits[-1]}, {said}")


def fill_a_tmpfs(run: Run) -> None:
    """The same on a real file system, in whose place the folder comes back."""
    size = run.dice.choice((16, 24, 32, 64))
    runs = run.folder / "runs"
    runs.mkdir(exist_ok=True)
    small = run.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", small], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        small.rmdir()
        fill_the_disk(run)
        return
    try:
        copied = subprocess.run(["cp", "-a", f"{runs}/.", small], check=False, capture_output=True).returncode == 0
        if copied:
            subprocess.run(["mount", "--bind", small, runs], check=True)
            try:
                said = run.finish(run.start())
            finally:
                _unmount(runs, run)
            subprocess.run(["cp", "-a", f"{small}/.", runs], check=True)
            if run.exits[-1] not in (0, 1, 2):
                raise Violated(f"a full disk: exit code {run.exits[-1]}, {said}")
    finally:
        _unmount(small, run)
        small.rmdir()


def _unmount(place: Path, run: Run) -> None:
    deadline = time.monotonic() + 20
    while subprocess.run(["umount", place], check=False, capture_output=True).returncode != 0:
        if time.monotonic() > deadline:
            raise Violated(f"{place} is still in use by {run.processes()}")
        time.sleep(0.1)


def read_only(run: Run) -> None:
    """Nothing may be written: the run says so and ends. As root, permissions do not bind, and a mount must."""
    run.study.mkdir(parents=True, exist_ok=True)
    before = run.lines()
    if os.geteuid() == 0:
        if subprocess.run(["mount", "--bind", run.study, run.study], check=False, capture_output=True).returncode != 0:
            return
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", run.study], check=True)
            said = run.finish(run.start())
        finally:
            _unmount(run.study, run)
    else:
        modes = {path: path.stat().st_mode for path in (run.study, *run.study.rglob("*"))}
        for path in modes:
            path.chmod(0o555 if path.is_dir() else 0o444)
        said = run.finish(run.start())
        for path, mode in modes.items():
            path.chmod(mode)
    if run.exits[-1] != 2:
        raise Violated(f"a folder that can't be written: exit code {run.exits[-1]}, {said}")
    if run.lines() != before:
        raise Violated("a run wrote into a folder that can't be written")


def leave_a_temporary_file(run: Run) -> None:
    """What a process that died while it wrote leaves beside its files."""
    kill_everything(run)
    for path in run.study.rglob("*"):
        if path.is_file() and run.dice.random() < 0.3:
            temporary = path.with_name(f"{path.name}.tmp")
            temporary.unlink(missing_ok=True)  # it may be another name of a checkpoint
            temporary.write_bytes(b"half a fi")


def lose_the_power(run: Run) -> None:
    """What no sync has put on the disk is gone, empty or half zeros; completed trials keep what they measured."""
    kill_everything(run)
    done = run.completed()
    for file in run.study.rglob("trials/*/*"):
        number = file.parent.name
        if not file.is_file() or not number.isdecimal():
            continue
        if int(number) in done and file.name in ("metrics.jsonl", "identity.json"):
            continue
        match run.dice.randrange(4):
            case 0:
                file.unlink()
            case 1:
                os.truncate(file, 0)
            case 2:
                half = file.stat().st_size // 2
                file.write_bytes(b"\0" * half + file.read_bytes()[half:])
    for file in run.study.rglob("trials/*/checkpoints/last.pt"):
        number = file.parent.parent.name
        if number.isdecimal() and int(number) not in done and run.dice.random() < 0.5:
            os.truncate(file, run.dice.randrange(file.stat().st_size + 1))


def lose_the_journal(run: Run) -> None:
    """The folders of trials outlive their journal, and sometimes the study file: none of them may count."""
    kill_everything(run)
    run.journal.unlink(missing_ok=True)
    if run.dice.random() < 0.5:
        (run.study / "study.yaml").unlink(missing_ok=True)


def swap_trials(run: Run) -> None:
    """The folders of two trials change places for a while: no report takes one's evaluations for the other's."""
    kill_everything(run)
    folders = sorted(path for path in run.study.glob("trials/*") if path.name.isdecimal())
    if len(folders) < 2:
        return
    one, other = run.dice.sample(folders, 2)
    before = {trial.id: trial.best and trial.best.value for trial in Store(run.study).record().trials}
    _exchange(one, other)
    for trial in Store(run.study).record().trials:
        if trial.state == "completed" and trial.best is not None and trial.best.value != before[trial.id]:
            raise Violated(f"trial {trial.id} has the result of another trial")
    _exchange(one, other)


def _exchange(one: Path, other: Path) -> None:
    aside = one.with_name("exchanged")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def damage_a_result(run: Run) -> None:
    """A completed trial's metrics are cut, or hold another number, for a while: they are not used."""
    kill_everything(run)
    done = sorted(run.completed())
    if not done:
        return
    number = run.dice.choice(done)
    file = run.study / "trials" / f"{number:04d}" / "metrics.jsonl"
    content = file.read_bytes()
    lines = content.splitlines(keepends=True)
    other = b'{"step": 4, "val_error": -1.0}\n'
    file.write_bytes(run.dice.choice((b"".join(lines[:-1]), b"", other, content + other, b"\0" * len(content))))
    trial = Store(run.study).record().trials[number]
    if trial.best is not None:
        raise Violated(f"trial {number} has a result that the journal does not know: {trial.best}")
    file.write_bytes(content)


def move_the_folder(run: Run) -> None:
    """The folder of a live run is moved; it comes back after its end, or at once: nobody writes into another's."""
    runner = run.start()
    run.pause(runner)
    while len(run.lines()) <= run.had and runner.poll() is None:  # one that finds no folder yet begins a study
        time.sleep(0.002)
    if not run.study.is_dir():
        run.finish(runner)
        return
    aside = run.folder / "moved"
    run.study.rename(aside)
    back = run.dice.random() < 0.5
    if back:
        time.sleep(run.dice.uniform(0.0, 0.5))
        aside.rename(run.study)
        run.finish(runner)
    else:
        run.study.mkdir()  # of somebody else
        ended = runner.poll() is not None
        said = run.finish(runner)
        left = sorted(path.name for path in run.study.rglob("*"))
        journal = (aside / "trials.jsonl").read_bytes()
        over = ended or journal.count(b'"state":"completed"') == TRIALS  # moved while it said so
        if not over and (run.exits[-1] != 1 or left):
            raise Violated(f"a folder was moved away: exit code {run.exits[-1]}, it wrote {left}: {said}")
        for name in left:
            raise Violated(f"a runner that had ended wrote {name}")
        run.study.rmdir()
        aside.rename(run.study)


def put_a_trap(run: Run) -> None:
    """A pipe, a folder or a link out stands in the place of a trial's file for a while: it hangs nobody."""
    kill_everything(run)
    files = [path for path in run.study.glob("trials/[0-9]*/*") if path.is_file() and path.parent.name.isdecimal()]
    if not files:
        return
    file = run.dice.choice(files)
    aside = run.folder / "in its place"
    file.rename(aside)
    match run.dice.randrange(3):
        case 0:
            os.mkfifo(file)
        case 1:
            file.mkdir()
        case _:
            file.symlink_to("/dev/zero")
    said = subprocess.run(
        [sys.executable, "-m", "playbook_cli", "status", "runs/chaos"],
        cwd=run.folder, check=False, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if said.returncode not in (0, 2) or b"Traceback" in said.stderr:
        raise Violated(f"status with a trap at {file}: {said.returncode}, {said.stderr.decode()}")
    file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
    aside.rename(file)


FAULTS: tuple[Callable[[Run], None], ...] = (
    *(kill_runner, kill_runner, interrupt_twice, stop_runner, signal_trials, signal_trials, stop_trial),
    *(kill_trial_group, kill_server, kill_server, kill_everything, kill_runners_group, start_twice, cut_journal),
    *(tear_journal, damage_journal, damage_metrics, damage_metrics, jump_the_clock, jump_the_clock_meanwhile),
    *(fill_the_disk, fill_a_tmpfs, read_only, leave_a_temporary_file, lose_the_power, lose_the_power, lose_the_journal),
    *(swap_trials, damage_a_result, move_the_folder, move_the_folder, put_a_trap),
)
SHORTENING = (cut_journal, jump_the_clock, lose_the_journal)
"""Faults that themselves change what the journal held."""


def _to_one(run: Run, numbers: tuple[signal.Signals, ...], *, group: bool = False) -> psutil.Process | None:
    trials = [process for process in run.processes() if not run.is_server(process)]
    if not trials:
        return None
    chosen, number = run.dice.choice(trials), run.dice.choice(numbers)
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        os.killpg(os.getpgid(chosen.pid), number) if group else chosen.send_signal(number)
    return chosen


def prepared(folder: Path, kind: str) -> Path:
    program, keys = STUDIES[kind]
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "short.py").write_text(program)
    (folder / "study.yaml").write_text(json.dumps(SPEC | keys))
    return folder


def result(study: Path) -> dict[str, Any]:
    """All that must be the same in the end. Violated where the journal contradicts itself."""
    events = [json.loads(line) for line in (study / "trials.jsonl").read_bytes().splitlines()]
    planned = [event for event in events if event["event"] == "planned"]
    if [event["trial"] for event in planned] != list(range(TRIALS)):
        raise Violated(f"planned: {[event['trial'] for event in planned]}")
    last = {event["trial"]: event["state"] for event in events if event["event"] == "ended"}
    if last != dict.fromkeys(range(TRIALS), "completed"):
        raise Violated(f"the trials ended as {last}")
    completed = Counter(event["trial"] for event in events if event.get("state") == "completed")
    if set(completed.values()) != {1}:
        raise Violated(f"completed so often: {completed}")
    record = Store(study).record()
    return {
        "planned": [(event["trial"], event["params"], event["arm"], event["seed"]) for event in planned],
        "metrics": [(study / "trials" / f"{n:04d}" / "metrics.jsonl").read_text() for n in range(TRIALS)],
        "report": as_json(build(record, advise(record))),
    }


def check_checkpoints(study: Path, expected: Path) -> None:
    import torch

    for number in range(TRIALS):
        for name in ("last", "best"):
            file = Path("trials") / f"{number:04d}" / "checkpoints" / f"{name}.pt"
            if not (expected / file).exists():
                continue
            ours, theirs = (torch.load(root / file, weights_only=True) for root in (study, expected))
            same = all(torch.equal(ours["state"]["model"][key], w) for key, w in theirs["state"]["model"].items())
            if ours["step"] != theirs["step"] or not same:
                raise Violated(f"{file} is of step {ours['step']}, not {theirs['step']}, or holds another model")


def expect(holds: object, what: str) -> None:
    if not holds:
        raise Violated(what)


def disturbed(folder: Path, seed: int, whole: dict[str, tuple[Path, float, dict[str, Any]]]) -> tuple[Run, str | None]:
    dice = Random(seed)
    kind = dice.choices(list(STUDIES), WEIGHTS)[0]
    while kind not in whole:
        kind = dice.choices(list(STUDIES), WEIGHTS)[0]
    undisturbed, span, expected = whole[kind]
    run = Run(folder=prepared(folder, kind), kind=kind, dice=dice, span=span)
    try:
        for _ in range(dice.randint(1, 4)):
            fault = dice.choice(FAULTS)
            run.fault = fault.__name__
            run.faults[run.fault] += 1
            before = run.lines()
            fault(run)
            kept = fault in SHORTENING or run.lines()[: len(before)] == before
            expect(kept, f"{fault.__name__}: lines that the journal had are gone")
        before = run.lines()
        said = run.finish(run.start())
        expect(run.exits[-1] == 0, f"the last run ended with {run.exits[-1]}: {said[-1500:]}")
        expect(run.lines()[: len(before)] == before, "the last run changed what the journal had")
        found = result(run.study)
        for what, value in expected.items():
            expect(found[what] == value, f"{what} differ from the undisturbed study's\n{found[what]}\n{value}")
        check_checkpoints(run.study, undisturbed)
        deadline = time.monotonic() + 5
        while left := run.processes():
            expect(time.monotonic() < deadline, f"processes left behind: {left}")
            time.sleep(0.05)
    except Exception as found:  # noqa: BLE001 (one run that goes wrong, in whatever way, ends no other)
        return run, str(found) if isinstance(found, Violated) else traceback.format_exc()
    return run, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default=",".join(STUDIES), help="kinds of studies")
    parser.add_argument("--case", type=int, help="the run of one seed, whose folder stays")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="chaos-")).resolve()
    root.chmod(0o755)
    whole = {}
    for kind in args.only.split(","):
        folder = prepared(root / f"undisturbed-{kind}", kind)
        run = Run(folder=folder, kind=kind, dice=Random(0), span=0.0)
        begun = time.monotonic()
        said = run.finish(run.start())
        assert run.exits == [0], said
        whole[kind] = (run.study, time.monotonic() - begun, result(run.study))
        print(f"{kind}: {TRIALS} trials undisturbed in {whole[kind][1]:.1f} s", flush=True)
    seeds = [args.case] if args.case is not None else range(args.seed, args.seed + args.runs)
    faults: Counter[str] = Counter()
    met: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    violated = 0
    begun = time.monotonic()

    def one(seed: int) -> tuple[int, Run, str | None]:
        return seed, *disturbed(root / f"run{seed}", seed, whole)

    with ThreadPoolExecutor(args.workers) as pool:
        for seed, run, problem in pool.map(one, seeds):
            faults += run.faults
            met += run.met
            kinds[run.kind] += 1
            if problem is not None:
                violated += 1
                print(f"--case {seed} ({run.kind}; {', '.join(run.faults)}; exits {run.exits}): {problem}", flush=True)
                print(f"    {run.folder}", flush=True)
            elif args.case is None:
                subprocess.run(["rm", "-rf", run.folder], check=True)
            if sum(kinds.values()) % 25 == 0:
                print(f"{sum(kinds.values())} runs, {sum(faults.values())} faults, {violated} violated", flush=True)
    print(f"\n{'fault':<26}{'times':>6}{'moments at which the study was under way':>42}")
    for name, count in faults.most_common():
        print(f"{name:<26}{count:>6}{met[name] or '':>42}")
    studies = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    minutes = (time.monotonic() - begun) / 60
    print(f"\n{sum(kinds.values())} runs ({studies}) in {minutes:.1f} min, {violated} with an invariant violated")
    if not violated and args.case is None:
        subprocess.run(["rm", "-rf", root], check=True)
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
