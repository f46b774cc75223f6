from __future__ import annotations

import json
import struct
import zlib

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import wandb
from playbook_cli.importing.runs import Ask
from playbook_cli.importing.wandb_log import read_log
from tests.importing.event_file import field

HEAD = b":W&B\xe1\xbe\x00"
BLOCK = 32768


def item(key, value, *nested):
    path = b"".join(field(2, part.encode()) for part in nested) or field(1, key.encode())
    return field(1, path + field(16, json.dumps(value).encode()))


def config(**values):
    return field(5, b"".join(item(key, value) for key, value in values.items()))


def history(step, **values):
    return field(2, b"".join(item(key, value) for key, value in {**values, "_step": step}.items()))


def ended(code):
    return field(18, b"\x08" + bytes([code]))


def log(*records):
    """A log with these records, in chunks as LevelDB cuts them."""
    out = bytearray(HEAD)
    for record in records:
        rest, first = record, True
        while True:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            chunk, rest = rest[: left - 7], rest[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not rest]
            out += struct.pack("<IHB", zlib.crc32(chunk, zlib.crc32(bytes([kind]))), len(chunk), kind) + chunk
            first = False
            if not rest:
                break
    return bytes(out)


@pytest.fixture
def folder(tmp_path):
    def make(name, content, **files):
        home = tmp_path / "wandb" / name
        (home / "files").mkdir(parents=True)
        if content is not None:
            (home / f"run-{name[-3:]}.wandb").write_bytes(content)
        for file, text in files.items():
            (home / "files" / file.replace("__", ".").replace("_", "-")).write_text(text)
        return tmp_path

    return make


def read(source, **ask):
    return wandb.read(Ask(source=str(source), **ask))


def test_records_longer_than_a_block_are_put_together():
    text = "x" * 100_000
    found = read_log(log(config(note=text), history(1, loss=0.5)))
    assert (found.config["note"], found.history, found.problem) == (text, [{"loss": 0.5, "_step": 1}], None)


def test_nested_settings_and_metrics_are_dotted(folder):
    nested = field(5, item("", 3, "net", "depth"))
    source = folder("run-2026_1-abc", log(config(lr=0.1), nested, history(5, val={"loss": 0.5}), ended(0)))
    (run,) = read(source).runs
    assert (run.params, run.evaluations) == ({"lr": 0.1, "net.depth": 3}, [{"step": 5, "val.loss": 0.5}])
    assert (run.state, run.reason) == (None, None)


def test_values_that_are_not_json_but_of_a_kind_of_their_own_are_read():
    kinds = field(1, field(1, b"a") + b"\x31" + struct.pack("<d", 0.25))
    kinds += field(1, field(1, b"b") + b"\x28\x05") + field(1, field(1, b"c") + b"\x20\x01")
    (row,) = read_log(log(field(2, kinds))).history
    assert row == {"a": 0.25, "b": -3, "c": True}


def test_a_torn_last_record_never_happened_and_a_damaged_one_ends_the_log():
    whole = log(history(1, loss=2.0), history(2, loss=1.0))
    torn = read_log(whole[:-3])
    assert ([row["_step"] for row in torn.history], torn.problem) == ([1], None)
    damaged = read_log(whole[:20] + b"?" + whole[21:])
    assert (damaged.history, damaged.problem) == ([], "the record at byte 7 is damaged")


def test_a_log_of_another_version_is_not_read(folder):
    source = folder("run-2026_1-abc", b":W&B\xe1\xbe\x01" + log(history(1, loss=2.0))[7:])
    (run,) = read(source).runs
    assert (run.evaluations, run.reason) == (
        [],
        "its log is incomplete: not a W&B log of the known version, 0",
    )


def test_a_run_that_was_resumed_is_one_trial(folder):
    folder("run-20260101_000000-abc", log(config(lr=0.1), history(1, loss=2.0)))
    source = folder("run-20260102_000000-abc", log(config(lr=0.1), history(2, loss=1.0), ended(0)))
    (run,) = read(source).runs
    assert [e["step"] for e in run.evaluations] == [1, 2]


def test_a_run_without_its_log_is_read_by_its_summary(folder):
    summary = json.dumps({"val/loss": 0.5, "_step": 90, "_wandb": {"runtime": 3}})
    source = folder("run-20260101_000000-abc", None, config__yaml="lr:\n  value: 0.1\n", wandb_summary__json=summary)
    found = read(source)
    assert found.runs[0].params == {"lr": 0.1}
    assert found.runs[0].evaluations == [{"step": 90, "val/loss": 0.5, "_wandb.runtime": 3}]
    assert found.notes == ["1 run without curves, imported with only the summary, at the last step"]


def test_how_a_run_ended_is_told(folder):
    folder("run-2026_1-aaa", log(history(1, loss=1.0), ended(3)), output__log="step 1\nRuntimeError: no memory\n")
    source = folder("run-2026_2-bbb", log(history(1, loss=1.0)))
    first, second = read(source).runs
    assert (first.state, first.reason) == ("failed", "exit code 3: RuntimeError: no memory")
    assert (second.state, second.reason) == (None, "its log has no end: killed, or still running")


def test_another_field_can_count_the_steps(folder):
    source = folder("run-2026_1-aaa", log(history(10, loss=1.0, epoch=1), history(20, loss=0.5, epoch=2)))
    assert [e["step"] for e in read(source, step="epoch").runs[0].evaluations] == [1, 2]


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(PlaybookError, match="no Weights & Biases runs"):
        read(tmp_path)
