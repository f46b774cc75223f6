"""Each key of a study file says what it affects, and a change is judged by that alone."""

from __future__ import annotations

import pytest

from playbook_cli.spec.affects import Affects, affects, declared, fields
from playbook_cli.spec.load import carried, deciding, load, reading
from playbook_cli.spec.model import StudySpec

BASE = {
    "name": "toy",
    "train": "toy:train",
    "metric": {"name": "val_error"},
    "max_train_steps": 40,
    "trials": 4,
    "nuisance": {"x": {"min": 0.0, "max": 1.0}},
    "fixed": {"batch_size": 64},
}


def spec(**changes):
    return StudySpec.model_validate(BASE | changes)


@pytest.mark.parametrize("name", StudySpec.model_fields)
def test_every_key_declares_what_it_affects(name):
    assert declared(StudySpec.model_fields[name]) is not None


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("resources.timeout", Affects.LAUNCHING),
        ("slurm.partition", Affects.LAUNCHING),
        ("nuisance.learning_rate.min", Affects.SEARCH),
        ("continue", Affects.SEARCH),
        ("rules.boundary.zone", Affects.READING),
        ("lr_sweep.points", Affects.OTHER_VERBS),
    ],
)
def test_a_key_below_another_affects_what_that_one_does(key, what):
    assert affects(StudySpec, key) is what


def test_a_key_that_there_is_not_affects_nothing_known():
    with pytest.raises(KeyError):
        affects(StudySpec, "lerning_rate")


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"goal": "Why?"}, []),
        ({"rules": {"boundary": {"zone": 0.3}}}, []),
        ({"resources": {"timeout": "1h", "retries": 3, "cpus": 2}}, []),
        ({"launcher": "slurm", "slurm": {"partition": "gpu"}}, []),
        ({"lr_sweep": {"points": 3}}, []),
        ({"isolation": "process"}, []),
        ({"trials": 8}, ["trials"]),
        ({"max_train_steps": 80}, ["max_train_steps"]),
        ({"metric": {"name": "val_error", "goal": "maximize"}}, ["metric.goal"]),
        ({"metric": {"name": "val_error", "chance": 0.9}}, []),
        ({"env": {"A": "1"}}, ["env.A"]),
        ({"fixed": {"batch_size": 32}}, ["fixed.batch_size"]),
        ({"seed": 1}, ["seed"]),
    ],
)
def test_only_changes_on_which_results_depend_decide(changes, keys):
    assert {key for key, _, _ in deciding(spec(), spec(**changes))} == set(keys)


def test_a_probe_carries_over_all_but_the_search():
    study = spec(goal="Why?", rules={"boundary": {"zone": 0.3}}, seed=3, env={"A": "1"}, lr_sweep={"points": 3})
    assert carried(study) == {
        "train": "toy:train",
        "env": {"A": "1"},
        "metric": {"name": "val_error"},
        "max_train_steps": 40,
        "seed": 3,
    }


def test_a_study_is_read_as_its_file_now_says_and_trained_as_it_was():
    given = spec(goal="Why?", rules={"boundary": {"zone": 0.3}}, max_train_steps=80)
    read = reading(spec(), given)
    assert (read.goal, read.rules, read.max_train_steps) == ("Why?", given.rules, 40)
    given = spec(metric={"name": "other", "chance": 0.9})
    read = reading(spec(), given)
    assert (read.metric.name, read.metric.chance) == ("val_error", 0.9)


def test_the_schema_does_not_show_what_keys_affect(tmp_path):
    assert "affects" not in str(StudySpec.model_json_schema()).lower()
    path = tmp_path / "study.yaml"
    path.write_text(str(BASE).replace("'", '"'))
    assert load(path)[0] == spec()
    assert set(fields(StudySpec, *Affects)) == set(StudySpec.model_fields)
