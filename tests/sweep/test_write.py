from __future__ import annotations

import pytest

from playbook_cli.commands.revised import put
from playbook_cli.errors import StudyError
from playbook_cli.spec.load import load
from playbook_cli.sweep.write import with_steps

STUDY = """\
name: s   # the study
train: m:train
metric: {name: val_error}
max_train_steps: 600              # a guess
trials: 4
nuisance: {x: {min: 0.0, max: 1.0}}
"""


def write(tmp_path, text, steps=137):
    file = tmp_path / "study.yaml"
    file.write_bytes(text.encode())
    return with_steps(file.read_bytes(), *load(file), steps, "measured")[0].decode()


@pytest.mark.parametrize("old", ["600              # a guess", "6e2", "600", "6_00  "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_the_line_of_max_train_steps_changes(tmp_path, old, end):
    text = STUDY.replace("600              # a guess", old).replace("\n", end)
    expected = STUDY.replace("600              # a guess", "137  # measured").replace("\n", end)
    assert write(tmp_path, text) == expected


def test_a_last_line_without_an_end_keeps_none(tmp_path):
    assert write(
        tmp_path,
        "fixed: {y: 1}\n" + STUDY.replace("max_train_steps: 600              # a guess\n", "") + "max_train_steps: 600",
    ).endswith("max_train_steps: 137  # measured")


@pytest.mark.parametrize(("steps", "old", "new"), [(137, "20  # often", 2), (137, "200", 2), (12, "20", 1)])
def test_an_eval_every_that_is_too_coarse_for_so_few_steps_is_replaced(tmp_path, steps, old, new):
    text = write(tmp_path, STUDY.replace("trials: 4", f"eval_every: {old}\ntrials: 4"), steps)
    assert f"max_train_steps: {steps}  # measured" in text
    assert f"eval_every: {new}  # was {old.split()[0]}, too coarse for {steps} steps\ntrials: 4" in text


@pytest.mark.parametrize(("steps", "every"), [(137, 6), (137, 1), (12, 2), (6000, 20)])
def test_an_eval_every_that_is_fine_enough_stays(tmp_path, steps, every):
    assert f"eval_every: {every}\n" in write(tmp_path, STUDY.replace("trials:", f"eval_every: {every}\ntrials:"), steps)


@pytest.mark.parametrize(
    "text",
    [
        "{name: s, train: 'm:train', metric: {name: e}, max_train_steps: 600, trials: 4, fixed: {y: 1}}\n",
        STUDY.replace("max_train_steps: 600              # a guess", "max_train_steps:\n  600"),
        STUDY.replace("600              # a guess", "600\n'eval_every':\n  20"),
    ],
)
def test_what_can_not_be_done_safely_is_not_done(tmp_path, text):
    with pytest.raises(StudyError, match="nothing was written"):
        write(tmp_path, text)


def test_the_file_that_a_link_names_is_changed_and_keeps_its_mode(tmp_path):
    file, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    file.write_text(STUDY)
    file.chmod(0o640)
    link.symlink_to(file)
    put(link, with_steps(link.read_bytes(), *load(link), 137, "measured")[0], overwrite=True)
    assert link.is_symlink()
    assert "max_train_steps: 137" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
