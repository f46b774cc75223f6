"""Which studies' trials are forks of one warm process, and what their import must not do for that."""

from __future__ import annotations

import re

import pytest

COUNTING = """
with open("imports.txt", "a") as file:
    file.write("imported\\n")
def train(trial):
    trial.report(4, val_error=trial.params["x"])
"""


def imports(bench):
    """How often the module was imported, with the look at it before the first trial, where that is a process apart."""
    return len((bench.folder / "imports.txt").read_text().splitlines())


def test_a_train_function_is_imported_once_for_all_trials(bench):
    answer = bench("run", bench.study(COUNTING))
    assert answer.code == 0
    assert imports(bench) == 1
    assert "new process" not in answer.err


@pytest.mark.slow
def test_isolation_process_imports_it_anew_for_each(bench):
    assert bench("run", bench.study(COUNTING, isolation="process")).code == 0
    assert imports(bench) == 1 + 4


@pytest.mark.slow
def test_every_run_imports_it_anew_so_that_edits_are_seen(bench):
    assert bench("run", bench.study(COUNTING, trials=2)).code == 0
    edited = COUNTING.replace('["x"]', '["x"] + 10')
    assert bench("run", bench.study(edited, trials=4), "--code-changed").code == 0
    assert [bench.metrics(trial)[0]["val_error"] > 10 for trial in range(4)] == [False, False, True, True]


def test_a_run_of_a_finished_study_imports_nothing(bench):
    for _ in range(2):
        assert bench("run", bench.study(COUNTING)).code == 0
    assert imports(bench) == 1


@pytest.mark.slow
def test_another_isolation_is_no_other_study(bench):
    for isolation, trials in ((None, 2), ("process", 2), ("fork", 4)):
        assert bench("run", bench.study(COUNTING, isolation=isolation, trials=trials)).code == 0
    assert [state for state, _ in bench.ended().values()] == ["completed"] * 4


@pytest.mark.slow
def test_a_study_that_was_kept_before_there_was_this_key_goes_on(bench):
    study = bench.study(COUNTING, trials=2)
    assert bench("run", study).code == 0
    assert "isolation" not in bench.paths().spec.read_text()
    assert bench("run", bench.study(COUNTING, trials=4)).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "reason"),
    [({"env": {"POINT": "${x}"}}, "env.POINT differs between trials"), ({"cwd": "${study_dir}"}, "cwd differs")],
)
def test_what_differs_between_trials_when_python_starts_needs_fresh_processes(bench, keys, reason):
    answer = bench("run", bench.study(COUNTING, isolation="fork", **keys))
    assert answer.code == 0
    assert f"note: each trial starts a new process: {reason}" in answer.err
    assert imports(bench) == 1 + 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "import playbook_cli; trial = playbook_cli.current_trial()",
            "reads PLAYBOOK_TRIAL_ID, which differs between trials",
        ),
        ("import os; seed = os.environ.get('PLAYBOOK_SEED')", "reads PLAYBOOK_SEED, which differs between trials"),
        (
            "import os; by_hand = 'PLAYBOOK_PARAMS' not in os.environ",
            "reads PLAYBOOK_PARAMS, which differs between trials",
        ),
        ("import random; random.seed(3)", "uses or seeds Python's random numbers"),
        ("import random; offset = random.random()", "uses or seeds Python's random numbers"),
        ("import numpy as np; np.random.seed(3)", "uses or seeds numpy.random's random numbers"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=[9], daemon=True).start()",
            "starts 1 thread,",
        ),
        ("import signal; signal.signal(signal.SIGCHLD, print)", "handles the signals of child processes"),
    ],
)
def test_an_import_that_trials_cannot_share_is_made_by_each_and_the_user_told_why_once(bench, line, reason):
    answer = bench("run", bench.study(f"{line}\n{COUNTING}"))
    assert answer.code == 0
    assert [state for state, _ in bench.ended().values()] == ["completed"] * 4
    told = re.findall(r"note: each trial starts a new process: (.*)", answer.err)
    assert len(told) == 1
    assert reason in told[0]
    assert imports(bench) >= 4


def test_an_import_that_fails_is_an_error_before_anything_is_written(bench):
    answer = bench("run", bench.study("import no_such_module\ndef train(trial): pass\n"))
    assert answer.code == 2
    assert "ModuleNotFoundError: No module named 'no_such_module'" in answer.err
    assert not bench.paths().dir.exists()


@pytest.mark.slow
def test_one_that_fails_only_later_leaves_its_traceback_with_the_trial(bench):
    assert bench("run", bench.study(COUNTING, trials=2)).code == 0
    broken = bench.study("raise OSError('no data')\ndef train(trial): pass\n", trials=4)
    answer = bench("run", broken, "--code-changed")
    assert answer.code == 0
    assert "OSError: no data" in bench.paths().trial(2).stdout.read_text()
    assert "new process" not in answer.err


DYING = """
import os, sys
from pathlib import Path
if b"--serve" in Path("/proc/self/cmdline").read_bytes():
    os._exit(3)
"""


@pytest.mark.slow
def test_where_the_server_cannot_live_trials_get_fresh_processes(bench):
    answer = bench("run", bench.study(DYING + COUNTING))
    assert answer.code == 0
    assert "note: each trial starts a new process: the process to fork from died 4 times" in answer.err
