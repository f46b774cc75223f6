"""The checkpoints of a program that knows nothing of Playbook."""

from __future__ import annotations

import os

import pytest

from playbook_cli.following.checkpoints import Checkpoints

STEP = r"(\d+)(?!.*\d)"


@pytest.fixture
def look(tmp_path):
    def at(evaluations, *, files="ck/model_*", step=STEP, prune=False, minimize=True):
        Checkpoints(
            files=str(tmp_path / files),
            step=step,
            prune=prune,
            best=str(tmp_path / "checkpoints/best.pt"),
            last=str(tmp_path / "checkpoints/last.pt"),
            directory=str(tmp_path),
            minimize=minimize,
        ).look(evaluations)
        return {name: (tmp_path / "checkpoints" / f"{name}.pt") for name in ("best", "last")}

    return at


def save(tmp_path, *steps, form="ck/model_{}.pt"):
    for step in steps:
        path = tmp_path / form.format(step)
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(step))


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "ck").iterdir())


def test_best_and_last_are_found_by_step(tmp_path, look):
    save(tmp_path, 5, 10, 100)
    found = look({5: 0.3, 10: 0.1, 100: 0.2})
    assert (found["best"].read_text(), found["last"].read_text()) == ("10", "100")
    assert look({5: 0.3, 10: 0.1, 100: 0.2}, minimize=False)["best"].read_text() == "5"


def test_a_checkpoint_between_evaluations_is_as_good_as_the_one_before(tmp_path, look):
    save(tmp_path, 15, 25)
    assert look({10: 0.1, 20: 0.5, 30: 0.0})["best"].read_text() == "15"


def test_without_an_evaluation_there_is_a_last_and_no_best(tmp_path, look):
    save(tmp_path, 5)
    found = look({})
    assert found["last"].read_text() == "5"
    assert not found["best"].exists()


def test_all_but_best_and_last_are_deleted_if_wished(tmp_path, look):
    save(tmp_path, 1, 2, 3, 4)
    look({1: 0.4, 2: 0.1, 3: 0.3, 4: 0.2}, prune=True)
    assert left(tmp_path) == ["model_2.pt", "model_4.pt"]


def test_a_checkpoint_that_a_coming_evaluation_may_praise_is_kept(tmp_path, look):
    save(tmp_path, 1, 2, 3, 4)
    look({1: 0.4, 2: 0.5}, prune=True)
    assert left(tmp_path) == ["model_1.pt", "model_3.pt", "model_4.pt"]


def test_the_best_outlives_a_program_that_deletes_its_own(tmp_path, look):
    save(tmp_path, 1, 2)
    look({1: 0.1, 2: 0.2})
    (tmp_path / "ck/model_1.pt").unlink()
    assert (tmp_path / "checkpoints/best.pt").read_text() == "1"


def test_folders_are_checkpoints_too(tmp_path, look):
    for step in (500, 1000, 1500):
        (tmp_path / "ck").mkdir(exist_ok=True)
        save(tmp_path, step, form=f"ck/checkpoint-{step}/model.bin")
    found = look({500: 0.1, 1000: 0.2, 1500: 0.3}, files="ck/checkpoint-*", prune=True)
    assert (found["best"] / "model.bin").read_text() == "500"
    assert (found["last"] / "model.bin").read_text() == "1500"
    assert left(tmp_path) == ["checkpoint-1500", "checkpoint-500"]
    assert not found["best"].readlink().is_absolute()


def test_the_step_is_where_the_pattern_says(tmp_path, look):
    save(tmp_path, 5, 10, form="ck/model_s{}_v2.pt")
    assert look({5: 0.1, 10: 0.2}, step=r"_s(\d+)")["last"].read_text() == "10"


def test_of_names_without_a_step_the_newest_is_the_last(tmp_path, look):
    save(tmp_path, "a", "b", form="ck/model_{}.pt")
    os.utime(tmp_path / "ck/model_b.pt", (1, 1))
    assert look({1: 0.1})["last"].read_text() == "a"


def test_nothing_outside_the_trials_folder_is_touched(tmp_path, look):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    for step in (1, 2, 3):
        (outside / f"model_{step}").write_text("mine")
    (tmp_path / "ck").symlink_to(outside)
    look({1: 0.1, 2: 0.2, 3: 0.3}, prune=True)
    assert len(list(outside.iterdir())) == 3
    assert not (tmp_path / "checkpoints").exists()


def test_no_checkpoint_is_no_error(look):
    assert not look({1: 0.1})["last"].exists()
