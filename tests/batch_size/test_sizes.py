"""What is read of a probe's folder, also where it is damaged."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.batch_size.setting import LONG, MOST_STEPS, SHORT, bytes_of, every
from playbook_cli.batch_size.sizes import read
from playbook_cli.errors import SpecError
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import Curve, TrialRecord


def trial(number, size, loss, state="completed", reason=None):
    steps = np.arange(4, 41, 4)
    values = {"loss": loss(steps), "learning_rate": 1.0 / steps}
    curve = Curve(steps=steps, values=values)
    return TrialRecord(id=number, params={"b": size}, arm={}, seed=0, state=state, reason=reason, curve=curve)


def states(trials, folder):
    return [size.state for size in read(trials, "b", StudyPaths(folder), followed=False)]


def test_sizes_that_train_the_same_are_told_from_those_that_come_near(tmp_path):
    def of(size):
        return lambda steps: 1.0 / steps + 1e-4 / min(size, 3)

    assert states([trial(n, 2**n, of(2**n)) for n in range(4)], tmp_path) == ["fits", "fits", "same", "same"]


def test_a_metric_that_stands_still_says_nothing_about_the_size(tmp_path):
    assert states([trial(n, 2**n, lambda steps: np.full(len(steps), 0.9)) for n in range(2)], tmp_path) == ["fits"] * 2


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"times": []}', '{"times": [["a", 1, 2], 3, [1]], "peak_bytes": "x"}']
)
def test_a_damaged_note_of_a_probe_times_nothing(tmp_path, content):
    folder = StudyPaths(tmp_path).trial(0).dir
    folder.mkdir(parents=True)
    (folder / "probe.json").write_text(content)
    (size,) = read([trial(0, 4, lambda steps: 1.0 / steps)], "b", StudyPaths(tmp_path), followed=False)
    assert (size.state, size.timing, size.usable) == ("fits", None, False)


def test_a_probe_that_was_killed_with_its_program_ran_out_of_memory(tmp_path):
    killed = [
        trial(0, 4, lambda steps: 1.0 / steps, "failed", f"it crashed with {how}")
        for how in ("signal 9", "exit code 137")
    ]
    assert [states([one], tmp_path) for one in killed] == [["out-of-memory"]] * 2
    assert states([trial(0, 4, lambda steps: 1.0 / steps, "failed", "it crashed with exit code 1")], tmp_path) == [
        "failed"
    ]


def test_probes_of_neighbours_have_evaluations_in_common():
    assert [every(None, seconds) for seconds in (None, 1e-9, 1e-3, 1e-2, 10.0)] == [4, 1024, 128, 16, 2]
    assert LONG * every(None, 1e-9) + SHORT <= MOST_STEPS
    assert every(21, None) == 2


@pytest.mark.parametrize(
    ("text", "size"), [("2GiB", 2**31), ("1.5g", 3 * 2**29), ("512 MB", 2**29), ("1048576", 2**20)]
)
def test_amounts_of_memory_are_read(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1GiB", "2 potatoes", "100k"])
def test_other_amounts_are_refused(text):
    with pytest.raises(SpecError):
        bytes_of(text)
