"""What stands in the place of a study's file hangs no verb, and harms nothing but what it stands for."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import socket
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest

import playbook_cli
from tests.commands.finished import finish

ALARM_SECONDS = 60


def a_socket(path):
    """A socket's address is short, so it is made from inside its folder."""
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def a_folder(path):
    path.mkdir()
    (path / "something").write_text("x")


TRAPS = {
    "a pipe": os.mkfifo,
    "a socket": a_socket,
    "a folder": a_folder,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link out": lambda path: path.symlink_to("/etc/passwd"),
    "nothing in it": lambda path: path.write_bytes(b""),
    "a torn line": lambda path: path.write_bytes(b'{"step": 2, "val_e'),
    "garbage": lambda path: path.write_bytes(b"\xff\xfe\x00\x80\x00\n" * 300),
    "long numbers": lambda path: path.write_bytes(b'{"step": ' + b"9" * 5000 + b', "val_error": 1}\n'),
    "nesting": lambda path: path.write_bytes(b"[" * 20_000 + b"\n"),
}
OF_A_TRIAL = (
    "metrics.jsonl",
    "params.json",
    "stdout.log",
    "node.json",
    "source.json",
    "probe.json",
    "checkpoints",
    "checkpoints/last.pt",
    "",
)
OF_A_STUDY = (
    "study.yaml",
    "trials.jsonl",
    "runner.json",
    "trials",
    "report",
    "report/columns.bin",
    "report/index.html",
    "report/report.json",
    "export",
    "export/trials.csv",
    "../ledger.jsonl",
)
READING = (
    ("status", "runs/toy", "--json"),
    ("status", "runs/toy"),
    ("watch", "runs/toy"),
    ("report", "runs/toy"),
    ("next", "runs/toy", "--output", "-"),
    ("export", "runs/toy", "--overwrite"),
    ("compare", "runs/toy", "runs/other"),
    ("log", "--json"),
)
INTACT = 4
"""Trials that come after those in whose folders the traps are."""


@contextmanager
def in_time():
    """A hang fails."""

    def ring(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(ALARM_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def replace(path, trap):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    trap(path)


def asked(bench, *arguments):
    with in_time():
        answer = bench(*arguments)
    assert answer.code in (0, 1, 2), arguments
    assert "Traceback" not in answer.err, arguments
    assert "root:" not in answer.out + answer.err, arguments
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("file", OF_A_TRIAL)
def test_a_trial_with_a_trap_is_the_only_one_that_is_harmed(bench, file):
    traps = list(TRAPS.values())
    finish(bench, lambda params: params["x"], trials=len(traps) + INTACT)
    finish(bench, lambda params: params["x"], trials=INTACT, name="other")
    for number, trap in enumerate(traps):
        replace(bench.paths().trial(number).dir / file, trap)
    for arguments in READING:
        answer = asked(bench, *arguments)
        assert answer.code == 0, (arguments, answer.err)
    trials = asked(bench, "report", "runs/toy", "--json").json["trials"]
    assert [trial["id"] for trial in trials] == list(range(len(traps) + INTACT))
    assert all(trial["value"] is not None for trial in trials[len(traps) :])
    if file == "metrics.jsonl":
        for kind, trial in zip(TRAPS, trials, strict=False):
            assert trial["value"] is None, kind
            if kind not in ("nothing in it", "a torn line"):
                assert f"trials/{trial['id']:04d}/metrics.jsonl" in trial["reason"], kind
    elif file:
        assert all(trial["value"] is not None for trial in trials)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAPS)
@pytest.mark.parametrize("file", OF_A_STUDY)
def test_a_trap_in_a_study_is_one_message_or_none(bench, file, kind):
    finish(bench, lambda params: params["x"], trials=2)
    finish(bench, lambda params: params["x"], trials=2, name="other")
    replace(bench.paths().dir / file, TRAPS[kind])
    for arguments in READING:
        answer = asked(bench, *arguments)
        named = file.removeprefix("../").partition("/")[0]
        if answer.code != 0:
            assert len([line for line in answer.err.splitlines() if line.startswith("playbook: ")]) == 1, arguments
            assert named in answer.err or f"{bench.paths().dir.name}: " in answer.err, (arguments, answer.err)


PROGRAM = """
import os, shutil, socket
def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + 1 / step)
    if os.environ["PLAYBOOK_TRIAL_ID"] == "1":
        trial._journal.close()
        place = os.path.normpath(os.path.join(trial.dir, {file!r}))
        if os.path.lexists(place):
            (shutil.rmtree if os.path.isdir(place) else os.unlink)(place)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        {trap}
        raise SystemExit({code})
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    ("file", "trap"),
    [
        ("metrics.jsonl", "os.mkfifo(place)"),
        ("metrics.jsonl", "os.mkdir(place)"),
        ("metrics.jsonl", "os.symlink('/dev/zero', place)"),
        ("metrics.jsonl", "os.symlink('/etc/passwd', place)"),
        ("stdout.log", "os.mkfifo(place)"),
        ("stdout.log", "os.mkdir(place)"),
        ("params.json", "os.mkfifo(place)"),
        ("checkpoints/last.pt", "os.mkfifo(place)"),
        ("checkpoints", "os.mkfifo(place)"),
        ("../0001", "open(place, 'w').close()"),
    ],
)
def test_a_runner_that_meets_a_trap_goes_on_with_the_other_trials(bench, file, trap, code):
    bench.study(PROGRAM.format(file=file, trap=trap, code=code), trials=3)
    with in_time():
        answer = bench("run", "study.yaml", "--jobs", 1)
    assert answer.code == 0
    states = {number: state for number, (state, _) in bench.ended().items()}
    assert (states[0], states[2]) == ("completed", "completed")
    state, reason = bench.ended()[1]
    if code or file == "metrics.jsonl":
        assert state == "failed"
        assert f"trials/0001{'' if file.startswith('..') else f'/{file}'}" in reason
    with in_time():
        assert bench("run", "study.yaml").code == 0
        assert bench("report", "runs/toy").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAPS)
@pytest.mark.parametrize("file", ["trials/0000/metrics.jsonl", "trials/0000", "trials", "trials.jsonl", "study.yaml"])
def test_the_round_before_is_not_a_way_out(bench, file, kind):
    finish(bench, lambda params: params["x"], trials=4, name="before")
    points = [{"x": x} for x in (0.1, 0.2, 0.3, 0.4)]
    after = {"number": 2, "after": str(bench.paths("before").dir), "trials": [0, 1, 2, 3]}
    listed = {"sampler": "listed", "points": points, "nuisance": {"x": {"min": 0.0, "max": 1.0}}, "trials": None}
    finish(bench, lambda params: params["x"], **listed, round=after)
    replace(bench.paths("before").dir / file, TRAPS[kind])
    for arguments in (("status", "runs/toy"), ("report", "runs/toy"), ("next", "runs/toy", "--output", "-")):
        assert asked(bench, *arguments).code == 0, arguments


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAPS)
@pytest.mark.parametrize("file", ["trials/0000/metrics.jsonl", "trials/0000/checkpoints/stable.pt", "trials.jsonl"])
def test_a_checkpoint_to_go_on_from_is_not_a_way_out(bench, file, kind):
    finish(bench, lambda params: params["x"], trials=2, name="before")
    checkpoint = bench.paths("before").trial(0).stable_checkpoint
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"state")
    replace(bench.paths("before").dir / file, TRAPS[kind])
    points = [{"x": 0.1, "from": str(checkpoint)}, {"x": 0.2}]
    bench.study(sampler="listed", points=points, trials=None)
    assert asked(bench, "plan", "study.yaml").code in (0, 2)
    asked(bench, "run", "study.yaml")
    given = bench.paths().trial(0).last_checkpoint
    assert not given.exists() or b"root:" not in given.read_bytes()


@pytest.mark.parametrize("kind", TRAPS)
@pytest.mark.parametrize("file", ["trials/0000/metrics.jsonl", "trials.jsonl"])
def test_a_study_to_continue_is_not_a_way_out(bench, file, kind):
    finish(bench, lambda params: params["x"], trials=12, name="before")
    replace(bench.paths("before").dir / file, TRAPS[kind])
    bench.study(**{"sampler": "bayesian", "continue": str(bench.paths("before").dir), "trials": 2})
    assert asked(bench, "plan", "study.yaml").code in (0, 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAPS)
def test_a_trap_among_what_is_given_is_one_message(bench, kind):
    bench.study(trials=2)
    for name in ("study.yaml", "train.py", "sweep.yaml", "given.csv", "given.db", "logs/1/params.json", "logs/1/m.csv"):
        replace(bench.folder / name, TRAPS[kind])
    bench.write("logs/2/params.json", '{"x": 1}')
    bench.write("logs/2/m.csv", "step,loss\n1,0.5\n")
    tied = ("--params", "logs/*/params.json", "--metrics", "logs/*/m.csv")
    for arguments in (
        ("plan", "study.yaml"),
        ("run", "study.yaml"),
        ("status", "study.yaml"),
        ("init", "new", "--from", "train.py"),
        ("init", "new", "--from", "sweep.yaml"),
        ("import", "given.csv", "--into", "runs/a"),
        ("import", "given.db", "--into", "runs/b"),
        ("import", "logs", "--into", "runs/c"),
        ("import", "logs", "--into", "runs/d", *tied),
    ):
        answer = asked(bench, *arguments)
        if arguments[0] in ("plan", "run", "status"):
            assert answer.code == 2, arguments


@pytest.mark.slow
def test_the_copy_of_a_folder_whose_study_runs_is_run_by_nobody(bench):
    bench.study(
        """
        import os, time
        def train(trial):
            for step in trial.steps():
                trial.report(step, val_error=1.0 / step)
                while not os.path.exists("go"):
                    time.sleep(0.01)
        """,
        trials=1,
        command=None,
    )
    running = bench.spawn("run", "study.yaml")
    bench.wait(lambda: bench.paths().trial(0).metrics.is_file() and bench.metrics(0), "an evaluation")
    shutil.copytree(bench.folder / "runs", bench.folder / "copies", ignore=shutil.ignore_patterns("*.tmp"))
    said = bench("status", "copies/toy").out
    assert "not running; 1 trial left" in said
    assert "running: process" in bench("status", "runs/toy").out
    with in_time():
        assert bench("watch", "copies/toy").code == 0
    (bench.folder / "go").touch()
    with in_time():
        assert bench("run", "study.yaml", "--runs", "copies").code == 0
    assert bench.finish(running).code == 0
    for runs in ("runs", "copies"):
        assert bench("status", "study.yaml", "--runs", runs, "--json").json["trials"]["completed"] == 1


WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which(WITHOUT_RIGHTS[0]), reason="root may read everything")
@pytest.mark.parametrize("place", ["trials/0001/metrics.jsonl", "trials/0001", "report", "trials/0001/stdout.log"])
@pytest.mark.slow
def test_what_may_not_be_read_is_no_other_trials_affair(bench, place):
    finish(bench, lambda params: params["x"], trials=3)
    path = bench.paths().dir / place
    if not path.exists():
        path.mkdir() if place == "report" else path.touch()
    path.chmod(0)
    command = WITHOUT_RIGHTS if os.getuid() == 0 else ()
    try:
        process = bench.spawn("report", "runs/toy", "--json", inside=lambda *words: [*command, *words])
        answer = bench.finish(process)
    finally:
        path.chmod(0o700)
    assert answer.code == 0, answer.err
    trials = answer.json["trials"]
    harmed = {1} if place.endswith(("0001", "metrics.jsonl")) else set()
    assert {trial["id"] for trial in trials if trial["value"] is None} == harmed
    for number in harmed:
        assert "trials/0001/metrics.jsonl can't be read: Permission denied" in trials[number]["reason"]
    assert ("the report's files were not written: runs/toy/report" in answer.err) is (place == "report")


def test_the_notes_of_an_empty_or_torn_file_are_made_again(bench):
    finish(bench, lambda params: params["x"], trials=2)
    assert bench("report", "runs/toy").code == 0
    paths = bench.paths()
    whole = (paths.report / "report.json").read_text()
    for content in ("", whole[:100]):
        (paths.report / "report.json").write_text(content)
        paths.columns.write_text(content)
        paths.runner.write_text(content)
        assert bench("report", "runs/toy").code == 0
        assert (paths.report / "report.json").read_text() == whole
        assert json.loads(bench("log", "--json").out)["studies"][0]["problem"] is None


def test_an_empty_study_file_is_written_again_where_nothing_has_run(bench):
    bench.study(trials=2)
    paths = bench.paths()
    paths.dir.mkdir(parents=True)
    paths.spec.write_text("")
    assert bench("run", "study.yaml").code == 0
    assert "val_error" in paths.spec.read_text()
    paths.spec.write_text("")
    for verb, target in (("run", "study.yaml"), ("report", "runs/toy")):
        answer = bench(verb, target)
        assert answer.code == 2
        assert f"{paths.spec.relative_to(bench.folder)}: the file is empty, but the folder has trials" in answer.err
        assert "delete it: playbook run writes it again" in answer.err
    paths.spec.unlink()
    assert bench("run", "study.yaml").code == 0
    assert bench("report", "runs/toy").code == 0


@pytest.mark.parametrize("damage", ["hello", "nuisance: [", None])
def test_a_damaged_or_missing_copy_of_the_study_file_says_how_to_restore_it(bench, damage):
    finish(bench, lambda params: params["x"], trials=2)
    spec = bench.paths().spec
    spec.unlink() if damage is None else spec.write_text(damage)
    for verb in ("report", "status", "next", "show"):
        answer = bench(verb, "runs/toy", *(["0"] if verb == "show" else []))
        assert answer.code == 2
        assert "runs/toy" in answer.err
        assert "delete it: playbook run writes it again from your study file" in answer.err
    spec.unlink(missing_ok=True)
    assert bench("run", "study.yaml").code == 0
    assert bench("report", "runs/toy").code == 0


@pytest.mark.parametrize("trap", ["a pipe", "a folder", "a socket", "an endless device", "garbage"])
def test_a_ledger_that_is_none_is_one_message(bench, trap):
    finish(bench, lambda params: params["x"], trials=2)
    replace(bench.folder / "runs" / "ledger.jsonl", TRAPS[trap])
    for arguments in (("log",), ("log", "--note", "runs/toy", "remember"), ("adopt", "runs/toy")):
        answer = asked(bench, *arguments)
        if trap != "garbage" or arguments == ("log",):
            assert answer.code == 2, arguments
            assert "ledger.jsonl" in answer.err


@pytest.mark.slow
def test_no_module_opens_a_file_that_may_not_be_one():
    """New code opens files by `regular` or `inside`; these few open what only the system or this package writes."""
    package = Path(playbook_cli.__file__).parent
    known = {
        "files/atomic.py",
        "client.py",  # the parameters, which the runner has looked at just before
        "storage/lock.py",
        "files/flock.py",  # a file that is open already
        "cli.py",  # /dev/null
        "files/regular.py",
        "batch_size/probe.py",  # /proc, and the metrics that the probe itself ends with a line
        "following/process.py",  # its own log
        "exporting/tensorboard.py",  # writes a file of its own
        "importing/syne_tune.py",  # a member of an archive
        "importing/writing.py",  # a folder that it has just made
        "launch/devices.py",
        "launch/forked.py",
        "launch/locks.py",
        "launch/mailbox.py",
        "launch/orphans.py",  # /proc
        "launch/preflight.py",
        "launch/serve.py",
        "launch/task.py",
        "storage/heartbeats.py",  # /proc
        "report/html.py",
        "report/log_html.py",
        "sources/files.py",  # without waiting, and looks at what it got
        "sources/modules.py",  # what pip wrote
        "starting/first.py",
        "storage/acquiring.py",  # the runner's note, whose place has been looked at; and its own new files
        "storage/whoami.py",  # /proc
    }
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            module, _, name = called.rpartition(".")
            opens = called in ("open", "os.open") or (name == "open" and module)
            if opens or name in ("read_text", "read_bytes", "write_text", "write_bytes"):
                found.add(path.relative_to(package).as_posix())
    assert found <= known
