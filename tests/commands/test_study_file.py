from __future__ import annotations

import pytest

from tests.commands.finished import finish


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("rules", "key"),
    [({"astrology": {"sign": 1.0}}, "rules.astrology"), ({"boundary": {"moon": 1.0}}, "rules.boundary.moon")],
)
def test_thresholds_that_no_rule_has_are_refused_with_those_that_there_are(bench, verb, rules, key):
    bench.study(rules=rules)
    answer = bench(verb, "study.yaml")
    assert answer.code == 2
    assert key in answer.err
    assert "boundary" in answer.err
    assert "study.yaml:" in answer.err
    assert not (bench.folder / "runs").exists()


@pytest.mark.parametrize("value", [7, -0.1])
def test_a_probability_or_a_share_lies_between_0_and_1(bench, value):
    bench.study(rules={"boundary": {"likely": value}, "budget": {"noises": 7}})
    answer = bench("plan", "study.yaml")
    assert answer.code == 2
    assert f"rules.boundary.likely: must be between 0 and 1, not {value}\n" in answer.err
    assert "noises" not in answer.err


def test_thresholds_of_a_rule_are_taken(bench):
    bench.study(rules={"boundary": {"zone": 0.1}})
    assert bench("plan", "study.yaml").code == 0


@pytest.mark.parametrize("verb", ["plan", "run", "lr-sweep", "batch-size"])
def test_a_folder_is_told_the_study_file_in_it(bench, verb):
    bench.study().rename(bench.write("a/study.yaml", ""))
    answer = bench(verb, "a")
    assert answer.code == 2
    assert "a: this is a folder, not a file\n  -> use the study file in it: a/study.yaml\n" in answer.err
    (bench.folder / "a/study.yaml").unlink()
    assert "->" not in bench(verb, "a").err


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_folder_of_results_is_told_the_study_file_that_they_are_from(bench, verb):
    finish(bench, lambda params: params["x"])
    answer = bench(verb, "runs/toy")
    assert answer.code == 2
    assert "runs/toy: this is a folder of results, not a study file\n" in answer.err
    assert f"playbook run {bench.folder / 'study.yaml'}\n" in answer.err
