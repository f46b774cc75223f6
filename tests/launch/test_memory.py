"""Whether a trial died for lack of memory on its GPU, by what it printed last."""

from __future__ import annotations

import pytest

from playbook_cli.launch.memory import out_of_memory

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
    assert out_of_memory(log) == line[:200]


@pytest.mark.parametrize("line", ["MemoryError", "ValueError: bad", "we ran out of memory of the past", ""])
def test_other_errors_are_not(tmp_path, line):
    log = tmp_path / "stdout.log"
    log.write_text(line)
    assert out_of_memory(log) is None


def test_what_an_earlier_attempt_printed_does_not_count(tmp_path):
    log = tmp_path / "stdout.log"
    log.write_text(f"{SAID[0]}\n")
    assert out_of_memory(log, log.stat().st_size) is None


def test_what_a_program_survived_does_not_count(tmp_path):
    log = tmp_path / "stdout.log"
    log.write_text(f"{SAID[0]}\n" + "step\n" * 100 + "ValueError: bad\n")
    assert out_of_memory(log) is None


def test_no_log_tells_nothing(tmp_path):
    assert out_of_memory(tmp_path / "stdout.log") is None
