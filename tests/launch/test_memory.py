"""Whether a program died for lack of memory, on its GPU or anywhere, by what it printed last and how it ended."""

from __future__ import annotations

import pytest

from playbook_cli.launch.memory import gpu_out_of_memory, out_of_memory, says_so

SAID = [
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.1 GiB",
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
    "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB",
    "RuntimeError: CUDA error: out of memory",
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.",
]


@pytest.mark.parametrize("line", SAID)
def test_the_words_of_the_frameworks_are_known(tmp_path, line):
    log = tmp_path / "stdout.log"
    log.write_text(f"step 1\nTraceback (most recent call last):\n{line}\n\n")
    assert gpu_out_of_memory(log) == line[:200]


@pytest.mark.parametrize("line", ["MemoryError", "ValueError: bad", "we ran out of memory of the past", ""])
def test_other_errors_are_not(tmp_path, line):
    log = tmp_path / "stdout.log"
    log.write_text(line)
    assert gpu_out_of_memory(log) is None


def test_what_an_earlier_attempt_printed_does_not_count(tmp_path):
    log = tmp_path / "stdout.log"
    log.write_text(f"{SAID[0]}\n")
    assert gpu_out_of_memory(log, log.stat().st_size) is None


def test_what_a_program_survived_does_not_count(tmp_path):
    log = tmp_path / "stdout.log"
    log.write_text(f"{SAID[0]}\n" + "step\n" * 100 + "ValueError: bad\n")
    assert gpu_out_of_memory(log) is None


def test_no_log_tells_nothing(tmp_path):
    assert gpu_out_of_memory(tmp_path / "stdout.log") is None


@pytest.mark.parametrize(
    "line",
    [
        "MemoryError",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79 GiB",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:115] DefaultCPUAllocator: can't allocate memory: you tried",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array with shape (1000000000,)",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.",
    ],
)
def test_programs_that_ran_out_of_memory_are_known_by_what_they_print(line):
    printed = f"Traceback (most recent call last):\n  ...\n{line}\n"
    assert out_of_memory(printed, 1) == line[:200]
    assert says_so(f"out of memory: {line}")


def test_a_program_that_ends_well_did_not_run_out():
    assert out_of_memory("MemoryError was caught, and half of the batch was taken", 0) is None


def test_a_program_that_something_killed_ran_out():
    assert "signal 9" in out_of_memory("", -9)
    assert "signal 9" in out_of_memory("", 137)


@pytest.mark.parametrize("line", ["ValueError: Expected more than 1 value per channel", "KeyError: 'batch_size'", ""])
def test_other_crashes_are_told_apart(line):
    assert out_of_memory(line, 1) is None
    assert out_of_memory(line, -11) is None
