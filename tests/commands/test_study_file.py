from __future__ import annotations

import pytest


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


def test_thresholds_of_a_rule_are_taken(bench):
    bench.study(rules={"boundary": {"zone": 0.1}})
    assert bench("plan", "study.yaml").code == 0
