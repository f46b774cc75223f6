"""Why trials failed, reason by reason."""

from __future__ import annotations

from playbook_cli.files.paths import StudyPaths
from playbook_cli.storage.failures import REASONS, failures
from tests.report.studies import bare


def test_equal_reasons_are_one_and_the_most_frequent_comes_first(tmp_path):
    trials = [bare("failed", n, reason="exit 1" if n else "signal 9") for n in range(9)]
    often, once = failures([*trials, bare("completed", 9)], StudyPaths(tmp_path))
    assert often.message == "8 trials failed (1, 2, 3, 4, 5, 6, ...): exit 1"
    assert once.message == "trial 0 failed: signal 9"


def test_crashed_trials_that_wait_for_another_attempt_are_told_too(tmp_path):
    waiting = [bare("pending", n, reason="it crashed with exit code 1") for n in range(2)]
    others = [bare("pending", 2, reason="interrupted"), bare("pending", 3)]
    (found,) = failures([*waiting, *others], StudyPaths(tmp_path))
    assert found.message == "2 trials will be retried (0, 1): crashed with exit code 1"


def test_how_far_trials_came_in_time_does_not_part_them(tmp_path):
    came = ("at step 0", "at step 1", "and had come to step 2")  # the last one as earlier versions wrote it
    trials = [bare("failed", n, reason=f"it ran longer than 5 s, {where}") for n, where in enumerate(came)]
    (found,) = failures(trials, StudyPaths(tmp_path))
    assert found.message == "3 trials failed (0, 1, 2): ran longer than 5 s"


def test_the_last_line_and_the_log_are_those_of_the_first_trial(tmp_path):
    paths = StudyPaths(tmp_path)
    (tmp_path / "trials/0003").mkdir(parents=True)
    paths.trial(3).stdout.write_text("Traceback\n  in train\nValueError: no data\n\n")
    (found,) = failures([bare("failed", 3, reason="exit 1"), bare("failed", 4, reason="exit 1")], paths)
    assert (found.said, found.log) == ("ValueError: no data", str(paths.trial(3).stdout))


def test_a_trial_without_a_log_names_none(tmp_path):
    (found,) = failures([bare("failed", 3)], StudyPaths(tmp_path))
    assert (found.said, found.log) == (None, None)


def test_many_reasons_are_told_up_to_a_number(tmp_path):
    found = failures([bare("failed", n, reason=f"reason {n}") for n in range(REASONS + 3)], StudyPaths(tmp_path))
    assert len(found) == REASONS + 1
    assert found[-1].message == "3 trials failed (5, 6, 7): 3 other reasons"
