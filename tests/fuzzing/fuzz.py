"""Feed the command line what is almost valid, and look for tracebacks, hangs and answers that say nothing.

    python -m tests.fuzzing.fuzz [--minutes 5 | --inputs 1000000] [--seed 0] [--only study,...] [--case KIND:SEED]

Every input is a valid study, journal, metrics file or file of another tool, changed by `mutations`, and read by the
real entry in this process. It must exit with 0, 1 or 2 and one message, within `SECONDS`. The parsers below the
command line get many more inputs than the commands, and may raise nothing but a PlaybookError or an OSError. Whatever
breaks that is printed with the `--case` that repeats it. Exits with 1 where anything did.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import re
import resource
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from playbook_cli import cli
from playbook_cli.errors import PlaybookError
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.formats.tables import read_csv, read_json_lines
from playbook_cli.formats.tensorboard import read_events
from playbook_cli.importing import sources
from playbook_cli.importing.runs import Ask
from playbook_cli.importing.wandb_log import HEADER as W_HEADER
from playbook_cli.importing.wandb_log import Log, read_log, records
from playbook_cli.spec.load import dump, validate
from playbook_cli.spec.source import parse
from playbook_cli.storage import metrics
from playbook_cli.storage.store import read_history
from tests.fuzzing.mutations import ODD, bytes_changed, lines_changed, records_changed, value_changed
from tests.importing.event_file import event_file, hparams, scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from playbook_cli.importing.runs import Run, Runs

WRITTEN = Path(__file__).parent.parent / "importing" / "written"
SECONDS = 20
"""Of processor time, after which a command hangs. A study file may ask for 100,000 trials, which takes some."""
WAIT = 10 * SECONDS
"""And of any time, for the machine may be busy, and what hangs may sleep."""

STUDY: dict[str, Any] = {
    "name": "toy",
    "goal": "Does b help?",
    "train": "json:loads",
    "metric": {"name": "val_error", "goal": "minimize"},
    "max_train_steps": 8,
    "eval_every": 2,
    "trials": 8,
    "sampler": "halton",
    "seed": 3,
    "scientific": {"b": [True, False]},
    "nuisance": {
        "x": {"min": 0.001, "max": 1.0, "scale": "log"},
        "n": {"min": 1, "max": 9},
        "m": {"values": ["a", "b"], "when": {"b": True}},
    },
    "fixed": {"batch_size": 64, "betas": [0.9, 0.99]},
    "env": {"MODE": "a"},
    "resources": {"gpus": 0, "timeout": "1h", "retries": 1},
    "lr_sweep": {"parameter": "x", "min": 0.0001, "max": 1.0, "points": 3, "target": {"metric": "e", "value": 0.0}},
    "rules": {"boundary": {"zone": 0.2}},
}
PROGRAM: dict[str, Any] = {
    "name": "program",
    "command": ["${python}", "train.py", "${args}", "--seed=${seed}"],
    "args": {"style": "--name value", "names": {"x": "lr"}, "omit": ["n"], "booleans": "flag", "lists": "words"},
    "metrics": {"stdout": [r"step (?P<step>\d+): val_error (?P<val_error>\S+)"], "names": {"val_error": "val_error"}},
    "checkpoints": {"files": "${trial_dir}/c-*.pt", "step": r"(\d+)", "keep": "best"},
    "cwd": ".",
    "env": {"OUT": "${trial_dir}"},
    "metric": {"name": "val_error", "goal": "maximize"},
    "max_train_steps": 64,
    "sampler": "listed",
    "points": [{"x": 0.1, "n": 2, "a": "b"}, {"x": 1, "n": 3, "a": True}],
    "round": {"number": 2, "of": 3, "growth": 4.0, "after": "runs/base", "trials": [0, 2]},
    "nuisance": {"x": {"min": 0.01, "max": 1.0}, "n": {"min": 1, "max": 9}, "a": {"values": ["b", True]}},
    "fixed": {"betas": [0.9, 0.99]},
    "resources": {"gpus": 0, "cpus": 1, "timeout": "90s"},
    "launcher": "slurm",
    "slurm": {"partition": "a", "mem": "4G", "time": "2h", "array_parallelism": 4, "options": ["--exclude=n3"]},
    "ray": {"address": "auto", "shared_folder": False},
    "deterministic": True,
}
RUNNER = {"pid": 1, "created": 3.5, "host": "elsewhere", "user": "ada", "since": "2026-01-01 00:00:00"}
NODE = {"host": "n1", "pid": 7, "device": "H100", "ended": False}
SWEEP = """\
method: bayes
program: train.py
metric: {name: loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  layers: {values: [1, 2, 3]}
  batch: {value: 32}
command: ["${env}", "${interpreter}", "${program}", "${args}"]
"""
SCRIPT = """\
import argparse
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--depth", type=int, default=2, choices=[1, 2])
    args = parser.parse_args()
    print(f"step {args.depth}: val_loss {args.lr}")
if __name__ == "__main__":
    main()
"""


def write_study(folder: Path, trials: int = 8) -> StudyPaths:
    """A finished study, as a run leaves it."""
    paths = StudyPaths(folder / "runs" / "toy")
    paths.dir.mkdir(parents=True)
    spec, _ = validate(parse(json.dumps(STUDY), "study.yaml"))
    paths.spec.write_text(dump(spec))
    events: list[dict[str, Any]] = [
        {"event": "run", "time": 1.0, "source": "study.yaml", "command": ["playbook", "run"]}
    ]
    for number in range(trials):
        arm = {"b": number % 2 == 0}
        params = {**arm, "x": 0.5**number, "n": number + 1, **({"m": "a"} if arm["b"] else {}), **STUDY["fixed"]}
        about = {"time": 2.0 + number, "trial": number}
        state = "infeasible" if number == 3 else "failed" if number == 5 else "completed"
        events += [
            {"event": "planned", **about, "params": params, "arm": arm, "seed": number},
            {"event": "program", "time": 0.0, "code": f"c{number % 2}", "files": {"t.py": str(number % 2)}},
            {"event": "started", **about, "attempt": 1, "slot": "cpu0", "process": None, "code": f"c{number % 2}"},
            {"event": "ended", **about, "attempt": 1, "state": state, "reason": "why", "exit_code": 0},
        ]
        paths.trial(number).dir.mkdir(parents=True)
        rows = [
            {"step": s, "val_error": 1 / (s + number), "train_loss": 1 / s, "learning_rate": 0.1} for s in (2, 4, 6, 8)
        ]
        journal.rewrite(paths.trial(number).metrics, rows)
        paths.trial(number).params.write_text(json.dumps(params))
    journal.rewrite(paths.journal, events)
    return paths


def write_logs(folder: Path) -> None:
    """What other tools leave: see `IMPORTS`."""
    for number in range(3):
        trial = folder / "logs" / f"t{number}"
        trial.mkdir(parents=True)
        (trial / "p.json").write_text(json.dumps({"lr": 0.1**number, "net": {"depth": number}, "name": "a"}))
        (trial / "p.yaml").write_text(f"lr: {0.1**number}\nnet: {{depth: {number}}}\n")
        (trial / "m.csv").write_text("step,val_loss,t\n10,2.0,x\n20,1.0,y\n30,nan,\n")
        (trial / "m.jsonl").write_text('{"step": 10, "val_loss": 2.0}\n{"step": 20, "val_loss": 1.0}\n')
        event_file(
            folder / "tb" / f"t{number}" / "events.out.tfevents.1",
            hparams(lr=0.1, name="a", on=True),
            *(scalars(step, val_loss=1.0 / step) for step in (1, 2)),
        )
        ray = folder / "ray" / f"t{number}"
        ray.mkdir(parents=True)
        (ray / "params.json").write_text(json.dumps({"lr": 0.1**number}))
        (ray / "result.json").write_text(
            '{"training_iteration": 1, "loss": 1.0}\n{"training_iteration": 2, "loss": 0.5}\n'
        )
        run = folder / "mlflow" / "0" / f"r{number}"
        for part in ("params", "metrics", "tags"):
            (run / part).mkdir(parents=True)
        (run / "meta.yaml").write_text(
            f"run_id: r{number}\nstatus: 3\nstart_time: 1\nend_time: 2\nlifecycle_stage: active\n"
        )
        (run / "params" / "lr").write_text(str(0.1**number))
        (run / "metrics" / "loss").write_text("170000 1.0 1\n170001 0.5 2\n")
    (folder / "ray" / "experiment_state-1.json").write_text("{}")
    (folder / "mlflow" / "0" / "meta.yaml").write_text("experiment_id: '0'\nname: e\n")
    (folder / "table").mkdir()
    (folder / "table" / "t.csv").write_text(
        "trial,lr,depth,step,val_loss\n0,0.1,1,10,1.0\n0,0.1,1,20,0.5\n1,0.2,2,10,0.7\n"
    )
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "train.py").write_text(SCRIPT)


def write_written(folder: Path) -> None:
    """Runs that the tools themselves wrote, as the tests have them."""
    shutil.copytree(WRITTEN, folder / "written")
    with contextlib.closing(sqlite3.connect(folder / "written" / "mlflow.db")) as store:
        store.executescript(next(WRITTEN.glob("mlflow-*.sql")).read_text())


def write_storage(path: Path) -> None:
    """An Optuna study of three trials, in SQLite."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="o")
    for number in range(3):
        trial = study.ask()
        trial.suggest_float("lr", 1e-3, 1.0, log=True)
        trial.suggest_categorical("a", ["b", "c"])
        trial.set_user_attr("note", "x")
        trial.report(1.0 / (number + 1), 1)
        study.tell(trial, number)


IMPORTS = {
    "files": ["logs", "--params", "t*/p.json", "--metrics", "t*/m.csv"],
    "lines": ["logs", "--params", "t*/p.yaml", "--metrics", "t*/m.jsonl"],
    "tb": ["tb"],
    "ray": ["ray"],
    "mlflow": ["mlflow"],
    "table": ["table/t.csv"],
    "mlflow-db": ["written/mlflow.db", "--metric", "val_loss"],
    "wandb": ["written/wandb-0.31.0", "--metric", "val/loss"],
    "keras-tuner": ["written/keras-tuner-1.4.8"],
    "syne-tune": ["written/syne-tune-0.16.0"],
    "ax": ["written/ax-1.3.1.json"],
    "guild": ["written/guild-0.9.0", "--metric", "val_loss"],
    "dvc": ["written/dvc-3.json", "--metric", "val_loss"],
}
DATABASES = ("optuna", "mlflow-db")
_TOKEN = re.compile(r"[-+]?(?:\d[\d.,_]*|[.,]\d+)(?:[eE][-+]?\d+)?")
_BETWEEN_COMMAS = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
READING = (
    ["status", "runs/toy", "--json"],
    ["status", "runs/toy"],
    ["report", "runs/toy", "--no-html"],
    ["report", "runs/toy", "--no-html", "--json"],
    ["next", "runs/toy", "--output", "-"],
    ["next", "runs/toy", "--narrow", "--output", "-"],
    ["export", "runs/toy", "--overwrite"],
    ["export", "runs/toy", "--overwrite", "--format", "jsonl"],
    ["export", "runs/toy", "--overwrite", "--format", "parquet"],
    ["log", "--markdown"],
    ["compare", "runs/base", "runs/toy"],
    ["compare", "runs/toy", "--arms", "b=true", "b=false", "--json"],
    ["adopt", "runs/toy", "--over", "runs/base"],
    ["log"],
    ["log", "--json"],
)


class Broken(Exception):  # noqa: N818 (no error: a find)
    """What must never happen."""


class _Hang(BaseException):
    pass


def command(arguments: list[str]) -> int:
    """Exit code of a command in this process. Broken where it raises, hangs, or fails in silence."""

    def late(*_: object) -> None:
        raise _Hang

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    argv, sys.argv = sys.argv, ["playbook", *arguments]
    clocks = ((signal.ITIMER_PROF, signal.SIGPROF, SECONDS), (signal.ITIMER_REAL, signal.SIGALRM, WAIT))
    before = [signal.signal(number, late) for _, number, _ in clocks]
    for clock, _, seconds in clocks:
        signal.setitimer(clock, seconds)
    code: Any = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as ended:
                code = ended.code or 0
    except _Hang:
        raise Broken(f"{arguments}: still at it after {SECONDS} s") from None
    except Exception as error:
        raise Broken(f"{arguments}: {traceback.format_exc()[-1500:]}") from error
    finally:
        for (clock, number, _), handler in zip(clocks, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(number, handler)
        sys.argv = argv
    for stream in (out, err):
        stream.flush()
    said = err.buffer.getvalue()
    if os.environ.get("SHOW"):
        print(arguments, said.decode()[:600])
    if code not in (0, 1, 2) or "Traceback" in said.decode() or (code and not said):
        raise Broken(f"{arguments}: exit code {code}, {said[-500:]!r}")
    return int(code)


def only_known_errors(call: Callable[[], object]) -> int:
    """0 where `call` returns, 2 where it raises what users may see. Broken where it raises anything else."""
    try:
        call()
    except (PlaybookError, OSError):
        return 2
    except Broken:
        raise
    except Exception as error:
        raise Broken(traceback.format_exc()[-1500:]) from error
    return 0


@lru_cache(64)
def numbers_in(content: bytes) -> set[float]:
    """All numbers that stand in a file as text, in every way in which its commas and dots can be meant."""
    text = content.decode("utf-8", "replace")
    found = {float(token) for token in _BETWEEN_COMMAS.findall(text)}
    for token in set(_TOKEN.findall(text)):
        bare = token.rstrip(",.")
        swapped = bare.replace(".", "").replace(",", ".")
        for meant in {bare, *bare.split(","), bare.replace(",", ""), bare.replace(",", "."), swapped}:
            with contextlib.suppress(ValueError, OverflowError):
                found.add(float(meant))
    return found


@lru_cache(64)
def means_in(content: bytes) -> set[float]:
    """The means of all lists of numbers: Keras Tuner lists the results of a trial's executions."""
    found = set()
    for inside in re.findall(r"\[([^\[\]]*)\]", content.decode("utf-8", "replace")):
        with contextlib.suppress(ValueError, OverflowError):
            values = [float(part) for part in inside.split(",")]
            found.add(sum(values) / len(values))
    return found


def is_written(number: float, contents: Iterable[bytes]) -> bool:
    """Whether a number stands in one of these files in binary, as TensorBoard's and SQLite's have it."""
    packed = [struct.pack(form, number) for form in ("<d", ">d")]
    with contextlib.suppress(OverflowError):
        packed.append(struct.pack("<f", number))
    if number == int(number):
        sizes = (size for size in (1, 2, 3, 4, 6, 8) if -(2 ** (8 * size - 1)) <= number < 2 ** (8 * size - 1))
        packed += [int(number).to_bytes(size, "big", signed=True) for size in sizes]
    if any(form in content for content in contents for form in packed):
        return True
    stores = [content for content in contents if content.startswith(b"SQLite")]  # 0 and 1 are not written out there
    texts = [str(number), f"{number:.1e}"]  # SQLite writes 1.0e+308 where Python has 1e+308
    return bool(stores) and (number in (0, 1) or any(text.encode() in content for text in texts for content in stores))


def unzipped(content: bytes) -> bytes:
    """The first file of an archive; b"" of anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0])
    except Exception:  # noqa: BLE001 (no archive, or a broken one)
        return b""


def zipped(content: bytes) -> bytes:
    """An archive of one table, as Syne Tune writes it."""
    with zipfile.ZipFile(whole := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("results.csv", content)
    return whole.getvalue()


def require_written(runs: Runs, contents: list[bytes]) -> None:
    """Broken where a run has a number that is in none of its files. Steps may be counted."""
    there = {number for content in contents for number in numbers_in(content)}
    if runs.format == "keras-tuner":
        there |= {number for content in contents for number in means_in(content)}
    for run in runs.runs:
        for name, number, counted in _numbers(run):
            known = not math.isfinite(number) or float(number) in there or 0 <= number <= counted
            if not known and not is_written(number, contents):
                where = f"{name[:80]!r} of {run.name[:80]!r}"
                raise Broken(f"File of {runs.format}: {where} is {number!r}, and no file has that number")


def _numbers(run: Run) -> Iterator[tuple[str, float, int]]:
    """Every number of a run, with how far rows may have been counted up to it."""
    values = [*run.params.items(), *(item for evaluation in run.evaluations for item in evaluation.items())]
    for name, value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, value, len(run.evaluations) if name == "step" else -1


class Bench:
    """A folder with valid files, and one way to change and read them for every kind of input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = write_study(folder)
        write_logs(folder)
        write_written(folder)
        for number in range(8):
            os.utime(self.paths.trial(number).metrics, (1.0, 1.0))  # so that what they hold is kept beside the report
        shutil.copytree(self.paths.dir, folder / "runs" / "base")
        for arguments in (
            ["adopt", "runs/base"],
            ["log", "--note", "runs/toy", "good"],
            ["report", "runs/toy", "--no-html"],
        ):
            command(arguments)
        self._ledger_file = folder / "runs" / "ledger.jsonl"
        self._ledger = self._ledger_file.read_bytes()
        (self._cache,) = (p for p in (self.paths.report).iterdir() if p.suffix != ".json")
        self._columns = self._cache.read_bytes()
        (folder / "study.yaml").write_text(json.dumps(STUDY))
        self._plain = self.paths.spec.read_bytes()
        self._events = self.paths.journal.read_bytes()
        self._rows = self.paths.trial(0).metrics.read_bytes()
        self._csv = (folder / "logs" / "t0" / "m.csv").read_bytes()
        log = next(WRITTEN.glob("wandb-*/*/*.wandb")).read_bytes()
        self._wandb = list(records(log, Log()))
        self._tb = (folder / "tb" / "t0" / "events.out.tfevents.1").read_bytes()
        self._scratch = folder / "scratch"

    def one(self, kind: str, seed: int) -> int:
        """Exit code for the input of this kind and seed; a parser that took it counts as 0, that refused it as 2."""
        return int(getattr(self, f"_{kind}_input")(Random(f"{kind}:{seed}")))

    def _lines(self, content: bytes, dice: Random) -> bytes:
        return dice.choice((bytes_changed, lines_changed, records_changed))(content, dice)

    def _yaml_input(self, dice: Random) -> int:
        text = self._study_text(dice)
        return only_known_errors(lambda: validate(parse(text.decode("utf-8", "surrogatepass"), "study.yaml")))

    def _study_text(self, dice: Random) -> bytes:
        if dice.random() < 0.5:
            return bytes_changed(self._plain, dice).decode("utf-8", "replace").encode()
        return json.dumps(value_changed(dice.choice((STUDY, STUDY, PROGRAM)), dice)).encode()

    def _history_input(self, dice: Random) -> int:
        self._scratch.mkdir(exist_ok=True)
        StudyPaths(self._scratch).journal.write_bytes(self._lines(self._events, dice))
        return only_known_errors(lambda: read_history(StudyPaths(self._scratch)))

    def _rows_input(self, dice: Random) -> int:
        self._scratch.mkdir(exist_ok=True)
        file = self._scratch / "metrics.jsonl"
        file.write_bytes(self._lines(self._rows, dice))
        return only_known_errors(lambda: (metrics.measure(file), metrics.latest(file)))

    def _csv_input(self, dice: Random) -> int:
        content = dice.choice((bytes_changed, lines_changed))(self._csv, dice)
        return only_known_errors(lambda: (read_csv(content), read_json_lines(content)))

    def _jsonl_input(self, dice: Random) -> int:
        return only_known_errors(lambda: read_json_lines(self._lines(self._rows, dice)))

    def _wandb_input(self, dice: Random) -> int:
        """A log whose records are changed, with the checksums that they then have."""
        content = W_HEADER
        for record in self._wandb:
            changed = bytes_changed(record, dice)[:60_000] if dice.random() < 0.3 else record
            content += struct.pack("<IHB", zlib.crc32(changed, zlib.crc32(b"\x01")), len(changed), 1) + changed
        return only_known_errors(lambda: read_log(content))

    def _events_input(self, dice: Random) -> int:
        return only_known_errors(lambda: read_events(bytes_changed(self._tb, dice)))

    def _study_input(self, dice: Random) -> int:
        (self.folder / "study.yaml").write_bytes(self._study_text(dice))
        return command(["plan", "study.yaml", *dice.choice(([], ["--json"]))])

    def _journal_input(self, dice: Random) -> int:
        return self._changed(self.paths.journal, self._lines(self._events, dice), dice)

    def _metrics_input(self, dice: Random) -> int:
        return self._changed(self.paths.trial(dice.randrange(8)).metrics, self._lines(self._rows, dice), dice)

    def _kept_input(self, dice: Random) -> int:
        return self._changed(self.paths.spec, self._study_text(dice), dice)

    def _changed(self, file: Path, content: bytes, dice: Random) -> int:
        before = file.read_bytes()
        file.write_bytes(content)
        try:
            return command(dice.choice(READING))
        finally:
            file.write_bytes(before)
            self._clean()

    def _notes_input(self, dice: Random) -> int:
        """What the runner and a node tell of themselves, while a trial is under way."""
        under_way = {"event": "started", "time": 9.0, "trial": 0, "attempt": 2, "slot": "slurm", "process": None}
        self.paths.journal.write_bytes(self._events + json.dumps(under_way).encode() + b"\n")
        made = (self.paths.runner, self.paths.trial(0).node)
        for file, note in zip(made, (RUNNER, NODE), strict=True):
            text = json.dumps(note).encode()
            file.write_bytes(dice.choice((bytes_changed(text, dice), json.dumps(value_changed(note, dice)).encode())))
        try:
            return command(dice.choice(READING))
        finally:
            for file in made:
                file.unlink()
            self.paths.journal.write_bytes(self._events)
            self._clean()

    def _ledger_input(self, dice: Random) -> int:
        self._ledger_file.write_bytes(self._lines(self._ledger, dice))
        try:
            return command(dice.choice((["log"], ["log", "--json"], ["log", "--markdown"], ["adopt", "runs/toy"])))
        finally:
            self._clean()

    def _cache_input(self, dice: Random) -> int:
        """What was kept beside the report, as somebody would change it who knows its checksum."""
        magic, number = 16, struct.Struct("<Q")
        (length,) = number.unpack_from(self._columns, magic + 8)
        index = self._columns[magic + 16 : magic + 16 + length]
        changed = dice.choice(
            (index, bytes_changed(index, dice), json.dumps(value_changed(json.loads(index), dice)).encode())
        )
        changed += b" " * (-len(changed) % 8)
        rest = self._columns[magic + 16 + length :]
        body = number.pack(len(changed)) + changed + dice.choice((rest, rest[: 8 * dice.randrange(20)]))
        self.paths.report.mkdir(exist_ok=True)
        self._cache.write_bytes(self._columns[:magic] + number.pack(zlib.crc32(body)) + body)
        try:
            return command(dice.choice((READING[0], READING[2], READING[4])))
        finally:
            self._clean()

    def _clean(self) -> None:
        self._ledger_file.write_bytes(self._ledger)
        for made in ("report", "export"):
            shutil.rmtree(self.paths.dir / made, ignore_errors=True)

    def _folder_input(self, dice: Random) -> int:
        """Files that are missing, empty, of another kind, folders, or in another file's place."""
        kept = self.folder / "kept"
        shutil.copytree(self.paths.dir, kept)
        try:
            for _ in range(dice.choice((1, 2, 4))):
                files = sorted(path for path in self.paths.dir.rglob("*") if path.is_file())
                if files:
                    self._accident(dice.choice(files), dice.choice(files), dice)
            return command(dice.choice((*READING, ["report", "runs/toy"])))
        finally:
            shutil.rmtree(self.paths.dir)
            kept.rename(self.paths.dir)
            self._clean()

    def _accident(self, file: Path, other: Path, dice: Random) -> None:
        match dice.randrange(6):
            case 0:
                file.unlink()
            case 1:
                file.write_bytes(b"")
            case 2:
                file.write_bytes(dice.randbytes(300))
            case 3:
                file.unlink()
                file.mkdir()
            case 4:
                shutil.copyfile(other, file) if other != file else None
            case _:
                shutil.rmtree(file.parent) if file.parent != self.paths.dir else file.write_bytes(
                    bytes_changed(self._rows, dice)
                )

    def _html_input(self, dice: Random) -> int:
        records = dice.choice(((self.paths.journal, self._events), (self.paths.trial(0).metrics, self._rows)))
        records[0].write_bytes(records_changed(records[1], dice))
        try:
            return command(["report", "runs/toy"])
        finally:
            records[0].write_bytes(records[1])
            self._clean()

    def _import_input(self, dice: Random) -> int:
        return self._imported(dice.choice(list(IMPORTS)), dice)

    def _optuna_input(self, dice: Random) -> int:
        if not (self.folder / "optuna.db").exists():
            write_storage(self.folder / "optuna.db")
        return self._imported("optuna", dice)

    def _cells_changed(self, content: bytes, dice: Random) -> bytes:
        """A database with up to three of its cells replaced by odd values."""
        scratch = self.folder / "scratch.db"
        scratch.write_bytes(content)
        with contextlib.closing(sqlite3.connect(scratch)) as storage:
            tables = [name for (name,) in storage.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for _ in range(dice.choice((1, 1, 3))):
                table = dice.choice(tables)
                column = dice.choice([row[1] for row in storage.execute(f"PRAGMA table_info({table})")])
                odd = [value for value in ODD if not isinstance(value, list | dict)]
                value = dice.choice((*odd, *(json.dumps(value) for value in ODD)))
                which = dice.choice(("", " WHERE rowid = 1", " WHERE rowid = 2"))
                with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                    storage.execute(f"UPDATE {table} SET {column} = ?{which}", (value,))
            storage.commit()
        return scratch.read_bytes()

    def _runs_input(self, dice: Random) -> int:
        """A reader alone: it takes the file or refuses it, and has no number that is not in it."""
        kind = dice.choice(list(IMPORTS))
        source, *options = IMPORTS[kind]
        given = dict(zip(options[::2], options[1::2], strict=True))
        ask = Ask(
            source=source,
            params=given.get("--params"),
            metrics=[given["--metrics"]] if "--metrics" in given else [],
            metric=given.get("--metric"),
        )
        with self._one_changed(kind, source, dice) as contents:
            return only_known_errors(lambda: require_written(sources.read(ask), contents))

    @contextlib.contextmanager
    def _one_changed(self, kind: str, source: str, dice: Random) -> Iterator[list[bytes]]:
        """A source with one of its files changed; what its files hold."""
        root = self.folder / source
        files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
        file = dice.choice(files)
        before = file.read_bytes()
        change = dice.choice(
            (self._cells_changed, bytes_changed) if kind in DATABASES else (bytes_changed, lines_changed)
        )
        if file.suffix == ".zip" and dice.random() < 0.9:
            file.write_bytes(zipped(change(unzipped(before), dice)))
        elif (
            file.suffix == ".json"
            and before not in (b"{}", b"[]")
            and dice.random() < 0.5
            and file.name != "result.json"
        ):
            file.write_bytes(json.dumps(value_changed(json.loads(before), dice)).encode())
        else:
            file.write_bytes(change(before, dice))
        try:
            yield [content for path in files for content in (path.read_bytes(), unzipped(path.read_bytes()))]
        finally:
            file.write_bytes(before)

    def _imported(self, kind: str, dice: Random) -> int:
        source, *options = IMPORTS.get(kind, [f"{kind}.db"])
        with self._one_changed(kind, source, dice):
            try:
                code = command(["import", source, *options, "--into", "runs/other"])
                if code == 0:
                    command(dice.choice((["status", "runs/other"], ["report", "runs/other", "--no-html"])))
                elif (self.folder / "runs" / "other").exists():
                    raise Broken("an import that failed left a folder behind")
                return code
            finally:
                shutil.rmtree(self.folder / "runs" / "other", ignore_errors=True)

    def _init_input(self, dice: Random) -> int:
        name, text = dice.choice((("sweep.yaml", SWEEP), ("train.py", SCRIPT)))
        (self.folder / "from").mkdir(exist_ok=True)
        (self.folder / "from" / name).write_bytes(bytes_changed(text.encode(), dice))
        try:
            return command(["init", "made", "--from", f"from/{name}"])
        finally:
            shutil.rmtree(self.folder / "made", ignore_errors=True)


PARSERS = {"runs": 200, "wandb": 200, "yaml": 100, "history": 200, "rows": 200, "csv": 500, "jsonl": 500, "events": 500}
"""And how many inputs each gets to one for each command: the more, the quicker it is."""
COMMANDS = (
    "study",
    "journal",
    "metrics",
    "kept",
    "folder",
    "import",
    "optuna",
    "init",
    "ledger",
    "notes",
    "cache",
    "html",
)


def _place(found: str) -> str:
    """The line of code where it broke, by which finds are the same."""
    frames = [line for line in found.splitlines() if line.lstrip().startswith("File ")]
    return frames[-1] if frames else found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--inputs", type=int, help="that are tried, in place of a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join((*PARSERS, *COMMANDS)))
    parser.add_argument("--case", help="one input again: KIND:SEED")
    args = parser.parse_args()
    kinds = args.only.split(",")
    counts: Counter[tuple[str, int]] = Counter()
    finds: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        bench = Bench(Path(temporary))
        if args.case:
            kind, _, seed = args.case.partition(":")
            print(f"exit code {bench.one(kind, int(seed))}")
            return 0
        started, number = time.monotonic(), args.seed * 10**9
        end = started + (60 * args.minutes if args.inputs is None else 1e9)
        while time.monotonic() < end and sum(counts.values()) < (args.inputs or 1e12):
            number += 1
            if number % 25 == 0:
                minutes = (time.monotonic() - started) / 60
                print(f"{sum(counts.values()):,} in {minutes:.0f} min, {sum(finds.values())} broken", flush=True)
            for kind in kinds:
                if kind == "html" and number % 10:  # the page takes longest
                    continue
                count = PARSERS.get(kind, 1)
                for seed in range(number * count, (number + 1) * count):
                    begun = time.monotonic()
                    try:
                        counts[kind, bench.one(kind, seed)] += 1
                    except Broken as found:
                        counts[kind, -1] += 1
                        place = _place(str(found))
                        finds[place] += 1
                        if finds[place] == 1:
                            print(f"--case {kind}:{seed}\n{found}\n", flush=True)
                    slowest[kind] = max(slowest.get(kind, 0.0), time.monotonic() - begun)
        os.chdir("/")
    print(f"{'input':<10}{'taken':>10}{'refused':>10}{'broken':>10}{'slowest, s':>12}")
    for kind in kinds:
        taken, refused = counts[kind, 0], counts[kind, 1] + counts[kind, 2]
        print(f"{kind:<10}{taken:>10,}{refused:>10,}{counts[kind, -1]:>10,}{slowest.get(kind, 0):>12.2f}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    minutes = (time.monotonic() - started) / 60
    tried = f"{sum(counts.values()):,} inputs in {minutes:.0f} min"
    print(f"{tried}, {sum(finds.values())} broke something; at most {memory:,.0f} MB of memory")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
