"""A forked trial is what a process of its own would be: what it finds, how it ends, what it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap

import psutil
import pytest

ISOLATIONS = ("process", "fork")


def both(bench, program, **keys):
    """The folders of the same study, run with fresh processes and with forks; and that these were what was wanted."""
    folders = []
    for isolation in ISOLATIONS:
        study = bench.study(program, isolation=isolation, **keys)
        answer = bench("run", study, "--jobs", 1, "--runs", isolation)
        assert "new process" not in answer.err
        folders.append(bench.folder / isolation / "toy")
    return folders


def text(folder, trial, name="stdout.log"):
    """A file of a trial, with what must differ taken out."""
    found = (folder / "trials" / f"{trial:04d}" / name).read_text()
    return found.replace(str(folder), "STUDY")


FOUND = """
import io, json, os, resource, signal, socket, subprocess, sys, threading
print("imported")
print("with a warning", file=sys.stderr)
os.environ["SET_BY_IMPORT"] = "yes"
os.environ["SET_BY_BOTH"] = "import"
del os.environ["TAKEN_BY_IMPORT"]

def train(trial):
    seen = subprocess.run([sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"],
                          capture_output=True, check=True, text=True)
    print(json.dumps({
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "environment of children": json.loads(seen.stdout),
        "files": sorted(os.listdir("/proc/self/fd")),
        "flags": str(sys.flags),
        "input": sys.stdin.read(),
        "leads": os.getpid() == os.getpgrp() == os.getsid(0),
        "limits": resource.getrlimit(resource.RLIMIT_CORE),
        "main": sys.modules["__main__"].__spec__.name,
        "original arguments": sys.orig_argv,
        "params": trial.params,
        "path": sys.path,
        "seed": trial.seed,
        "signals": {n: str(signal.getsignal(n)) for n in signal.valid_signals()},
        "standard output": [
            sys.stdout.encoding, sys.stdout.write_through, sys.stdout.line_buffering, sys.stdout.isatty()
        ],
        "threads": [thread.name for thread in threading.enumerate()],
        "umask": os.umask(0),
    }, indent=1, sort_keys=True))
    print("said by a child", flush=True, file=sys.stderr)
    trial.report(4, val_error=1.0)
"""


@pytest.mark.slow
def test_it_finds_what_a_fresh_process_finds(bench, monkeypatch):
    monkeypatch.setenv("TAKEN_BY_IMPORT", "yes")
    monkeypatch.setenv("INHERITED", "yes")
    fresh, forked = both(bench, FOUND, trials=2, env={"SET_BY_STUDY": "yes", "SET_BY_BOTH": "study"})
    for trial in range(2):
        assert text(forked, trial) == text(fresh, trial)
    assert '"SET_BY_STUDY": "yes"' in text(forked, 1)


ENDS = """
import os, signal, sys, time
def train(trial):
    trial.report(2, val_error=1.0)
    if trial.id == 1: raise SystemExit(3)
    if trial.id == 2: raise SystemExit("for this reason")
    if trial.id == 3: raise SystemExit(-1)
    if trial.id == 4: raise ValueError("wrong") from KeyError("first")
    if trial.id == 5: os.kill(os.getpid(), signal.SIGINT); time.sleep(60)
    if trial.id == 6: os.kill(os.getpid(), signal.SIGSEGV)
    if trial.id == 7: os._exit(9)
    if trial.id == 8: raise SystemExit
    if trial.id == 9: trial.infeasible("too large")
    if trial.id == 10: trial.report(1, val_error=0.0)
    if trial.id == 11: sys.exit(1000)
"""


@pytest.mark.slow
def test_it_ends_with_the_codes_and_the_last_words_of_a_fresh_process(bench):
    fresh, forked = both(bench, ENDS, trials=12, resources={"retries": 0})
    codes = []
    for folder in (fresh, forked):
        lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
        codes.append([(e["trial"], e["state"], e["reason"], e["exit_code"]) for e in lines if e["event"] == "ended"])
    assert codes[1] == codes[0]
    assert {code for *_, code in codes[1]} >= {0, 1, 3, 255, -2, -11, 9}
    for trial in range(12):
        assert text(forked, trial).splitlines()[-1:] == text(fresh, trial).splitlines()[-1:]


def test_its_traceback_begins_with_the_train_function(bench):
    bench("run", bench.study("def train(trial):\n    return 1 / 0\n", trials=1, resources={"retries": 0}))
    first, second, *_ = bench.paths().trial(0).stdout.read_text().splitlines()
    assert first == "Traceback (most recent call last):"
    assert second.endswith('toy.py", line 2, in train')


LEAVES = """
import atexit, ctypes, threading, time
kept = open("/dev/null", "w")
def train(trial):
    global kept
    kept = open(trial.dir / "kept.txt", "w")
    kept.write("never flushed")
    atexit.register(lambda: (trial.dir / "at_exit.txt").write_text("ran"))
    def later():
        time.sleep(0.1)
        (trial.dir / "thread.txt").write_text("ran")
    threading.Thread(target=later).start()
    ctypes.CDLL(None).printf(b"said in C\\n")
    print("no line end", end="")
    trial.report(4, val_error=1.0)
"""


@pytest.mark.slow
def test_nothing_that_it_was_about_to_write_is_lost(bench):
    fresh, forked = both(bench, LEAVES, trials=1)
    for name in ("kept.txt", "at_exit.txt", "thread.txt"):
        assert text(forked, 0, name) == text(fresh, 0, name) != ""
    assert text(forked, 0) == text(fresh, 0) == "said in C\nno line end"


UNSEEDED = """
import random
import numpy as np
def train(trial):
    new = float(np.random.default_rng().random())
    trial.report(4, val_error=random.random(), numpy=float(np.random.rand()), new=new)
"""


@pytest.mark.slow
def test_random_numbers_that_nobody_seeded_differ_between_trials(bench):
    assert bench("run", bench.study(UNSEEDED, trials=4)).code == 0
    records = [bench.metrics(trial)[0] for trial in range(4)]
    for name in ("val_error", "numpy", "new"):
        assert len({record[name] for record in records}) == 4


@pytest.mark.slow
def test_seeding_in_the_function_makes_them_those_of_a_fresh_process(bench):
    seeding = "    random.seed(trial.seed); np.random.seed(trial.seed % 2**32); new = 0.0\n    trial.report"
    fresh, forked = both(bench, UNSEEDED.replace("    trial.report", seeding))
    assert [text(forked, n, "metrics.jsonl") for n in range(4)] == [text(fresh, n, "metrics.jsonl") for n in range(4)]


TORCH = """
import torch
def train(trial):
    unseeded = torch.rand(1, dtype=torch.float64).item()
    threads = torch.get_num_threads()
    torch.rand(700, 700) @ torch.rand(700, 700)  # of all threads: hangs where the server has had some
    torch.manual_seed(trial.seed)
    trial.report(4, val_error=torch.rand(1).item(), threads=threads)
    print(unseeded)
"""


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [1, 2])
def test_torch_has_its_threads_and_its_own_random_numbers(bench, cpus):
    fresh, forked = both(bench, TORCH, trials=2, resources={"gpus": 0, "cpus": cpus})
    assert text(forked, 0) != text(forked, 1)
    for trial in range(2):
        assert text(forked, trial, "metrics.jsonl") == text(fresh, trial, "metrics.jsonl")


WORKLOADS = {
    "digits": {
        "train": "playbook_cli.workloads.digits:train",
        "metric": {"name": "val_error"},
        "nuisance": {"learning_rate": {"min": 0.01, "max": 1.0, "scale": "log"}, "dropout": [0.0, 0.5]},
        "scientific": {"optimizer": ["sgd", "adamw"]},
    },
    "textlm": {
        "train": "playbook_cli.workloads.textlm:train",
        "metric": {"name": "val_loss"},
        "nuisance": {"learning_rate": {"min": 1e-3, "max": 1e-1, "scale": "log"}},
        "fixed": {"dropout": 0.1, "schedule": "linear"},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS)
def test_its_metrics_are_those_of_a_fresh_process_to_the_byte(bench, workload):
    """On one thread: on two, fresh processes differ among themselves."""
    keys = {"trials": 2, "max_train_steps": 8, "eval_every": 4, "resources": {"gpus": 0, "cpus": 1}}
    fresh, forked = both(bench, None, **WORKLOADS[workload], **keys)
    for trial in range(2):
        assert text(forked, trial, "metrics.jsonl") == text(fresh, trial, "metrics.jsonl") != ""


@pytest.mark.slow
def test_others_see_the_folder_of_its_trial(bench):
    """So whatever looks for the processes of a trial by their environment finds forks as well."""
    program = """
    import time
    from pathlib import Path
    def train(trial):
        while not Path("go").exists(): time.sleep(0.01)
        trial.report(4, val_error=1.0)
    """
    bench.study(textwrap.dedent(program), trials=2)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: len(bench.processes()) == 2, "two trials")
    seen = {os.path.normpath(process.environ()["PLAYBOOK_TRIAL_DIR"]) for process in bench.processes()}
    assert seen == {str(bench.paths().trial(number).dir) for number in range(2)}
    bench.write("go", "")
    assert bench.finish(runner).code == 0


def test_the_server_ends_with_whoever_started_it(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(600)\n")
    starter = f"""
import os, subprocess, sys
server = subprocess.Popen([sys.executable, "-m", "playbook_cli.launch.entry", "--serve", "0", "slow:train"],
                          cwd={str(tmp_path)!r}, env={{**os.environ, "PLAYBOOK_TRIAL_DIR": "/" * 99}}, stdout=1)
print(server.pid, flush=True)
sys.stdin.read()
os.kill(os.getpid(), 9)
"""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", starter], stdin=theirs, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    theirs.close()
    assert process.stdout is not None
    server = int(process.stdout.readline())
    assert process.stdout.readline() == "importing\n"
    ours.close()
    process.wait()
    process.stdout.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(server).wait(timeout=120)
