"""What follows from the state of a loop: the next step, or why it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from playbook_cli.acts import Next
from playbook_cli.pursuit.decide import REFINED, decide, reserve
from playbook_cli.pursuit.loop import SEEDS, Loop, Searched, Step, Stop, Sweep
from playbook_cli.records import BestRate, Finding, Horizon
from playbook_cli.spec.load import plain
from playbook_cli.spec.model import StudySpec
from tests.generators.studies import METRIC, study, trial

STEPS, TRIALS = 1000, 16
ASKED: dict[str, Any] = {
    "name": "s",
    "train": "job:train",
    "metric": {"name": METRIC.name},
    "max_train_steps": STEPS,
    "eval_every": 20,
    "trials": TRIALS,
    "nuisance": {"x": {"min": 0.0, "max": 1.0}},
    "fixed": {"batch_size": 64},
}
WIDEN = ("boundary", "upper-edge", "warning", Next(widen=("x",)))
MORE = ("budget", "more-trials-help", "info", Next(trials=2 * TRIALS))
FINER = ("eval-frequency", "too-coarse", "warning", Next(eval_every=5))
SHORTER = ("saturated", "yes", "info", Next(max_train_steps=STEPS // 2))
LONGER = ("best-step", "train-longer", "warning", Next(max_train_steps=2 * STEPS))
BOUND = ("compute-bound", "yes", "info", Next(round=2, max_train_steps=10 * STEPS, top=3))


def finding(rule, verdict, severity, act=None):
    return Finding(
        rule=rule,
        subject="x" if rule == "boundary" else None,
        severity=severity,
        verdict=verdict,
        evidence={},
        message=f"{rule} says {verdict}",
        act=act,
    )


def searched(*found, name="s", states=("completed",) * TRIALS, unlearned=None, steps=STEPS, **keys):
    """A study of the loop whose trials have ended; what its report found."""
    spec = StudySpec.model_validate(ASKED | {"name": name, "max_train_steps": steps, "trials": len(states)} | keys)
    trials = [
        trial(n, {"x": n / len(states), "batch_size": 64}, 0.1 + n / 100, state=state) for n, state in enumerate(states)
    ]
    record = replace(study(trials, spec.parameters()), name=name, max_train_steps=steps)
    findings = [finding(*each) for each in found]
    return Searched(data=plain(spec), record=record, findings=findings, unlearned=unlearned, folder=f"runs/{name}")


def beaten(steps=STEPS):
    """The study of a baseline that has been trained for so long, as often as the studies are evaluated."""
    return searched(name="s-baseline", states=("completed",), sampler="listed", points=[{}], steps=steps)


def final(points, *, steps=STEPS, values=None):
    """Finals that have ended."""
    listed = [{"x": value} for value in (values or [n / points for n in range(points)])]
    return searched(name="s-final", states=("completed",) * points, sampler="listed", points=listed, steps=steps)


def bowl(count, *, name="s", **keys):
    """A study whose results are a bowl around x = 0.4."""
    places = [n / count for n in range(count)]
    listed = {"points": [{"x": x} for x in places]} if keys.get("sampler") == "listed" else {}
    found = searched(name=name, states=("completed",) * count, **keys, **listed)
    trials = [trial(n, {"x": x, "batch_size": 64}, 0.1 + (x - 0.4) ** 2) for n, x in enumerate(places)]
    return replace(found, record=replace(found.record, trials=trials))


def loop(*searches, budget=1_000_000, spent=0, **known):
    """The state of a loop whose baseline has been trained for the final length, which has cost as much as that."""
    final = known.get("final_steps", STEPS)
    known = {"baseline": beaten(final)} | known
    spent += final if known["baseline"] is not None else 0
    return Loop(
        name="s",
        data=plain(StudySpec.model_validate(ASKED)),
        trials=TRIALS,
        arms=1,
        max_train_steps=STEPS,
        eval_every=10,
        budget=budget,
        spent=spent,
        baseline_params={"x": 0.5, "batch_size": 64},
        searches=searches,
        **known,
    )


def step_of(state) -> Step:
    found = decide(state)
    assert isinstance(found, Step), found
    return found


def stop_of(state) -> Stop:
    found = decide(state)
    assert isinstance(found, Stop), found
    return found


def test_the_sweep_comes_first_where_it_is_described_and_affordable():
    step = step_of(loop(sweep=Sweep(cost=5000)))
    assert (step.kind, step.study, step.cost) == ("lr-sweep", "s-lr-sweep", 5000)
    assert step_of(loop(sweep=Sweep(cost=20_000), budget=TRIALS * STEPS + reserve(STEPS))).kind == "study"


def test_the_study_is_run_from_the_users_file_where_nothing_about_it_changes():
    step = step_of(loop())
    assert (step.kind, step.study, step.data, step.cost) == ("study", "s", None, TRIALS * STEPS)


def test_the_study_is_as_long_as_the_sweep_says_and_its_best_points_train_in_full_in_the_end():
    sweep = Sweep(cost=5000, taken=True, max_train_steps=200)
    first = step_of(loop(sweep=sweep))
    assert first.data is not None
    assert (first.study, first.data["name"], first.data["max_train_steps"]) == ("s-1", "s-1", 200)
    assert "200" in first.reason
    last = step_of(loop(searched(name="s-1", steps=200), sweep=sweep))
    assert last.kind == "finals"
    assert last.data is not None
    assert last.data["max_train_steps"] == STEPS


def test_a_study_is_made_smaller_to_leave_the_repeats_of_the_best_point_and_the_baseline():
    step = step_of(loop(budget=10 * STEPS + reserve(STEPS)))
    assert step.data is not None
    assert step.data["trials"] == 10
    assert "what the budget allows" in step.reason
    assert stop_of(loop(budget=5 * STEPS + reserve(STEPS))).why == "budget"


@pytest.mark.parametrize("sampler", ["grid", "listed"])
def test_a_study_of_a_given_size_is_not_made_smaller(sampler):
    state = loop(budget=10 * STEPS + reserve(STEPS))
    assert stop_of(replace(state, data={**state.data, "sampler": sampler})).why == "budget"


def test_the_act_of_a_finding_is_the_next_study_with_its_reason():
    step = step_of(loop(searched(WIDEN)))
    assert (step.kind, step.study) == ("study", "s-2")
    assert step.data is not None
    assert step.data["nuisance"]["x"]["max"] > 1.0
    assert step.reason == "boundary: boundary says upper-edge"


def test_a_name_that_is_taken_is_not_used_again():
    assert step_of(loop(searched(WIDEN), names=frozenset({"s-2", "s-3"}))).study == "s-4"


def test_more_trials_are_added_to_the_study_itself_and_cost_only_what_is_new():
    step = step_of(loop(searched(MORE)))
    assert (step.study, step.cost, step.begins) == ("s", TRIALS * STEPS, TRIALS)
    assert step.data is not None
    assert step.data["trials"] == 2 * TRIALS


@pytest.mark.parametrize("found", [(), (FINER,), (SHORTER,), (FINER, SHORTER)])
def test_quiet_findings_and_those_that_only_make_a_study_cheaper_end_the_search(found):
    step = step_of(loop(searched(*found)))
    assert step.kind == "finals"
    assert step.data is not None
    assert [point["x"] for point in step.data["points"]] == [0.0, 1 / TRIALS, 2 / TRIALS]
    assert step.data["seed"] == 1


def test_too_few_trials_to_judge_are_not_quiet_up_to_a_limit():
    unclear = ("budget", "undecided", "info")
    assert step_of(loop(searched(unclear))).kind == "study"
    assert step_of(loop(searched(unclear, states=("completed",) * 4 * TRIALS))).kind == "finals"


def test_a_study_that_would_eat_the_reserve_is_made_smaller_or_left_out():
    state = loop(searched(WIDEN), spent=TRIALS * STEPS)
    enough = replace(state, budget=state.spent + (TRIALS - 1) * STEPS + reserve(STEPS))
    assert step_of(enough).cost == TRIALS * STEPS
    half = step_of(replace(enough, budget=enough.budget - 1))
    assert (half.kind, half.cost) == ("study", TRIALS // 2 * STEPS)
    none = step_of(replace(state, budget=state.spent + reserve(STEPS) - STEPS))
    assert none.kind == "finals"
    assert none.reason.startswith("budget: ")


def test_a_space_is_not_narrowed_for_ever():
    narrow = ("coverage", "sparse", "info", Next(narrow=True))
    spans = [(0.0, 1.0), (0.0, 0.5), (0.0, 0.2)]
    studies = [
        searched(narrow, name=f"s-{n}", nuisance={"x": {"min": low, "max": high}}, states=("completed",) * 4 * TRIALS)
        for n, (low, high) in enumerate(spans, start=1)
    ]
    # the generator's points lie anywhere in [0, 1]; only the ranges matter here
    assert step_of(loop(*studies)).kind == "finals"
    assert step_of(loop(*studies[:1])).kind == "study"


def test_where_the_steps_limit_the_length_is_measured_if_that_is_a_modest_part_of_what_is_left():
    state = loop(searched(LONGER))
    assert step_of(state).kind == "horizon"
    dear = step_of(replace(state, budget=80_000))
    assert dear.kind == "study"
    assert dear.data is not None
    assert dear.data["max_train_steps"] == 2 * STEPS
    assert step_of(replace(state, lengths_tried=frozenset({"s"}))).kind == "study"


def test_a_length_that_was_made_longer_is_not_made_shorter_again():
    short, long = searched(steps=STEPS // 2), searched(WIDEN, SHORTER, name="s-2")
    step = step_of(loop(short, long))
    assert step.data is not None
    assert step.data["max_train_steps"] == STEPS
    alone = step_of(loop(searched(WIDEN, SHORTER)))
    assert alone.data is not None
    assert alone.data["max_train_steps"] == STEPS // 2


def test_compute_bound_work_stays_short_and_ends_in_a_longer_round():
    rates = [BestRate(trial=0, steps=STEPS, value=0.1, low=0.05, high=0.2)]
    known = Horizon(
        verdict="longer-pays",
        max_train_steps=10 * STEPS,
        headline="longer pays",
        seeds_needed=None,
        learning_rate=None,
        rates=rates,
    )
    found = searched(BOUND, LONGER)
    found = replace(found, record=replace(found.record, horizon=known))
    step = step_of(loop(found))
    assert step.kind == "finals"
    assert step.data is not None
    assert step.data["max_train_steps"] == 10 * STEPS
    assert step.data["round"]["number"] == 2
    short = step_of(loop(found, budget=30_000))
    assert short.data is not None
    assert short.data["max_train_steps"] == STEPS


def test_with_a_final_length_studies_stay_short_and_the_best_points_train_for_that_long():
    state = loop(searched(BOUND, LONGER), final_steps=4 * STEPS)
    step = step_of(state)
    assert step.data is not None
    assert (step.kind, step.data["max_train_steps"]) == ("finals", 4 * STEPS)
    wider = step_of(replace(state, searches=[searched(WIDEN, LONGER)]))
    assert wider.data is not None
    assert (wider.kind, wider.data["max_train_steps"]) == ("study", STEPS)
    few = step_of(replace(state, budget=2 * 6 * 4 * STEPS))
    assert few.data is not None
    assert (len(few.data["points"]), few.data["max_train_steps"]) == (1, 4 * STEPS)
    assert stop_of(replace(state, budget=2 * 4 * 4 * STEPS - 1)).why == "budget"


def test_before_a_longer_round_a_space_may_grow_but_gets_no_more_trials_and_is_not_narrowed():
    unclear, narrow = ("budget", "undecided", "info"), ("coverage", "sparse", "info", Next(narrow=True))
    for found in (unclear, narrow, MORE):
        assert step_of(loop(searched(found))).kind == "study"
        step = step_of(loop(searched(found), final_steps=4 * STEPS))
        assert (step.kind, step.cost) == ("finals", 3 * 4 * STEPS)
    assert "more trials at 1000 steps say little about 4000 steps" in step.reason
    wider = step_of(loop(searched(WIDEN, MORE), final_steps=4 * STEPS))
    assert (wider.kind, wider.cost) == ("study", TRIALS * STEPS)


def test_before_longer_trainings_a_high_learning_rate_is_no_reason_for_another_study():
    """The best learning rate falls with the length."""
    edge, ranges = ("boundary", "upper-edge", "warning", Next(widen=("learning_rate",))), {"min": 0.01, "max": 1.0}
    for verdict in (edge, ("instability-edge", "unstable-above", "warning")):
        one = searched(nuisance={"learning_rate": ranges})
        one = replace(one, findings=[replace(finding(*verdict), subject="learning_rate")])
        last = step_of(loop(one, final_steps=4 * STEPS))
        assert last.kind == "finals"
        assert "the best one falls with the length" in last.reason
    assert step_of(loop(searched(WIDEN), final_steps=4 * STEPS)).kind == "study"


def test_the_first_study_leaves_the_repeats_at_the_final_length_and_is_no_longer_than_it():
    state = loop(final_steps=4 * STEPS)
    assert step_of(replace(state, budget=TRIALS * STEPS + reserve(4 * STEPS))).cost == TRIALS * STEPS
    assert stop_of(replace(state, budget=TRIALS * STEPS + reserve(STEPS))).why == "budget"
    swept = Sweep(cost=5000, taken=True, max_train_steps=2 * STEPS)
    assert step_of(replace(state, final_steps=STEPS, sweep=swept)).cost == TRIALS * STEPS


@pytest.mark.parametrize("rule", ["training-loss-rising", "periodic"])
def test_a_bug_in_the_pipeline_needs_a_person(rule):
    stop = stop_of(loop(searched((rule, "yes", "warning"), WIDEN)))
    assert stop.why == "person"
    assert "bug" in stop.reason
    assert str(stop.command) == "playbook report runs/s"
    assert step_of(loop(searched((rule, "yes", "info"), WIDEN))).kind == "study"


def test_nothing_feasible_and_nothing_better_than_chance_need_a_person():
    lost = stop_of(loop(searched(WIDEN, states=("infeasible",) * TRIALS)))
    assert (lost.why, lost.reason) == ("person", "every trial of s is infeasible")
    assert stop_of(loop(searched(unlearned="no trial is better than chance"))).why == "person"
    assert step_of(loop(searched(states=("infeasible",) * 12 + ("completed",) * 4))).kind == "finals"


def test_the_settings_to_beat_are_trained_first_for_the_final_length():
    step = step_of(loop(baseline=None))
    assert (step.kind, step.study, step.cost) == ("baseline", "s-baseline", STEPS)
    assert step.data is not None
    assert step.data["fixed"] == {"x": 0.5, "batch_size": 64}
    assert step.data["points"] == [{}]
    long = step_of(loop(baseline=None, final_steps=4 * STEPS))
    assert long.data is not None
    assert (long.data["max_train_steps"], long.data["eval_every"]) == (4 * STEPS, 80)
    assert stop_of(loop(baseline=None, budget=5 * STEPS + reserve(STEPS))).why == "budget"


def test_the_baseline_is_trained_again_where_the_finals_are_of_another_length():
    finals = final(3, steps=2 * STEPS)
    step = step_of(loop(searched(), finals=finals, names=frozenset({"s-baseline"})))
    assert (step.kind, step.study, step.cost) == ("baseline", "s-baseline-2", 2 * STEPS)


def test_a_model_of_the_results_adds_points_to_the_finals_before_any_is_repeated():
    state = loop(bowl(TRIALS), finals=bowl(3, name="s-final", sampler="listed"))
    step = step_of(state)
    assert (step.kind, step.study, step.cost, step.begins) == ("refine", "s-final", 2 * STEPS, 3)
    assert step.data is not None
    assert step.data["points"][:3] == state.finals.data["points"]
    assert len(step.data["points"]) == 5
    assert step_of(replace(state, refined=REFINED)).kind == "repeats"
    assert step_of(replace(state, repeated=True)).kind == "confirm"
    assert step_of(replace(state, budget=state.spent + 15 * STEPS)).kind == "repeats"


def test_after_the_finals_come_the_repeats_and_the_interval():
    state = loop(searched(), finals=final(3), refined=REFINED)
    repeats = step_of(state)
    assert (repeats.kind, repeats.trials, repeats.repeats) == ("repeats", [0, 1, 2], 3 * SEEDS)
    state = replace(state, repeated=True)
    confirm = step_of(state)
    assert (confirm.kind, confirm.trials, confirm.baseline) == ("confirm", [0], "s-baseline")
    assert stop_of(replace(state, confirmed=True)).why == "decided"


def test_a_contest_of_finalists_never_takes_the_seeds_of_the_interval():
    # the point that it chooses has two seeds of its own, at least, when it ends
    state = loop(searched(), finals=final(3), refined=REFINED, spent=-STEPS)
    assert step_of(replace(state, budget=(2 * SEEDS + 3) * STEPS)).kind == "confirm"
    assert step_of(replace(state, budget=(2 * SEEDS + 4) * STEPS)).kind == "repeats"
    assert stop_of(replace(state, budget=5 * STEPS)).why == "budget"


def test_finalists_that_cannot_be_trained_again_need_a_person():
    finals = searched(name="s-final", states=("infeasible",) * 3)
    assert stop_of(loop(searched(), finals=finals)).why == "person"


def test_a_baseline_without_a_result_does_not_hold_up_the_repeats():
    finals = searched(name="s-final", states=("completed",) * 3, sampler="listed")
    lost = searched(name="s-baseline", states=("infeasible",))
    step = step_of(loop(searched(), finals=finals, baseline=lost, repeated=True))
    assert (step.kind, step.baseline) == ("confirm", None)
