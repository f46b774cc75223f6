"""A gate for CI: what is expected of a study, and exit code 3 where it is broken."""

from __future__ import annotations

import pytest

from tests.generators.pipelines import write


@pytest.fixture
def study(bench):
    def made(name="toy", worse=0.0, **about):
        write(bench.folder / "runs" / name, lambda t: t.params["x0"] + worse, **{"trials": 8, **about})
        return f"runs/{name}"

    return made


def test_what_holds_exits_with_0(bench, study):
    answer = bench("check", study(), "--expect", "val_error<=0.5", "--expect", "completed==8", "--fail-on", "failed")
    assert answer.code == 0
    assert "runs/toy: finished; all checks passed" in answer.out


def test_each_broken_expectation_is_a_line_and_the_exit_code_is_3(bench, study):
    answer = bench("check", study(), "--expect", "val_error<=-1", "--expect", "infeasible>0", "--expect", "failed==0")
    assert answer.code == 3
    first, second = answer.out.splitlines()
    assert first.startswith("failed: val_error<=-1: it is 0")
    assert second == "failed: infeasible>0: it is 0 trials"


def test_the_json_of_a_check_has_these_keys(bench, study):
    answer = bench("check", study(), "--expect", "val_error<0", "--json")
    assert (answer.code, set(answer.json), answer.json["holds"]) == (3, {"study", "holds", "checks"}, False)
    assert [set(each) for each in answer.json["checks"]] == [{"check", "holds", "message"}]


def test_a_study_that_has_not_finished_is_broken(bench, study):
    answer = bench("check", study(pending=3))
    assert (answer.code, answer.out) == (3, "failed: finished: 3 of 8 trials have not ended\n")


def test_a_rule_that_warns_fails_where_it_is_named(bench, study):
    write(bench.folder / "runs" / "edge", lambda t: -t.params["x0"], trials=32, ranges=1)
    assert bench("check", "runs/edge").code == 0
    for what in ("boundary", "warning"):
        answer = bench("check", "runs/edge", "--fail-on", what)
        assert answer.code == 3
        assert "boundary (x0)" in answer.out
    assert bench("check", "runs/edge", "--fail-on", "overfitting").code == 0


def test_infeasible_trials_fail_where_that_is_asked_for(bench):
    write(bench.folder / "runs" / "toy", lambda t: None if t.id == 3 else t.params["x0"], trials=8)
    assert bench("check", "runs/toy").code == 0
    answer = bench("check", "runs/toy", "--fail-on", "infeasible")
    assert (answer.code, answer.out) == (3, "failed: no infeasible trial: 1 of 8 trials (3)\n")


def test_a_regression_against_a_baseline_is_broken(bench, study):
    study("before")
    assert bench("check", study("same"), "--baseline", "runs/before").code == 0
    answer = bench("check", study("worse", 0.1), "--baseline", "runs/before")
    assert answer.code == 3
    assert answer.out.startswith("failed: no regression against runs/before: val_error is 0.1 worse, noise ")


def test_the_adopted_study_is_a_baseline(bench, study):
    new = study("after", 0.1)
    answer = bench("check", new, "--baseline", "adopted")
    assert (answer.code, "no adopted study measures val_error" in answer.err) == (2, True)
    bench("adopt", study("before"))
    assert bench("check", new, "--baseline", "adopted").code == 3
    assert bench("check", "runs/before", "--baseline", "adopted").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--expect", "val_error"], "is not an expectation"),
        (["--expect", "val_error<=low"], "is not an expectation"),
        (["--expect", "other<=1"], "the study has nothing named 'other'"),
        (["--expect", "val_error=<1"], "is not an expectation"),
        (["--fail-on", "bondary"], "there is no rule 'bondary'\n  -> did you mean boundary?"),
        (["--baseline", "runs/none"], "no such folder"),
    ],
)
def test_what_cannot_be_checked_exits_with_2(bench, study, arguments, said):
    answer = bench("check", study(), *arguments)
    assert (answer.code, said in answer.err) == (2, True)


def test_other_points_without_repeats_cannot_be_checked(bench, study):
    study("before")
    answer = bench("check", study("after", seed=1), "--baseline", "runs/before")
    assert answer.code == 2
    assert "no common points, and no repeats" in answer.err
    assert "playbook repeat runs/before --top 1 --seeds 5" in answer.err
