from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from playbook_cli.report.as_json import as_json
from playbook_cli.report.build import build
from tests.report import studies


def test_the_shape_is_the_documented_one() -> None:
    made = as_json(build(studies.digits(), studies.findings()))
    assert set(made) >= {"study", "counts", "best", "arms", "findings", "trials"}
    assert list(made["counts"]) == ["planned", "completed", "infeasible", "failed", "running", "pending"]
    assert set(made["best"]) == {"trial", "value", "step", "params"}
    assert set(made["arms"][0]) == {"settings", "trials", "ended", "infeasible", "best", "space", "expected_best"}
    assert set(made["arms"][0]["space"][0]) == {"name", "low", "high", "scale", "choices", "ends"}
    assert set(made["arms"][0]["expected_best"][0]) == {"n", "value", "low", "high"}
    assert set(made["findings"][0]) == {"rule", "subject", "severity", "verdict", "evidence", "message", "next"}
    assert set(made["trials"][0]) == {
        "id",
        "params",
        "state",
        "reason",
        "value",
        "step",
        "last_step",
        "seed",
        "repeat_of",
        "code",
        "adamw_timescale",
    }


@pytest.mark.parametrize("name", studies.ODD)
def test_any_study_becomes_strict_json(name: str) -> None:
    made = as_json(build(studies.ODD[name](), studies.findings()))
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_what_is_not_finite_becomes_null() -> None:
    study = studies.digits(4)
    odd = {**study.trials[0].params, "momentum": math.inf}
    made = as_json(build(replace(study, trials=[replace(study.trials[0], params=odd)]), studies.findings()))
    assert made["trials"][0]["params"]["momentum"] is None
    assert made["findings"][0]["evidence"]["nothing"] is None


def test_an_infeasible_trial_is_never_the_best() -> None:
    study = studies.digits()
    lucky = next(trial for trial in study.trials if trial.state == "infeasible")
    assert lucky.best is not None
    trials = [replace(t, best=replace(lucky.best, value=0.0)) if t is lucky else t for t in study.trials]
    made = as_json(build(replace(study, trials=trials), []))
    assert made["best"]["trial"] != lucky.id
    assert made["trials"][lucky.id]["value"] == 0.0
