"""A study file that changed after its first run: what may go on, what starts over, and what is refused."""

from __future__ import annotations

import shutil

import pytest

CRASH = "def train(trial): 1/0\n"
FREE = [
    {"goal": "Why?"},
    {"rules": {"boundary": {"zone": 0.3}}},
    {"resources": {"timeout": "5m", "retries": 0, "cpus": 2}},
    {"isolation": "process"},
    {"lr_sweep": {"parameter": "x", "points": 3}},
]


def run(bench, *options):
    return bench("run", "study.yaml", "--jobs", 2, *options)


@pytest.mark.parametrize("change", FREE, ids=str)
def test_a_change_on_which_no_result_depends_is_accepted_at_any_time(bench, change):
    bench.study()
    run(bench)
    before = bench.events("started")
    bench.study(**change)
    answer = run(bench)
    assert (answer.code, bench.events("started")) == (0, before)
    assert not bench.paths().dir.with_name("toy.1").exists()
    assert bench.paths().spec.read_text() != ""


def test_a_fixed_study_file_is_run_where_no_trial_had_completed(bench):
    bench.study(CRASH, resources={"retries": 0})
    assert run(bench).code == 1
    bench.study(fixed={"depth": 3}, max_train_steps=8)
    answer = run(bench)
    assert answer.code == 0
    assert answer.err.count("note: the earlier attempt was moved to runs/toy.1 (the study file has changed since") == 1
    assert {event["params"]["depth"] for event in bench.events("planned")} == {3}
    assert bench.ended() == dict.fromkeys(range(4), ("completed", None))
    assert "ZeroDivisionError" in bench.paths("toy.1").trial(0).stdout.read_text()


@pytest.mark.parametrize(
    "change", [{"max_train_steps": 8}, {"nuisance": {"x": {"min": 5.0, "max": 9.0}}}, {"trials": 3}]
)
def test_a_journal_without_its_study_file_takes_no_trials_of_other_settings(bench, change):
    bench.study()
    bench("run", "study.yaml")
    bench.paths().spec.unlink()
    before = bench.paths().journal.read_bytes()
    assert bench("run", bench.study(trials=4)).code == 0  # as it was
    assert bench.paths().journal.read_bytes().startswith(before)
    bench.paths().spec.unlink()
    answer = bench("run", bench.study(**change))
    assert answer.code == 2
    assert "study.yaml, and study.yaml is missing" in answer.err
    assert not bench.paths().spec.exists()


def test_a_study_file_that_was_replaced_in_the_folder_adds_no_trials_of_other_settings(bench):
    bench.study(name="other", max_train_steps=8)
    bench("run", "study.yaml")
    bench.study()
    bench("run", "study.yaml")
    shutil.copy(bench.paths("other").spec, bench.paths().spec)
    answer = bench("run", bench.study(max_train_steps=8, trials=6))
    assert answer.code == 2
    assert "and study.yaml is not the file that they were run with" in answer.err


def test_a_smaller_study_is_run_where_no_trial_had_completed(bench):
    bench.study(CRASH, resources={"retries": 0})
    run(bench)
    bench.study(trials=2)
    assert run(bench).code == 0
    assert len(bench.ended()) == 2


def test_nothing_is_set_aside_for_a_study_file_that_cannot_run(bench):
    bench.study(CRASH, resources={"retries": 0})
    run(bench)
    bench.study(train="toy:no_such_function", max_train_steps=8)
    before = bench.events()
    assert run(bench).code == 2
    assert bench.events() == before
    assert not bench.paths("toy.1").dir.exists()


def test_trials_are_never_taken_away_from_a_study_with_results(bench):
    bench.study()
    run(bench)
    bench.study(trials=2)
    answer = run(bench)
    assert answer.code == 2
    assert "the study already has 4 trials, but study.yaml asks for 2" in answer.err
    assert "--anew" in answer.err


@pytest.mark.slow
def test_anew_keeps_earlier_results_under_another_name(bench):
    bench.study()
    run(bench)
    before = bench.events()
    bench.study(seed=1)
    refused = run(bench)
    assert refused.code == 2
    assert "--anew" in refused.err
    answer = run(bench, "--anew")
    assert answer.code == 0
    assert "note: the earlier attempt was moved to runs/toy.1\n" in answer.err
    assert bench.events(name="toy.1") == before
    assert len(bench.ended()) == 4
    assert run(bench, "--anew").code == 0
    assert bench.paths("toy.2").dir.is_dir()


def test_anew_of_a_study_that_has_not_been_run_runs_it(bench):
    bench.study()
    answer = run(bench, "--anew")
    assert (answer.code, "earlier attempt" in answer.err) == (0, False)


@pytest.mark.slow
def test_report_of_a_study_file_reads_the_results_as_that_file_now_says(bench):
    bench.study()
    run(bench)
    bench.study(goal="Does it still learn?", max_train_steps=8)
    bench("report", "study.yaml")
    page = (bench.paths().report / "index.html").read_text()
    assert "Does it still learn?" in page
    assert bench("report", "study.yaml", "--json").json["trials"][0]["last_step"] == 4
    bench("report", "runs/toy")
    assert "Does it still learn?" not in (bench.paths().report / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [("steps: 4", "steps: 8"), ("max: 1.0", "max: 9.0"), ("trials: 4", "trials: 4\nseed: 3")]
)
def test_what_a_study_file_that_was_replaced_in_the_folder_says_is_told_by_every_verb(bench, change):
    bench.study()
    bench("run", "study.yaml")
    assert bench("report", "runs/toy").out.count("is not the study file that") == 0
    kept = bench.paths().spec
    assert change[0] in kept.read_text()
    kept.write_text(kept.read_text().replace(*change))
    said = "is not the study file that"
    for verb in ("report", "status"):
        assert said in bench(verb, "runs/toy").out
    assert said in " ".join(bench("log").out.split())
    for verb in ("next", "adopt"):
        assert said in bench(verb, "runs/toy").err
    before = bench.events()
    repeated = bench("repeat", "runs/toy", "--top", "1", "--seeds", "1")
    assert repeated.code == 2
    assert said in repeated.err
    assert bench.events() == before


def test_a_range_that_was_widened_in_both_study_files_is_refused(bench):
    bench.study()
    bench("run", "study.yaml")
    wide = {"x": {"min": 0.0, "max": 9.0}}
    bench.study(name="wide", nuisance=wide)
    bench("run", "study.yaml")
    bench.paths().spec.write_text(bench.paths("wide").spec.read_text().replace("wide", "toy"))
    before = bench.events()
    assert bench("run", bench.study(nuisance=wide, trials=6)).code == 2
    assert bench.events() == before


LISTED = [{"x": 0.2}, {"x": 0.4}]


def test_points_can_be_added_to_a_study_that_lists_them_but_not_changed(bench):
    bench.study(sampler="listed", points=LISTED, trials=2)
    run(bench)
    before = bench.paths().journal.read_bytes()
    bench.study(sampler="listed", points=[{"x": 0.2}, {"x": 0.5}, {"x": 0.6}], trials=3)
    assert run(bench).code == 2
    bench.study(sampler="listed", points=[*LISTED, {"x": 0.6}], trials=3)
    assert run(bench).code == 0
    assert [event["params"]["x"] for event in bench.events("planned")] == [0.2, 0.4, 0.6]
    # killed when the study file was stored and the new trial was not planned yet
    bench.paths().journal.write_bytes(before)
    shutil.rmtree(bench.paths().trial(2).dir)
    assert run(bench).code == 0
    assert len(bench.events("ended")) == 3
