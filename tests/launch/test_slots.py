"""The places on this machine where a trial can run."""

from __future__ import annotations

import os

import pynvml
import pytest

from playbook_cli.errors import StudyError
from playbook_cli.launch import slots
from playbook_cli.launch.devices import granted as usable
from playbook_cli.launch.slots import local_slots, usable_cores


def fail_to_tell(_):
    raise pynvml.NVMLError_NotSupported


@pytest.fixture
def machine(monkeypatch):
    """Makes this machine one with so many GPUs (None: no driver) and cores."""

    def make(gpus, cores=8, granted=None):
        uuids = [f"GPU-{'abcdefgh'[index]}0{index}" for index in range(gpus or 0)]

        def init():
            if gpus is None:
                raise pynvml.NVMLError_LibraryNotFound

        monkeypatch.setattr(pynvml, "nvmlInit", init)
        monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(uuids))
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetUUID", lambda handle: uuids[handle])
        monkeypatch.setattr(pynvml, "nvmlDeviceGetMigMode", fail_to_tell)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetName", fail_to_tell)
        monkeypatch.setattr(slots, "usable_cores", lambda: list(range(cores)))
        if granted is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", granted)
        return uuids

    return make


def local(**changes):
    return local_slots(**{"gpus": None, "trials_per_gpu": 1, "cpus": 1, **changes})


def test_without_gpus_every_core_is_a_slot(machine):
    machine(None, cores=4)
    found = local()
    assert [slot.name for slot in found] == ["cpu0", "cpu1", "cpu2", "cpu3"]
    assert found[0].env == {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def test_trials_that_want_several_cores_get_as_many_threads(machine):
    machine(None, cores=8)
    found = local(cpus=3)
    assert len(found) == 2
    assert found[0].env["OMP_NUM_THREADS"] == "3"


def test_slots_share_the_cores_out_among_them(machine):
    machine(None, cores=8)
    assert [sorted(slot.cores) for slot in local(cpus=2)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [sorted(slot.cores) for slot in local(jobs=3)] == [[0, 1], [2, 3], [4, 5]]


def test_more_slots_than_cores_and_a_single_one_are_held_to_none(machine):
    machine(None, cores=2)
    assert {slot.cores for slot in local(jobs=5)} == {frozenset()}
    assert {slot.cores for slot in local(jobs=1)} == {frozenset()}


def test_there_is_always_room_for_one_trial(machine):
    machine(None, cores=2)
    (only,) = local(cpus=16)
    assert only.env["OMP_NUM_THREADS"] == "2"


def test_the_users_number_of_jobs_counts(machine):
    machine(None, cores=2)
    assert len(local(jobs=5)) == 5
    machine(4)
    assert len(local(jobs=3)) == 3
    assert len(local(jobs=9)) == 4


def test_every_gpu_is_a_slot_where_there_are_any(machine):
    uuids = machine(2, cores=8)
    found = local()
    assert [slot.name for slot in found] == ["gpu0", "gpu1"]
    assert found[1].env == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": uuids[1],
        "OMP_NUM_THREADS": "4",
    }


def test_trials_may_share_a_gpu_or_have_several(machine):
    uuids = machine(5, cores=16)
    assert [slot.name for slot in local(trials_per_gpu=2)][:3] == ["gpu0", "gpu0", "gpu1"]
    pairs = local(gpus=2)
    assert [slot.name for slot in pairs] == ["gpu0+1", "gpu2+3"]
    assert pairs[1].env["CUDA_VISIBLE_DEVICES"] == f"{uuids[2]},{uuids[3]}"
    assert pairs[0].env["OMP_NUM_THREADS"] == "8"


def test_a_slot_that_has_its_gpu_for_itself_in_this_run_may_still_be_lent_to_others(machine):
    machine(2)
    assert [(slot.alone, slot.lent) for slot in local()] == [(True, False)] * 2
    assert [slot.alone for slot in local(trials_per_gpu=2)] == [False] * 4
    assert [(slot.alone, slot.lent) for slot in local(trials_per_gpu=2, jobs=1)] == [(True, True)]
    assert [slot.alone for slot in local(trials_per_gpu=2, jobs=3)] == [False, False, True]


def test_threads_are_at_least_one(machine):
    machine(4, cores=2)
    assert {slot.env["OMP_NUM_THREADS"] for slot in local()} == {"1"}


def test_trials_on_the_cpu_see_no_gpu(machine):
    machine(2)
    assert {slot.env["CUDA_VISIBLE_DEVICES"] for slot in local(gpus=0)} == {""}


@pytest.mark.parametrize(("present", "wanted"), [(None, 1), (0, 1), (2, 3)])
def test_more_gpus_than_there_are_is_an_error_that_says_what_to_do(machine, present, wanted):
    machine(present)
    with pytest.raises(StudyError, match=f"a trial needs {wanted} GPU") as error:
        local(gpus=wanted)
    assert "gpus: 0" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("granted", "indices"),
    [
        (None, [0, 1, 2, 3]),
        ("2,0", [2, 0]),
        (" 1 , 3 ", [1, 3]),
        ("GPU-b", [1]),
        ("GPU-b01,GPU-d03", [1, 3]),
        ("", []),
        ("-1", []),
        ("0,9,1", [0]),
        ("1,1", []),
        ("GPU-", []),
        ("none", []),
    ],
)
def test_an_inherited_grant_of_gpus_is_respected_as_cuda_does(machine, granted, indices):
    machine(4, granted=granted)
    assert [int(device.index) for device in usable()] == indices


def test_gpus_may_be_chosen_by_index_or_uuid(machine):
    uuids = machine(4)
    assert [device.uuid for device in usable("3,1")] == [uuids[3], uuids[1]]
    assert [device.uuid for device in usable("GPU-c")] == [uuids[2]]
    assert usable("") == []


@pytest.mark.parametrize("only", ["4", "0,4", "2", "x", "0,0"])
def test_a_gpu_that_was_not_granted_cannot_be_chosen(machine, only):
    machine(4, granted="0,1")
    with pytest.raises(StudyError, match=f"--gpus {only}: not all of these GPUs are available") as error:
        usable(only)
    assert error.value.hint == "available GPUs: 0, 1"


def test_where_there_is_no_gpu_the_error_says_none(machine):
    machine(None)
    with pytest.raises(StudyError) as error:
        usable("0")
    assert error.value.hint == "available GPUs: none"


def test_a_driver_that_fails_midway_counts_as_no_gpu(machine, monkeypatch):
    machine(2)

    def fail(_):
        raise pynvml.NVMLError_Unknown

    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", fail)
    assert usable() == []


def test_only_cores_that_this_process_may_use_count(monkeypatch):
    assert 1 <= len(usable_cores()) <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert len(usable_cores()) == (os.cpu_count() or 1)
