"""`playbook explain` says what a rule looks at."""

from __future__ import annotations

from playbook_cli.advice.rules import rules


def test_json_holds_every_rule_with_its_thresholds(bench):
    answer = bench("explain", "--json")
    shown = {rule["name"]: rule for rule in answer.json["rules"]}
    assert list(shown) == list(rules())
    assert shown["best-step"]["thresholds"][0] == {
        "name": "early",
        "default": 0.1,
        "meaning": rules()["best-step"].thresholds[0].meaning,
        "whose": "playbook",
    }


def test_json_of_one_rule_holds_that_rule_only(bench):
    answer = bench("explain", "boundary", "--json")
    assert [rule["name"] for rule in answer.json["rules"]] == ["boundary"]


def test_an_unknown_rule_is_refused_with_the_one_that_was_meant(bench):
    answer = bench("explain", "boundry", "--json")
    assert answer.code == 2
    assert "there is no rule or check named 'boundry'" in answer.err
    assert "did you mean boundary?" in answer.err
    assert answer.out == ""


def test_checks_of_a_design_are_explained_with_how_to_silence_them(bench):
    assert "early-schedule" in bench("explain").out
    assert "silence: [long-warmup]" in bench("explain", "long-warmup").out
    (check,) = bench("explain", "long-warmup", "--json").json["checks"]
    assert check["source"] == "How to apply learning rate warmup"


def test_early_stopping_is_explained_with_what_the_report_makes_of_it(bench):
    assert "A stopped trial has no result" in bench("explain", "early_stopping").out
    assert "at most the risk" in bench("explain", "early_stopping", "--json").json["early_stopping"]
    assert "early_stopping" in bench("explain").out
