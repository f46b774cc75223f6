from __future__ import annotations

import json
import os
import socket

import psutil
import pytest
import yaml

from playbook_cli.ledger import entries
from playbook_cli.storage.store import began
from tests.commands.finished import finish
from tests.ledger.studies import repeat

KEYS = {"event", "time", "user", "study", "metric", "goal", "trial", "value", "step", "params", "trials", "repeats"}
KEYS |= {"warnings", "over", "comparison", "against", "note", "added", "checkpoint", "test"}


def good(params):
    return (params["x"] - 0.4) ** 2


def best_of(bench, name="toy"):
    return bench("status", f"runs/{name}", "--json").json["best"]


def test_the_best_trial_becomes_the_baseline_with_its_evidence(bench):
    finish(bench, good)
    best = best_of(bench)
    answer = bench("adopt", "runs/toy", "--note", "it works", "--json")
    assert answer.code == 0, answer.err
    assert answer.json.keys() == KEYS
    assert {key: answer.json[key] for key in ("trial", "value", "step", "params")} == best
    assert (answer.json["note"], answer.json["added"], answer.json["over"]) == ("it works", True, None)
    (kept,) = entries.read(bench.folder / "runs").adopted
    assert (kept.study, kept.trial, kept.value, kept.note) == ("toy", best["trial"], best["value"], "it works")


def test_the_point_is_printed_as_a_block_for_the_next_study_file(bench):
    finish(bench, good, fixed={"batch_size": 64, "betas": [0.9, 0.99], "tag": "1e-3"})
    out = bench("adopt", "runs/toy").out
    block = out[out.index("fixed:") :]
    assert yaml.safe_load(block)["fixed"] == best_of(bench)["params"]
    assert "\n  tag: '1e-3'\n" in block


def test_what_speaks_against_it_is_said_and_kept_and_stops_nothing(bench):
    finish(bench, good)
    answer = bench("adopt", "runs/toy")
    assert answer.code == 0
    (kept,) = entries.read(bench.folder / "runs").adopted
    assert any("not repeated" in sentence for sentence in kept.against)
    assert all(f"! {sentence}\n" in answer.err for sentence in kept.against)


def test_adopting_twice_changes_nothing(bench):
    finish(bench, good)
    assert "is now the baseline" in bench("adopt", "runs/toy", "--note", "first").out
    again = bench("adopt", "runs/toy")
    assert (again.code, "already" in again.out) == (0, True)
    assert len(entries.read(bench.folder / "runs").adopted) == 1


def test_repeats_decide_which_trial_it_is_and_are_the_estimate(bench):
    finish(bench, good)
    best = best_of(bench)["trial"]
    other = (best + 1) % 4
    repeat(bench, best, [0.5, 0.7])
    repeat(bench, other, [0.2, 0.4])
    answer = bench("adopt", "runs/toy", "--json").json
    assert answer["trial"] == other
    assert (answer["repeats"]["n"], answer["repeats"]["mean"]) == (2, pytest.approx(0.3))
    assert not any("not repeated" in sentence for sentence in answer["against"])
    assert bench("adopt", "runs/toy", "--trial", best, "--json").json["repeats"]["mean"] == pytest.approx(0.6)


def test_the_baseline_that_it_replaces_is_named(bench):
    finish(bench, good, name="old")
    finish(bench, good, name="new")
    assert bench("adopt", "runs/old").code == 0
    answer = bench("adopt", "runs/new", "--over", "runs/old", "--json")
    assert (answer.code, answer.json["over"]) == (0, "old")
    ledger = entries.read(bench.folder / "runs")
    assert (ledger.latest("old"), ledger.latest("new").over) == (None, "old")


def test_the_checkpoint_is_named_where_there_is_one(bench):
    finish(bench, good)
    file = bench.paths().trial(best_of(bench)["trial"]).best_checkpoint
    assert bench("adopt", "runs/toy", "--json").json["checkpoint"] is None
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert str(file.relative_to(bench.folder)) in bench("adopt", "runs/toy").out


def sided(bench, old, new):
    """Two studies whose best trials have these repeats."""
    for name, values in (("old", old), ("new", new)):
        finish(bench, good, name=name)
        repeat(bench, best_of(bench, name)["trial"], values, name=name)


def test_a_better_study_is_adopted_with_what_compare_says_of_the_two(bench):
    sided(bench, [0.50, 0.51, 0.49, 0.50, 0.52], [0.30, 0.31, 0.29, 0.30, 0.32])
    answer = bench("adopt", "runs/new", "--over", "runs/old", "--json").json
    assert answer["comparison"].keys() >= {"verdict", "gain", "interval", "probability_better", "blocked_by"}
    assert answer["comparison"]["gain"] == pytest.approx(0.2, abs=0.02)
    assert ("adopt" in answer["comparison"]["verdict"]) == (not answer["comparison"]["blocked_by"])
    assert "compare: " in bench("adopt", "runs/new", "--over", "runs/old").out


def test_adopting_against_the_comparison_is_said_loudly_and_kept(bench):
    sided(bench, [0.30, 0.31, 0.29, 0.30, 0.32], [0.50, 0.51, 0.49, 0.50, 0.52])
    answer = bench("adopt", "runs/new", "--over", "runs/old")
    assert answer.code == 0
    (kept,) = entries.read(bench.folder / "runs").adopted
    assert kept.comparison["verdict"] in ("keep", "not-yet")
    assert kept.against[0].startswith(f"compare says {kept.comparison['verdict']}: ")
    assert f"! {kept.against[0]}\n" in answer.err


def test_studies_of_different_metrics_are_not_compared_and_not_adopted(bench):
    finish(bench, good, name="old")
    finish(bench, good, name="new", metric={"name": "val_error", "goal": "maximize"})
    answer = bench("adopt", "runs/new", "--over", "runs/old")
    assert (answer.code, "maximize" in answer.err) == (2, True)
    assert not entries.read(bench.folder / "runs").adopted


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["runs/other"], "no such folder"),
        (["runs/toy", "--trial", "9"], "no trial 9"),
        (["runs/toy", "--trial", "-1"], "--trial"),
        (["runs/toy", "--over", "runs/toy"], "can't replace itself"),
        (["runs/toy", "--over", "runs/other"], "no such folder"),
    ],
)
def test_what_cannot_be_adopted_is_refused_and_nothing_is_written(bench, arguments, why):
    finish(bench, good)
    answer = bench("adopt", *arguments)
    assert answer.code == 2
    assert why in answer.err
    assert not entries.read(bench.folder / "runs").adopted


def test_a_study_without_a_completed_trial_is_refused(bench):
    finish(bench, good)
    bench.paths().journal.write_text("")
    answer = bench("adopt", "runs/toy")
    assert (answer.code, "no trial of this study has completed" in answer.err) == (2, True)


def test_a_study_that_is_being_run_is_refused(bench):
    finish(bench, good)
    me = psutil.Process()
    note = {
        "pid": os.getpid(),
        "created": began(me),
        "host": socket.gethostname(),
        "user": "ada",
        "since": "now",
    }
    bench.paths().runner.write_text(json.dumps(note))
    answer = bench("adopt", "runs/toy")
    assert (answer.code, "still running" in answer.err) == (2, True)


def test_a_damaged_ledger_is_named_and_stays_as_it_is(bench):
    finish(bench, good)
    ledger = bench.write("runs/ledger.jsonl", "nonsense\n")
    answer = bench("adopt", "runs/toy")
    assert (answer.code, "ledger.jsonl:1" in answer.err) == (2, True)
    assert ledger.read_text() == "nonsense\n"


def test_a_test_metric_is_read_at_the_best_evaluation_and_the_ledger_keeps_that(bench):
    program = """
def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + 1 / step, test_error=trial.params["x"] + 2 / step)
"""
    bench.study(program, trials=2)
    bench("run", "study.yaml")
    answer = bench("adopt", "runs/toy", "--test", "test_error", "--json")
    assert answer.json["test"] == {"metric": "test_error", "value": pytest.approx(answer.json["value"] + 0.25)}
    assert answer.err == "" or "was read before" not in answer.err
    assert "test metric test_error read: " in bench("log", "--json").out
    assert "test_error was already read for toy" in bench("adopt", "runs/toy", "--test", "test_error").err
    missing = bench("adopt", "runs/toy", "--test", "test_loss")
    assert (missing.code, "it has val_error, test_error" in missing.err) == (2, True)
