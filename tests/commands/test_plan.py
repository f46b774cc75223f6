"""What would run."""

from __future__ import annotations

import pytest

from playbook_cli.sampling import make
from playbook_cli.spec.load import load


def test_a_plan_shows_trials_coverage_budget_and_warnings(bench):
    bench.study(
        goal="Does it help?",
        scientific={"layers": [1, 2]},
        nuisance={"x": {"min": 0.0, "max": 1.0}, "batch_size": [8, 16]},
        fixed={"width": 64},
        trials=8,
    )
    answer = bench("plan", "study.yaml")
    assert answer.code == 0
    assert "toy: 8 trials in 2 arms, halton\nDoes it help?\n" in answer.out
    assert "32 training steps in total: 8 trials with max_train_steps = 4, evaluated every 2 steps" in answer.out
    assert "! don't tune batch_size for the metric" in answer.out.replace("\n", " ")
    assert "-> put it under fixed:" in answer.out
    assert "width" not in answer.out
    header, *rows = answer.out.splitlines()[2:11]
    assert header.split() == ["trial", "layers", "x", "batch_size"]
    assert [row.split()[0] for row in rows] == list("01234567")


def test_a_plan_warns_of_more_hyperparameters_than_the_trials_carry(bench):
    ranges = {name: {"min": 0.1, "max": 1.0} for name in ("learning_rate", "one_minus_beta1", "epsilon")}
    bench.study(nuisance=ranges, trials=12)
    out = bench("plan", "study.yaml").out
    assert "! epsilon is tuned with 12 trials: the playbook tunes" in out
    assert "-> fix epsilon at its default, or run 25 trials or more" in out
    (warning,) = bench("plan", "study.yaml", "--json").json["warnings"]
    assert warning.startswith("study.yaml:")


def test_a_hyperparameter_that_a_trial_lacks_is_a_dash(bench):
    bench.study(nuisance={"o": ["a", "b"], "m": {"min": 0.0, "max": 1.0, "when": {"o": "a"}}})
    rows = [line.split() for line in bench("plan", "study.yaml").out.splitlines()[2:6]]
    assert {row[1] for row in rows} == {"a", "b"}
    assert all((row[2] == "-") == (row[1] == "b") for row in rows)


def test_a_plan_is_what_will_run(bench):
    bench.study(trials=6)
    planned = bench("plan", "study.yaml", "--json").json
    dry = bench("run", "study.yaml", "--dry-run", "--json").json
    assert planned == dry
    assert not (bench.folder / "runs").exists()
    bench("run", "study.yaml", "--jobs", 2)
    run = [
        {"id": e["trial"], "params": e["params"], "arm": e["arm"], "seed": e["seed"]} for e in bench.events("planned")
    ]
    assert planned["trials"] == run


def test_the_json_of_a_plan_has_these_keys(bench):
    bench.study(nuisance={"x": {"min": 0.0, "max": 1.0}, "epochs": [1, 2]})
    answer = bench("plan", "study.yaml", "--json").json
    assert set(answer) == {"study", "trials", "coverage", "training_steps", "warnings", "design", "fatal"}
    assert [set(trial) for trial in answer["trials"]] == [{"id", "params", "arm", "seed"}] * 4
    assert {name: set(value) for name, value in answer["coverage"].items()} == {
        "x": {"bins", "occupied", "share"},
        "epochs": {"bins", "occupied", "share"},
    }
    assert answer["training_steps"] == 16
    (warning,) = answer["warnings"]
    assert warning.startswith("study.yaml:")
    assert "epochs looks like the length of training" in warning


def test_only_the_first_trials_of_many_are_listed(bench):
    bench.study(trials=64)
    out = bench("plan", "study.yaml").out
    assert "... and 24 more (--json shows all)" in out
    assert len(bench("plan", "study.yaml", "--json").json["trials"]) == 64


def test_a_study_without_dimensions_has_no_coverage(bench):
    bench.study(nuisance=None, scientific={"a": [1, 2]}, trials=2)
    out = bench("plan", "study.yaml").out
    assert "coverage" not in out
    assert bench("plan", "study.yaml", "--json").json["coverage"] == {}


@pytest.mark.parametrize("sampler", ["halton", "sobol", "random"])
def test_a_plan_follows_the_sampler_and_its_seed(bench, sampler):
    path = bench.study(sampler=sampler, seed=9)
    expected = make(sampler, 9).suggest(load(path)[0].space(), [], 4)
    assert [trial["params"] for trial in bench("plan", path, "--json").json["trials"]] == [t.params for t in expected]


def test_names_that_look_like_markup_are_printed_as_they_are(bench):
    bench.study(goal="[bold]why[/bold] [/]", nuisance={"[red]x[/red]": {"min": 0.0, "max": 1.0}, "y": ["[i]", "[/i]"]})
    out = bench("plan", "study.yaml").out
    for text in ("[bold]why[/bold] [/]", "[red]x[/red]", "[i]", "[/i]"):
        assert text in out


def test_too_few_evaluations_for_the_rules_of_curves_are_told_before_anything_runs(bench):
    bench.study(max_train_steps=160, eval_every=20)
    (warning,) = bench("plan", "study.yaml", "--json").json["warnings"]
    assert warning.startswith("study.yaml:8: 8 evaluations in 160 steps are too few to locate the best step")
    assert "overfitting" in warning
    assert "-> set eval_every: 3" in bench("plan", "study.yaml").out
    bench.study(max_train_steps=160, eval_every=3)
    assert not bench("plan", "study.yaml", "--json").json["warnings"]


@pytest.mark.parametrize("changes", [{"eval_every": None}, {"eval_every": 8}, {"max_train_steps": 10, "eval_every": 5}])
def test_evaluations_that_are_enough_or_cannot_be_more_are_not_told(bench, changes):
    bench.study(**{"max_train_steps": 160, **changes})
    assert not bench("plan", "study.yaml", "--json").json["warnings"]


def test_the_thresholds_of_a_study_say_how_many_evaluations_are_enough(bench):
    bench.study(max_train_steps=160, eval_every=8, rules={"eval-frequency": {"interval": 0.01}})
    assert "set eval_every: 1" in bench("plan", "study.yaml").out


def test_a_script_that_is_not_there_is_named_before_anything_runs(bench):
    bench.study(train=None, command=["${python}", "nope.py", "${args}"])
    for verb in ("plan", "run"):
        answer = bench(verb, "study.yaml")
        assert (answer.code, "there is no script" in answer.err, "nope.py" in answer.err) == (2, True, True)
    bench.write("nope.py", "")
    assert bench("plan", "study.yaml").code == 0


def test_what_this_machine_has_no_place_for_is_a_warning(bench):
    bench.study(resources={"gpus": 4})
    (warning,) = bench("plan", "study.yaml", "--json").json["warnings"]
    assert "not on this machine: a trial needs 4 GPUs" in warning


def test_of_hundreds_of_hyperparameters_those_that_a_line_has_room_for_are_shown(bench):
    ranges = {f"x{number}": {"min": 0.0, "max": 1.0} for number in range(120)}
    answer = bench("plan", bench.study(nuisance=ranges, sampler="random"))
    assert answer.code == 0
    assert "x0" in answer.out
    assert max(map(len, answer.out.splitlines())) < 200
    assert "more hyperparameters (--json shows all)" in answer.out
    assert "and 80 more hyperparameters" in answer.out  # of the coverage, a line each
    assert "and 99 more first, or run" in " ".join(answer.out.split())


def test_what_the_playbook_objects_to_is_a_line_each_with_its_name_and_how_to_silence_it(bench):
    bench.study(fixed={"learning_rate": 0.1, "warmup_steps": 2})
    answer = bench("plan", "study.yaml").out
    (line,) = [line for line in answer.splitlines() if "fixed-learning-rate:" in line]
    assert line.startswith("! fixed-learning-rate: learning_rate is 0.1 in all trials: the best learning rate depends")
    assert "silence: [fixed-learning-rate, long-warmup, early-schedule]" in answer
    found = bench("plan", "study.yaml", "--json").json
    assert [each["check"] for each in found["design"]] == ["fixed-learning-rate", "long-warmup", "early-schedule"]
    assert [set(each) for each in found["design"]] == [{"check", "message", "hint"}] * 3
    assert sum("fixed-learning-rate: " in warning for warning in found["warnings"]) == 1
    names = [each["check"] for each in found["design"]]
    bench.study(fixed={"learning_rate": 0.1, "warmup_steps": 2}, silence=names)
    assert bench("plan", "study.yaml", "--json").json["design"] == []
    assert "silence" not in bench("plan", "study.yaml").out


def test_a_study_after_the_first_may_have_a_schedule(bench):
    bench.study(name="toy-2", fixed={"schedule": "cosine"})
    assert "early-schedule" in bench("plan", "study.yaml").out
    (bench.folder / "runs" / "toy").mkdir(parents=True)
    assert "early-schedule" not in bench("plan", "study.yaml").out
    assert "early-schedule" in bench("plan", "study.yaml", "--runs", "elsewhere").out
    bench.study(name="other", fixed={"schedule": "cosine"})
    assert "early-schedule" in bench("plan", "study.yaml").out
    bench.write("runs/ledger.jsonl", "")
    assert "early-schedule" not in bench("plan", "study.yaml").out


def test_a_run_points_to_the_plans_objections_once(bench):
    bench.study(fixed={"learning_rate": 0.1}, max_train_steps=2, eval_every=1)
    said = "the design has warnings (fixed-learning-rate): playbook plan study.yaml"
    assert said in bench("run", "study.yaml").err
    assert said not in bench("run", "study.yaml").err


@pytest.mark.parametrize(
    ("unit", "said"),
    [("updates", "32 training steps in total"), ("epochs", "32 epochs in total"), ("tokens", "32 tokens in total")],
)
def test_the_total_is_in_the_unit_of_the_study(bench, unit, said):
    study = bench.study(trials=8, max_train_steps=4, eval_every=1, step_unit=unit)
    answer = bench("plan", str(study))
    assert said in answer.out
    assert f"evaluated every {'step' if unit == 'updates' else unit[:-1]}" in answer.out
