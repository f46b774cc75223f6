from __future__ import annotations

import csv
import json
import math

import pytest

from playbook_cli.exporting.formats import write
from playbook_cli.exporting.tables import Table, tables
from playbook_cli.storage.store import Store

TRAIN = """
def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            value = trial.params["x"] + 1 / step
            trial.report(step, val_error=value if trial.params["x"] < 0.8 else float("nan"))
            if step == 4:
                trial.report(step, extra=7.0)
"""
NUISANCE = {"x": {"min": 0.0, "max": 1.0}, "kind": ["a,b", None, True]}


@pytest.fixture
def toy(bench):
    bench("run", bench.study(TRAIN, trials=6, nuisance=NUISANCE, fixed={"depth": 3}))
    return bench


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_trials_and_evaluations_are_tables(toy):
    answer = toy("export", "runs/toy")
    assert answer.out.split() == ["runs/toy/export/trials.csv", "runs/toy/export/evaluations.csv"]
    report = toy("report", "runs/toy", "--json").json
    trials = rows(toy.folder / "runs/toy/export/trials.csv")
    assert len(trials) == 6
    for row, trial in zip(trials, report["trials"], strict=True):
        assert int(row["trial"]) == trial["id"]
        assert row["state"] == trial["state"]
        assert row["reason"] == (trial["reason"] or "")
        assert (float(row["value"]) if row["value"] else None) == trial["value"]
        assert float(row["params.x"]) == trial["params"]["x"]
        assert row["params.depth"] == "3"
        assert row["params.kind"] == {"a,b": "a,b", None: "null", True: "true"}[trial["params"]["kind"]]
    evaluations = rows(toy.folder / "runs/toy/export/evaluations.csv")
    recorded = [
        (number, e["step"], e["val_error"]) for number in range(6) for e in toy.metrics(number) if "val_error" in e
    ]
    assert repr([(int(r["trial"]), int(r["step"]), float(r["val_error"])) for r in evaluations]) == repr(recorded)
    assert {row["extra"] for row in evaluations} == {"", "7.0"}


def test_the_timescale_of_adamw_is_a_column_where_there_is_one(bench):
    optimizer = {"scientific": {"optimizer": ["adam", "adamw"]}, "fixed": {"learning_rate": 0.5, "weight_decay": 0.1}}
    bench("run", bench.study(TRAIN, trials=2, nuisance={"x": {"min": 0.0, "max": 0.5}}, **optimizer))
    bench("export", "runs/toy")
    by_optimizer = {row["params.optimizer"]: row for row in rows(bench.folder / "runs/toy/export/trials.csv")}
    assert float(by_optimizer["adamw"]["adamw_timescale"]) == pytest.approx(20.0)
    assert float(by_optimizer["adamw"]["adamw_timescale_ratio"]) == pytest.approx(5.0)
    assert by_optimizer["adam"]["adamw_timescale"] == ""


def test_json_lines_keep_types_and_leave_out_what_is_not_there(toy):
    toy("export", "runs/toy", "--to", "out", "--format", "jsonl")
    trials = [json.loads(line) for line in (toy.folder / "out/trials.jsonl").read_text().splitlines()]
    assert {type(trial["params.kind"]) for trial in trials} <= {str, bool, type(None)}
    evaluations = [json.loads(line) for line in (toy.folder / "out/evaluations.jsonl").read_text().splitlines()]
    assert any(math.isnan(evaluation["val_error"]) for evaluation in evaluations)
    assert any("extra" not in evaluation for evaluation in evaluations)


@pytest.mark.slow
def test_parquet_tells_nothing_from_nan(toy):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert toy("export", "runs/toy", "--to", "out", "--format", "parquet").code == 0
    trials = parquet.read_table(toy.folder / "out/trials.parquet").to_pydict()
    assert trials["trial"] == list(range(6))
    assert set(trials["params.kind"]) == {"a,b", None, "true"}
    evaluations = parquet.read_table(toy.folder / "out/evaluations.parquet").to_pydict()
    assert any(math.isnan(value) for value in evaluations["val_error"])
    assert None in evaluations["extra"]


def test_a_study_of_our_own_is_imported_as_what_it_was(toy):
    answer = toy(
        "import",
        "runs/toy/trials",
        "--into",
        "runs/again",
        "--params",
        "*/params.json",
        "--metrics",
        "*/metrics.jsonl",
        "--metric",
        "val_error",
        "--json",
    )
    assert answer.json["best"]["value"] == toy("status", "runs/toy", "--json").json["best"]["value"]
    assert answer.json["trials"] == toy("status", "runs/toy", "--json").json["trials"]


def test_files_that_are_there_are_replaced_only_when_asked(toy):
    toy("export", "runs/toy", "--to", "out")
    (toy.folder / "out/trials.csv").write_text("mine")
    refused = toy("export", "runs/toy", "--to", "out")
    assert (refused.code, "already exists" in refused.err) == (2, True)
    assert (toy.folder / "out/trials.csv").read_text() == "mine"
    assert toy("export", "runs/toy", "--to", "out", "--overwrite").code == 0
    assert len(rows(toy.folder / "out/trials.csv")) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs/none"], "there is no such folder"),
        (["runs/toy", "--format", "xlsx"], "csv, jsonl, parquet"),
        (["runs/toy", "--format", "csv", "--to", "x.db"], "drop --format"),
    ],
)
def test_bad_input_is_refused_and_nothing_written(toy, arguments, said):
    before = sorted(toy.folder.rglob("*"))
    answer = toy("export", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert sorted(toy.folder.rglob("*")) == before


def test_json_names_what_was_written(toy):
    answer = toy("export", "runs/toy", "--to", "out", "--json")
    assert answer.json == {"study": "toy", "trials": 6, "written": ["out/trials.csv", "out/evaluations.csv"]}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_what_utf8_has_no_place_for_is_written_as_its_escape(toy, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    with (toy.folder / "runs/toy/trials/0001/metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "half\\ud800": 1.0}\n')
    answer = toy("export", "runs/toy", "--format", form)
    assert answer.code == 0
    assert b"half\\ud800" in (toy.folder / f"runs/toy/export/evaluations.{form}").read_bytes()


def test_evaluations_are_written_one_trial_at_a_time(toy):
    store = Store(toy.folder / "runs/toy")
    _, evaluations = tables(store.record(), store.paths)
    rows = iter(evaluations.rows)
    first = next(rows)
    (toy.folder / "runs/toy/trials/0005/metrics.jsonl").write_text('{"step": 1, "late": 2.0}\n')
    later = list(rows)
    assert first["trial"] == 0
    assert later[-1] == {"trial": 5, "step": 1, "late": 2.0}


def test_a_table_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    odd = Table(name="odd", columns=["x"], rows=[{"x": object()}])
    good = Table(name="good", columns=["x"], rows=[{"x": 1}])
    with pytest.raises(TypeError):
        write([good, odd], tmp_path, "jsonl", overwrite=False)
    assert list(tmp_path.iterdir()) == []
