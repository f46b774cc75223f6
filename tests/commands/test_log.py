from __future__ import annotations

import re

from tests.commands.finished import finish

COLUMNS = {"name", "folder", "kind", "goal", "spec", "metric", "max_train_steps", "trials", "best", "repeats", "sweep"}
COLUMNS |= {"answer", "baseline", "adopted", "notes", "time", "command", "source", "commit", "uncommitted_changes"}
COLUMNS |= {"code", "lost", "other_commits", "report", "problem"}


def good(params):
    return (params["x"] - 0.4) ** 2


def two(bench):
    finish(bench, good, name="old", goal="Is x worth it?")
    finish(bench, good, name="new", trials=6)
    assert bench("adopt", "runs/old").code == 0
    assert bench("adopt", "runs/new", "--over", "runs/old", "--note", "half the | error").code == 0


def test_the_table_names_every_study_and_the_baseline(bench):
    two(bench)
    answer = bench("log")
    assert answer.code == 0, answer.err
    assert all(word in answer.out for word in ("old", "* new", "6 completed", "val_error"))
    assert "new: baseline since" in answer.out


def test_json_is_one_object_with_studies_and_adoptions(bench):
    two(bench)
    answer = bench("log", "--json").json
    assert answer.keys() == {"studies", "adopted"}
    assert [study.keys() for study in answer["studies"]] == [COLUMNS, COLUMNS]
    by_name = {study["name"]: study for study in answer["studies"]}
    assert (by_name["old"]["baseline"], by_name["new"]["baseline"]) == (False, True)
    assert by_name["new"]["trials"]["planned"] == 6
    assert [entry["study"] for entry in answer["adopted"]] == ["old", "new"]


def test_a_narrow_terminal_gets_fewer_columns_and_no_broken_line(bench, monkeypatch):
    two(bench)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for width in (30, 60, 90, 140):
        monkeypatch.setenv("COLUMNS", str(width))
        out = re.sub(r"\x1b\[[0-9;]*m", "", bench("log").out)
        assert "new" in out
        table = out[: out.index("\n\n")]
        assert max(map(len, table.splitlines())) <= width


def test_markdown_is_a_table_with_a_line_a_study(bench):
    two(bench)
    lines = bench("log", "--markdown").out.splitlines()
    assert len(lines) == 4
    assert {line.replace("\\|", "").count("|") for line in lines} == {9}
    assert "half the \\| error" in lines[2] + lines[3]


def test_the_page_lies_beside_the_studies_and_links_their_reports(bench):
    two(bench)
    assert bench("report", "runs/old").code == 0
    answer = bench("log", "--html")
    assert (answer.code, answer.out) == (0, "")
    page = (bench.folder / "runs" / "log.html").read_text()
    assert 'href="./old/report/index.html"' in page
    assert 'href="./new/report/index.html"' not in page
    assert bench("log", "-o", "elsewhere.html").code == 0
    assert 'href="runs/old/report/index.html"' in (bench.folder / "elsewhere.html").read_text()


def test_a_note_is_a_line_of_its_studys_row(bench):
    finish(bench, good)
    assert bench("log", "--note", "runs/toy", "dropout hardly matters").code == 0
    assert "dropout hardly matters" in bench("log").out
    (note,) = bench("log", "--json").json["studies"][0]["notes"]
    assert note["text"] == "dropout hardly matters"


def test_an_empty_note_and_one_on_no_study_are_refused(bench):
    finish(bench, good)
    assert bench("log", "--note", "runs/toy", "  ").code == 2
    assert bench("log", "--note", "runs/other", "text").code == 2
    assert not (bench.folder / "runs" / "ledger.jsonl").exists()


def test_a_folder_that_is_not_there_is_refused_and_an_empty_one_is_not(bench):
    assert bench("log").code == 2
    (bench.folder / "runs").mkdir()
    answer = bench("log")
    assert (answer.code, "no study" in answer.out) == (0, True)
    assert bench("log", "--json").json == {"studies": [], "adopted": []}


def test_two_kinds_of_output_at_once_are_refused(bench):
    finish(bench, good)
    assert bench("log", "--json", "--markdown").code == 2


def test_a_damaged_study_says_so_and_the_others_are_there(bench):
    two(bench)
    bench.paths("old").spec.write_text("name: [")
    answer = bench("log")
    assert answer.code == 0
    assert "cannot be read" in answer.out
    assert "* new" in answer.out
    by_name = {study["folder"]: study for study in bench("log", "--json").json["studies"]}
    assert "study.yaml" in by_name["old"]["problem"]
    assert by_name["old"]["best"] is None
