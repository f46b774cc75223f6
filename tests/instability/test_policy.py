"""When a run of a probe has come far enough."""

from __future__ import annotations

import json
from types import SimpleNamespace

from playbook_cli.files.paths import StudyPaths
from playbook_cli.instability.names import Names
from playbook_cli.instability.policy import Instability
from playbook_cli.records import TrialRecord
from playbook_cli.storage.metrics import measure


def enough(tmp_path, *records):
    paths = StudyPaths(tmp_path)
    paths.trial(0).dir.mkdir(parents=True)
    paths.trial(0).metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
    names = Names(learning_rate="learning_rate", warmup=None, clip=None)
    study = SimpleNamespace(metric=SimpleNamespace(name="val_error"))
    setting = SimpleNamespace(study=study, names=names, base={"learning_rate": 0.1}, stop=lambda _: 50)
    trial = TrialRecord(id=0, params={"learning_rate": 0.2}, arm={}, seed=0)
    return Instability(setting, paths).enough(trial, lambda: measure(paths.trial(0).metrics))


def test_a_program_that_evaluates_seldom_is_waited_for_or_it_would_have_no_result(tmp_path):
    assert enough(tmp_path, {"step": 50, "train_loss": 1.0}, {"step": 60, "train_loss": 1.0}) is None


def test_a_run_is_over_where_the_probe_looks_no_further(tmp_path):
    assert enough(tmp_path, {"step": 50, "train_loss": 1.0}, {"step": 60, "val_error": 1.0}) == "as far as step 50"
