"""The study behind steps to a target."""

from __future__ import annotations

import json

import pytest

from playbook_cli.batch_size.setting import settle
from playbook_cli.batch_size.targets import TargetSearch, rate_of, spec_of
from playbook_cli.errors import SpecError
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import Metric, TrialRecord
from playbook_cli.spec.load import dump, load
from playbook_cli.storage.metrics import measure
from playbook_cli.sweep.target import Target

STUDY = """
name: s
train: t:train
metric: {name: val_error}
max_train_steps: 100
trials: 12
scientific: {optimizer: [sgd, adam]}
nuisance:
  learning_rate:
    - {min: 1e-2, max: 1.0, scale: log, when: {optimizer: sgd}}
    - {min: 1e-4, max: 1e-2, scale: log, when: {optimizer: adam}}
  beta1: {min: 0.8, max: 0.99, when: {optimizer: adam}}
  dropout: {min: 0.0, max: 0.5}
fixed: {batch_size: 64, width: 8}
"""


def settled(tmp_path, text=STUDY, **at):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    study, source = load(path)
    how = {"low": 1, "high": None, "steps": None, "gain": 1.1, "memory_limit": None}
    return settle(study, source, parameter="batch_size", at=at, **how), source


@pytest.mark.parametrize(
    ("at", "tuned", "lowest"),
    [({}, ["learning_rate", "dropout"], 1e-2), ({"optimizer": "adam"}, ["learning_rate", "beta1", "dropout"], 1e-4)],
)
def test_what_can_not_exist_under_the_setting_held_is_left_out(tmp_path, at, tuned, lowest):
    setting, source = settled(tmp_path, **at)
    spec = spec_of(setting, [8, 16], 3, at=at)
    written = tmp_path / "written.yaml"
    written.write_text(dump(spec))
    again = load(written)[0]
    assert list(again.nuisance) == tuned
    assert again.nuisance["learning_rate"][0].min == lowest
    assert again.trials == 6
    assert [p.choices for p in again.parameters() if p.name == "batch_size"] == [(8, 16)]
    assert again.fixed["optimizer"] == at.get("optimizer", "sgd")
    assert rate_of(setting, source) == "learning_rate"


def test_what_is_held_is_not_tuned(tmp_path):
    setting, _ = settled(tmp_path, dropout=0.1)
    spec = spec_of(setting, [8], 3, at={"dropout": 0.1})
    assert "dropout" not in spec.nuisance
    assert spec.fixed["dropout"] == 0.1


def test_a_study_that_tunes_no_learning_rate_is_refused(tmp_path):
    setting, source = settled(tmp_path, STUDY.replace("learning_rate", "rho"))
    with pytest.raises(SpecError, match="tunes the learning rate for each batch size"):
        rate_of(setting, source)


def enough(tmp_path, records):
    paths = StudyPaths(tmp_path)
    paths.trial(0).dir.mkdir(parents=True)
    paths.trial(0).metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
    target = Target(metric=Metric(name="val_error", goal="minimize"), value=0.1)
    setting, _ = settled(tmp_path)
    search = TargetSearch(spec_of(setting, [8], 3, at={}), paths, target, "batch_size")
    return search.enough(TRIAL, lambda: measure(paths.trial(0).metrics))


TRIAL = TrialRecord(id=0, params={"batch_size": 8}, arm={}, seed=0)


def test_a_trial_is_judged_by_its_evaluations_of_the_target_alone(tmp_path):
    printed = [{"step": step, "train_loss": 1.0} for step in range(1, 60)]
    assert enough(tmp_path, [{"step": 50, "val_error": 0.5}, *printed]) is None


def test_a_program_that_trains_on_is_stopped_at_its_first_evaluation_from_the_last_step_on(tmp_path):
    assert enough(tmp_path, [{"step": 70, "val_error": 0.5}, {"step": 140, "val_error": 0.4}]) == (
        "did not reach the target by step 140"
    )


def test_what_it_reaches_later_than_that_does_not_count(tmp_path):
    evaluated = [{"step": step, "val_error": 0.05 if step > 200 else 0.5} for step in (70, 140, 210)]
    assert enough(tmp_path, evaluated) == "did not reach the target by step 210"


def test_a_program_that_prints_its_loss_is_waited_for_to_evaluate_until_its_last_step(tmp_path):
    assert enough(tmp_path, [{"step": step, "train_loss": 1.0} for step in range(1, 100)]) is None


def test_one_that_never_evaluates_is_refused(tmp_path):
    with pytest.raises(SpecError, match="does not report the target's metric, val_error"):
        enough(tmp_path, [{"step": step, "train_loss": 1.0} for step in range(1, 101)])
