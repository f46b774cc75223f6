"""What a followed trial's file keeps of what its program says more than once."""

from __future__ import annotations

import csv
import json
import threading

import pytest

from playbook_cli.following.growing import Growing
from playbook_cli.following.readers import PrintedSource, TableSource
from playbook_cli.following.recording import Recorder


@pytest.fixture
def recorder(tmp_path):
    return Recorder(
        str(tmp_path / "metrics.jsonl"),
        metric="val_loss",
        max_train_steps=10_000,
        names={},
        all_named=False,
        resuming=False,
    )


@pytest.fixture
def recorded(tmp_path):
    def read():
        return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]

    return read


def source(path, kind="csv"):
    return TableSource(kind, str(path), "step", own=[], resuming=False)


def poll(source, recorder, *, end=False):
    for readings in [*source.poll(), *([source.finish()] if end else [])]:
        recorder.record(readings)
    assert source.problem is None


def value(step):
    return 1 / step + 0.25


def expected(name, steps):
    return [(step, pytest.approx(value(step))) for step in steps], name


def series(records, name):
    return [(r["step"], r[name]) for r in records if name in r], name


@pytest.mark.parametrize("every", [1, 2, 3, 7, 60])
@pytest.mark.parametrize("flush", [1, 10, 50])
def test_a_lightning_csv_logger_is_recorded_once_whenever_it_writes_its_file_anew(
    tmp_path, recorder, recorded, every, flush
):
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    logger = loggers.CSVLogger(tmp_path, name="", version="", flush_logs_every_n_steps=flush)
    log = source(tmp_path / "metrics.csv")
    for step in range(1, 121):
        logger.log_metrics({"train_loss": value(step)}, step=step)
        logger.save() if step % flush == 0 else None
        if step % 40 == 0:
            logger.log_metrics({"val_loss": value(step), **({"val_acc": 0.5} if step > 60 else {})}, step=step)
            logger.save()
        if step % every == 0:
            poll(log, recorder)
    logger.finalize("success")
    poll(log, recorder, end=True)
    assert not recorder.over
    assert series(recorded(), "val_loss") == expected("val_loss", (40, 80, 120))
    assert series(recorded(), "train_loss") == expected("train_loss", range(1, 121))


def whole(path, rows, kind):
    """The whole file again, in pieces, as a program with a small buffer writes it."""
    with path.open("w", buffering=64, newline="") as file:
        if kind == "jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
            writer.writeheader()
            writer.writerows(rows)


def replaced(path, rows, kind):
    beside = path.with_suffix(".tmp")
    whole(beside, rows, kind)
    beside.replace(path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("write", [whole, replaced])
def test_a_file_that_is_written_anew_under_the_readers_nose_is_recorded_once(tmp_path, recorder, recorded, write, kind):
    path = tmp_path / f"log.{kind}"
    log = source(path, kind)

    def program():
        rows = []
        for step in range(1, 301):
            rows.append({"step": step, "train_loss": value(step)})
            if step % 10 == 0:
                rows[-1]["val_loss"] = value(step)
            if step > 150:
                rows[-1]["later"] = value(step)
            write(path, rows, kind)

    writer = threading.Thread(target=program)
    writer.start()
    while writer.is_alive():
        poll(log, recorder)
    writer.join()
    poll(log, recorder, end=True)
    assert not recorder.over
    for name, steps in (("val_loss", range(10, 301, 10)), ("train_loss", range(1, 301)), ("later", range(151, 301))):
        assert series(recorded(), name) == expected(name, steps)


def test_cells_that_are_filled_in_later_are_recorded_then(tmp_path, recorder, recorded):
    path = tmp_path / "log.csv"
    log = source(path)
    path.write_text("step,train_loss,val_loss\n1,9,\n2,8,\n3,7,\n")
    poll(log, recorder)
    path.write_text("step,train_loss,val_loss\n1,9,6\n2,8,5\n3,7,4\n4,6,\n")
    poll(log, recorder, end=True)
    assert recorded()[3:] == [{"step": s, "val_loss": v} for s, v in ((1, 6), (2, 5), (3, 4))] + [
        {"step": 4, "train_loss": 6}
    ]


def test_a_file_that_begins_another_training_is_no_repetition(tmp_path, recorder, recorded):
    path = tmp_path / "log.csv"
    log = source(path)
    for offset in (0, 1):
        path.write_text("step,val_loss\n" + "".join(f"{step},{step + offset}\n" for step in range(1, 9)))
        poll(log, recorder)
    assert recorder.over
    assert (
        recorded()[-1]["failed"] == "val_loss is at step 1 after step 8: `step` must count from the start of training"
    )


@pytest.mark.parametrize(
    "last", ["best: step 20 loss 0.3125", "best: step 20 loss 0.31", "best: step 20 loss 0.3125\n" * 2]
)
def test_a_last_line_that_repeats_an_evaluation_ends_no_training(tmp_path, recorder, recorded, last):
    path = tmp_path / "stdout.log"
    printed = PrintedSource(str(path), [r"step (?P<step>\d+) loss (?P<val_loss>\S+)"], "step")
    lines = [f"step {step} loss {value}" for step, value in ((10, 0.5), (20, 0.3125), (30, 0.4), (90, 0.45))]
    path.write_text("\n".join([*lines, last]))
    poll(printed, recorder, end=True)
    assert not recorder.over
    assert recorded() == [
        {"step": step, "val_loss": value} for step, value in ((10, 0.5), (20, 0.3125), (30, 0.4), (90, 0.45))
    ]


def test_a_last_line_with_another_value_is_none_of_those_that_were_recorded(tmp_path, recorder, recorded):
    path = tmp_path / "stdout.log"
    printed = PrintedSource(str(path), [r"step (?P<step>\d+) loss (?P<val_loss>\S+)"], "step")
    path.write_text("step 20 loss 0.3125\nstep 90 loss 0.45\nstep 20 loss 0.29\n")
    poll(printed, recorder, end=True)
    assert recorder.over
    assert "failed" in recorded()[-1]


def test_bytes_of_an_old_and_a_new_file_are_never_mixed(tmp_path):
    path = tmp_path / "log"
    file = Growing(path=str(path))
    same = b"x" * 2000
    path.write_bytes(same + b"old\n")
    assert file.read() == (same + b"old\n", False)
    path.write_bytes(same + b"new\nmore\n")  # as long a beginning, and as many bytes before what comes next
    assert file.read() == (same + b"new\nmore\n", True)


def test_cells_that_are_no_numbers_are_told_where_no_evaluation_was_found(tmp_path, recorder):
    path = tmp_path / "log.csv"
    log = source(path)
    path.write_text("step,val_loss\n10,tensor(0.35)\n")
    poll(log, recorder, end=True)
    assert f"{path} has step, val_loss ('tensor(0.35)', not a number): " in log.silence()
