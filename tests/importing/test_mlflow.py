from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import mlflow
from playbook_cli.importing.runs import Ask


def run(experiment, name, *, params, metrics, status=3, stage="active", start=1000, tags=None):
    home = experiment / name
    for folder in ("params", "metrics", "tags", "artifacts"):
        (home / folder).mkdir(parents=True)
    about = {"run_id": name, "run_name": f"run-{name}", "status": status, "lifecycle_stage": stage}
    lines = [f"{key}: {value}" for key, value in (about | {"start_time": start, "end_time": start + 500}).items()]
    (home / "meta.yaml").write_text("\n".join(lines) + "\n")
    for key, value in params.items():
        (home / "params" / key).write_text(str(value))
    for key, points in metrics.items():
        path = home / "metrics" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"170000 {value} {step}\n" for step, value in points))
    for key, value in (tags or {}).items():
        (home / "tags" / key).write_text(value)


@pytest.fixture
def experiment(tmp_path):
    folder = tmp_path / "mlruns" / "42"
    folder.mkdir(parents=True)
    (folder / "meta.yaml").write_text("experiment_id: '42'\nname: depth\n")
    return folder


def read(folder, **ask):
    return mlflow.read(Ask(source=str(folder), **ask))


def test_params_and_metrics_of_a_run_are_a_trial(experiment):
    metrics = {"loss": [(1, 2.0), (2, 1.0)], "val/acc": [(2, 0.5)]}
    run(experiment, "b", params={"lr": "0.1", "opt": "adam", "amp": "True"}, metrics=metrics, start=2000)
    run(experiment, "a", params={"lr": "0.2"}, metrics={"loss": [(1, "nan")]}, start=1000)
    first, second = read(experiment.parent).runs
    assert (first.name, second.name) == ("run-a", "run-b")
    assert second.params == {"lr": 0.1, "opt": "adam", "amp": True}
    assert second.evaluations == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "val/acc": 0.5}]
    assert (second.started, second.ended) == (2.0, 2.5)


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_store_its_experiment_and_the_folder_around_it_are_recognised(experiment, above):
    run(experiment, "a", params={"lr": 1}, metrics={"loss": [(1, 1.0)]})
    folder = [experiment, *experiment.parents][above]
    assert mlflow.is_store(folder)
    assert len(read(folder).runs) == 1


def test_failed_running_and_killed_runs_are_told_apart(experiment):
    for status in (1, 3, 4, 5):
        run(experiment, f"r{status}", params={"lr": status}, metrics={"loss": [(1, 1.0)]}, status=status)
    states = {run.source["status"]: (run.state, run.reason) for run in read(experiment).runs}
    assert states[1] == ("pending", "status in MLflow: running")
    assert states[3] == (None, None)
    assert states[4] == ("failed", "status in MLflow: failed")
    assert states[5] == (None, "status in MLflow: killed")


def test_deleted_runs_and_runs_that_only_hold_others_are_left_out(experiment):
    run(experiment, "gone", params={}, metrics={"loss": [(1, 1.0)]}, stage="deleted")
    run(experiment, "parent", params={"sweep": 1}, metrics={})
    run(experiment, "child", params={"lr": 1}, metrics={"loss": [(1, 1.0)]}, tags={"mlflow.parentRunId": "parent"})
    found = read(experiment)
    assert [run.source["run_id"] for run in found.runs] == ["child"]
    assert any("parent run" in note for note in found.notes)


def test_metrics_without_steps_are_counted(experiment):
    run(experiment, "a", params={"lr": 1}, metrics={"loss": [(0, 3.0), (0, 2.0)], "final": [(0, 9.0)]})
    found = read(experiment)
    assert found.runs[0].evaluations == [{"step": 0, "final": 9.0}, {"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}]
    assert any("numbered from 1" in note for note in found.notes)


def test_of_several_experiments_one_has_to_be_named(experiment):
    other = experiment.parent / "43"
    run(experiment, "a", params={"lr": 1}, metrics={"loss": [(1, 1.0)]})
    run(other, "b", params={"lr": 1}, metrics={"loss": [(1, 1.0)]})
    with pytest.raises(PlaybookError, match="2 experiments have runs") as raised:
        read(experiment.parent)
    assert "43, depth" in str(raised.value.hint)
    assert read(experiment.parent, name="depth").runs[0].name == "run-a"
    with pytest.raises(PlaybookError, match="no experiment named 'x'"):
        read(experiment.parent, name="x")
