"""What a study's sweep has found out, read again from its folder."""

from __future__ import annotations

import json

import pytest

from playbook_cli.records import TrainingFit
from playbook_cli.storage.store import Store
from playbook_cli.sweep.known import known, training_fit
from tests.commands.finished import finish
from tests.sweep.scripted import VALLEY, curve, study


def beside(bench, body):
    """A small finished sweep of the scripted study `s`, and a study of this name and program beside it."""
    grid = {"min": 0.01, "max": 1.0, "points": 3, "steps": 60}
    answer = bench("lr-sweep", study(bench, body, lr_sweep=grid), "--json")
    given = json.loads((bench.folder / "study.yaml").read_text())
    finish(bench, lambda _: 0.1, name="s", train=given["train"])
    return answer.json, Store(bench.paths("s").dir)


@pytest.mark.slow
def test_a_sweep_says_the_same_from_its_folder(bench):
    answer, _ = beside(bench, VALLEY)
    found = known(Store(bench.paths("s-lr-sweep").dir))
    assert found.judgement.verdict == answer["verdict"]
    assert (found.max_train_steps, found.learning_rate) == (answer["max_train_steps"], answer["learning_rate"])


@pytest.mark.slow
def test_a_study_and_those_after_it_know_its_sweep_but_not_that_of_another_program(bench):
    _, store = beside(bench, VALLEY)
    given = {"train": store.spec.train}
    finish(bench, lambda _: 0.1, name="s-2", **given)
    finish(bench, lambda _: 0.1, name="s-3", train="other:train")
    finish(bench, lambda _: 0.1, name="t", **given)
    fits = {name: training_fit(Store(bench.paths(name).dir)) for name in ("s", "s-2", "s-3", "t")}
    assert fits["s"] == fits["s-2"] == TrainingFit(fits=True, steps=37)
    assert fits["s-3"] is fits["t"] is None


@pytest.mark.slow
def test_a_sweep_that_never_fits_says_so_with_its_steps(bench):
    answer, store = beside(bench, curve("return None"))
    assert answer["verdict"] == "never-fits"
    fit = training_fit(store)
    assert (fit.fits, fit.steps) == (False, Store(bench.paths("s-lr-sweep").dir).spec.max_train_steps)


@pytest.mark.slow
def test_a_study_with_a_damaged_sweep_knows_nothing(bench):
    _, store = beside(bench, VALLEY)
    bench.paths("s-lr-sweep").journal.write_text("nonsense\n\n")
    assert training_fit(store) is None
    assert known(store) is None  # it is no sweep itself


@pytest.mark.slow
def test_the_report_of_a_study_says_what_its_sweep_means(bench):
    beside(bench, VALLEY)
    findings = bench("report", "runs/s", "--json", "--no-html").json["findings"]
    (finding,) = [finding for finding in findings if finding["rule"] == "compute-bound"]
    assert (finding["verdict"], finding["severity"]) == ("no", "ok")
    assert "within 37 steps" in finding["message"]
