"""Trials are compared with trials of the same code: what is trained by other code is refused, or told everywhere."""

from __future__ import annotations

import json

import pytest

from playbook_cli.files import journal
from tests.sweep import scripted

HELPED = """
import random
from helper import OFFSET
def train(trial):
    luck = random.Random(trial.seed).gauss(0.0, 0.01)
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + OFFSET + luck + 1 / step)
"""
PRINTING = """
import os, pathlib
SCALE = 1.0
for step in (2, 4):
    print(f"step {step}: val_error {SCALE / step}", flush=True)
if os.environ["PLAYBOOK_TRIAL_ID"] == "2":
    path = pathlib.Path("t.py")
    path.write_text(path.read_text().replace("SCALE = 1.0", "SCALE = 100.0"))
"""
LATE = """
def train(trial):
    from helper import OFFSET
    trial.report(4, val_error=OFFSET)
    if trial.id == 1: open("helper.py", "w").write("OFFSET = -0.5")
"""
STOPPING = """
import os, pathlib
checkpoint = pathlib.Path(os.environ["PLAYBOOK_TRIAL_DIR"]) / "checkpoints/last.pt"
print("step 4: val_error 0.5" if checkpoint.exists() else "step 2: val_error 0.9", flush=True)
if not checkpoint.exists():
    checkpoint.parent.mkdir()
    checkpoint.touch()
    raise SystemExit(1)
"""
PROGRAM = {
    "train": None,
    "command": ["${python}", "t.py"],
    "args": {"omit": ["x"]},
    "metrics": {"stdout": [r"step (?P<step>\d+): val_error (?P<val_error>\S+)"]},
}
MESSAGE = "helper.py changed since trials 0-3 were trained"


@pytest.fixture
def helped(bench):
    """The toy study, run, whose program has a module of its own."""
    bench.write("helper.py", "OFFSET = 0.0\n")
    answer = bench("run", bench.study(HELPED))
    assert answer.code == 0, answer.err
    return bench


def edit(bench):
    bench.write("helper.py", "OFFSET = -0.5\n")


def states(bench, name="toy"):
    return [event["code"] for event in bench.events("started", name)]


def test_every_attempt_says_which_code_it_ran_and_the_journal_what_that_was(helped):
    (program,) = helped.events("program")
    assert states(helped) == [program["code"]] * 4
    assert program["files"].keys() == {"helper.py", "toy.py"}
    assert program["packages"].keys() == {"Python", "playbook-cli"}
    kinds = [event["event"] for event in helped.events()]
    assert kinds.index("program") < kinds.index("started")


@pytest.mark.slow
def test_a_study_does_not_grow_by_other_code(helped):
    edit(helped)
    before = helped.events()
    grown = helped("run", helped.study(HELPED, trials=5))
    assert grown.code == 2
    assert f"runs/toy: {MESSAGE}" in grown.err
    assert "--code-changed" in grown.err
    assert helped.events() == before
    assert "trials: 4" in helped.paths().spec.read_text()
    helped.write("helper.py", "OFFSET = 0.0\n")  # restored
    assert helped("run", "study.yaml").code == 0
    assert len(set(states(helped))) == 1


@pytest.mark.slow
def test_with_code_changed_it_grows_and_every_answer_says_so(helped):
    edit(helped)
    grown = helped("run", helped.study(HELPED, trials=5), "--code-changed")
    assert grown.code == 0
    assert f"note: {MESSAGE}: the next trials run different code" in grown.err
    said = "helper.py changed after trial 3: trial 4 ran different code than trials 0-3"
    assert f"note: {said}" in grown.err
    report = helped("report", "runs/toy", "--json").json
    assert report["caveats"] == [said]
    assert len({trial["code"] for trial in report["trials"]}) == 2
    assert said in " ".join(helped("report", "runs/toy").out.split())
    assert said in (helped.paths().report / "index.html").read_text()
    assert said in helped("status", "runs/toy").out
    assert helped("status", "runs/toy", "--json").json["caveats"] == [said]
    assert helped("log", "--json").json["studies"][0]["code"] == [said]
    assert said in helped("log", "--markdown").out.replace("\\", "")
    assert said in helped("adopt", "runs/toy").err


def test_a_finished_study_is_nothing_to_refuse(helped):
    edit(helped)
    again = helped("run", "study.yaml")
    assert again.code == 0
    assert "note" not in again.err


@pytest.mark.slow
def test_a_file_that_was_only_touched_is_the_same_code(helped):
    helped.write("helper.py", "OFFSET = 0.0\n")
    helped.write("unrelated.py", "x = 1\n")
    assert helped("run", helped.study(HELPED, trials=5)).code == 0
    assert len(helped.events("program")) == 1


@pytest.mark.slow
def test_where_nothing_has_a_result_any_edit_is_fine(bench):
    broken = bench.study("def train(trial): 1/0\n", resources={"retries": 0, "timeout": "5m"})
    assert bench("run", broken).code == 1
    assert bench("run", bench.study(resources={"retries": 0, "timeout": "5m"})).code == 0
    assert len(set(states(bench))) == 2
    report = bench("report", "runs/toy", "--json").json
    assert report["caveats"] == []


@pytest.mark.slow
def test_what_is_missing_of_a_study_with_results_is_not_trained_by_other_code(bench):
    half = "def train(trial):\n    assert trial.id < 2\n    trial.report(4, val_error=1.0)\n"
    alone = {"resources": {"retries": 0, "timeout": "5m"}}
    bench("run", bench.study(half, **alone))
    fixed = bench.study(half.replace("assert trial.id < 2", "pass"), **alone)
    refused = bench("run", fixed)
    assert refused.code == 2
    assert "toy.py changed since trials 0, 1 were trained" in refused.err
    assert bench("run", fixed, "--code-changed").code == 0
    assert {state for state, _ in bench.ended().values()} == {"completed"}


def test_a_repeat_by_other_code_is_refused_before_anything_is_trained(helped):
    edit(helped)
    before = helped.events()
    refused = helped("repeat", "runs/toy", "--top", 1, "--seeds", 2)
    assert refused.code == 2
    assert "helper.py changed since trial" in refused.err
    assert "luck" not in refused.out
    assert helped.events() == before


@pytest.mark.slow
def test_a_repeat_by_other_code_is_not_called_luck_and_blocks_the_comparison(helped):
    edit(helped)
    repeated = helped("repeat", "runs/toy", "--top", 1, "--seeds", 5, "--code-changed")
    assert repeated.code == 0
    assert "which says nothing about selection bias" in " ".join(repeated.out.split())
    (row,) = helped("repeat", "runs/toy", "--top", 1, "--seeds", 5, "--json").json["repeats"]
    assert row["luck"] is None
    assert helped("run", helped.study(HELPED, name="candidate")).code == 0
    assert helped("repeat", "runs/candidate", "--top", 1, "--seeds", 5).code == 0
    said = helped("compare", "runs/toy", "runs/candidate", "--json").json
    assert said["verdict"] == "not-yet"
    where = "helper.py changed after trial 3: trials 4-8 ran different code than trials 0-3"
    assert f"runs/toy: {where}" in said["blocked_by"]


@pytest.mark.slow
def test_a_repeat_of_a_trial_of_the_code_that_is_there_is_fine(helped):
    edit(helped)
    helped("run", helped.study(HELPED, trials=5), "--code-changed")
    assert helped("repeat", "runs/toy", "--trial", 4, "--seeds", 1).code == 0
    assert helped("repeat", "runs/toy", "--trial", 0, "--seeds", 1).code == 2


@pytest.mark.slow
def test_both_sides_of_a_repeat_are_looked_at_before_the_first_is_trained(helped):
    edit(helped)
    assert helped("run", helped.study(HELPED, name="candidate")).code == 0
    refused = helped("repeat", "runs/candidate", "--top", 1, "--seeds", 1, "--baseline", "runs/toy")
    assert refused.code == 2
    assert "runs/toy: helper.py changed" in refused.err
    assert len(helped.events("started", "candidate")) == 4


@pytest.mark.slow
def test_two_studies_may_have_two_programs_and_the_comparison_says_so(helped):
    helped("repeat", "runs/toy", "--top", 1, "--seeds", 5)
    edit(helped)
    assert helped("run", helped.study(HELPED, name="candidate")).code == 0
    assert helped("repeat", "runs/candidate", "--top", 1, "--seeds", 5).code == 0
    said = helped("compare", "runs/toy", "runs/candidate", "--json").json
    assert said["verdict"] == "adopt"
    assert not said["blocked_by"]
    assert "the program differs (helper.py changed between runs/toy and runs/candidate)" in said["caveats"]
    wider = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
    assert helped("run", helped.study(HELPED, name="wider", nuisance=wider)).code == 0
    both = helped("compare", "runs/toy", "runs/wider", "--json").json["caveats"]
    assert any("and so do the settings: the gain is that of both" in caveat for caveat in both)


@pytest.mark.slow
def test_arms_that_two_versions_trained_are_not_compared(bench):
    arms = {"scientific": {"depth": {"values": [1, 2]}}, "trials": 8}
    program = "def train(trial): trial.report(4, val_error=trial.params['x'] + trial.params['depth'])\n"
    failing = program.replace("trial.report", "assert trial.params['depth'] == 1; trial.report")
    alone = {"resources": {"retries": 0, "timeout": "5m"}}
    bench("run", bench.study(failing, **arms, **alone))
    assert bench("run", bench.study(program, **arms, **alone), "--code-changed").code == 0
    said = bench("compare", "runs/toy", "--arms", "depth=1", "depth=2", "--json").json
    assert said["verdict"] == "not-yet"
    assert any("toy.py changed" in text for text in said["blocked_by"])


@pytest.mark.slow
def test_a_command_that_is_edited_while_its_study_runs_is_told(bench):
    bench.write("t.py", PRINTING)
    ran = bench("run", bench.study(None, **PROGRAM, trials=6), "--jobs", 1)
    assert ran.code == 0, ran.err
    said = "t.py changed after trial 2: trials 3-5 ran different code than trials 0-2"
    assert f"note: {said}" in ran.err
    assert bench("report", "runs/toy", "--json").json["caveats"] == [said]
    assert said in " ".join(bench("log", "--markdown").out.split())
    assert "trials 0-2" in bench("log").out
    assert [event["files"].keys() for event in bench.events("program")] == [{"t.py"}] * 2


def test_forks_run_what_was_imported_and_not_what_lies_there_now(bench):
    """All trials of one run are of one code then; the next run sees that the program is another one by now."""
    program = f"{HELPED}    if trial.id == 0: open('helper.py', 'w').write('OFFSET = -0.5')\n"
    bench.write("helper.py", "OFFSET = 0.0\n")
    assert bench("run", bench.study(program), "--jobs", 1).code == 0
    assert len(set(states(bench))) == 1
    assert bench.metrics(3)[-1]["val_error"] > 0
    grown = bench("run", bench.study(program, trials=5))
    assert grown.code == 2
    assert MESSAGE in grown.err


@pytest.mark.slow
def test_what_a_fork_imports_when_it_gets_there_is_what_lies_there_then(bench):
    bench.write("helper.py", "OFFSET = 0.0\n")
    assert bench("run", bench.study(LATE), "--jobs", 1).code == 0
    (caveat,) = bench("report", "runs/toy", "--json").json["caveats"]
    assert caveat == "helper.py changed after trial 1: trials 2, 3 ran different code than trials 0, 1"


def test_a_program_that_changes_while_it_is_imported_is_imported_again(bench):
    """Here by itself, the first time."""
    program = """
        import pathlib
        own = pathlib.Path("helper.py")
        import helper
        if helper.OFFSET == 0.0: own.write_text("OFFSET = 0.5")
        def train(trial): trial.report(4, val_error=helper.OFFSET)
    """
    bench.write("helper.py", "OFFSET = 0.0\n")
    assert bench("run", bench.study(program), "--jobs", 1).code == 0
    assert len(set(states(bench))) == 1
    assert [bench.metrics(trial)[-1]["val_error"] for trial in range(4)] == [0.5] * 4


@pytest.mark.slow
def test_a_trial_that_is_resumed_by_other_code_is_told(bench):
    bench.write("t.py", STOPPING)
    once = {**PROGRAM, "resources": {"retries": 0, "timeout": "5m"}}
    assert bench("run", bench.study(None, **once, trials=1)).code == 1
    bench.write("t.py", f"{STOPPING}# edited\n")
    assert bench("run", "study.yaml").code == 0
    assert [event["resumed"] for event in bench.events("started")] == [False, True]
    said = "trial 0 was started with one version of the program and resumed with another: t.py changed"
    assert bench("report", "runs/toy", "--json").json["caveats"] == [said]
    grown = bench("run", bench.study(None, **once, trials=2))
    assert grown.code == 2
    assert said in grown.err


@pytest.mark.slow
def test_a_configuration_of_some_trials_counts_for_these(bench):
    bench.write("t.py", PRINTING.partition("if os")[0])
    for name in ("adam", "sgd"):
        bench.write(f"{name}.yaml", "momentum: 0.9\n")
    keys = {
        **PROGRAM,
        "args": None,
        "command": ["${python}", "t.py", "--config=${optimizer}.yaml"],
        "scientific": {"optimizer": {"values": ["adam", "sgd"]}},
    }
    assert bench("run", bench.study(None, **keys)).code == 0
    assert bench("report", "runs/toy", "--json").json["caveats"] == []
    assert bench("run", bench.study(None, **keys, trials=6)).code == 0
    bench.write("sgd.yaml", "momentum: 0.5\n")
    grown = bench("run", bench.study(None, **keys, trials=8))
    assert grown.code == 2
    assert "sgd.yaml changed since" in grown.err


def rewritten(bench, change):
    """The journal with each event as `change` leaves it."""
    path = bench.paths().journal
    journal.rewrite(path, [event for event in map(change, journal.read(path)) if event is not None])


@pytest.mark.slow
def test_an_upgrade_of_a_package_is_a_note_and_no_refusal(helped):
    def older(event):
        code = {"code": "0"} if "code" in event else {}
        return event | code | ({"packages": {"Python": "3.1.0"}} if event["event"] == "program" else {})

    rewritten(helped, older)
    grown = helped("run", helped.study(HELPED, trials=5))
    assert grown.code == 0
    assert "note: Python 3.1.0 -> 3." in grown.err
    (caveat,) = helped("report", "runs/toy", "--json").json["caveats"]
    assert caveat.startswith("installed packages changed between trials: Python 3.1.0 -> 3.")


@pytest.mark.slow
def test_a_journal_of_an_earlier_release_says_nothing_of_code_and_is_no_reason_to_complain(helped):
    def older(event):
        kept = {key: value for key, value in event.items() if key not in ("code", "resumed")}
        return None if event["event"] == "program" else kept

    rewritten(helped, older)
    edit(helped)
    grown = helped("run", helped.study(HELPED, trials=5))
    assert grown.code == 0
    assert "note" not in grown.err
    report = helped("report", "runs/toy", "--json").json
    assert report["caveats"] == []
    assert [trial["code"] is None for trial in report["trials"]] == [True] * 4 + [False]


@pytest.mark.slow
def test_a_sweep_does_not_go_on_by_other_code(bench):
    """Its answer stands for as long as nothing has to be trained."""
    file = scripted.study(bench, scripted.VALLEY, lr_sweep={"min": 0.1, "max": 10.0, "points": 3})
    assert bench("lr-sweep", file, "--json", "--no-extend").code == 0
    program = bench.folder / "scripted.py"
    program = program if program.exists() else next(bench.folder.glob("*.py"))
    program.write_text(f"{program.read_text()}\n# edited\n")
    assert bench("lr-sweep", file, "--json", "--no-extend").code == 0
    refused = bench("lr-sweep", file, "--json")
    assert refused.code == 2
    assert f"{program.name} changed since" in refused.err
    assert "--anew" in refused.err
    before = json.dumps(bench.events("started", "s-lr-sweep"))
    assert bench("lr-sweep", file, "--json", "--code-changed").code == 0
    assert json.dumps(bench.events("started", "s-lr-sweep")) != before
