"""That a study is a probe, and of which study, stands in its own file."""

from __future__ import annotations

import json

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.records import TrialRecord
from playbook_cli.spec.load import dump, load, probing
from playbook_cli.spec.probe import Probe
from playbook_cli.storage import identity

STUDY = """
name: {name}
train: t:train
metric: {{name: val_error}}
max_train_steps: 100
trials: 4
nuisance: {{learning_rate: {{min: 1e-2, max: 1.0, scale: log}}}}
{probe}
"""
TRIAL = TrialRecord(id=0, params={"learning_rate": 0.1}, arm={}, seed=0)


def read(tmp_path, name, probe=""):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.format(name=name, probe=probe))
    return load(path)[0]


def test_a_probe_says_of_which_kind_and_of_which_study_it_is(tmp_path):
    made = probing(read(tmp_path, "digits-2"), "lr-sweep", trials=4, nuisance={}, sampler="halton")
    (tmp_path / "made.yaml").write_text(dump(made))
    again = load(tmp_path / "made.yaml")[0]
    assert again.probe == Probe(kind="lr-sweep", study="digits-2")
    assert (again.name, again.probe.command) == ("digits-2-lr-sweep", "playbook lr-sweep")


def test_what_earlier_versions_wrote_is_read_as_the_same_probe(tmp_path):
    old = read(tmp_path, "digits-2-lr-find", "probe: lr-find")
    new = read(tmp_path, "digits-2-lr-find", "probe: {kind: lr-find, study: digits-2}")
    assert old == new
    assert identity.of(old, TRIAL) == identity.of(new, TRIAL)


def test_trials_of_a_probe_are_the_same_as_when_earlier_versions_planned_them(tmp_path):
    assert identity.of(read(tmp_path, "s-lr-sweep", "probe: lr-sweep"), TRIAL) == "3ad004bf246732e081e1c5cfc50a4b3c"


@pytest.mark.parametrize(
    "probe", ["probe: guess", "probe: {kind: lr-sweep}", "probe: {kind: lr-sweep, study: s, of: t}"]
)
def test_what_is_no_probe_is_refused_with_its_place(tmp_path, probe):
    with pytest.raises(SpecError, match=r"study.yaml:8: probe"):
        read(tmp_path, "s", probe)


def test_a_study_is_no_probe_however_it_is_called(bench):
    bench.study(name="toy-lr-sweep")
    assert bench("run", "study.yaml").code == 0
    (row,) = bench("log", "--json").json["studies"]
    assert row["kind"] == "study"
    assert json.loads(bench("report", "runs/toy-lr-sweep", "--no-html", "--json").out)["findings"]
