"""The whole loop on its own."""

from __future__ import annotations

import json
import random
import re
import signal
import time

import pytest

from playbook_cli.files import journal
from playbook_cli.ledger import entries
from tests.generators.instant import instant

SLOW = """
import random, time
def train(trial):
    luck = random.Random(trial.seed).gauss(0.0, 0.01)
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=(trial.params["x"] - 1.2) ** 2 + luck + 1 / step)
"""
KEYS = {
    *("study", "goal", "metric", "ended", "reason", "headline", "gain", "interval", "verdict", "blocked_by"),
    *(
        "found",
        "recommended",
        "baseline",
        "selected_from",
        "adopted",
        "budget",
        "steps_spent",
        "seconds_spent",
        "steps",
    ),
    *("next_step", "to_do", "final_steps"),
}
STEP = {"kind", "study", "reason", "changes", "at_most", "steps_spent", "edited", "skipped", "answer"}


def bowl(optimum, *, rising=False):
    """Curves of a bowl in x with seed noise."""

    def curve(spec, trial):
        luck = random.Random(trial.seed).gauss(0.0, 0.01)
        level = (trial.params["x"] - optimum) ** 2 + luck
        every = spec.steps_between_evaluations
        return {
            step: {
                "val_error": level + 0.5 * 2 ** (-step / 5),
                "train_loss": 0.5 + (0.02 if rising else -0.02) * step / every,
            }
            for step in range(every, spec.max_train_steps + 1, every)
        }

    return curve


@pytest.fixture
def asked(bench, monkeypatch):
    """A study of 12 trials of 50 steps, and how to pursue it, without the reports of its studies, which take long."""
    monkeypatch.setattr("playbook_cli.commands.report.written", lambda folder, runs: None)
    bench.study(trials=12, max_train_steps=50, eval_every=1, goal="Which x?")

    def pursue(*options, budget=4000):
        return bench("pursue", "study.yaml", "--budget", budget, *options)

    return pursue


def steps(answer):
    return [(step["kind"], step["study"]) for step in answer.json["steps"]]


@pytest.mark.slow
def test_it_walks_from_the_study_to_a_configuration_on_fresh_seeds(bench, asked):
    with instant(bowl(1.2)):
        answer = asked("--json")
    assert answer.code == 0
    found = answer.json
    assert set(found) == KEYS
    assert all(set(step) == STEP for step in found["steps"])
    assert found["ended"] == "decided"
    assert steps(answer)[:3] == [("baseline", "toy-baseline"), ("study", "toy"), ("study", "toy-2")]
    assert [kind for kind, _ in steps(answer)][-2:] == ["repeats", "confirm"]
    assert {"finals", "refine"} <= {kind for kind, _ in steps(answer)}
    assert "boundary" in found["steps"][2]["reason"]
    assert abs(found["recommended"]["params"]["x"] - 1.2) < 0.2
    assert found["recommended"] == found["found"]
    low, high = found["interval"]
    assert 0.0 < low < found["gain"] < high
    assert found["baseline"]["params"] == {"x": 0.5}
    assert min(found["recommended"]["repeats"], found["baseline"]["repeats"]) >= 5
    assert found["steps_spent"] == sum(step["steps_spent"] for step in found["steps"]) <= 4000
    # fewer steps were enough, so the baseline was trained anew beside the finals
    assert found["baseline"]["study"] == "toy-baseline-2"
    assert found["to_do"][0]["command"] == "playbook adopt runs/toy-final --over runs/toy-baseline-2"
    assert not found["adopted"]
    assert not entries.read(bench.folder / "runs").adopted
    page = (bench.folder / "runs/toy-pursuit/index.html").read_text()
    assert "Which x?" in page
    assert "toy-2" in page
    assert "boundary" in page
    notes = {note.study: note.text for note in entries.read(bench.folder / "runs").notes}
    assert "boundary" in notes["toy-2"]


@pytest.mark.slow
def test_the_same_command_again_changes_nothing_and_says_the_same_until_it_is_told_to_adopt(bench, asked):
    diary = bench.folder / "runs/toy-pursuit/pursuit.jsonl"
    with instant(bowl(1.2)):
        first = asked("--json").json
        events = [event["event"] for event in journal.read(diary)]
        assert asked("--json").json == first
        assert [event["event"] for event in journal.read(diary)] == events
        adopted = asked("--adopt", "--json").json
    assert events == ["began", *["planned", "done"] * (len(events) // 2)]
    assert json.loads((bench.folder / "runs/toy-pursuit/pursuit.json").read_text()) == adopted
    assert (first["adopted"], adopted["adopted"]) == (False, True)
    (entry,) = entries.read(bench.folder / "runs").adopted
    assert (entry.study, entry.over) == ("toy-final", "toy-baseline-2")


@pytest.mark.slow
def test_where_nothing_is_to_be_gained_it_says_so(asked):
    with instant(bowl(0.5)):
        found = asked("--json", "--baseline", "x=0.5").json
    assert found["interval"][0] <= 0.0
    assert found["headline"].startswith(("No significant gain", "The baseline beats"))
    assert "adopt" not in found["to_do"][0]["command"]


@pytest.mark.slow
def test_it_is_steered_by_the_next_study_file(bench, asked):
    with instant(bowl(1.2)):
        paused = asked("--steps-of-the-loop", 2, "--json").json
        assert paused["ended"] == "paused"
        assert paused["next_step"] == {"kind": "study", "study": "toy-2", "file": "toy-2.yaml"}
        file = bench.folder / "toy-2.yaml"
        file.write_text(re.sub("trials: .*", "trials: 5", file.read_text()))
        answer = asked("--steps-of-the-loop", 1, "--json")
    assert answer.json["steps"][2]["edited"]
    assert len(bench.events("planned", "toy-2")) == 5


@pytest.mark.slow
def test_a_steered_study_keeps_its_name_and_fits_the_budget(bench, asked):
    with instant(bowl(1.2)):
        asked("--steps-of-the-loop", 2)
        file = bench.folder / "toy-2.yaml"
        written = file.read_text()
        file.write_text(written.replace("name: toy-2", "name: other"))
        renamed = asked()
        assert renamed.code == 2
        assert "toy-2.yaml:" in renamed.err
        assert "write name: toy-2" in renamed.err
        file.write_text(re.sub("trials: .*", "trials: 500", written))
        large = asked()
    assert large.code == 2
    assert "as edited, it costs up to" in large.err


def test_a_preview_writes_nothing(bench, asked):
    answer = asked("--dry-run", "--json")
    assert answer.json["next_step"]["kind"] == "baseline"
    assert answer.json["next_step"]["at_most"] == 50
    assert not (bench.folder / "runs").exists()


def test_the_final_length_is_kept_free_and_not_shorter_than_the_study(asked):
    assert asked("--final-steps", 200, "--dry-run", "--json").json["reserve"] == 12 * 200
    short = asked("--final-steps", 49)
    assert short.code == 2
    assert "less than the 50 steps of the trials of toy" in short.err
    dear = asked("--final-steps", 400)
    assert dear.code == 2
    assert "it needs 5,400" in dear.err


@pytest.mark.slow
def test_studies_stay_short_and_what_is_recommended_is_trained_for_the_final_length(bench, asked):
    with instant(bowl(0.8)):
        found = asked("--final-steps", 100, "--json").json
    assert found["ended"] == "decided"
    assert (
        found["final_steps"] == found["recommended"]["max_train_steps"] == found["baseline"]["max_train_steps"] == 100
    )
    assert "max_train_steps: 50" in (bench.folder / "runs/toy/study.yaml").read_text()
    assert found["steps_spent"] <= 4000


@pytest.mark.slow
def test_where_the_best_points_of_short_trials_are_no_better_in_long_ones_it_asks_for_longer_studies(asked):
    def shifting(spec, trial):
        return bowl(0.5 if spec.max_train_steps > 50 else 0.9)(spec, trial)

    with instant(shifting):
        found = asked("--final-steps", 100, "--baseline", "x=0.5", "--json").json
    assert found["gain"] < 0.0
    assert found["recommended"]["study"] == found["baseline"]["study"] != found["found"]["study"]
    assert any("try longer studies, for example 100 steps" in one["text"] for one in found["to_do"])


def test_a_budget_that_decides_nothing_is_refused_with_what_is_needed(bench, asked):
    answer = asked(budget=800)
    assert answer.code == 2
    assert "it needs 1,200" in answer.err
    assert not (bench.folder / "runs").exists()


@pytest.mark.slow
def test_a_bug_in_the_pipeline_ends_it_and_calls_a_person(bench, asked):
    with instant(bowl(1.2, rising=True)):
        found = asked("--json").json
    assert found["ended"] == "person"
    assert "bug" in found["reason"]
    assert found["recommended"] is None
    assert found["to_do"][0]["command"] == "playbook report runs/toy"
    assert not (bench.folder / "runs/toy-2").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("y=1", "no hyperparameter named y"),
        ("x=fast", "x is a number"),
        ("runs/none", "there is no such folder"),
        ("x", "there is no such folder"),
    ],
)
def test_a_baseline_of_something_else_is_refused(asked, given, said):
    answer = asked("--baseline", given)
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.slow
def test_the_best_trial_of_a_study_can_be_the_baseline(bench, asked):
    with instant(bowl(0.8)):
        bench("run", "study.yaml")
        best = bench("report", "runs/toy", "--json", "--no-html").json["best"]
        bench.study(name="more", trials=12, max_train_steps=50, eval_every=1, seed=3)
        found = asked("--baseline", "runs/toy", "--steps-of-the-loop", 1, "--json").json
    assert found["baseline"]["from"] == f"trial {best['trial']} of runs/toy"
    (began,) = [e for e in journal.read(bench.folder / "runs/more-pursuit/pursuit.jsonl") if e["event"] == "began"]
    assert began["baseline"]["x"] == best["params"]["x"]


@pytest.mark.slow
def test_what_was_trained_before_costs_the_pursuit_nothing(bench, asked):
    with instant(bowl(1.2)):
        bench("run", "study.yaml")
        time.sleep(0.01)
        found = asked("--steps-of-the-loop", 2, "--json").json
    assert found["steps"][1]["steps_spent"] == 0
    assert found["steps"][0]["steps_spent"] == found["steps_spent"] == 50


@pytest.mark.slow
def test_a_damaged_diary_is_named(bench, asked):
    with instant(bowl(0.5)):
        asked("--steps-of-the-loop", 1)
    diary = bench.folder / "runs/toy-pursuit/pursuit.jsonl"
    diary.write_text('{"event": "mystery"}\n' + diary.read_text())
    answer = asked()
    assert answer.code == 2
    assert "pursuit.jsonl:1" in answer.err


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_answer(bench, tmp_path):
    bench.study(SLOW, trials=8, max_train_steps=20, eval_every=1)
    command = ("pursue", "study.yaml", "--budget", 2000, "--jobs", 1, "--json")
    whole = bench.real(*command).json
    (bench.folder / "runs").rename(tmp_path / "before")
    for file in bench.folder.glob("toy-*.yaml"):
        file.unlink()
    kills = random.Random(0)
    for _ in range(4):
        process = bench.spawn(*command)
        time.sleep(kills.uniform(1.0, 8.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    killed = bench.real(*command).json
    assert killed["ended"] == whole["ended"] == "decided"
    assert killed["recommended"] == whole["recommended"]
    assert (killed["gain"], killed["interval"]) == (whole["gain"], whole["interval"])
    assert [step["reason"] for step in killed["steps"]] == [step["reason"] for step in whole["steps"]]
