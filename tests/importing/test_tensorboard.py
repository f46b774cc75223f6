from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import tensorboard
from playbook_cli.importing.runs import Ask
from tests.importing.event_file import event_file, hparams, scalars


def read(folder):
    return {run.name: run for run in tensorboard.read(Ask(source=str(folder))).runs}


def test_scalars_and_hyperparameters_of_one_folder_are_a_trial(tmp_path):
    event_file(
        tmp_path / "run_1" / "events.out.tfevents.1.host",
        hparams(time=5.0, lr=0.1, layers=2.0, opt="adam", amp=True),
        scalars(10, time=6.0, **{"val/loss": 0.5}),
        scalars(20, time=9.0, **{"val/loss": 0.25}),
    )
    run = read(tmp_path)["run_1"]
    assert run.params == {"lr": 0.1, "layers": 2, "opt": "adam", "amp": True}
    assert run.evaluations == [{"step": 10, "val/loss": 0.5}, {"step": 20, "val/loss": 0.25}]
    assert (run.started, run.ended) == (5.0, 9.0)


def test_the_folder_that_add_hparams_makes_belongs_to_the_run_above_it(tmp_path):
    for number in (1, 2, 10):
        home = tmp_path / f"run_{number}"
        event_file(home / "events.out.tfevents.1.host", scalars(1, loss=float(number)))
        event_file(home / "1700000000.5" / "events.out.tfevents.2.host", hparams(lr=0.1 * number))
    runs = read(tmp_path)
    assert list(runs) == ["run_1", "run_2", "run_10"]
    assert runs["run_10"].params == {"lr": 1}
    assert runs["run_10"].evaluations == [{"step": 1, "loss": 10.0}]


def test_folders_below_a_run_name_their_scalars(tmp_path):
    event_file(tmp_path / "a" / "events.out.tfevents.1.host", hparams(lr=0.1))
    event_file(tmp_path / "a" / "train" / "events.out.tfevents.1.host", scalars(1, loss=2.0))
    event_file(tmp_path / "a" / "validation" / "events.out.tfevents.1.host", scalars(1, loss=3.0))
    assert read(tmp_path)["a"].evaluations == [{"step": 1, "train/loss": 2.0}, {"step": 1, "validation/loss": 3.0}]


def test_scalars_beside_several_runs_are_nobodys(tmp_path):
    event_file(tmp_path / "events.out.tfevents.1.host", scalars(1, loss=2.0))
    for name in ("a", "b"):
        event_file(tmp_path / name / "events.out.tfevents.1.host", hparams(lr=0.1), scalars(1, loss=1.0))
    assert all(len(run.evaluations) == 1 for run in read(tmp_path).values())


def test_a_damaged_file_keeps_what_comes_before_the_damage_and_says_so(tmp_path):
    path = tmp_path / "a" / "events.out.tfevents.1.host"
    event_file(path, hparams(lr=0.1), scalars(1, loss=2.0), scalars(2, loss=1.0))
    path.write_bytes(path.read_bytes()[:-10] + b"\xff" * 10)
    run = read(tmp_path)["a"]
    assert run.evaluations == [{"step": 1, "loss": 2.0}]
    assert "damaged" in run.reason


def test_event_files_without_hyperparameters_are_refused(tmp_path):
    event_file(tmp_path / "a" / "events.out.tfevents.1.host", scalars(1, loss=2.0))
    with pytest.raises(PlaybookError, match="hparams plugin"):
        read(tmp_path)
    with pytest.raises(PlaybookError, match="no event files"):
        read(tmp_path / "b")
