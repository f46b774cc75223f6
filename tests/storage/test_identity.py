"""What a trial's folder holds is held against the journal before it is used."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.files import journal
from playbook_cli.files.paths import TrialPaths
from playbook_cli.records import Metric, TrialRecord
from playbook_cli.spec.load import load
from playbook_cli.storage import identity
from playbook_cli.storage.store import Store

ECHO = """
def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"])
"""
"""What it measures are the hyperparameters that it was given."""
HIGH = {"nuisance": {"x": {"min": 10.0, "max": 20.0}}}
RESUMES = """
import torch
def train(trial):
    model = torch.nn.Linear(1, 1)
    for step in trial.steps(model=model):
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"])
"""


def run(bench):
    return bench("run", "study.yaml", "--jobs", 2)


def measured(bench):
    """The hyperparameter of each trial as the journal has it, and as it was trained with."""
    planned = {event["trial"]: event["params"]["x"] for event in bench.events("planned")}
    return {trial: (x, {record["val_error"] for record in bench.metrics(trial)}) for trial, x in planned.items()}


@pytest.mark.slow
@pytest.mark.parametrize("program", [ECHO, RESUMES])
def test_a_trial_folder_that_outlives_its_journal_is_set_aside_and_said(bench, program):
    bench.study(program)
    run(bench)
    bench.paths().spec.unlink()
    bench.paths().journal.unlink()
    before = (bench.paths().trial(0).metrics).read_bytes()
    bench.study(program, **HIGH)
    answer = run(bench)
    assert answer.code == 0
    assert all(trained == {x} for x, trained in measured(bench).values())
    aside = bench.paths().trials / "0000.1"
    assert (aside / "metrics.jsonl").read_bytes() == before
    assert f"runs/toy/trials/0000 was moved to runs/toy/trials/{aside.name}, since " in answer.err
    assert [event["trial"] for event in bench.events("set-aside")] == [0, 1, 2, 3]


@pytest.mark.slow
def test_the_same_study_without_its_journal_starts_from_nothing(bench):
    bench.study(RESUMES)
    run(bench)
    bench.paths().journal.unlink()
    answer = run(bench)
    assert answer.code == 0
    assert "it contains an attempt that is not in the journal" in answer.err
    assert (bench.paths().trials / "0003.1" / "metrics.jsonl").is_file()


def test_a_folder_without_its_identity_is_set_aside(bench):
    bench.study(trials=1)
    folder = bench.paths().trial(0)
    folder.dir.mkdir(parents=True)
    folder.metrics.write_text('{"step": 4, "val_error": -1.0}\n')
    answer = run(bench)
    assert "it does not say which trial it belongs to" in answer.err
    assert all(record["val_error"] > 0 for record in bench.metrics(0))


@pytest.mark.slow
@pytest.mark.parametrize("torn", ["", "{", "[]", "\0\0"])
def test_torn_hyperparameters_are_written_anew(bench, torn):
    bench.study("def train(trial): 1/0\n", trials=1)
    run(bench)
    params = bench.paths().trial(0).params
    params.write_text(torn)
    bench.write("toy.py", ECHO)
    answer = run(bench)
    assert answer.code == 0
    assert json.loads(params.read_text()) == bench.events("planned")[0]["params"]
    assert not (bench.paths().trials / "0000.1").exists()


@pytest.mark.slow
def test_a_trial_that_crashed_resumes_in_its_own_folder(bench):
    bench.study(
        RESUMES + "            assert (trial.dir / 'again').exists() or not (trial.dir / 'again').touch()\n", trials=1
    )
    assert run(bench).code == 0
    assert not bench.events("set-aside")


def swap(bench):
    first, second = (bench.paths().trial(number).dir for number in (0, 1))
    shutil.move(first, bench.folder / "kept")
    shutil.move(second, first)
    shutil.move(bench.folder / "kept", second)


@pytest.mark.slow
def test_evaluations_of_another_trial_are_not_reported_as_a_trials_own(bench):
    bench.study(ECHO)
    run(bench)
    swap(bench)
    answer = bench("report", "runs/toy")
    assert answer.code == 0
    assert "the evaluations of 2 trials (0, 1) are not used: it was trained with different hyperparameters" in " ".join(
        answer.out.split()
    )
    best = bench("report", "runs/toy", "--json").json["best"]
    assert best["value"] == best["params"]["x"]
    assert best["trial"] in (2, 3)


def test_export_leaves_out_the_evaluations_of_another_trial(bench):
    bench.study(ECHO)
    run(bench)
    swap(bench)
    answer = bench("export", "runs/toy", "--to", "out", "--format", "csv")
    assert answer.code == 0, answer.err
    rows = (bench.folder / "out" / "evaluations.csv").read_text().splitlines()
    assert {row.split(",")[0] for row in rows[1:]} == {"2", "3"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('{"step": 2, "val_error": 1.0}\n', "there are 1 evaluations, but the journal recorded 2"),
        ('{"step": 2, "val_error": 1.0}\n{"step": 4, "val_error": 0.0}\n', "the best evaluation is 0 at step 4, but"),
    ],
)
def test_evaluations_that_differ_from_the_journal_are_said_and_not_used(bench, lines, why):
    bench.study()
    run(bench)
    bench.paths().trial(2).metrics.write_text(lines)
    for verb in ("report", "next"):
        answer = bench(verb, "runs/toy")
        assert answer.code == 0
        assert f"the evaluations of trial 2 are not used: {why}" in " ".join((answer.out + answer.err).split())
    trials = bench("report", "runs/toy", "--json").json["trials"]
    assert [trial["value"] is None for trial in trials] == [False, False, True, False]


@pytest.mark.slow
def test_a_journal_of_an_earlier_version_is_read_as_it_is(bench):
    bench.study()
    run(bench)
    before = bench("report", "runs/toy", "--json").json
    events = bench.events()
    for event in events:
        for key in ("identity", "evaluations", "last_step", "step", "value"):
            event.pop(key, None)
    journal.rewrite(bench.paths().journal, events)
    for number in range(4):
        bench.paths().trial(number).identity.unlink()
    assert bench("report", "runs/toy", "--json").json == before
    bench.study(trials=5)
    assert run(bench).code == 0
    assert not bench.events("set-aside")


@pytest.mark.slow
def test_a_round_takes_no_result_from_a_folder_of_another_trial(bench):
    bench.study(ECHO)
    run(bench)
    swap(bench)
    points = [{"x": trial.params["x"]} for trial in Store(bench.paths().dir).history().trials[:3]]
    stands = {"number": 2, "after": "runs/toy", "trials": [0, 1, 2]}
    bench.study(ECHO, name="second", sampler="listed", points=points, round=stands, trials=None)
    assert run(bench).code == 0
    earlier = Store(bench.paths("second").dir).record().earlier
    assert earlier is not None
    assert list(earlier.values) == [2]


@pytest.mark.slow
@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "seed": st.integers(0, 2**31),
            "params": st.dictionaries(st.text(max_size=3), st.integers() | st.floats(allow_nan=False), max_size=3),
            "id": st.integers(0, 9),
            "repeat_of": st.none() | st.integers(0, 9),
        },
    )
)
def test_trials_that_train_differently_have_different_identities(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "spec.yaml"
    path.write_text(
        "{name: toy, train: 'toy:train', metric: {name: a}, max_train_steps: 4, trials: 2, "
        "nuisance: {x: {min: 0, max: 1}}}"
    )
    spec = load(path)[0]
    trial = TrialRecord(id=1, params={"x": 0.5}, arm={}, seed=7)
    other = replace(trial, **changes)
    assert (identity.of(spec, trial) == identity.of(spec, other)) == (trial == other)
    longer = spec.model_copy(update={"max_train_steps": 5})
    assert identity.of(longer, trial) != identity.of(spec, trial)
    assert identity.of(spec.model_copy(update={"trials": 9}), trial) == identity.of(spec, trial)


def test_a_trial_whose_folder_is_gone_is_no_mismatch(tmp_path):
    trial = TrialRecord(id=1, params={"x": 0.5}, arm={}, seed=7, state="completed", attempts=1)
    found = identity.measured(trial, TrialPaths(tmp_path / "0001"), Metric(name="val_error"))
    assert (found.curve, found.unused) == (None, None)


@pytest.mark.slow
def test_attempts_of_another_journal_of_the_same_study_are_not_taken_for_its_own(bench):
    """As on two branches of a repository that track the journal, and not the trials' folders."""
    bench.study(ECHO, trials=2)
    run(bench)
    first = bench.paths().journal.read_bytes()
    bench.paths().journal.unlink()
    run(bench)
    bench.paths().journal.write_bytes(first)
    answer = bench("report", "runs/toy", "--json")
    why = "it contains an attempt that is not in the journal"
    assert [(trial["value"], trial["reason"]) for trial in answer.json["trials"]] == [(None, why)] * 2


@pytest.mark.slow
def test_a_trial_does_not_resume_from_an_attempt_of_another_journal(bench):
    bench.study(RESUMES + "            assert (trial.dir.parent.parent.parent / 'well').exists()\n", trials=1)
    run(bench)
    first = bench.paths().journal.read_bytes()
    bench.paths().journal.unlink()
    run(bench)
    bench.paths().journal.write_bytes(first)
    bench.write("runs/well", "")
    answer = run(bench)
    assert answer.code == 0
    assert ", since it contains an attempt that is not in the journal" in answer.err
    assert bench.events("started")[-1]["resumed"] is False


@pytest.mark.slow
def test_a_trial_does_not_resume_from_a_checkpoint_of_another_trial(bench):
    bench.study(RESUMES + "            assert (trial.dir.parent.parent.parent / 'well').exists()\n", trials=2)
    run(bench)
    shutil.copy(bench.paths().trial(0).last_checkpoint, bench.paths().trial(1).last_checkpoint)
    bench.write("runs/well", "")
    assert run(bench).code == 0
    said = "the checkpoint does not match the recorded evaluations: training restarts at step 0"
    assert [said in bench.paths().trial(number).stdout.read_text() for number in (0, 1)] == [False, True]


@pytest.mark.parametrize("verb", ["run", "status", "export", "adopt", "log"])
def test_every_verb_says_that_a_result_is_lost(bench, verb):
    bench.study(ECHO)
    run(bench)
    metrics = bench.paths().trial(2).metrics
    metrics.write_text(metrics.read_text() + '{"step": 4, "val_error": -1.0}\n')
    what = {"run": ["study.yaml"], "log": ["--json"], "status": ["runs/toy", "--json"]}.get(verb, ["runs/toy"])
    answer = bench(verb, *what)
    assert answer.code == 0
    assert "the evaluations of trial 2 are not used: the best evaluation is -1" in answer.out + answer.err


def test_a_comparison_is_blocked_by_a_lost_result(bench):
    bench.study(ECHO)
    run(bench)
    bench.study(ECHO, name="other", seed=1)
    run(bench)
    bench.paths().trial(2).metrics.unlink()
    answer = bench("compare", "runs/toy", "runs/other", "--json").json
    lost = "runs/toy: trial 2 has completed, but the evaluations are lost; see playbook status"
    assert lost in answer["blocked_by"]


@pytest.mark.slow
def test_a_repeat_does_not_call_a_trial_infeasible_whose_result_is_lost(bench):
    bench.study(ECHO)
    run(bench)
    bench.paths().trial(2).metrics.unlink()
    answer = bench("repeat", "runs/toy", "--trial", 2, "--seeds", 1)
    assert "trial 2, whose own result is not known, reaches val_error" in answer.out
