from __future__ import annotations

import json

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import ray
from playbook_cli.importing.runs import Ask


def trial(folder, *results, params, error=None, csv=False):
    folder.mkdir(parents=True)
    (folder / "params.json").write_text(json.dumps(params))
    if csv:
        rows = [",".join(results[0]), *(",".join(map(str, r.values())) for r in results)]
        (folder / "progress.csv").write_text("\n".join(rows) + "\n")
    elif results:
        (folder / "result.json").write_text("".join(json.dumps(r) + "\n" for r in results))
    if error:
        (folder / "error.txt").write_text(error)


def result(iteration, **metrics):
    about = {"training_iteration": iteration, "trial_id": "a1", "time_this_iter_s": 2.0, "timestamp": 100 + iteration}
    return {**metrics, **about, "done": False, "config": {"lr": 0.1}, "pid": 7}


def read(folder, **ask):
    return {run.name: run for run in ray.read(Ask(source=str(folder), **ask)).runs}


def test_results_are_evaluations_and_what_ray_adds_to_them_is_not(tmp_path):
    params = {"lr": 0.1, "model": {"depth": 3}}
    trial(tmp_path / "train_a1", result(1, loss=2.0), result(2, loss=1.0, eval={"acc": 0.5}), params=params)
    run = read(tmp_path)["train_a1"]
    assert run.params == {"lr": 0.1, "model.depth": 3}
    assert run.evaluations == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "eval.acc": 0.5}]
    assert (run.started, run.ended) == (99.0, 102.0)
    assert run.source["last"]["trial_id"] == "a1"


def test_another_field_may_count_steps(tmp_path):
    trial(tmp_path / "a", result(1, loss=2.0, global_step=500), params={"lr": 1})
    assert read(tmp_path, step="global_step")["a"].evaluations == [{"step": 500, "loss": 2.0}]


def test_progress_csv_is_read_where_there_is_no_result_json(tmp_path):
    trial(tmp_path / "exp" / "a", {"loss": 2.0, "training_iteration": 1, "config/lr": 3}, params={"lr": 1}, csv=True)
    assert read(tmp_path)["exp/a"].evaluations == [{"step": 1, "loss": 2.0}]


def test_a_trial_that_crashed_or_never_reported_has_failed(tmp_path):
    trial(tmp_path / "a", result(1, loss=2.0), params={"lr": 1}, error="Traceback\n  line\nValueError: too large\n\n")
    trial(tmp_path / "b", params={"lr": 2})
    runs = read(tmp_path)
    assert (runs["a"].state, runs["a"].reason) == ("failed", "ValueError: too large")
    assert len(runs["a"].evaluations) == 1
    assert (runs["b"].state, runs["b"].reason) == ("failed", "no result")


def test_a_folder_without_trials_is_refused(tmp_path):
    assert not ray.is_experiment(tmp_path)
    with pytest.raises(PlaybookError, match=r"no trial with a params\.json"):
        read(tmp_path)


def test_trials_whose_configuration_changed_stand_for_no_point(tmp_path):
    from playbook_cli.importing.importing import Wish, study

    for number, rates in enumerate([[0.1, 0.1], [0.1, 0.2]]):
        home = tmp_path / f"trial_{number}"
        home.mkdir()
        (home / "params.json").write_text(json.dumps({"lr": rates[-1], "wd": 1}))
        rows = [
            {"val_loss": 1 / (step + 1), "training_iteration": step + 1, "config": {"lr": lr, "wd": 1}}
            for step, lr in enumerate(rates)
        ]
        (home / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = ray.read(Ask(source=str(tmp_path)))
    assert [list(run.changed) for run in found.runs] == [[], ["lr"]]
    made = study(found, Wish(name="x", metric="val_loss"))
    assert [trial.state for trial in made.trials] == ["completed", "failed"]
    assert made.trials[1].reason == "lr changed during training, so its result has no single setting"
    assert any("changed during training" in note and "1 trial" in note for note in made.notes)


def test_a_progress_file_without_a_header_says_so(tmp_path):
    (tmp_path / "trial_0").mkdir()
    (tmp_path / "trial_0/params.json").write_text('{"lr": 1}')
    (tmp_path / "trial_0/progress.csv").write_text("1.23,1,a,False\n0.73,2,a,False\n")
    (run,) = ray.read(Ask(source=str(tmp_path))).runs
    assert run.state == "failed"
    assert run.reason.startswith("progress.csv has no header line: 1.23, 1, a, False")


CSV = "val_loss,training_iteration,trial_id,done\n"


def csv_trial(folder, name, text):
    home = folder / name
    home.mkdir()
    (home / "params.json").write_text('{"lr": 0.1}')
    (home / "progress.csv").write_text(text)


def test_a_log_without_its_header_is_read_by_that_of_the_other_trials(tmp_path):
    csv_trial(tmp_path, "a", f"{CSV}0.5,1,x,False\n0.4,2,x,False\n")
    csv_trial(tmp_path, "b", "0.3,1,y,False\n0.2,2,y,True\n")  # github.com/ray-project/ray/issues/15106
    found = ray.read(Ask(source=str(tmp_path)))
    assert found.runs[1].evaluations == [{"step": 1, "val_loss": 0.3}, {"step": 2, "val_loss": 0.2}]
    assert found.notes == ["1 progress.csv file without a header line, read with the header of another trial"]


@pytest.mark.parametrize("text", ["0.3,1,y\n", "0.3,2,y,x\n0.2,1,y,x\n", "y,1,0.3,x\n"])
def test_a_header_that_does_not_fit_is_not_borrowed(tmp_path, text):
    csv_trial(tmp_path, "a", f"{CSV}0.5,1,x,False\n")
    csv_trial(tmp_path, "b", text)
    found = ray.read(Ask(source=str(tmp_path)))
    assert (found.runs[1].state, found.notes) == ("failed", [])
