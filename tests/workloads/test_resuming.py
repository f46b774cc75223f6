"""A workload that was killed goes on as if nothing had happened, dropout's random numbers included."""

from __future__ import annotations

import json
import signal

import pytest
import torch

pytestmark = pytest.mark.slow
WORKLOADS = {
    "digits": ({"dropout": 0.3, "schedule": "cosine", "warmup_steps": 7, "weight_decay": 1e-4}, 60, 10),
    "digits with a stable part": ({"schedule": "warmup-stable-decay", "warmup_steps": 7, "decay_steps": 25}, 60, 10),
    "digits with adamw": ({"dropout": 0.3, "optimizer": "adamw", "learning_rate": 1e-2}, 60, 10),
    "textlm": ({"dropout": 0.2, "layers": 1, "d_model": 16, "context": 16, "weight_decay": 0.1}, 24, 4),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_trial_killed_twice_ends_with_the_metrics_and_weights_of_an_undisturbed_one(attempt, tmp_path, name):
    workload = name.split()[0]
    params, steps, every = WORKLOADS[name]

    assert attempt(workload, "undisturbed", params, steps=steps, every=every) == 0

    for die_at in (2 * every + every // 2, 4 * every + 1):
        code = attempt(workload, "killed", params, steps=steps, every=every, die_at=die_at)
        assert code == -signal.SIGKILL
        recorded = (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()
        assert json.loads(recorded[-1])["step"] == die_at // every * every
    assert attempt(workload, "killed", params, steps=steps, every=every) == 0

    assert not (tmp_path / "killed" / "metrics.jsonl.1").exists()  # no attempt began anew
    assert (tmp_path / "killed" / "metrics.jsonl").read_bytes() == (
        tmp_path / "undisturbed" / "metrics.jsonl"
    ).read_bytes()
    ends = [
        torch.load(tmp_path / attempt / "checkpoints" / "last.pt", weights_only=True)["state"]["model"]
        for attempt in ("killed", "undisturbed")
    ]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


@pytest.mark.parametrize("die_at", [None, 35, 38])
def test_the_state_before_the_decay_is_kept_also_where_the_trial_was_killed_there(attempt, tmp_path, die_at):
    params = {"schedule": "warmup-stable-decay", "decay_steps": 25, "dropout": 0.3}
    if die_at is not None:
        attempt("digits", "it", params, steps=60, every=5, die_at=die_at)
    assert attempt("digits", "it", params, steps=60, every=5) == 0
    kept = torch.load(tmp_path / "it" / "checkpoints" / "stable.pt", weights_only=True)
    assert kept["step"] == 35
    assert kept["state"]["schedule"]["made"] == 35


def test_a_schedule_without_a_stable_part_keeps_no_such_state(attempt, tmp_path):
    assert attempt("digits", "it", {"schedule": "cosine"}, steps=10, every=5) == 0
    assert {path.name for path in (tmp_path / "it" / "checkpoints").iterdir()} == {"best.pt", "last.pt"}


def test_a_trial_that_had_ended_has_nothing_left_to_do(attempt, tmp_path):
    assert attempt("digits", "ended", {}, steps=20, every=10) == 0
    before = (tmp_path / "ended" / "metrics.jsonl").read_bytes()
    assert attempt("digits", "ended", {}, steps=20, every=10) == 0
    assert (tmp_path / "ended" / "metrics.jsonl").read_bytes() == before


def test_dropout_does_change_the_metrics(attempt, tmp_path):
    """Without which the tests above would say nothing about its random numbers."""
    for name, dropout in (("with", 0.3), ("without", 0.0)):
        assert attempt("digits", name, {"dropout": dropout}, steps=10, every=10) == 0
    assert (tmp_path / "with" / "metrics.jsonl").read_bytes() != (tmp_path / "without" / "metrics.jsonl").read_bytes()
