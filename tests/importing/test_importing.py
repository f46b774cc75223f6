from __future__ import annotations

import math

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing.importing import Wish, study
from playbook_cli.importing.runs import Run, Runs
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import Source

CURVE = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.0}]


def runs(*given, **more):
    return Runs(source="there", format="files", runs=given, **more)


def run(params, evaluations=CURVE, **more):
    return Run(name="r", params=params, evaluations=evaluations, **more)


def made(*given, **wishes):
    return study(runs(*given), Wish(name="x", **wishes))


def test_repeats_of_a_point_are_recognised_and_counted():
    result = made(run({"a": 1}), run({"a": 2}), run({"a": 1}), run({"a": 1}))
    assert [trial.repeat_of for trial in result.trials] == [None, None, 0, 0]
    assert [trial.seed for trial in result.trials] == [0, 0, 1, 2]
    assert result.points == 2


def test_a_hyperparameter_called_seed_is_the_trials_seed():
    result = made(run({"a": 1, "seed": 7}), run({"a": 1, "seed": 8}), run({"a": 2, "seed": 7}))
    assert [trial.seed for trial in result.trials] == [7, 8, 7]
    assert [trial.repeat_of for trial in result.trials] == [None, 0, None]
    assert all("seed" not in trial.params for trial in result.trials)
    assert "seed" not in result.spec.nuisance


def test_the_only_metric_is_found_beside_counters_and_seconds():
    logged = [{"step": 10, "epoch": 1, "_runtime": 3.5, "_wandb.runtime": 3, "system/cpu": 9.0, "val/loss": 0.5}]
    assert made(run({"a": 1}, logged), run({"a": 2}, logged)).spec.metric.name == "val/loss"


def test_a_metric_that_is_nowhere_is_refused_with_those_that_are_there():
    with pytest.raises(PlaybookError) as caught:
        made(run({"a": 1}, CURVE), metric="acc")
    assert caught.value.hint == "the evaluated metrics are: loss"
    with pytest.raises(PlaybookError) as caught:
        made(run({"a": 1}, []), metric="acc")
    assert caught.value.hint == "no trial has any evaluation"


NAN, INFINITY = math.nan, math.inf


@pytest.mark.parametrize(
    ("evaluations", "state", "reason"),
    [
        (CURVE, "completed", None),
        ([*CURVE, {"step": 30, "loss": NAN}], "infeasible", "loss is nan at step 30"),
        ([*CURVE, {"step": 30, "loss": INFINITY}], "infeasible", "loss is inf at step 30"),
        ([{"step": 5, "loss": NAN}, *CURVE], "completed", None),
        ([*CURVE, {"step": 20, "train_loss": NAN}], "infeasible", "train_loss is nan at step 20"),
        ([*CURVE, {"step": 20, "bleu": NAN}], "completed", None),
        ([{"step": 5, "other": 1.0}], "failed", "no evaluation of loss"),
        ([], "failed", "no evaluation of loss"),
    ],
)
def test_evaluations_say_how_a_trial_went(evaluations, state, reason):
    trial = made(run({"a": 1}, evaluations), run({"a": 2}), metric="loss", max_train_steps=20).trials[0]
    assert (trial.state, trial.reason) == (state, reason)


def test_what_the_tool_says_of_a_trial_holds():
    states = ["failed", "infeasible", "pending"]
    result = made(*(run({"a": i}, state=s, reason="so") for i, s in enumerate(states)), run({"a": 9}))
    assert [trial.state for trial in result.trials] == [*states, "completed"]
    assert result.trials[0].reason == "so"


def test_trials_that_end_early_are_told_on():
    result = made(run({"a": 1}), run({"a": 2}, CURVE[:1]), run({"a": 3}, CURVE[:1], reason="pruned"))
    assert [trial.reason for trial in result.trials] == [None, "ended at step 10 of 20", "pruned"]
    assert any(note.startswith("2 completed trials ended before 90% of max_train_steps") for note in result.notes)


def test_the_last_step_of_any_trial_is_max_train_steps_and_the_usual_gap_is_eval_every():
    spec = made(run({"a": 1}), run({"a": 2}, [{"step": s, "loss": 1.0} for s in (1, 11, 21, 31)])).spec
    assert spec.max_train_steps == 31
    assert spec.eval_every == 10
    assert made(run({"a": 1}), max_train_steps=100).spec.max_train_steps == 100
    assert made(run({"a": 1, "max_train_steps": 50}), run({"a": 2, "max_train_steps": 50})).spec.max_train_steps == 50


def test_lengths_that_differ_are_told_on_and_are_no_hyperparameter():
    result = made(*(run({"a": i, "max_train_steps": 10 * i}) for i in range(1, 5)))
    assert "max_train_steps" not in {*result.spec.nuisance, *result.spec.fixed}
    assert any("differs between trials" in note for note in result.notes)


def test_the_only_metric_is_the_metric_and_its_name_says_which_way():
    result = made(run({"a": 1}, [{"step": 1, "val_accuracy": 0.5}]))
    assert (result.spec.metric.name, result.spec.metric.goal) == ("val_accuracy", "maximize")
    assert any("maximize" in note for note in result.notes)
    assert made(run({"a": 1})).spec.metric.goal == "minimize"
    assert made(run({"a": 1}), goal="maximize").spec.metric.goal == "maximize"


def test_of_several_metrics_one_has_to_be_named():
    with pytest.raises(PlaybookError, match="which metric") as raised:
        made(run({"a": 1}, [{"step": 1, "x": 1.0, "y": 2.0}]))
    assert "x, y" in str(raised.value.hint)
    with pytest.raises(PlaybookError, match="no trial has an evaluation of 'z'"):
        made(run({"a": 1}), metric="z")


def test_scientific_hyperparameters_make_arms():
    result = made(*(run({"a": a, "b": b}) for a in ("x", "y") for b in (1.0, 2.0, 3.0)), scientific=["a"])
    assert [arm["a"] for arm in result.spec.space().arms] == ["x", "y"]
    assert result.trials[5].arm == {"a": "y"}
    with pytest.raises(PlaybookError, match="does not vary"):
        made(run({"a": 1}), run({"a": 1}), scientific=["a"])


def described(**keys):
    data = {"name": "mine", "train": "m:f", "metric": {"name": "loss"}, "max_train_steps": 20, "trials": 8} | keys
    return validate(Source(path="", data=data, lines={}))[0]


def test_a_study_file_gives_the_space_and_keeps_its_program():
    wanted = described(scientific={"a": ["x", "y"]}, nuisance={"b": {"min": 0.0, "max": 9.0}}, fixed={"c": 1})
    given = [run({"a": a, "b": 1.0, "c": 1, "seed": 3}) for a in ("x", "x", "y")]
    result = study(runs(*given), Wish(name="x", study=wanted))
    assert result.spec.train == "m:f"
    assert result.spec.name == "x"
    assert result.spec.trials == 2, "different points"
    assert result.spec.parameters()[1].high == 9.0
    assert result.trials[2].arm == {"a": "y"}
    assert list(result.notes) == []


def test_values_that_a_study_file_does_not_foresee_are_told_on():
    wanted = described(nuisance={"b": {"min": 0.0, "max": 9.0}})
    result = study(runs(run({"b": 10.0}), run({"b": 1.0, "d": 2})), Wish(name="x", study=wanted, max_train_steps=15))
    assert any("b: 1 of 2 points" in note for note in result.notes)
    assert any("does not describe d" in note for note in result.notes)
    assert any("up to step 20" in note for note in result.notes)
    assert result.spec.max_train_steps == 15


@pytest.mark.parametrize("name", ["a b", "..", "-x"])
def test_a_name_that_can_not_be_a_study_is_refused(name):
    with pytest.raises(PlaybookError, match="can't name a folder"):
        study(runs(run({"a": 1})), Wish(name=name))


def test_a_metric_whose_name_leaves_it_open_asks_for_its_goal():
    curve = [{"step": 1, "thing": 2.0}]
    with pytest.raises(PlaybookError) as refused:
        made(run({"a": 1}, curve), run({"a": 2}, curve))
    assert "the name thing does not say whether to minimize or maximize it" in str(refused.value)
    assert refused.value.hint == "add --goal minimize or --goal maximize"
    assert made(run({"a": 1}, curve), run({"a": 2}, curve), goal="maximize").spec.metric.goal == "maximize"
