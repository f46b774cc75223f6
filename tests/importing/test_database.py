from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import database, mlflow
from playbook_cli.importing.runs import Ask

TABLES = """
CREATE TABLE experiments (experiment_id, name);
CREATE TABLE runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id);
CREATE TABLE params (run_uuid, key, value);
CREATE TABLE metrics (run_uuid, key, value, step, is_nan, timestamp);
CREATE TABLE tags (run_uuid, key, value);
INSERT INTO experiments VALUES (1, 'e');
INSERT INTO runs VALUES ('a', 'r', 'FINISHED', 1000, 2000, 'active', 1);
INSERT INTO params VALUES ('a', 'lr', '0.1');
INSERT INTO metrics VALUES ('a', 'loss', 0.5, 1, 0, 1);
"""
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


@pytest.fixture
def made(tmp_path):
    def make(script):
        path = tmp_path / "store.db"
        with closing(sqlite3.connect(path)) as opened:
            opened.executescript(script)
            opened.commit()
        return str(path)

    return make


def test_nothing_is_written_into_a_database_that_is_read(made):
    path = made(TABLES)
    Path(path).chmod(0o444)
    before = Path(path).read_bytes()
    assert mlflow.read(Ask(source=path)).runs[0].evaluations == [{"step": 1, "loss": 0.5}]
    with pytest.raises(PlaybookError, match="cannot read"), database.opened(path) as opened:
        opened.execute("DELETE FROM runs")
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("name", ["metrics", "tags"])
def test_a_view_in_the_place_of_a_table_is_not_computed(made, name):
    columns = "run_uuid, key, value, step, is_nan, timestamp"
    view = f"{ENDLESS} {', '.join(f'i AS {column}' for column in columns.split(', '))} FROM n"
    path = made(f"{TABLES} DROP TABLE {name}; CREATE VIEW {name} AS {view};")
    with pytest.raises(PlaybookError, match=rf"lacks columns of an MLflow database: {name}\.run_uuid"):
        mlflow.read(Ask(source=path))


def test_what_computes_too_long_is_given_up(made, monkeypatch):
    monkeypatch.setattr(database, "SECONDS", 0.2)
    with pytest.raises(PlaybookError, match="interrupted"), database.opened(made(TABLES)) as opened:
        opened.execute(f"{ENDLESS} max(i) FROM n").fetchall()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE runs SET experiment_id = 7", "0 experiments have runs"),
        ("UPDATE runs SET lifecycle_stage = 'deleted'", "0 experiments have runs"),
        ("ALTER TABLE metrics DROP COLUMN is_nan", r"lacks columns of an MLflow database: metrics\.is_nan"),
    ],
)
def test_a_store_without_what_is_read_is_refused(made, change, problem):
    with pytest.raises(PlaybookError, match=problem):
        mlflow.read(Ask(source=made(f"{TABLES} {change};")))


@pytest.mark.parametrize("value", ["'text'", "x'ff00'", "NULL"])
def test_cells_that_are_no_numbers_are_no_evaluations(made, value):
    path = made(
        f"{TABLES} INSERT INTO metrics VALUES ('a', 'acc', {value}, 1, 0, 2), ('a', 'acc', 1.0, {value}, 0, 3);"
    )
    assert mlflow.read(Ask(source=path)).runs[0].evaluations == [{"step": 1, "loss": 0.5}]


def test_text_that_is_no_utf8_is_read_as_far_as_it_goes(made):
    path = made(f"{TABLES} UPDATE params SET value = CAST(x'61ff' AS TEXT);")
    assert mlflow.read(Ask(source=path)).runs[0].params == {"lr": "a\ufffd"}


def test_a_damaged_database_is_one_message(made, tmp_path):
    content = Path(made(TABLES)).read_bytes()
    (tmp_path / "torn.db").write_bytes(content[: len(content) // 2])
    with pytest.raises(PlaybookError):
        mlflow.read(Ask(source=str(tmp_path / "torn.db")))
