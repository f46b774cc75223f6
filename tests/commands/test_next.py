from __future__ import annotations

import math
import random
import shlex

import pytest

from playbook_cli.acts import Next
from playbook_cli.advice.asking import asked_for
from playbook_cli.records import Finding
from playbook_cli.spec.load import load
from tests.commands.finished import finish


def rising(params):
    """Better towards high x, indifferent to the rest."""
    return 1.0 - params["x"]


def test_an_optimum_beyond_an_edge_is_answered_by_a_wider_range(bench):
    finish(bench, rising, trials=24)
    answer = bench("next", "runs/toy")
    assert answer.code == 0, answer.err
    spec, source = load(bench.folder / "toy-2.yaml")
    (x,) = spec.nuisance["x"]
    assert (x.min, x.max) == (0.0, 1.5)
    assert spec.name == "toy-2"
    assert spec.seed == 1
    above = (bench.folder / "toy-2.yaml").read_text().splitlines()[source.lines["nuisance", "x"] - 2]
    assert above.strip().startswith("#"), "the reason stands above the change"
    assert "nuisance.x.max: boundary:" in answer.out
    assert "-> playbook run toy-2.yaml" in answer.out


def test_what_next_writes_can_be_planned_at_once(bench):
    finish(bench, rising, trials=24)
    bench("next", "runs/toy")
    assert bench("plan", "toy-2.yaml").code == 0


def test_the_study_after_the_second_is_the_third(bench):
    finish(bench, rising, trials=24)
    bench("next", "runs/toy", "-o", "second.yaml")
    finish(bench, rising, trials=24, name="toy-2")
    bench("next", "runs/toy-2", "--widen", "x", "--trials", "30")
    assert load(bench.folder / "toy-3.yaml")[0].trials == 30


@pytest.mark.slow
def test_a_study_that_only_gets_more_trials_goes_on_in_its_own_folder(bench):
    bench.study(trials=4)
    assert bench("run", "study.yaml").code == 0
    answer = bench("next", "runs/toy", "--trials", "6")
    assert "-> playbook run toy-6-trials.yaml" in answer.out
    text = (bench.folder / "toy-6-trials.yaml").read_text()
    assert "the 4 existing trials are kept" in text.replace("\n# ", " ")
    spec, _ = load(bench.folder / "toy-6-trials.yaml")
    assert (spec.name, spec.seed, spec.trials) == ("toy", 0, 6)
    before = bench.paths().journal.read_text()
    assert bench("run", "toy-6-trials.yaml").code == 0
    assert bench.paths().journal.read_text().startswith(before)
    assert {event["attempt"] for event in bench.events("ended")} == {1}, "no trial was trained anew"
    assert len(bench.events("planned")) == 6
    after = bench.paths().journal.read_text(), bench.paths().spec.read_text()
    answer = bench("run", "study.yaml")
    assert (bench.paths().journal.read_text(), bench.paths().spec.read_text()) == after
    assert (answer.code, "the study already has 6 trials, but study.yaml asks for 4" in answer.err) == (2, True)
    assert "set trials: 6 in the study file" in " ".join(answer.err.split())


def test_findings_that_only_ask_for_more_trials_grow_the_study(bench):
    """A cone, whose tip any further trial comes closer to."""
    unit = {"min": 0.0, "max": 1.0}
    changes = {"trials": 32, "max_train_steps": 40, "eval_every": 1, "nuisance": {"x": unit, "y": unit}}
    finish(bench, lambda params: math.hypot(params["x"] - 0.37, params["y"] - 0.63), **changes)
    study = bench("next", "runs/toy", "--json").json["study"]
    assert (study["name"], study.get("seed", 0), study["trials"]) == ("toy", 0, 64)


def test_as_many_trials_as_there_are_change_nothing(bench):
    finish(bench, rising, trials=8)
    answer = bench("next", "runs/toy", "--trials", "8")
    assert answer.code == 0
    assert "! it already has 8 trials" in answer.out
    assert list(bench.folder.glob("*.yaml")) == [bench.folder / "study.yaml"]


def test_fewer_trials_are_another_study(bench):
    finish(bench, rising, trials=8)
    study = bench("next", "runs/toy", "--trials", "4", "--json").json["study"]
    assert (study["name"], study["seed"], study["trials"]) == ("toy-2", 1, 4)


def test_the_same_study_on_another_search_seed_has_other_points_and_another_name(bench):
    finish(bench, rising, trials=8)
    answer = bench("next", "runs/toy", "--seed", "3")
    assert "-> playbook run toy-seed3.yaml" in answer.out
    again, first = (bench("plan", file, "--json").json["trials"] for file in ("toy-seed3.yaml", "study.yaml"))
    assert len(again) == len(first)
    assert not {trial["params"]["x"] for trial in again} & {trial["params"]["x"] for trial in first}
    spec, _ = load(bench.folder / "toy-seed3.yaml")
    assert (spec.name, spec.nuisance) == ("toy-seed3", load(bench.folder / "study.yaml")[0].nuisance)
    finish(bench, rising, trials=8, name="toy-seed3", seed=3)
    assert bench("next", "runs/toy-seed3", "--seed", "4", "--json").json["study"]["name"] == "toy-seed4"


def test_the_seed_that_a_study_has_is_no_other_search(bench):
    finish(bench, rising, trials=4, seed=2)
    answer = bench("next", "runs/toy", "--seed", "2")
    assert "! 2 is already the search seed of toy" in answer.out
    assert not (bench.folder / "toy-seed2.yaml").exists()


def test_another_search_seed_is_another_study_whatever_its_number_of_trials(bench):
    finish(bench, rising, trials=4, seed=2)
    other = bench("next", "runs/toy", "--seed", "3", "--trials", "8", "--json").json
    assert (other["study"]["name"], other["study"]["seed"], other["study"]["trials"]) == ("toy-2", 3, 8)
    assert not any("stay" in change["reason"] for change in other["changes"])
    same = bench("next", "runs/toy", "--seed", "2", "--trials", "8", "--json").json
    assert (same["study"]["name"], same["study"]["seed"], same["study"]["trials"]) == ("toy", 2, 8)


@pytest.mark.parametrize("option", ["--trials", "--seed"])
def test_a_grid_has_no_further_trials_and_no_other_search(bench, option):
    finish(bench, rising, sampler="grid", trials=None, nuisance={"x": [0.1, 0.2]})
    answer = bench("next", "runs/toy", option, "5")
    assert answer.code == 2
    assert "the size of a grid follows from its points" in answer.err


def test_options_are_obeyed_whatever_the_findings_say(bench):
    finish(bench, lambda params: abs(params["x"] - 0.5), trials=24, fixed={"weight_decay": 0.0})
    arguments = "--widen x --regularize --max-train-steps 8 --eval-every 2 --trials 48"
    answer = bench("next", "runs/toy", *shlex.split(arguments), "-o", "-")
    (bench.folder / "it.yaml").write_text(answer.out)
    spec, _ = load(bench.folder / "it.yaml")
    assert (spec.max_train_steps, spec.eval_every, spec.trials) == (8, 2, 48)
    assert spec.nuisance["x"][0].max == 1.5
    assert spec.nuisance["x"][0].min == 0.0, "a range that begins at 0 stays on its side of it"
    assert "weight_decay" in spec.nuisance
    assert "weight_decay" not in spec.fixed


def test_narrowing_keeps_the_best_trials_inside(bench):
    finish(bench, lambda params: abs(params["x"] - 0.5), trials=24)
    answer = bench("next", "runs/toy", "--narrow", "-o", "-")
    (bench.folder / "it.yaml").write_text(answer.out)
    (x,) = load(bench.folder / "it.yaml")[0].nuisance["x"]
    assert 0.0 < x.min < 0.45
    assert 0.55 < x.max < 1.0


def test_what_did_not_matter_is_fixed_at_the_best_trials_value_with_the_reason(bench):
    ranges = {name: {"min": 0.0, "max": 1.0} for name in ("x", "y", "learning_rate")}
    finish(bench, lambda params: abs(params["x"] - 0.5), trials=32, nuisance=ranges, fixed={"width": 2})
    best = min((event["params"] for event in bench.events("planned")), key=lambda params: abs(params["x"] - 0.5))
    answer = bench("next", "runs/toy", "--fix", "-o", "-")
    assert "# ! learning_rate is not fixed: the learning rate is always tuned" in answer.out
    (bench.folder / "it.yaml").write_text(answer.out)
    spec, _ = load(bench.folder / "it.yaml")
    assert set(spec.nuisance) == {"x", "learning_rate"}
    assert spec.fixed == {"width": 2, "y": best["y"]}
    assert bench("plan", "it.yaml").code == 0
    (change, _) = bench("next", "runs/toy", "--fix", "--json").json["changes"]
    assert change["key"] == "fixed.y"
    assert change["reason"].startswith("insensitive: it explains ")
    assert f"{best['y']:.4g} is the value in the best trial" in change["reason"]


def test_nothing_is_fixed_where_an_effect_would_not_have_been_seen(bench):
    ranges = {name: {"min": 0.0, "max": 1.0} for name in ("x", "y", "z")}
    noise = random.Random(0)
    finish(bench, lambda _: noise.gauss(0.5, 0.1), trials=24, nuisance=ranges)
    said = bench("next", "runs/toy", "--fix", "--json").json
    assert said["changes"] == []
    assert all("more trials would settle it" in line for line in said["left"])
    assert len(said["left"]) == 3
    finish(bench, lambda params: params["x"], name="few", trials=4, nuisance=ranges)
    assert "needs 14, has 4" in " ".join(bench("next", "runs/few", "--fix", "--json").json["left"])


def test_a_smaller_grid_has_the_trials_that_are_left(bench):
    ranges = {name: {"min": 0.0, "max": 1.0, "points": 6} for name in ("x", "y")}
    finish(bench, lambda params: abs(params["x"] - 0.4), trials=36, nuisance=ranges, sampler="grid")
    (bench.folder / "it.yaml").write_text(bench("next", "runs/toy", "--fix", "-o", "-").out)
    assert len(bench("plan", "it.yaml", "--json").json["trials"]) == 6


def test_no_file_is_overwritten(bench):
    finish(bench, rising, trials=24)
    (bench.folder / "toy-2.yaml").write_text("mine")
    answer = bench("next", "runs/toy")
    assert answer.code == 2
    assert "toy-2.yaml" in answer.err
    assert (bench.folder / "toy-2.yaml").read_text() == "mine"


def test_a_range_that_does_not_exist_is_named_with_those_that_do(bench):
    finish(bench, rising, trials=4)
    answer = bench("next", "runs/toy", "--widen", "y")
    assert answer.code == 2
    assert "y" in answer.err
    assert "x" in answer.err


@pytest.mark.parametrize("options", [[], ["--narrow"], ["--json"]])
def test_without_results_there_is_nothing_to_learn_from_and_nothing_is_written(bench, options):
    finish(bench, rising, trials=4)
    bench.paths().journal.write_text("")
    answer = bench("next", "runs/toy", *options)
    assert (answer.code, answer.out) == (2, "")
    assert "runs/toy: no trial has completed, so there is nothing to learn from yet" in answer.err
    assert "-> playbook report runs/toy shows why" in answer.err
    assert not (bench.folder / "toy-2.yaml").exists()


@pytest.mark.parametrize(("first", "second"), [(20, 40), (40, 20)])
def test_of_two_lengths_that_are_asked_for_the_longer_is_taken(first, second):
    findings = [
        Finding(
            rule=rule,
            subject=None,
            severity="warning",
            verdict="yes",
            evidence={},
            message="",
            act=Next(max_train_steps=steps),
        )
        for rule, steps in (("still-improving", first), ("best-step", second))
    ]
    assert asked_for(findings).max_train_steps == 40
