"""What SECURITY.md promises: a study's folder from somebody else does no harm, and no secret gets into one's own."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import playbook_cli
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from tests.commands.finished import finish

SECRET = "hunter2-do-not-keep"
FILES = sorted(Path(playbook_cli.__file__).parent.rglob("*.py"))
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \x1b[31m\x9b2J\u202e[bold]x[/bold] & ' \""
READING = (
    ("status",),
    ("watch",),
    ("report", "--no-html"),
    ("report",),
    ("next", "--output", "-"),
    ("export",),
)
QUICK = tuple(arguments for arguments in READING if arguments != ("report",))


@cache
def tree(path):
    return ast.parse(path.read_bytes())


@cache
def calls(path):
    """All calls in a file, each with the function as it is written."""
    return [(ast.unparse(node.func), node) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]


def called(path, *names):
    """Calls of functions of these names, as their last part is written."""
    return [(name, call) for name, call in calls(path) if name in names or name.rpartition(".")[2] in names]


@pytest.mark.slow
def test_no_process_is_started_through_a_shell():
    for path in FILES:
        for name, call in called(path, "Popen", "run", "call", "check_call", "check_output"):
            shell = [keyword for keyword in call.keywords if keyword.arg == "shell"]
            assert not shell, f"{path}: {name}"
            if name.startswith("subprocess."):
                assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr), f"{path}: {name} takes a list"
        assert not called(path, "os.system", "os.popen", "getoutput", "getstatusoutput"), path


@pytest.mark.slow
def test_nothing_read_can_become_code():
    for path in FILES:
        for name, call in called(path, "torch.load"):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert given.get("weights_only") == "True", f"{path}: {name}"
        code = ("eval", "exec", "pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load", "yaml.full_load")
        assert not [name for name, _ in called(path, *code) if name in code], path
        for name, call in called(path, "numpy.load", "np.load"):
            assert "allow_pickle" not in {k.arg for k in call.keywords if ast.unparse(k.value) != "False"}, name
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base) for base in node.bases}
                assert not bases & {"yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader"}, path


class Program:
    """What a pickle makes of itself."""

    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.mark.slow
def test_a_checkpoint_that_is_a_program_is_not_run(bench):
    import torch

    bench.study(
        """
        class State:
            def state_dict(self): return {}
            def load_state_dict(self, state): pass
        def train(trial):
            for step in trial.steps(state=State()):
                trial.report(step, val_error=1.0)
        """,
        trials=1,
        resources={"retries": 0, "gpus": 0},
    )
    train = (bench.folder / "toy.py").read_text()
    bench.write("toy.py", "def train(trial): 1/0")
    assert bench("run", "study.yaml").code == 1
    bench.write("toy.py", train)
    last = bench.paths().trial(0).last_checkpoint
    last.parent.mkdir(parents=True)
    torch.save({"step": 1, "state": {"state": Program()}, "random": {}}, last)
    assert bench("run", "study.yaml").code == 0
    said = bench.paths().trial(0).stdout.read_text()
    assert f"the checkpoint {last} can't be read (Weights only load failed" in said
    assert bench.metrics(0)[0]["step"] == 1
    assert not (bench.folder / "ran").exists()


@pytest.mark.parametrize("name", ["/tmp/x", "../x", "a/../../x", "..", ".", "a\\0b", "x" * 101, "", "~", "a b", "-x"])
def test_a_name_of_a_study_stays_in_runs(bench, name):
    bench.study(name=name)
    for verb in ("plan", "run", "status"):
        answer = bench(verb, "study.yaml")
        assert answer.code == 2, verb
        assert "Traceback" not in answer.err
    assert {path.name for path in bench.folder.iterdir()} <= {"study.yaml", "toy.py"}


@pytest.mark.parametrize("number", [-1, 10**30, 2**63, 1.5, "../../x", None, [0], True])
def test_a_trial_number_that_is_none_leads_nowhere(bench, number):
    finish(bench, lambda params: params["x"], trials=2)
    events = bench.events()
    for event in events:
        if event.get("trial") == 1:
            event["trial"] = number
    journal.rewrite(bench.paths().journal, events)
    before = sorted(bench.folder.rglob("*"))
    for arguments in QUICK:
        answer = bench(arguments[0], "runs/toy", *arguments[1:])
        assert answer.code in (0, 2)
        assert "Traceback" not in answer.err
    new = {path.relative_to(bench.folder).parts[2] for path in set(bench.folder.rglob("*")) - set(before)}
    assert new <= {"report", "export"}


def ways_out(paths, outside):
    """Every place of a study's own where a link could stand, as a function that puts one there."""
    return {
        "the study": lambda: move_out(paths.spec, outside),
        "the journal": lambda: move_out(paths.journal, outside),
        "the runner": lambda: paths.runner.symlink_to(outside / "runner.json"),
        "all trials": lambda: move_out(paths.trials, outside),
        "the report": lambda: paths.report.symlink_to(outside),
        "a file of the report": lambda: linked(paths.report / "index.html.tmp", outside / "mine"),
        "the tables": lambda: (paths.dir / "export").symlink_to(outside),
        "a table": lambda: linked(paths.dir / "export" / "trials.csv.tmp", outside / "mine"),
    }


def ways_out_of_a_trial(paths, outside):
    """The same of one trial."""
    trial = paths.trial(0)
    return {
        "a trial": lambda: move_out(trial.dir, outside),
        "metrics": lambda: move_out(trial.metrics, outside),
        "metrics that are endless": lambda: replaced(trial.metrics, "/dev/zero"),
        "metrics that are secret": lambda: replaced(trial.metrics, "/etc/passwd"),
        "hyperparameters": lambda: trial.params.symlink_to(outside / "params.json"),
        "a log": lambda: trial.stdout.symlink_to("/etc/passwd"),
        "its source": lambda: trial.source.symlink_to("/etc/passwd"),
        "its node": lambda: trial.node.symlink_to("/etc/passwd"),
        "a checkpoint folder": lambda: trial.checkpoints.symlink_to(outside),
        "a last checkpoint": lambda: linked(trial.last_checkpoint, outside / "mine"),
        "a checkpoint being written": lambda: linked(trial.checkpoints / "best.pt.tmp", outside / "mine"),
    }


def move_out(path, outside):
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


def replaced(path, target):
    path.unlink()
    path.symlink_to(target)


def linked(path, target):
    path.parent.mkdir()
    path.symlink_to(target)


@pytest.fixture
def study(bench, tmp_path_factory):
    """A finished study, as its paths, and a folder outside of it with a file in it."""
    finish(bench, lambda params: params["x"], trials=4)
    outside = tmp_path_factory.mktemp("outside")
    (outside / "mine").write_text("precious")
    return bench.paths(), outside


@pytest.mark.parametrize("place", list(ways_out(StudyPaths(Path()), Path())))
def test_no_verb_follows_a_link_out_of_a_study(bench, study, place):
    paths, outside = study
    ways_out(paths, outside)[place]()
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    for arguments in (*READING, ("run",)):
        target = "study.yaml" if arguments[0] == "run" else "runs/toy"
        answer = bench(arguments[0], target, *arguments[1:])
        assert answer.code == 2, arguments
        assert "a symbolic link out of the study" in answer.err, arguments
        assert "root:" not in answer.err + answer.out
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize("place", list(ways_out_of_a_trial(StudyPaths(Path()), Path())))
def test_a_link_out_of_a_trial_is_not_followed_and_is_no_other_trials_affair(bench, study, place):
    paths, outside = study
    ways_out_of_a_trial(paths, outside)[place]()
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    for arguments in READING:
        answer = bench(arguments[0], "runs/toy", *arguments[1:])
        assert answer.code == 0, (arguments, answer.err)
        assert "root:" not in answer.err + answer.out
        if arguments[0] in ("status", "report") and (place == "a trial" or place.startswith("metrics")):
            said = "trials/0000/metrics.jsonl can't be read: this is a symbolic link out of the study"
            assert said in " ".join(answer.out.split())
    assert len(bench("report", "runs/toy", "--json").json["trials"]) == 4
    assert bench("run", "study.yaml").code == 0
    journal.rewrite(paths.journal, [event for event in bench.events() if (event["event"], event.get("trial")) != ENDED])
    assert bench("run", "study.yaml").code == 0
    state, reason = bench.ended()[0]
    assert (state, "this is a symbolic link out of the study" in reason) == ("failed", True)
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


ENDED = ("ended", 0)


def test_a_folder_of_a_study_may_itself_be_a_link_and_hold_links_to_its_own_files(bench, study):
    paths, outside = study
    checkpoints = paths.trial(0).checkpoints
    checkpoints.mkdir()
    (paths.trial(0).dir / "step-4").mkdir()
    (checkpoints / "last.pt").symlink_to("../step-4")
    (paths.dir / "notes").symlink_to(outside)  # not ours, and not read
    move_out(paths.dir, outside)
    for verb in ("status", "report"):
        assert bench(verb, "runs/toy").code == 0
    assert bench("run", "study.yaml").code == 0


@pytest.mark.parametrize("file", ["trials.jsonl", "runner.json", "report"])
def test_a_pipe_in_a_study_is_refused_and_not_waited_for(bench, study, file):
    path = study[0].dir / file
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    for arguments in (*READING, ("run",)):
        answer = bench(arguments[0], "study.yaml" if arguments[0] == "run" else "runs/toy", *arguments[1:])
        assert answer.code == 2
        assert "neither a file nor a folder" in answer.err


def test_no_cell_of_a_table_is_a_formula(bench, study):
    paths, _ = study
    events = bench.events()
    for event in events:
        if event["event"] == "ended":
            event["reason"] = "=cmd|' /C calc'!A0"
    journal.rewrite(paths.journal, events)
    assert bench("export", "runs/toy").code == 0
    assert "\n0,completed,'=cmd|" in (paths.dir / "export" / "trials.csv").read_text()


class Page(HTMLParser):
    """Tags, attributes and links of a page, and its data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.handlers, self.links, self.data, self.island = [], [], [], "", False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.island = ("id", "page-data") in attrs

    def handle_endtag(self, tag):
        self.island = False

    def handle_data(self, data):
        if self.island:
            self.data += data


def texts_of(data):
    """All texts in JSON data, keys not counted."""
    if isinstance(data, dict):
        return [text for value in data.values() for text in texts_of(value)]
    if isinstance(data, list):
        return [text for value in data for text in texts_of(value)]
    return [data] if isinstance(data, str) else []


@pytest.fixture
def hostile(bench):
    """A study whose every text wants to be more than text."""
    bench.study(
        name="toy",
        goal=HOSTILE,
        metric={"name": "val</script><b>\x1b[31m"},
        nuisance={"x<img src=x>[bold]": {"min": 0.0, "max": 1.0}},
        scientific={"a": [HOSTILE, "b"]},
        fixed={"f": HOSTILE, "<script>": 1},
        trials=8,
    )
    spec = bench.folder / "study.yaml"
    paths = bench.paths()
    paths.dir.mkdir(parents=True)
    paths.spec.write_bytes(spec.read_bytes())
    events = [{"event": "run", "time": 0.0, "source": HOSTILE, "command": [HOSTILE]}]
    for number in range(8):
        arm = {"a": HOSTILE if number % 2 else "b"}
        params = {"x<img src=x>[bold]": number / 8, **arm, "f": HOSTILE, "<script>": 1}
        events += [
            {"event": "planned", "time": 0, "trial": number, "params": params, "arm": arm, "seed": number},
            {"event": "program", "time": 0, "code": f"{HOSTILE}{number}", "files": {HOSTILE: str(number)}},
            {
                "event": "started",
                "time": 0,
                "trial": number,
                "attempt": 1,
                "slot": HOSTILE,
                "process": None,
                "code": f"{HOSTILE}{number}",
            },
        ]
        state = "failed" if number == 7 else "infeasible" if number == 6 else "completed"
        reason = HOSTILE if number > 5 else None
        events.append({"event": "ended", "time": 0, "trial": number, "attempt": 1, "state": state, "reason": reason})
        paths.trial(number).dir.mkdir(parents=True)
        metrics = [{"step": s, "val</script><b>\x1b[31m": number + 1 / s, HOSTILE: 1.0} for s in (2, 4)]
        journal.rewrite(paths.trial(number).metrics, metrics)
    journal.rewrite(paths.journal, events)
    return bench


def test_nothing_in_a_study_becomes_markup_in_its_report(hostile):
    assert hostile("report", "runs/toy").code == 0
    page = Page((hostile.paths().report / "index.html").read_text())
    assert page.tags.count("script") == 3
    assert page.handlers == []
    assert page.tags.count("img") == page.tags.count("iframe") == 0
    assert all(re.fullmatch(r"#[a-z0-9-]+|data:,|\.\./trials/\d{4}/stdout\.log", link) for link in page.links)
    assert "<" not in page.data
    assert any("</script><script>alert(1)</script>" in text for text in texts_of(json.loads(page.data)))


@pytest.mark.parametrize("arguments", [*READING, ("report", "--json"), ("status", "--json")], ids=" ".join)
def test_nothing_in_a_study_steers_the_terminal(hostile, arguments):
    answer = hostile(arguments[0], "runs/toy", *arguments[1:])
    assert answer.code == 0
    steering = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
    assert not steering.search(answer.out + answer.err)
    if "--json" in arguments:
        assert answer.json["study"] == "toy"


def test_nor_does_an_error_message(bench):
    for text in ('"\\e[31m": 1', "name: toy\n? \x85\x1b[2J", 'name: "\\e]0;title\\a"'):
        bench.write("study.yaml", text)
        answer = bench("plan", "study.yaml")
        assert answer.code == 2
        assert "\x1b" not in answer.err
        assert "\x07" not in answer.err


def test_of_the_environment_only_what_the_study_file_sets_is_kept(bench, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    monkeypatch.setenv("LD_SOMETHING", SECRET)
    bench.study(env={"MODE": "kept-by-name"}, trials=2)
    for arguments in (("run", "study.yaml"), ("report", "runs/toy"), ("export", "runs/toy")):
        assert bench(*arguments).code == 0
    files = [path for path in bench.paths().dir.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert "kept-by-name" in bench.paths().spec.read_text()


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o002])
def test_files_are_made_with_the_users_umask(bench, mask):
    before = os.umask(mask)
    try:
        bench.study(trials=2)
        assert bench("run", "study.yaml").code == 0
        assert bench("report", "runs/toy", "--no-html").code == 0
    finally:
        os.umask(before)
    for path in [bench.folder / "runs", *(bench.folder / "runs").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & mask == 0, path
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask, path


def test_the_next_study_never_replaces_a_file(bench):
    finish(bench, lambda params: -params["x"], trials=8)
    precious = bench.write("precious", "precious")
    (bench.folder / "out.yaml").symlink_to(bench.folder / "nowhere")
    for output in ("precious", "out.yaml"):
        assert bench("next", "runs/toy", "--trials", 16, "--output", output).code == 2
    assert precious.read_text() == "precious"
    assert not (bench.folder / "nowhere").exists()
