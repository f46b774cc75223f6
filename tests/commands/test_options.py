"""The folder that a verb is to read."""

from __future__ import annotations

import pytest

from tests.commands.finished import finish

READING = ["status", "report", "watch", "next", "export", "repeat", "instability", "adopt"]


@pytest.mark.parametrize("verb", READING)
def test_a_folder_with_a_study_file_is_no_results_folder(bench, verb):
    finish(bench, lambda params: params["x"])
    source = bench.folder / "a"
    source.mkdir()
    (bench.folder / "study.yaml").rename(source / "study.yaml")
    answer = bench(verb, "a/", "--runs", "runs")
    assert (answer.code, answer.out) == (2, "")
    assert "a: it contains a study file; its results are in runs/toy\n" in answer.err
    assert f"  -> playbook {verb} runs/toy --runs runs\n" in answer.err
    assert [path.name for path in source.iterdir()] == ["study.yaml"]


def test_a_study_file_that_has_not_been_run_is_said_to_be_so(bench):
    study = bench.study()
    (bench.folder / "a").mkdir()
    study.rename(bench.folder / "a/study.yaml")
    answer = bench("report", "a")
    assert (answer.code, answer.out) == (2, "")
    assert "a: it contains a study file, but the study has not been run\n  -> playbook run a/study.yaml\n" in answer.err


def test_results_without_their_journal_are_told_from_a_study_file(bench):
    finish(bench, lambda params: params["x"])
    bench.paths().journal.unlink()
    for argument in ("runs/toy", "study.yaml"):
        answer = bench("report", argument)
        assert (answer.code, answer.out) == (2, "")
        assert "runs/toy: its journal trials.jsonl is missing" in answer.err


def test_a_folder_that_is_not_there_is_told_with_the_results_that_are(bench):
    for number in range(9):
        finish(bench, lambda params: params["x"], name=f"s{number}")
    (bench.folder / "a").mkdir()
    answer = bench("status", "b")
    assert answer.code == 2
    assert "b: there is no such folder\n  -> existing studies: runs/s0, runs/s1, " in answer.err
    assert answer.err.endswith("runs/s7, ...\n")
    assert "a: there is no study in this folder\n  -> existing studies: runs/s0, " in bench("status", "a").err


@pytest.mark.parametrize("verb", ["lr-sweep", "batch-size", "instability", "horizon"])
def test_the_hyperparameter_that_a_verb_varies_is_named_by_one_flag(bench, verb):
    assert "--parameter" in bench(verb, "--help").out
