"""Programs that know nothing of Playbook, tuned by a study file alone."""

from __future__ import annotations

import os
import signal
import struct
import time

import psutil
import pytest

from tests.formats.test_tensorboard import WRITTEN

PRINTS = r"step (?P<step>\d+): val_error (?P<val_error>\S+)"
COMMAND = ["${python}", "program.py", "${x}", "${trial_dir}", "${max_train_steps}"]


@pytest.fixture
def follow(bench):
    """Runs a study of one trial of a program that gets x, the trial's folder and the number of steps."""

    def run(program, metrics, **changes):
        bench.write(
            "program.py", "import sys, os, json, time, csv\nx, folder, n = sys.argv[1:]\nn = int(n)\n" + program
        )
        bench.study(
            None,
            train=None,
            metrics=metrics,
            **{"trials": 1, "resources": {"retries": 0}, "command": COMMAND, **changes},
        )
        answer = bench("run", "study.yaml")
        assert "Traceback" not in answer.err
        return bench.ended().get(0), bench.metrics(0)

    return run


def test_what_a_program_prints_is_recorded_by_step_while_it_runs(bench, follow):
    program = """
for step in range(n + 1):
    print(f"iter {step}: loss {1 / (step + 1)}", flush=True)
    if step % 2 == 0:
        print(f"step {step}: val_error {float(x) + step}")
recorded = os.path.join(folder, "metrics.jsonl")
while not os.path.exists(recorded):  # it is there before the program ends
    time.sleep(0.01)
print("done", file=sys.stderr)
"""
    ended, metrics = follow(program, {"stdout": [PRINTS, r"iter (?P<step>\d+): loss (?P<train_loss>\S+)"]})
    x = bench.events("planned")[0]["params"]["x"]
    assert ended == ("completed", None)
    assert [m for m in metrics if "val_error" in m] == [{"step": s, "val_error": x + s} for s in (0, 2, 4)]
    assert [m["train_loss"] for m in metrics if "train_loss" in m] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert bench.paths().trial(0).stdout.read_text().endswith("done\n")


@pytest.mark.parametrize(
    ("first", "times", "ended", "steps"),
    [
        ("eval_every", 2, ("completed", None), [2, 4]),
        (0, 3, ("completed", None), [0, 2, 4]),
        ("eval_every", 3, ("failed", "its evaluations count to step 6, beyond max_train_steps = 4"), [2, 4]),
    ],
)
def test_evaluations_that_show_no_step_are_counted(follow, first, times, ended, steps):
    program = f"for _ in range({times}):\n    print('val_error', x)\n"
    metrics = {"stdout": [r"val_error (?P<val_error>\S+)"], "first": first}
    (state, reason), recorded = follow(program, metrics, max_train_steps=4, eval_every=2)
    assert (state, (reason or "")[: len(ended[1] or "")] or None) == ended
    assert [m["step"] for m in recorded if "val_error" in m] == steps


def test_a_csv_file_is_followed_with_other_names_and_empty_cells(follow):
    program = """
with open(folder + "/log.csv", "w") as file:
    file.write("global_step,validation/loss,lr,gap,note\\n")
    for step in range(n + 1):
        file.write(f"{step},{x if step % 2 else ''},0.1,nan,hello\\n")
"""
    names = {"val_error": "validation/loss"}
    ended, metrics = follow(program, {"csv": "${trial_dir}/log.csv", "step": "global_step", "names": names})
    assert ended == ("completed", None)
    assert [list(m) for m in metrics[:2]] == [["step", "lr"], ["step", "val_error", "lr"]]


def test_a_csv_file_that_is_written_anew_with_more_columns_loses_nothing(follow):
    program = """
def write(header, rows):
    with open(folder + "/log.csv", "w") as file:
        file.write(header + "\\n" + "".join(row + "\\n" for row in rows))
write("step,train", [f"{step},{step}" for step in range(3)])
time.sleep(0.3)
write("step,train,val_error", [f"{step},{step},{step}.5" for step in range(5)])
"""
    ended, metrics = follow(program, {"csv": "${trial_dir}/log.csv"})
    assert ended == ("completed", None)
    assert {m["step"]: m["val_error"] for m in metrics if "val_error" in m} == {s: s + 0.5 for s in range(5)}


def test_json_lines_below_a_glob_are_followed_without_the_trials_own_files(follow):
    program = """
with open(folder + "/log_7.jsonl", "w") as file:
    file.write(json.dumps({"config": {"x": x}}) + "\\n")
    for step in range(n + 1):
        file.write(json.dumps({"it": step, "eval": {"error": step}}) + "\\n")
"""
    where = {"jsonl": "${trial_dir}/*.jsonl", "step": "it", "names": {"val_error": "eval.error"}}
    ended, metrics = follow(program, where)
    assert ended == ("completed", None)
    assert metrics == [{"step": step, "val_error": step} for step in range(5)]


def test_event_files_are_followed_folders_being_part_of_the_tags(bench, follow):
    (bench.folder / "events").write_bytes(WRITTEN)
    program = """
os.makedirs(folder + "/tb/val")
open(folder + "/tb/val/events.out.tfevents.1", "wb").write(open("events", "rb").read())
"""
    where = {"tensorboard": "${trial_dir}/tb", "names": {"val_error": "val/t"}}
    ended, metrics = follow(program, where, max_train_steps=30)
    assert ended[0] == "completed"
    assert [m for m in metrics if "val_error" in m] == [
        {"step": 1, "val_error": 1e-9},
        {"step": 2, "val_error": -7.0},
        {"step": 3, "val_error": 9.0},
    ]


@pytest.mark.parametrize("run", ["Nov27_18-49-00_host", "CartPole-v1__ppo__1__1764268140", "20261127-184900"])
def test_the_folder_of_a_run_is_no_part_of_the_tags_and_that_of_hparams_is(bench, follow, run):
    (bench.folder / "events").write_bytes(WRITTEN)
    program = f"""
for where in ("/runs/{run}", "/runs/{run}/1764268140.25"):
    os.makedirs(folder + where)
    open(folder + where + "/events.out.tfevents.1", "wb").write(open("events", "rb").read())
"""
    where = {"tensorboard": "${trial_dir}/runs", "names": {"val_error": "t"}}
    ended, metrics = follow(program, where, max_train_steps=30)
    assert ended[0] == "completed"
    assert [m["val_error"] for m in metrics if "val_error" in m] == [1e-9, -7.0, 9.0]


def test_two_writers_of_one_tag_are_told_apart_by_a_pattern(bench, follow):
    (bench.folder / "events").write_bytes(WRITTEN)
    program = """
for name in ("Nov27_18-49-00_host_train", "Nov27_18-49-00_host_val"):
    os.makedirs(f"{folder}/runs/{name}")
    open(f"{folder}/runs/{name}/events.out.tfevents.1", "wb").write(open("events", "rb").read())
"""
    where = {"tensorboard": "${trial_dir}/runs", "names": {"val_error": "t"}}
    ended, _ = follow(program, where, max_train_steps=30)
    assert ended[0] == "failed"
    assert "Nov27_18-49-00_host_train and Nov27_18-49-00_host_val have the tag" in ended[1]
    assert "runs/*_host_train" in ended[1]
    where["tensorboard"] = "${trial_dir}/runs/*_val"
    assert follow(program, where, max_train_steps=30)[0][0] == "completed"


def test_a_tag_in_a_folder_below_is_named_with_the_way_out(bench, follow):
    (bench.folder / "events").write_bytes(WRITTEN)
    program = """
os.makedirs(folder + "/runs/mine")
open(folder + "/runs/mine/events.out.tfevents.1", "wb").write(open("events", "rb").read())
"""
    ended, _ = follow(program, {"tensorboard": "${trial_dir}/runs"}, max_train_steps=30)
    assert "its event files have the tags mine/loss" in ended[1]
    assert "write tensorboard: " in ended[1]
    assert ended[1].endswith("/runs/*")


def test_a_corrupt_event_file_fails_its_trial_and_says_where(follow):
    program = """
os.makedirs(folder + "/tb")
open(folder + "/tb/events.out.tfevents.1", "wb").write(b"no event file at all, but long enough")
time.sleep(60)
"""
    ended, _ = follow(program, {"tensorboard": "${trial_dir}/tb"})
    assert ended[0] == "failed"
    assert "events.out.tfevents.1: the record at byte 0 is damaged" in ended[1]


def test_a_pattern_that_never_matched_is_told_with_the_lines_it_saw(follow):
    ended, _ = follow("print('epoch 1'); print('loss: 0.5')", {"stdout": [PRINTS]})
    assert ended == ("failed", f"it ended without an evaluation of val_error: no line matched '{PRINTS}'")


def test_a_near_miss_is_told_with_the_difference_alike_in_all_trials(follow):
    ended, _ = follow("print('step 1: val error 0.25')", {"stdout": [PRINTS]})
    assert ended[1].endswith("the pattern expects '_error (?P<val_error>\\S+)', but the line has ' error'")


def test_a_pattern_besides_that_never_matched_is_told_in_the_log(bench, follow):
    ended, _ = follow("print('step 1: val_error 2')", {"stdout": [PRINTS, "other (?P<other>.)"]})
    assert ended[0] == "completed"
    assert "no line matched 'other (?P<other>.)'" in bench.paths().trial(0).stdout.read_text()


@pytest.mark.parametrize(
    ("program", "metrics", "reason"),
    [
        ("", {"stdout": [PRINTS]}, "it printed nothing"),
        ("", {"csv": "${trial_dir}/log.csv"}, "there is no file "),
        ("", {"tensorboard": "${trial_dir}"}, "there is no event file in "),
        (
            "open(folder + '/log.csv', 'w').write('it,val_error\\n1,2\\n'); time.sleep(60)",
            {"csv": "${trial_dir}/log.csv"},
            "has no column step; it has it, val_error: set metrics.step",
        ),
        (
            "open(folder + '/log.csv', 'w').write('step,val_error\\n1,2\\n2,3,4\\n')",
            {"csv": "${trial_dir}/log.csv"},
            "log.csv: line 3 has 3 cells, but the header has 2",
        ),
        (
            "open(folder + '/log.csv', 'w').write('step,val_error\\n0.5,2\\n')",
            {"csv": "${trial_dir}/log.csv"},
            "step is '0.5', not a whole number",
        ),
        (
            "open(folder + '/l.jsonl', 'w').write('{\"step\": 1, \"loss\": 2}\\n')",
            {"jsonl": "${trial_dir}/l.jsonl"},
            "has step, loss: set metrics.names to its name there",
        ),
        (
            "for step in [1, 3, 4, 0, 1]: print(f'step {step}: val_error 1')",
            {"stdout": [PRINTS]},
            "val_error is at step 0 after step 4: `step` must count from the start of training",
        ),
        (
            "for step in range(100): print(f'step {step}: val_error 1', flush=True); time.sleep(0.05)",
            {"stdout": [PRINTS]},
            "it trained to step 5, beyond max_train_steps = 4: pass ${max_train_steps} to the program",
        ),
    ],
    ids=lambda value: value[-20:] if isinstance(value, str) else None,
)
def test_what_cannot_be_a_result_fails_the_trial_with_its_reason(follow, program, metrics, reason):
    started = time.monotonic()
    ended, _ = follow(program, metrics)
    assert ended[0] == "failed"
    assert reason in ended[1]
    assert time.monotonic() - started < 30  # a program whose trial is lost is not waited for


ENDLESS = "print('step 1: val_error 1', flush=True)\nprint('a' * 40 + '!', flush=True)\ntime.sleep(600)"


@pytest.mark.slow
def test_a_pattern_that_does_not_end_fails_the_trial_and_not_its_program(bench, follow):
    (state, reason), metrics = follow(ENDLESS, {"stdout": [PRINTS, "^(a+)+$"]})
    assert state == "failed"
    assert "the pattern '^(a+)+$' in metrics.stdout takes too long to match. Rewrite it" in reason
    assert "a" * 40 + "!" in reason
    assert metrics[0] == {"step": 1, "val_error": 1.0}


@pytest.mark.slow
def test_a_step_of_a_checkpoint_that_does_not_end_fails_the_trial_and_not_its_program(follow):
    program = "open(folder + '/' + 'a' * 40 + '!', 'w')\nprint('step 4: val_error 1')"
    checkpoints = {"files": "${trial_dir}/a*", "step": "^(a+)+$"}
    (state, reason), _ = follow(program, {"stdout": [PRINTS]}, checkpoints=checkpoints)
    assert state == "failed"
    assert f"the pattern '^(a+)+$' in checkpoints.step takes too long to match the name {'a' * 40}!" in reason


def test_nan_ends_the_program_and_the_trial_is_infeasible(follow):
    program = "print('step 1: val_error 3'); print('step 2: val_error nan', flush=True); time.sleep(60)"
    ended, metrics = follow(program, {"stdout": [PRINTS]})
    assert ended == ("infeasible", "val_error is nan at step 2")
    assert metrics[0] == {"step": 1, "val_error": 3}


def test_a_program_that_ignores_the_terminate_is_killed(bench, follow, monkeypatch):
    program = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('step 2: val_error nan', flush=True)
time.sleep(60)
"""
    assert follow(program, {"stdout": [PRINTS]})[0][0] == "infeasible"
    assert bench.processes() == []


def test_half_a_line_before_death_is_no_record_and_the_signal_is_told(follow):
    program = "sys.stdout.write('step 1: val_error 3\\nstep 2: val_er'); sys.stdout.flush(); os.kill(os.getpid(), 11)"
    ended, metrics = follow(program, {"stdout": [PRINTS]})
    assert ended == ("failed", "it crashed with signal 11")
    assert metrics == [{"step": 1, "val_error": 3}]


def test_exit_codes_are_the_programs_own(follow):
    assert follow("sys.exit(7)", {"stdout": [PRINTS]})[0] == ("failed", "it crashed with exit code 7")


def test_a_program_that_cannot_be_started_fails_its_trial(bench, follow):
    script = bench.write("script.sh", "no shebang\n")
    script.chmod(0o755)
    ended, _ = follow("", {"stdout": [PRINTS]}, command=["./script.sh"])
    assert ended == (
        "failed",
        "it ended without an evaluation of val_error: ./script.sh can't be started: Exec format error",
    )


@pytest.mark.slow
def test_a_flood_of_output_and_endless_lines_take_no_memory(bench, follow):
    program = """
line = "x" * 99 + "\\n"
for _ in range(200):
    sys.stdout.write(line * 1000)
sys.stdout.write("y" * 10_000_000)
print("\\nstep 1: val_error 3")
import psutil
print("peak", max(p.memory_info().rss for p in psutil.Process().parents() if "following.process" in str(p.cmdline())))
"""
    ended, metrics = follow(program, {"stdout": [PRINTS, r"peak (?P<peak>\d+)"]})
    assert ended[0] == "completed"
    assert metrics[0] == {"step": 1, "val_error": 3}
    assert metrics[1]["peak"] < 100e6


@pytest.mark.slow
def test_arguments_names_and_the_working_directory_are_the_study_files(bench):
    bench.write(
        "program.py",
        """
        import argparse, os
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float)
        parser.add_argument("--betas", nargs="+", type=float)
        parser.add_argument("--steps", type=int)
        given = parser.parse_args()
        open("log.csv", "w").write(f"step,val_error\\n{given.steps},{given.lr + sum(given.betas)}\\n")
        assert os.environ["HERE"] == os.getcwd()
        """,
    )
    bench.study(
        None,
        train=None,
        command=["${python}", "${study_dir}/program.py", "${args}", "--steps=${max_train_steps}"],
        args={"lists": "words", "names": {"x": "lr"}},
        fixed={"betas": [0.5, 1e-05]},
        cwd="${trial_dir}",
        env={"HERE": "${trial_dir}"},
        metrics={"csv": "log.csv"},
        trials=2,
    )
    assert bench("run", "study.yaml").code == 0
    for event in bench.events("planned"):
        value = event["params"]["x"] + 0.50001
        assert bench.metrics(event["trial"]) == [{"step": 4, "val_error": pytest.approx(value)}]
    assert bench("report", "runs/toy").code == 0


RESUMES = """
done = max((int(name[5:-3]) for name in os.listdir(folder) if name.startswith("model")), default=0)
print("from", done)
with open(folder + "/log.csv", "a") as log:
    if not done:
        log.write("step,val_error\\n")
    for step in range(done + 1, n + 1):
        log.write(f"{step},{abs(step - 3)}\\n")
        log.flush()
        open(f"{folder}/model{step}.pt", "w").write(str(step))
        if step == CRASH and not done:
            time.sleep(0.3)
            sys.exit(1)
"""


@pytest.mark.slow
def test_a_program_that_resumes_keeps_its_records_and_its_checkpoints_are_found(bench, follow):
    ended, metrics = follow(
        RESUMES.replace("CRASH", "2"),
        {"csv": "${trial_dir}/log.csv"},
        checkpoints={"files": "${trial_dir}/model*.pt", "keep": "best"},
        resources={"retries": 1},
    )
    folder = bench.paths().trial(0).dir
    assert ended == ("completed", None)
    assert [m["step"] for m in metrics] == [1, 2, 3, 4]
    assert "from 2" in (folder / "stdout.log").read_text()
    assert (folder / "checkpoints/best.pt").read_text() == "3"
    assert (folder / "checkpoints/last.pt").read_text() == "4"
    assert sorted(path.name for path in folder.glob("model*")) == ["model3.pt", "model4.pt"]


def test_an_attempt_that_starts_anew_does_not_see_the_files_of_the_last_one(bench, follow):
    program = """
first = not os.path.exists(folder + "/log.csv.1") and not os.path.exists(folder + "/log.csv")
with open(folder + "/log.csv", "a") as log:
    log.write("step,val_error\\n" + ("4,0\\n" if first else "2,1\\n"))
sys.exit(1 if first else 0)
"""
    ended, metrics = follow(program, {"csv": "${trial_dir}/log.csv"}, resources={"retries": 1})
    assert ended[0] == "completed"
    assert metrics == [{"step": 2, "val_error": 1}]


@pytest.mark.slow
def test_an_interrupted_program_gets_the_interrupt_itself_and_leaves_nothing(bench):
    bench.write(
        "program.py",
        """
        import signal, sys, time
        def stop(*_):
            print("saved", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGINT, stop)
        print("step 1: val_error 3", flush=True)
        time.sleep(60)
        """,
    )
    bench.study(None, train=None, command=["${python}", "program.py"], metrics={"stdout": [PRINTS]}, trials=1)
    runner = bench.spawn("run", "study.yaml")
    bench.wait(lambda: bench.metrics(0), "an evaluation")
    os.kill(runner.pid, signal.SIGINT)
    assert bench.finish(runner).code == 130
    assert bench.ended()[0] == ("pending", "interrupted")
    assert bench.paths().trial(0).stdout.read_text() == "step 1: val_error 3\nsaved\n"
    assert bench.processes() == []


@pytest.mark.slow
def test_a_killed_trial_takes_processes_of_other_groups_with_it(bench):
    bench.write(
        "program.py",
        """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        print(f"step 1: val_error {worker.pid}", flush=True)
        time.sleep(600)
        """,
    )
    bench.study(None, train=None, command=["${python}", "program.py"], metrics={"stdout": [PRINTS]}, trials=1)
    runner = bench.spawn("run", "study.yaml")
    worker = int(bench.wait(lambda: bench.metrics(0), "the worker")[0]["val_error"])
    os.kill(runner.pid, signal.SIGINT)
    time.sleep(0.05)
    os.kill(runner.pid, signal.SIGINT)
    assert bench.finish(runner).code == 130
    assert not psutil.pid_exists(worker)


def test_following_costs_a_trial_no_heavy_import():
    import subprocess
    import sys

    code = "import sys; import playbook_cli.following.process; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "torch", "pydantic", "yaml", "psutil", "rich", "typer"} & set(loaded)


def test_a_tag_can_count_the_steps(tmp_path):
    """As Lightning writes them: each value by the update, and the epoch beside it."""
    from playbook_cli.exporting.tensorboard import _field, _record, _varint
    from playbook_cli.following.readers import EventSource

    def event(step, tag, value):
        scalar = _field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)
        return _record(b"\x10" + _varint(step) + _field(5, _field(1, scalar)))

    source = EventSource(str(tmp_path / "lightning_logs/*"), "epoch", resuming=False)
    (tmp_path / "lightning_logs/version_0").mkdir(parents=True)
    written = [
        (49, "loss", 3.0),
        (99, "val_loss", 2.0),
        (99, "epoch", 0.0),
        (199, "val_loss", 1.0),
        (199, "epoch", 1.0),
    ]
    file = tmp_path / "lightning_logs/version_0/events.out.tfevents.1"
    file.write_bytes(b"".join(event(*each) for each in written))
    found = [reading for readings in source.poll() for reading in readings]
    assert found == [(0, {"val_loss": 2.0}), (1, {"val_loss": 1.0})]
    other = EventSource(str(tmp_path / "lightning_logs/*"), "batch", resuming=True)
    assert [reading for readings in other.poll() for reading in readings] == []
    assert "no tag batch, which metrics.step names" in other.silence()
