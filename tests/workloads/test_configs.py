"""The study files that come with the workloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbook_cli.spec import check, load
from playbook_cli.workloads import digits, textlm

CONFIGS = Path(__file__).parents[2] / "configs"
DEFAULTS = {f"{module.__name__}:train": module.DEFAULTS for module in (digits, textlm)}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_study_is_sound_and_names_only_hyperparameters_that_its_workload_has(path):
    spec, _ = load.load(path)
    assert check.warnings(spec) == []
    known = DEFAULTS[spec.train].keys()
    assert {*spec.scientific, *spec.nuisance, *spec.fixed} <= known
    assert spec.lr_sweep is None or {spec.lr_sweep.parameter, *spec.lr_sweep.off} <= known


@pytest.mark.parametrize("name", ["digits", "textlm"])
def test_a_learning_rate_sweep_turns_off_whatever_regularizes_or_decays(name):
    spec, _ = load.load(CONFIGS / f"{name}.yaml")
    off = {"dropout": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "schedule": "constant", "warmup_steps": 0}
    assert spec.lr_sweep.off == {key: value for key, value in off.items() if key in DEFAULTS[spec.train]}


def test_the_smoke_study_is_tiny():
    spec, _ = load.load(CONFIGS / "smoke.yaml")
    assert spec.trials * spec.max_train_steps <= 400
