"""GPUs as a driver lists them: here one that pretends to have some."""

from __future__ import annotations

import errno
import itertools
import json

import pytest

from playbook_cli.launch.devices import _amd
from playbook_cli.launch.locks import DeviceLocks
from tests.clusters import pretended

WHY = pretended.missing()
needs_driver = pytest.mark.skipif(WHY is not None, reason=WHY or "")


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """The environment of a machine with four GPUs, the first of them in two MIG instances."""
    return pretended.gpus(tmp_path_factory.mktemp("driver"), 4, divided=1)


def rows(answer):
    return {row["index"]: row for row in answer.json["devices"]}


@pytest.mark.slow
@needs_driver
def test_every_device_is_shown_and_a_divided_gpu_as_its_instances(bench, driver):
    shown = rows(bench.real("devices", "--json", env=driver))
    assert {index: row["uuid"] for index, row in shown.items()} == {
        "0:0": "MIG-pretended-00",
        "0:1": "MIG-pretended-01",
        "1": "GPU-pretended-01",
        "2": "GPU-pretended-02",
        "3": "GPU-pretended-03",
    }
    assert all(row["usable"] and row["why_not"] is None for row in shown.values())
    assert shown["1"]["memory_bytes"] == 16 * 2**30


@pytest.mark.slow
@needs_driver
@pytest.mark.parametrize(
    ("granted", "only", "usable"),
    [
        ("1,MIG-pretended-01", None, ["0:1", "1"]),
        ("GPU-pretended-03", None, ["3"]),
        ("", None, []),
        (None, "2,0:0", ["0:0", "2"]),
        ("3,2,1", "2", ["2"]),
    ],
)
def test_what_is_not_used_is_shown_with_the_reason(bench, driver, granted, only, usable):
    env = driver if granted is None else {**driver, "CUDA_VISIBLE_DEVICES": granted}
    shown = rows(bench.real("devices", "--json", *([] if only is None else ["--gpus", only]), env=env))
    assert [index for index, row in shown.items() if row["usable"]] == usable
    reasons = {row["why_not"] for row in shown.values() if not row["usable"]}
    allowed = {f"excluded by CUDA_VISIBLE_DEVICES={granted}", f"excluded by --gpus {only}"}
    assert reasons
    assert reasons <= allowed


@pytest.mark.slow
@needs_driver
def test_a_device_that_another_study_uses_is_shown_as_taken(bench, driver, tmp_path):
    driver = {**driver, "TMPDIR": str(tmp_path)}
    locks = DeviceLocks(tmp_path / "playbook-devices")
    assert locks.take("GPU-pretended-02", alone=True)
    try:
        shown = rows(bench.real("devices", "--json", env=driver))
    finally:
        locks.give_back("GPU-pretended-02")
    assert [index for index, row in shown.items() if not row["usable"]] == ["2"]
    assert shown["2"]["why_not"] == "in use by trials of another study"


@pytest.mark.slow
@needs_driver
def test_a_device_that_is_not_there_is_refused(bench, driver):
    answer = bench.real("devices", "--gpus", "7", env=driver)
    assert answer.code == 2
    assert "available GPUs: 0:0, 0:1, 1, 2, 3" in answer.err


@pytest.mark.slow
def test_without_a_driver_it_says_that_there_is_none(bench):
    answer = bench.real("devices", env={"CUDA_VISIBLE_DEVICES": ""})
    assert answer.code == 0
    assert "cores available" in answer.out


def test_amds_devices_are_read_from_the_kernels_list(tmp_path):
    for number, properties in enumerate(
        ["cpu_cores_count 8\nsimd_count 0\n", "simd_count 256\ngfx_target_version 90402\n"]
    ):
        node = tmp_path / str(number)
        node.mkdir()
        (node / "properties").write_text(properties)
    (tmp_path / "2").mkdir()  # one that this process may not see
    (device,) = _amd(tmp_path)
    assert (device.index, device.uuid, device.variables) == ("0", "0", ("HIP_VISIBLE_DEVICES",))


def test_a_lock_holds_others_off_until_the_last_trial_has_left(tmp_path):
    ours, theirs = DeviceLocks(tmp_path), DeviceLocks(tmp_path)
    assert ours.take("GPU-a", alone=True)
    assert ours.take("GPU-a", alone=True)
    ours.give_back("GPU-a")
    assert not theirs.take("GPU-a", alone=True)
    assert not theirs.take("GPU-a", alone=False)
    assert theirs.take("GPU-b", alone=True)
    ours.give_back("GPU-a")
    assert theirs.take("GPU-a", alone=True)


def test_those_who_share_a_device_do_not_hold_each_other_off(tmp_path):
    ours, theirs, alone = DeviceLocks(tmp_path), DeviceLocks(tmp_path), DeviceLocks(tmp_path)
    assert ours.take("GPU-a", alone=False)
    assert theirs.take("GPU-a", alone=False)
    assert not alone.take("GPU-a", alone=True)


def test_where_nobody_can_lock_a_device_it_is_used_all_the_same_and_that_is_said_once(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    locks = DeviceLocks(tmp_path)
    assert locks.can_take(["GPU-a"], alone=True)
    assert locks.take_all(["GPU-a", "GPU-b"], alone=True)
    locks.give_back_all(["GPU-a", "GPU-b"])
    assert capsys.readouterr().err.count("file locks don't work here") == 1


def test_a_folder_that_cannot_be_made_locks_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    assert DeviceLocks(tmp_path / "file" / "locks").take("GPU-a", alone=True)


@pytest.mark.slow
@needs_driver
def test_two_studies_never_meet_on_a_device(bench, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    env = {**pretended.gpus(folder, 2), "TMPDIR": str(folder)}
    program = bench.write(
        "train.py",
        "import json, os, time\n"
        "from playbook_cli import current_trial\n"
        "trial = current_trial()\n"
        "began = time.time()\n"
        "time.sleep(0.2)\n"
        "(trial.dir / 'span.json').write_text(json.dumps([os.environ['CUDA_VISIBLE_DEVICES'], began, time.time()]))\n"
        "trial.report(1, val_error=0.5)\n",
    )
    files = []
    for name in ("one", "two"):
        study = {
            "name": name,
            "command": ["${python}", str(program)],
            "metric": {"name": "val_error"},
            "max_train_steps": 1,
            "trials": 12,
            "nuisance": {"learning_rate": {"min": 0.1, "max": 1.0}},
            "resources": {"gpus": 1},
        }
        files.append(bench.write(f"{name}.yaml", json.dumps(study)))
    answers = [bench.finish(process) for process in [bench.spawn("run", file, env=env) for file in files]]
    assert [answer.code for answer in answers] == [0, 0]
    spans = {}
    for name in ("one", "two"):
        for trial in range(12):
            device, began, ended = json.loads((bench.paths(name).trial(trial).dir / "span.json").read_text())
            spans.setdefault(device, []).append((began, ended))
    assert sorted(spans) == ["GPU-pretended-00", "GPU-pretended-01"]
    for times in spans.values():
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(sorted(times)))
