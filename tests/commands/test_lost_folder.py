"""A study's folder that is deleted, moved, replaced or away while something is trained in it."""

from __future__ import annotations

import json
import shutil

import pytest

from playbook_cli.storage import lock
from playbook_cli.storage.store import read_history
from tests.batch_size import scripted as sizes
from tests.commands import test_instability as rises
from tests.commands.finished import finish
from tests.sweep import scripted as rates

LOSE = """
import shutil, time
def train(trial):
    study = trial.dir.parent.parent
    {lose}
    time.sleep(60)
"""
UNLINK = "(study / 'runner.json').unlink(missing_ok=True)"
LOST = "so this run stopped its trials and recorded nothing more"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(lock, "AWAY_SECONDS", 0.5)
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.05)


def require_one_message(bench, answer, what):
    assert answer.code == 1
    assert answer.out == ""
    assert [line for line in answer.err.splitlines() if line.startswith("playbook:")] == [
        f"playbook: {what}, {LOST}",
    ]
    assert "Traceback" not in answer.err
    assert bench.processes() == []


WAYS = {
    "deleted": ("shutil.rmtree(study)", "the study's folder was deleted or moved while the study was running"),
    "moved": (
        "study.rename(study.with_name('old'))",
        "the study's folder was deleted or moved while the study was running",
    ),
    "without its claim": (UNLINK, "runner.json was deleted while the study was running"),
    "without its journal": (
        "(study / 'trials.jsonl').unlink()",
        "trials.jsonl was deleted while the study was running",
    ),
    "with another journal": (
        "shutil.copy(study / 'trials.jsonl', study / 'x'); (study / 'x').rename(study / 'trials.jsonl')",
        "trials.jsonl was replaced while the study was running",
    ),
    "replaced": (
        "study.rename(study.with_name('old')); study.mkdir(); (study / 'runner.json').write_text('')",
        "runner.json was replaced while the study was running",
    ),
}


@pytest.mark.parametrize(("lose", "what"), WAYS.values(), ids=WAYS)
def test_a_run_whose_folder_is_lost_ends_with_one_message_and_writes_nothing_there(bench, lose, what):
    bench.study(LOSE.format(lose=lose), trials=2)
    answer = bench("run", "study.yaml", "--jobs", 1)
    require_one_message(bench, answer, f"runs/toy: {what}")
    assert not any(event["event"] == "ended" for event in bench.events())
    if bench.paths().dir.exists() and "mkdir" in lose:
        assert [path.name for path in bench.paths().dir.iterdir()] == ["runner.json"]


def test_a_trial_that_ends_after_its_folder_is_gone_is_not_told_as_completed(bench):
    ends = "shutil.rmtree(study); return"
    bench.study(LOSE.format(lose=ends), trials=2)
    answer = bench("run", "study.yaml", "--jobs", 1)
    require_one_message(bench, answer, f"runs/toy: {WAYS['deleted'][1]}")
    assert "completed" not in answer.err
    assert not bench.paths().dir.exists()


def repeated(bench):
    finish(bench, lambda params: params["x"])
    bench.write("toy.py", LOSE.format(lose=UNLINK))
    return bench("repeat", "runs/toy", "--top", 1, "--seeds", 2), "runs/toy"


def swept(bench):
    rates.study(bench)
    bench.write("scripted.py", LOSE.format(lose=UNLINK))
    return bench("lr-sweep", "study.yaml"), "runs/s-lr-sweep"


def sized(bench):
    sizes.study(bench)
    bench.write("scripted.py", LOSE.format(lose=UNLINK))
    return bench("batch-size", "study.yaml", "--steps", 21), "runs/s-batch-size"


def probed(bench):
    rises.study(bench)
    bench.write("scripted.py", LOSE.format(lose=UNLINK))
    return bench("instability", "runs/s"), "runs/s-instability"


@pytest.mark.parametrize("verb", [repeated, swept, sized, probed])
def test_every_verb_that_trains_ends_so(bench, verb):
    answer, folder = verb(bench)
    require_one_message(bench, answer, f"{folder}: runner.json was deleted while the study was running")


SLEEPY = """
import time
def train(trial):
    for step in trial.steps():
        time.sleep(0.2)
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_run_whose_folder_another_run_has_now_leaves_it_to_that_one(bench, how):
    bench.study(SLEEPY, trials=20)
    first = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: bench.paths().journal.exists() and bench.events("ended"), "a trial that ended")
    if how == "deleted":
        shutil.rmtree(bench.paths().dir)
    else:
        bench.paths().dir.rename(bench.folder / "runs/old")
    bench.study(SLEEPY, nuisance={"x": {"min": 10.0, "max": 20.0}})
    second = bench.real("run", "study.yaml", "--jobs", 2)
    assert second.code == 0, second.err
    lost = bench.finish(first)
    assert (lost.code, lost.out) == (1, "")
    assert lost.err.count("playbook: ") == 1
    assert LOST in lost.err
    assert len(bench.events("run")) == 1
    assert [event["trial"] for event in bench.events("planned")] == [0, 1, 2, 3]
    assert sorted(event["trial"] for event in bench.events("started")) == [0, 1, 2, 3], "none was killed by the other"
    for trial in range(4):
        params = json.loads(bench.paths().trial(trial).params.read_text())
        assert bench.metrics(trial)[-1] == {"step": 4, "val_error": params["x"]}
        assert params["x"] >= 10
    if how == "moved":
        assert (bench.folder / "runs/old/runner.json").read_text() == ""


def test_a_folder_that_is_away_for_some_seconds_is_waited_for(bench, monkeypatch):
    monkeypatch.setattr(lock, "AWAY_SECONDS", 30.0)
    away = """
        import os, time
        def train(trial):
            study = trial.dir.parent.parent
            if trial.id == 1:
                os.rename(study, study.with_name('away'))
                time.sleep(0.8)
                os.rename(study.with_name('away'), study)
            trial.report(4, val_error=1.0)
    """
    bench.study(away, trials=3)
    answer = bench("run", "study.yaml", "--jobs", 1)
    assert answer.code == 0
    assert bench.ended() == dict.fromkeys(range(3), ("completed", None))
    assert answer.err.count("No such file or directory; waiting up to 30 s for it to come back") == 1


@pytest.mark.slow
def test_to_wait_for_another_run_is_to_finish_what_it_leaves(bench):
    bench.study(SLEEPY)
    first = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: bench.paths().journal.exists() and bench.events("started"), "a trial that began")
    answer = bench("run", "study.yaml", "--wait")
    assert bench.finish(first).code == 0
    assert answer.code == 0
    assert answer.err.count("; waiting for it to end") == 1
    assert "nothing to run: runs/toy is complete" in answer.err
    assert len(bench.events("started")) == 4


@pytest.mark.slow
def test_a_repeat_waits_for_the_search_that_still_runs(bench):
    bench.study(SLEEPY)
    first = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: bench.paths().journal.exists() and bench.events("started"), "a trial that began")
    refused = bench("repeat", "runs/toy", "--top", 1, "--seeds", 1)
    assert refused.code == 2
    assert "add --wait to start when it ends" in refused.err
    answer = bench("repeat", "runs/toy", "--top", 1, "--seeds", 1, "--wait")
    assert bench.finish(first).code == 0
    assert answer.code == 0, answer.err
    assert len(bench.events("started")) == 5


@pytest.mark.slow
def test_a_journal_that_is_away_while_it_is_read_is_read_again(bench, monkeypatch):
    bench.study()
    bench("run", "study.yaml", "--jobs", 1)
    folder, calls = bench.paths().dir, []

    def read(paths):
        calls.append(paths)
        if len(calls) > 1:
            return read_history(paths)
        folder.rename(folder.with_name("away"))
        history = read_history(paths)
        folder.with_name("away").rename(folder)
        return history

    monkeypatch.setattr("playbook_cli.running.study.read_history", read)
    bench.study(trials=6)
    assert bench("run", "study.yaml", "--jobs", 1).code == 0
    assert [event["trial"] for event in bench.events("planned")] == list(range(6))
    assert len(calls) == 2
