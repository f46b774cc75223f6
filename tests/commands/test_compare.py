"""Adopt one study's pipeline over another's?"""

from __future__ import annotations

import random
import re

import pytest

from playbook_cli import wording
from playbook_cli.files import journal
from playbook_cli.spec.load import load
from tests.commands.finished import finish

KEYS = {
    "verdict",
    "gain",
    "interval",
    "p_value",
    "probability_better",
    "runs_needed",
    "blocked_by",
    "unit",
    "complexity",
    "message",
    "caveats",
    "looked",
    "interval_other_examples",
    "settle",
    "at_trials",
    "baseline",
    "candidate",
    "differences",
    "limited_to",
    "warnings",
    "next",
}
SIDE = {
    "study",
    "label",
    "trial",
    "params",
    "selected_score",
    "mean",
    "trial_sd",
    "study_sd",
    "repeats",
    "diverged",
    "trials",
    "searches",
}


def repeat(bench, name, values, trial=None, **marks):
    """Write repeats of the best trial, or of this one, as a run would have left them, planned with these marks."""
    paths = bench.paths(name)
    planned = [event for event in journal.read(paths.journal) if event["event"] == "planned"]

    def error(event):
        return min(line["val_error"] for line in journal.read(paths.trial(event["trial"]).metrics))

    best = planned[trial] if trial is not None else min(planned, key=error)
    events = journal.Journal(paths.journal)
    for number, value in enumerate(values, start=len(planned)):
        about = {"trial": number, "attempt": 1, "time": 0.0}
        seed = {"seed": 1000 + number - len(planned), "repeat_of": best["trial"]}
        events.append({"event": "planned", **about, "params": best["params"], "arm": best["arm"], **seed, **marks})
        events.append({"event": "started", **about, "slot": "cpu0", "process": None})
        events.append({"event": "ended", **about, "state": "completed", "reason": None, "exit_code": 0})
        paths.trial(number).dir.mkdir(parents=True)
        metrics = journal.Journal(paths.trial(number).metrics)
        for step in (2, 4):
            metrics.append({"step": step, "val_error": value + 0.1 / step})
        metrics.close()
    events.close()


def noisy(level, seed=0, count=5):
    luck = random.Random(seed)
    return [level + luck.gauss(0.0, 0.01) for _ in range(count)]


@pytest.fixture
def two(bench):
    """A baseline at 0.5 and a candidate at 0.3, both repeated five times, on flat responses."""
    for name, level, seed in (("a", 0.5, 0), ("b", 0.3, 1)):
        luck = random.Random(seed)
        finish(bench, lambda _, level=level, luck=luck: level + luck.gauss(0.0, 0.01), name=name, trials=12)
        repeat(bench, name, noisy(level, seed + 2))
    return bench


def test_a_better_candidate_is_adopted_and_the_answer_has_its_shape(two):
    answer = two("compare", "runs/a", "runs/b", "--json").json
    assert set(answer) == KEYS
    assert set(answer["baseline"]) == set(answer["candidate"]) == SIDE
    assert (answer["verdict"], answer["runs_needed"], answer["blocked_by"]) == ("adopt", 0, [])
    assert answer["gain"] == pytest.approx(0.2, abs=0.03)
    assert answer["interval"][0] < answer["gain"] < answer["interval"][1]
    assert answer["probability_better"] == 1.0
    assert answer["next"] == "playbook adopt runs/b --over runs/a"
    assert answer["candidate"]["mean"] == pytest.approx(0.325, abs=0.02)
    assert answer["candidate"]["repeats"] == 5


def test_repeats_that_were_stopped_by_looking_have_an_interval_that_holds_at_every_look(bench):
    for name, level, seed in (("a", 0.5, 0), ("b", 0.3, 1), ("c", 0.3, 1)):
        luck = random.Random(seed)
        finish(bench, lambda _, level=level, luck=luck: level + luck.gauss(0.0, 0.01), name=name, trials=12)
        repeat(bench, name, noisy(level, seed + 2), **({"looked": True} if name == "c" else {}))
    plain, looked = (bench("compare", "runs/a", f"runs/{name}", "--json").json for name in "bc")
    assert (plain["looked"], looked["looked"]) == (False, True)
    assert looked["gain"] == plain["gain"]
    assert looked["interval"][0] < plain["interval"][0]
    assert looked["interval"][1] > plain["interval"][1]
    assert looked["p_value"] > plain["p_value"]
    assert not [text for text in plain["caveats"] if "over all looks" in text]
    assert [text for text in looked["caveats"] if "over all looks" in text]


def test_what_was_selected_and_how_far_the_examples_reach_is_said(bench):
    for name, level, seed in (("a", 0.5, 0), ("b", 0.3, 1)):
        luck = random.Random(seed)
        metric = {"name": "val_error", "goal": "minimize", "examples": 100}
        value = lambda _, level=level, luck=luck: level + luck.gauss(0.0, 0.01)  # noqa: E731
        finish(bench, value, name=name, trials=12, metric=metric)
        repeat(bench, name, noisy(level, seed + 2))
    answer = bench("compare", "runs/a", "runs/b", "--json").json
    low, high = answer["interval_other_examples"]
    assert high - low > 4 * 0.06, "four binomial standard errors of two shares of 100 examples"
    assert low < answer["interval"][0]
    said = " ".join(answer["caveats"])
    assert "selected from 12 trials on each side on the validation set" in said
    assert "on another 100 validation examples" in said


def test_the_terminal_says_verdict_sides_and_command(two, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    answer = two("compare", "runs/a", "runs/b")
    assert answer.code == 0
    assert answer.out.startswith("runs/b over runs/a: adopt (limited to max_train_steps 4)\n")
    assert "-> playbook adopt runs/b --over runs/a" in answer.out
    for word in ("baseline", "candidate", "mean of repeats", "in 100% of pairs"):
        assert word in " ".join(answer.out.split())


@pytest.mark.slow
def test_the_page_has_the_verdict_the_interval_both_sides_and_their_charts(two):
    said = two("compare", "runs/a", "runs/b", "--json").json
    answer = two("compare", "runs/a", "runs/b", "-o", "answer.html")
    assert answer.code == 0
    page = (two.folder / "answer.html").read_text()
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "adopt" in text
    assert wording.number(said["gain"]) in text
    for end in said["interval"]:
        assert wording.number(end) in text
    for name in ("runs/a", "runs/b"):
        assert name in text
    assert page.count("<svg") >= 2
    assert "<script" not in page
    assert two("compare", "runs/a", "runs/b", "--html").code == 0
    assert (two.paths("b").report / "compare.html").is_file()


@pytest.mark.slow
def test_a_fresh_mean_that_repeat_does_not_print_is_explained(two):
    assert "Mean of repeats:" not in two("compare", "runs/a", "runs/b").out
    finish(two, lambda params: params["x"], name="c", trials=12)
    order = sorted(range(12), key=lambda trial: two.events("planned", "c")[trial]["params"]["x"])
    events = [(order[0], (0.1, 0.4, 0.1, 0.1)), (order[1], (0.3, 0.1, 0.3, 0.1))]
    for trial, values in events:
        repeat(two, "c", values, trial=trial)
    answer = two("compare", "runs/a", "runs/c", "--json").json["candidate"]
    said = " ".join(two("compare", "runs/a", "runs/c").out.split())
    assert answer["mean"] > 0.21
    assert "playbook repeat prints the mean of a single trial: 0.2 for the candidate" in said


def test_the_other_way_round_the_baseline_is_kept(two):
    answer = two("compare", "runs/b", "runs/a", "--json").json
    assert (answer["verdict"], answer["next"]) == ("keep", None)
    assert answer["gain"] < 0.0


def test_a_gain_that_is_not_worth_it_is_not_adopted(two):
    assert two("compare", "runs/a", "runs/b", "--complexity", "0.3", "--json").json["verdict"] == "keep"


def test_without_repeats_it_is_not_yet_and_the_next_command_repeats(bench):
    for name in ("a", "b"):
        finish(bench, lambda params: params["x"], name=name)
    answer = bench("compare", "runs/a", "runs/b", "--json").json
    assert (answer["verdict"], answer["interval"], answer["probability_better"]) == ("not-yet", [None, None], None)
    assert answer["runs_needed"] == 10
    assert answer["next"] == "playbook repeat runs/b --top 1 --seeds 5 --baseline runs/a"
    assert "not-yet" in bench("compare", "runs/a", "runs/b").out


def test_without_repeats_two_arms_are_compared_as_in_the_report(bench):
    luck = random.Random(0)

    def result(params):
        return 0.5 - 0.1 * params["depth"] + luck.gauss(0.0, 0.01)

    finish(bench, result, trials=24, scientific={"depth": [1, 2]})
    answer = bench("compare", "runs/toy", "--arms", "depth=1", "depth=2", "--json").json
    report = bench("report", "runs/toy", "--json", "--no-html").json
    (isolation,) = (f for f in report["findings"] if f["rule"] == "isolation")
    assert answer["verdict"] == "not-yet"
    assert isolation["verdict"] == "better"
    assert answer["caveats"][0] == f"from the search alone, as in its report: {isolation['message']}"


def test_two_arms_of_one_study_are_compared(bench):
    luck = random.Random(0)
    finish(
        bench,
        lambda params: 0.5 - 0.1 * params["depth"] + luck.gauss(0.0, 0.01),
        trials=24,
        scientific={"depth": [1, 2]},
    )
    arms = [event["arm"]["depth"] for event in bench.events("planned")]
    repeat(bench, "toy", noisy(0.4), trial=arms.index(1))
    repeat(bench, "toy", noisy(0.3), trial=arms.index(2))
    answer = bench("compare", "runs/toy", "--arms", "depth=1", "depth=2", "--json").json
    assert answer["verdict"] == "adopt"
    assert answer["candidate"]["label"] == "runs/toy depth=2"
    assert answer["next"] == f"playbook adopt runs/toy --trial {arms.index(2)}"
    report = bench("report", "runs/toy", "--json", "--no-html").json
    (isolation,) = (f for f in report["findings"] if f["rule"] == "isolation")
    assert (isolation["verdict"], isolation["subject"]) == ("better", "depth=2")
    for texts, said in ((("depth=1", "depth=3"), "matches no arm"), (("depth=1", "depth=1"), "are the same arm")):
        refused = bench("compare", "runs/toy", "--arms", *texts)
        assert refused.code == 2
        assert said in refused.err


def test_steps_to_a_target_are_compared(two):
    answer = two("compare", "runs/a", "runs/b", "--time-to-target", "0.45", "--json").json
    assert (answer["verdict"], answer["unit"]) == ("not-yet", "steps")
    assert any("never reached the target" in text for text in answer["blocked_by"])


def test_seconds_to_a_target_are_said_to_be_unfair_where_devices_differ(bench):
    for name, device in (("a", "A100"), ("b", "H100")):
        finish(bench, lambda params: params["x"], name=name)
        journal = bench.paths(name).journal
        code, known = '"exit_code":0', f'"exit_code":0,"device":"{device}","shared":false'
        journal.write_text(journal.read_text().replace(code, known))
    answer = bench("compare", "runs/a", "runs/b", "--time-to-target", "0.9", "--json")
    assert answer.json["unit"] == "steps"
    said = "note: trials ran on 2 kinds of device (A100: 4, H100: 4): compare steps to the target"
    assert said in " ".join(answer.err.split())
    assert "note" not in bench("compare", "runs/a", "runs/b", "--json").err


def test_further_searches_of_a_side_count(two):
    luck = random.Random(9)
    finish(two, lambda _: 0.5 + luck.gauss(0.0, 0.01), name="a2", trials=12, seed=1)
    repeat(two, "a2", noisy(0.5, 9))
    answer = two("compare", "runs/a", "runs/b", "--also-baseline", "runs/a2", "--json").json
    assert answer["verdict"] == "adopt"
    assert answer["baseline"]["searches"] == 2


def bowl(bench, name, level, trials, seed):
    """A search of a bowl in three ranges, whose selected point is luck, with five repeats of that."""

    def error(params):
        return level + sum((params[number] - 0.5) ** 2 for number in "xyz")

    ranges = {number: {"min": 0.0, "max": 1.0} for number in "xyz"}
    finish(bench, error, name=name, trials=trials, seed=seed, nuisance=ranges)
    best = min(error(event["params"]) for event in bench.events("planned", name))
    repeat(bench, name, noisy(best, seed + 2))


@pytest.mark.slow
def test_searches_that_would_settle_it_are_named_with_a_search_seed_of_their_own(bench):
    bowl(bench, "a", 0.5, 16, seed=0)
    bowl(bench, "b", 0.4, 16, seed=7)
    answer = bench("compare", "runs/a", "runs/b", "--json").json
    assert (answer["verdict"], answer["next"]) == ("not-yet", "playbook next runs/b --seed 8")
    said = " ".join(bench("compare", "runs/a", "runs/b").out.split())
    assert "-> playbook next runs/b --seed 8 run it, then repeat its best trial: --top 1" in said
    assert "with --also-candidate" in said
    assert bench("next", "runs/b", "--seed", "8").code == 0
    assert load(bench.folder / "b-seed8.yaml")[0].name == "b-seed8"


def test_what_blocks_the_verdict_is_to_be_mended_first(two):
    finish(two, lambda params: 0.7 - 0.2 * params["x"], name="c", trials=12)
    repeat(two, "c", noisy(0.5))
    answer = two("compare", "runs/c", "runs/b")
    assert "boundary (x): upper-edge" in answer.out
    assert "-> first fix what blocks it: playbook next runs/c\n" in answer.out
    assert two("compare", "runs/c", "runs/b", "--json").json["next"] == "playbook next runs/c"


def test_after_a_further_search_of_one_side_the_other_one_is_named(bench):
    for name, level, seed in (("a", 0.5, 0), ("b", 0.4, 7), ("b-seed8", 0.4, 8)):
        bowl(bench, name, level, 16, seed)
    answer = bench("compare", "runs/a", "runs/b", "--also-candidate", "runs/b-seed8")
    assert "-> playbook next runs/a --seed 1" in answer.out
    assert "with --also-baseline" in " ".join(answer.out.split())


def test_larger_searches_that_would_settle_it_are_named_with_their_size(bench):
    bowl(bench, "a", 0.5, 12, seed=0)
    bowl(bench, "b", 0.32, 12, seed=7)
    answer = bench("compare", "runs/a", "runs/b", "--json").json
    assert (answer["verdict"], answer["settle"]["trials"]) == ("not-yet", 24)
    assert answer["next"] == "playbook next runs/b --trials 24"
    assert bench("next", "runs/b", "--trials", "24", "--json").json["study"]["name"] == "b", "it goes on"


def test_a_further_search_of_a_study_counts_for_both_of_its_arms(bench):
    for name, seed in (("toy", 0), ("toy-seed1", 1)):
        luck = random.Random(seed)
        finish(
            bench,
            lambda params, luck=luck: 0.5 - 0.1 * params["depth"] + luck.gauss(0.0, 0.01),
            name=name,
            trials=24,
            seed=seed,
            scientific={"depth": [1, 2]},
        )
        arms = [event["arm"]["depth"] for event in bench.events("planned", name)]
        repeat(bench, name, noisy(0.4, seed), trial=arms.index(1))
        repeat(bench, name, noisy(0.3, seed), trial=arms.index(2))
    options = ["--arms", "depth=1", "depth=2", "--also-candidate", "runs/toy-seed1"]
    answer = bench("compare", "runs/toy", *options, "--json").json
    assert answer["verdict"] == "adopt"
    assert (answer["baseline"]["searches"], answer["candidate"]["searches"]) == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs/a", "runs/a"], "runs/a: this study is given twice"),
        (["runs/a"], "runs/a: the candidate is missing"),
        (["runs/a", "runs/none"], "runs/none: there is no such folder"),
        (["runs/a", "runs/other"], "runs/other: it maximizes val_error, but runs/a minimizes val_error"),
        (["runs/a", "runs/single"], "runs/single: comparing needs at least 2 finished trials"),
        (["runs/a", "--arms", "x=1", "x=2"], "the study has no scientific hyperparameter"),
        (["runs/a", "runs/b", "--arms", "x=1", "x=2"], "--arms compares two arms of one study"),
        (["runs/a", "runs/b", "--complexity", "inf"], "--complexity must be a finite number"),
        (["runs/a", "runs/b", "--complexity", "-1"], "Invalid value for '--complexity'"),
        (["runs/a", "runs/b", "--time-to-target", "soon"], "Invalid value for '--time-to-target'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_in_plain_words(bench, arguments, said):
    for name in ("a", "b"):
        finish(bench, lambda params: params["x"], name=name)
    finish(bench, lambda params: params["x"], name="other", metric={"name": "val_error", "goal": "maximize"})
    finish(bench, lambda params: params["x"], name="single", trials=1)
    answer = bench("compare", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in " ".join(answer.err.replace("│", " ").split())
    assert "Traceback" not in answer.err


def test_other_lengths_and_settings_are_said_and_not_refused(two):
    finish(two, lambda params: params["x"], name="longer", max_train_steps=8, fixed={"width": 2})
    finish(two, lambda params: params["x"], name="wider", fixed={"width": 3})
    caveats = " ".join(two("compare", "runs/wider", "runs/longer", "--json").json["caveats"])
    assert "runs/wider trains for 4 steps, runs/longer for 8" in caveats
    assert "width 3 and 2" in caveats


def test_every_setting_that_differs_is_listed_and_several_changes_are_warned_of(two, monkeypatch):
    fixed = {"batch_size": 64, "width": 2, "seed_of_data": 1}
    finish(two, lambda params: params["x"], name="old", fixed={**fixed, "dropout": 0.1})
    finish(two, lambda params: params["x"], name="new", fixed={**fixed, "width": 3, "extra": True})
    answer = two("compare", "runs/old", "runs/new", "--json").json
    assert answer["differences"] == [
        {"name": "width", "baseline": "2", "candidate": "3", "counts": True},
        {"name": "dropout", "baseline": "0.1", "candidate": None, "counts": True},
        {"name": "extra", "baseline": None, "candidate": "True", "counts": True},
    ]
    assert answer["limited_to"] == {"max_train_steps": 4, "batch_size": 64, "seed_of_data": 1}
    (warning,) = answer["warnings"]
    assert warning.startswith("3 changes at once (width, dropout, extra): the gain is that of all of them together")
    monkeypatch.setenv("COLUMNS", "120")
    headline, *rest = two("compare", "runs/old", "runs/new").out.splitlines()
    assert headline.endswith(": not-yet (limited to max_train_steps 4, batch_size 64, seed_of_data 1)")
    said = " ".join(" ".join(rest).split())
    assert "! 3 changes at once (width, dropout, extra)" in said
    differ = "settings differ: width 2 and 3, dropout 0.1 in the baseline only, extra True in the candidate only"
    assert differ in said


def test_one_change_is_warned_of_by_nobody(two):
    finish(two, lambda params: params["x"], name="old", fixed={"width": 2})
    finish(two, lambda params: params["x"], name="new", fixed={"width": 3})
    answer = two("compare", "runs/old", "runs/new", "--json").json
    assert [each["name"] for each in answer["differences"]] == ["width"]
    assert answer["warnings"] == []
