"""A Bayesian search from the command line: what it begins with, what it refuses, that killing it changes nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal

import pytest

from playbook_cli.files import journal
from playbook_cli.records import Best, TrialRecord
from playbook_cli.sampling import make
from playbook_cli.sampling.followed import recorded
from playbook_cli.spec.load import load
from playbook_cli.storage.store import Store, read_history
from tests.commands.finished import finish
from tests.pasting import advised, words

SPACE = {"x": {"min": 0.0, "max": 1.0}, "rate": {"min": 1e-3, "max": 1.0, "scale": "log"}}
TRAIN = """
import math, time
from pathlib import Path
def train(trial):
    p = trial.params
    waits, alone = Path(f"wait-{trial.id}"), Path("alone")
    if trial.id > 0:
        alone.unlink(missing_ok=True)
    while waits.exists() or alone.exists():
        Path("waiting").touch()
        time.sleep(0.01)
    if p["rate"] > 0.5:
        trial.infeasible("it diverged")
    trial.report(4, val_error=(p["x"] - 0.3) ** 2 + (math.log10(p["rate"]) + 1) ** 2)
"""
KEYS = ("trial", "params", "arm", "seed", "known")


def error(params):
    return (params["x"] - 0.3) ** 2 + (math.log10(params["rate"]) + 1) ** 2


def explored(bench, value=error, **changes):
    """A finished quasi-random study, `first`."""
    finish(bench, value, name="first", **({"nuisance": SPACE, "trials": 16} | changes))


def searching(bench, name="toy", **changes):
    """The study file of a Bayesian search after it."""
    keys = {"name": name, "sampler": "bayesian", "continue": "runs/first", "nuisance": SPACE, "trials": 4}
    return bench.study(TRAIN, **(keys | changes))


def planned(bench, name="toy"):
    return [{key: event[key] for key in KEYS} for event in bench.events("planned", name)]


def replayed(bench, name="toy"):
    """Every suggestion of a search made again, from its own folder alone."""
    store = Store(bench.paths(name).dir)
    sampler = make("bayesian", store.spec.seed, metric=store.metric, first=recorded(store.paths).trials)
    results = {event["trial"]: event for event in bench.events("ended", name) if event["state"] != "pending"}
    history, made = [], []
    for event in bench.events("planned", name):
        known = [_as_known(trial, results) if trial.id in event["known"] else trial for trial in history]
        (trial,) = sampler.suggest(store.spec.space(), known, 1)
        made.append(
            {"trial": trial.id, "params": trial.params, "arm": trial.arm, "seed": trial.seed, "known": event["known"]}
        )
        history.append(trial)
    return made


def _as_known(trial, results):
    ended = results[trial.id]
    best = None if ended["value"] is None else Best(trial=trial.id, value=ended["value"], step=1, params=trial.params)
    return TrialRecord(**{**vars(trial), "state": ended["state"], "best": best})


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_suggestion_is_made_again_bit_for_bit_from_the_journal(bench, jobs):
    explored(bench)
    searching(bench, trials=5)
    if jobs == 2:
        bench.write("alone", "")  # the first trial ends only when the second has begun
    answer = bench("run", "study.yaml", "--jobs", jobs, "--json")
    assert answer.code == 0, answer.err
    assert sum(answer.json["trials"][state] for state in ("completed", "infeasible")) == 5
    shutil.rmtree(bench.paths("first").dir)
    assert replayed(bench) == planned(bench)
    open_trials = [event["trial"] - len(event["known"]) for event in bench.events("planned")]
    assert open_trials == [0] * 5 if jobs == 1 else max(open_trials) == 1


@pytest.mark.slow
def test_conditional_spaces_are_replayed_too(bench):
    space = {
        "kind": {"values": ["a", "b"]},
        "x": {"min": 0.0, "max": 1.0},
        "rate": {"min": 1e-3, "max": 1.0, "scale": "log"},
        "beta": {"min": 0.0, "max": 1.0, "when": {"kind": "b"}},
    }
    explored(bench, nuisance=space)
    searching(bench, nuisance=space, trials=6)
    assert bench("run", "study.yaml", "--jobs", 2).code == 0
    assert replayed(bench) == planned(bench)
    assert all(("beta" in event["params"]) == (event["params"]["kind"] == "b") for event in planned(bench))


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_with_the_suggestions_that_it_would_have_made(bench):
    explored(bench)
    searching(bench)
    assert bench("run", "study.yaml", "--jobs", 1, "--runs", "undisturbed").code == 0
    undisturbed = [
        event for event in journal.read(bench.folder / "undisturbed/toy/trials.jsonl") if event["event"] == "planned"
    ]
    for number in (1, 2):
        bench.write(f"wait-{number}", "")
        runner = bench.spawn("run", "study.yaml", "--jobs", 1)
        bench.wait((bench.folder / "waiting").exists, f"trial {number} under way")
        os.kill(runner.pid, signal.SIGKILL)
        bench.finish(runner)
        (bench.folder / f"wait-{number}").unlink()
        bench.wait(lambda: not bench.processes(), "the trial without a runner to end")
        (bench.folder / "waiting").unlink(missing_ok=True)
        if number == 1:  # what the search begins with is in its own journal from here on
            shutil.rmtree(bench.paths("first").dir)
    answer = bench("run", "study.yaml", "--jobs", 1, "--json")
    assert answer.json["trials"]["planned"] == 4
    assert planned(bench) == [{key: event[key] for key in KEYS} for event in undisturbed]
    assert len(bench.events("follows")) == 1


@pytest.mark.slow
def test_more_trials_go_on_from_all_that_is_known(bench):
    explored(bench)
    searching(bench, trials=1)
    bench("run", "study.yaml", "--jobs", 1)
    searching(bench, trials=2)
    assert bench("run", "study.yaml", "--jobs", 1).code == 0
    assert [event["known"] for event in planned(bench)] == [[], [0]]
    assert replayed(bench) == planned(bench)


@pytest.mark.slow
def test_trials_outside_the_new_space_are_counted_and_left_out(bench):
    explored(bench, trials=32)
    searching(bench, trials=1, nuisance={**SPACE, "x": {"min": 0.0, "max": 0.5}})
    answer = bench("run", "study.yaml")
    inside = recorded(bench.paths()).trials
    assert {trial.id for trial in inside} == {
        trial.id for trial in read_history(bench.paths("first")).trials if trial.params["x"] <= 0.5
    }
    assert f"starts from {len(inside)} trials of first; {32 - len(inside)} others are outside this space" in answer.err


REFUSED = [
    ({"continue": None}, {}, "continue: runs/NAME"),
    ({"sampler": "halton"}, {}, "only sampler: bayesian continues"),
    ({"continue": "runs/none"}, {}, "there is no such folder"),
    ({"scientific": {"depth": [1, 2]}}, {}, "can't compare values of depth fairly"),
    ({"scientific": {"depth": {"min": 1, "max": 8}}}, {}, "can't compare values of depth fairly"),
    ({"nuisance": None}, {}, "there is nothing to search"),
    ({"launcher": "slurm"}, {}, "array_parallelism"),
    ({}, {"trials": 9}, "9 completed trials in this study's space, but a model needs 10"),
    ({"nuisance": {**SPACE, "x": {"min": 0.0, "max": 0.1}}}, {}, "outside it), but a model needs 10"),
    ({"fixed": {"width": 3}}, {}, "0 completed trials"),
    ({"metric": {"name": "val_error", "goal": "maximize"}}, {}, "metric is minimize val_error in that study"),
    ({"max_train_steps": 8}, {}, "max_train_steps is 4 in that study but 8 in this one"),
]


@pytest.mark.parametrize(("changes", "before", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_a_search_that_makes_no_sense_is_refused_and_nothing_is_written(bench, changes, before, message):
    explored(bench, **before)
    searching(bench, **changes)
    for verb in ("plan", "run"):
        answer = bench(verb, "study.yaml")
        assert answer.code == 2
        assert message in answer.err
        assert not bench.paths().dir.exists()


def test_a_study_that_is_not_finished_is_not_continued(bench):
    explored(bench)
    lines = bench.paths("first").journal.read_text().splitlines(keepends=True)
    bench.paths("first").journal.write_text("".join(lines[:-1]))
    searching(bench)
    answer = bench("run", "study.yaml")
    assert answer.code == 2
    assert "1 of 16 trials are unfinished" in answer.err


@pytest.mark.slow
def test_a_bayesian_search_is_not_continued_by_another_one(bench):
    explored(bench)
    searching(bench, trials=1)
    bench("run", "study.yaml")
    searching(bench, name="again", **{"continue": "runs/toy"})
    answer = bench("plan", "study.yaml")
    assert answer.code == 2
    assert "this study's sampler is bayesian" in answer.err
    assert "raise `trials` of that search" in answer.err


def test_it_cannot_be_left_to_itself(bench):
    explored(bench)
    searching(bench, launcher="slurm", slurm={"array_parallelism": 2})
    answer = bench("run", "study.yaml", "--detach")
    assert answer.code == 2
    assert "its runner must keep running" in answer.err


@pytest.mark.slow
def test_a_plan_shows_the_first_trial_and_what_it_rests_on(bench):
    explored(bench)
    searching(bench)
    plan = bench("plan", "study.yaml", "--json").json
    assert [trial["id"] for trial in plan["trials"]] == [0]
    assert plan["training_steps"] == 16
    assert plan["begins_with"] == "a Gaussian process starts from 16 trials of first"
    bench("run", "study.yaml", "--jobs", 1)
    assert planned(bench)[0]["params"] == plan["trials"][0]["params"]
    assert "each chosen from the results before it" in bench("plan", "study.yaml").out


def rising(params):
    """Better towards high x."""
    return 1.0 - params["x"] + 0.1 * (math.log10(params["rate"]) + 1.5) ** 2


@pytest.mark.slow
def test_an_edge_of_the_study_before_is_warned_of_unless_the_range_goes_beyond_it(bench):
    explored(bench, rising, trials=24)
    searching(bench, trials=1)
    for verb in ("plan", "run"):
        answer = bench(verb, "study.yaml")
        assert answer.code == 0
        said = " ".join((answer.out + answer.err).split())
        assert "the optimum is outside this space" in said
        assert "runs/first --exploit" in said
    searching(bench, name="wider", nuisance={**SPACE, "x": {"min": 0.0, "max": 1.5}})
    assert bench("plan", "study.yaml", "--json").json["warnings"] == []


@pytest.mark.slow
def test_next_exploit_narrows_around_the_good_region_and_can_be_run(bench):
    explored(bench, trials=48)
    answer = bench("next", "runs/first", "--exploit", "--trials", 2)
    assert answer.code == 0, answer.err
    spec, source = load(bench.folder / "first-exploit.yaml")
    assert (spec.name, spec.sampler, spec.trials, spec.seed) == ("first-exploit", "bayesian", 2, 1)
    assert spec.follows == str(bench.paths("first").dir)
    (rate,), (x,) = spec.nuisance["rate"], spec.nuisance["x"]
    assert 1e-3 < rate.min < 0.1 < rate.max < 1.0
    assert x.min < 0.3 < x.max
    above = (bench.folder / "first-exploit.yaml").read_text().splitlines()[source.lines["nuisance", "rate"] - 2]
    assert above.strip().startswith("# the best")
    bench.write("toy.py", TRAIN)
    assert bench("run", "first-exploit.yaml").code == 0
    assert len(recorded(bench.paths("first-exploit")).trials) >= 10


@pytest.mark.slow
def test_next_exploit_widens_where_the_optimum_lies_beyond_an_edge(bench):
    explored(bench, rising, trials=24)
    said = " ".join(bench("next", "runs/first", "--exploit").out.split())
    assert "x was widened, and the model has seen no trial there" in said
    assert "playbook next runs/first --widen x" in said
    (x,) = load(bench.folder / "first-exploit.yaml")[0].nuisance["x"]
    assert (x.min, x.max) == (0.0, 1.5)
    assert bench("plan", "first-exploit.yaml", "--json").json["warnings"] == []


def test_what_next_exploit_advises_can_be_pasted(bench):
    explored(bench, rising, trials=24)
    (bench.folder / "runs").rename(bench.folder / "my runs")
    (bench.folder / "studies").mkdir()
    said = bench("next", "my runs/first", "--exploit", "-o", "studies/last.yaml").out
    assert words(advised(said, "next")) == ["next", "my runs/first", "--widen", "x"]
    assert words(advised(said, "run")) == ["run", "studies/last.yaml", "--runs", "my runs"]


@pytest.mark.slow
def test_next_exploit_advises_to_widen_the_range_by_its_name_in_the_study_before(bench):
    kinds = [{**SPACE["x"], "when": {"kind": [kind]}} for kind in "ab"]
    space = {"scientific": {"kind": ["a", "b"]}, "nuisance": {**SPACE, "x": kinds}}
    explored(bench, lambda params: rising(params) + (params["kind"] == "b"), trials=48, **space)
    line = advised(bench("next", "runs/first", "--exploit").out, "next")
    assert words(line) == ["next", "runs/first", "--widen", "x (kind=a)"]
    assert bench(*words(line), "-o", "wider.yaml").code == 0


@pytest.mark.slow
def test_next_exploit_holds_still_what_the_study_asked_about(bench):
    explored(
        bench,
        lambda params: error(params) + (params["kind"] == "a"),
        trials=48,
        scientific={"kind": ["a", "b"], "width": {"min": 1.0, "max": 9.0}},
        nuisance={
            **SPACE,
            "alpha": {"min": 0.0, "max": 1.0, "when": {"kind": "a"}},
            "beta": {"min": 0.0, "max": 1.0, "when": {"kind": "b"}},
        },
    )
    assert bench("next", "runs/first", "--exploit").code == 0
    spec, _ = load(bench.folder / "first-exploit.yaml")
    assert spec.fixed == {"kind": "b"}
    assert spec.scientific == {}
    assert set(spec.nuisance) == {"x", "rate", "beta", "width"}
    assert spec.nuisance["beta"][0].when == {}
    assert bench("plan", "first-exploit.yaml").code == 0


def test_next_exploit_refuses_what_it_cannot_build_on(bench):
    explored(bench, trials=9)
    answer = bench("next", "runs/first", "--exploit")
    assert answer.code == 2
    assert "9 completed trials" in answer.err
    assert bench("next", "runs/first", "--exploit", "--widen", "x").code == 2


@pytest.mark.slow
def test_no_rule_takes_a_bayesian_search_for_a_sample(bench):
    explored(bench)
    searching(bench, trials=2)
    bench("run", "study.yaml")
    report = bench("report", "runs/toy", "--json").json
    verdicts = {finding["rule"]: finding["verdict"] for finding in report["findings"]}
    assert verdicts["coverage"] == verdicts["budget"] == "undecided"
    assert "isolation" not in verdicts
    assert report["arms"][0]["expected_best"] == []
    assert report["best"] is not None
    answer = bench("compare", "runs/first", "runs/toy")
    assert answer.code == 2
    assert "Bayesian search" in answer.err


@pytest.mark.slow
def test_its_best_trial_is_repeated_without_another_search(bench):
    explored(bench)
    searching(bench, trials=2)
    bench("run", "study.yaml", "--jobs", 1)
    searching(bench, trials=3)  # one more is wanted, and a repeat does not choose it
    assert bench("repeat", "runs/toy", "--top", 1, "--seeds", 2).code == 0
    assert [event.get("repeat_of") is not None for event in bench.events("planned")] == [False, False, True, True]
    assert bench("run", "study.yaml", "--jobs", 1).code == 0
    assert [event["trial"] for event in bench.events("planned")] == [0, 1, 2, 3, 4]
    assert bench.events("planned")[-1]["known"] == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("damage", [{"trials": 3}, {"outside": -1}, {"trials": [{"trial": 0}]}], ids=str)
def test_a_damaged_beginning_is_named(bench, damage):
    explored(bench)
    searching(bench, trials=1)
    bench("run", "study.yaml")
    path = bench.paths().journal
    events = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [json.dumps(event | damage if event["event"] == "follows" else event) for event in events]
    path.write_text("\n".join(lines) + "\n")
    answer = bench("run", "study.yaml")
    assert answer.code == 2
    assert "trials.jsonl:2: this line does not describe the first trials of a Bayesian search" in answer.err
