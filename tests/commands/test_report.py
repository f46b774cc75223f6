from __future__ import annotations

import json
import resource
import shutil
from contextlib import contextmanager

import pytest

from playbook_cli.advice.rules import rules
from tests.commands.finished import finish


def good(params):
    return (params["x"] - 0.4) ** 2


def test_the_report_is_on_the_terminal_and_in_two_files(bench):
    finish(bench, good, trials=16, goal="Is x worth it?")
    answer = bench("report", "runs/toy")
    assert answer.code == 0, answer.err
    assert "Is x worth it?" in answer.out
    assert "Findings" in answer.out
    assert (bench.paths().report / "index.html").read_text().startswith("<!doctype html>")
    assert json.loads((bench.paths().report / "report.json").read_text())["study"] == "toy"


def test_json_is_one_object_on_stdout_and_the_same_as_the_file(bench):
    finish(bench, good, trials=16)
    answer = bench("report", "runs/toy", "--json", "--no-html")
    assert answer.json == json.loads((bench.paths().report / "report.json").read_text())
    assert not (bench.paths().report / "index.html").exists()
    assert answer.json.keys() >= {"study", "counts", "best", "arms", "findings", "trials"}
    assert answer.json["counts"].keys() == {"planned", "completed", "infeasible", "failed", "running", "pending"}
    assert {f["rule"] for f in answer.json["findings"]} <= rules().keys()
    for finding in answer.json["findings"]:
        assert finding.keys() == {"rule", "subject", "severity", "verdict", "evidence", "message", "next"}
    for trial in answer.json["trials"]:
        assert trial.keys() >= {"id", "params", "state", "reason", "value", "step", "last_step", "seed"}
    best = min(answer.json["trials"], key=lambda trial: trial["value"])
    assert answer.json["best"]["trial"] == best["id"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_files_are_written_for_a_reader_that_is_gone(bench, options):
    finish(bench, good, trials=4)
    running = bench.spawn("report", "runs/toy", *options)
    running.stdout.close()
    answer = bench.finish(running)
    assert "report: runs/toy/report/index.html" in answer.err
    assert "Traceback" not in answer.err
    assert (bench.paths().report / "index.html").exists()


@pytest.mark.parametrize("options", [[], ["--json"], ["--no-html"]])
def test_files_that_can_not_be_written_are_one_warning(bench, options):
    finish(bench, good, trials=4)
    bench.paths().report.write_text("mine")
    answer = bench("report", "runs/toy", *options)
    assert answer.code == 0
    assert "toy" in answer.out
    said = (
        "playbook: the report's files were not written: runs/toy/report: there is a file where the folder should be\n"
    )
    assert answer.err == said
    assert bench.paths().report.read_text() == "mine"


def test_a_full_disk_costs_the_files_and_not_the_answer(bench):
    finish(bench, good, trials=4)
    assert bench("report", "runs/toy").code == 0
    before = {path: path.read_bytes() for path in bench.paths().report.iterdir()}
    with full_disk():
        answer = bench("report", "runs/toy")
    assert answer.code == 0
    assert "The best of 4 trials" in answer.out
    assert answer.err.count("\n") == 1
    assert "the report's files were not written: runs/toy/report/report.json: File too large" in answer.err
    assert {path: path.read_bytes() for path in before} == before
    assert not list(bench.paths().report.glob("*.tmp"))


@pytest.mark.slow
def test_two_reports_at_once_both_succeed_and_their_files_are_whole(bench):
    finish(bench, good, trials=8)
    running = [bench.spawn("report", "runs/toy") for _ in range(2)]
    assert [bench.finish(process).code for process in running] == [0, 0]
    assert json.loads((bench.paths().report / "report.json").read_text())["study"] == "toy"
    assert (bench.paths().report / "index.html").read_text().rstrip().endswith("</html>")
    assert {path.suffix for path in bench.paths().report.iterdir()} <= {".html", ".json", ".bin"}


@contextmanager
def full_disk():
    """Files end at 1,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_study_file_stands_for_its_folder(bench):
    finish(bench, good, trials=4)
    assert "toy" in bench("report", "study.yaml", "--no-html").out


@pytest.mark.slow
def test_pictures_are_written_without_a_browser(bench):
    finish(bench, good, trials=8)
    assert bench("report", "runs/toy", "--no-html", "--png", "png", "--svg", "svg").code == 0
    pictures = sorted(path.stem for path in (bench.folder / "png").iterdir())
    assert pictures == sorted(path.stem for path in (bench.folder / "svg").iterdir())
    assert pictures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (bench.folder / "png").iterdir())


def test_a_study_with_no_finished_trial_is_reported(bench):
    finish(bench, good, trials=4)
    bench.paths().journal.write_text("")
    answer = bench("report", "runs/toy", "--no-html")
    assert answer.code == 0, answer.err


def test_a_study_that_failed_says_why_and_where_the_rest_is(bench):
    bench.study("def train(trial): raise ValueError('no <data>')\n", trials=2, resources={"retries": 0})
    bench("run", "study.yaml", "--jobs", 1)
    answer = bench("report", "runs/toy")
    first = answer.out.partition("Findings")[2].splitlines()[1:4]
    assert first == [
        "! 2 trials failed (0, 1): crashed with exit code 1",
        "  ValueError: no <data>",
        "  full log: runs/toy/trials/0000/stdout.log",
    ]
    assert "ok instability-edge" not in answer.out
    page = (bench.paths().report / "index.html").read_text()
    assert "2 trials failed (0, 1): crashed with exit code 1" in page
    assert "ValueError: no &lt;data&gt;" in page
    # A page may be mailed, so the path is text; its script makes it a link where the page was written.
    assert '<a class="mono" data-file="../trials/0000/stdout.log">runs/toy/trials/0000/stdout.log</a>' in page
    assert "No rule complains" not in page
    status = bench("status", "runs/toy").out
    assert all(line.strip("! ") in status for line in first)


@pytest.mark.slow
def test_evaluations_that_were_deleted_are_missed(bench):
    finish(bench, good, trials=8)
    assert bench("report", "runs/toy", "--json").json["caveats"] == []
    bench.paths().trial(2).metrics.unlink()
    said = "the evaluations of trial 2 are missing: runs/toy/trials/0002/metrics.jsonl"
    assert f"! {said}" in bench("report", "runs/toy").out
    assert said in (bench.paths().report / "index.html").read_text()
    assert bench("report", "runs/toy", "--json").json["caveats"] == [said]
    for verb, *options in (("next", "-o", "-"), ("repeat", "--top", 1, "--seeds", 1)):
        assert bench(verb, "runs/toy", *options).err.count(said) == 1
    shutil.rmtree(bench.paths().trials)
    said = "the evaluations of 9 trials (0, 1, 2, 3, 4, 5, ...) are missing: runs/toy/trials/0000/metrics.jsonl, ..."
    assert bench("report", "runs/toy", "--json").json["caveats"] == [said]


def test_a_folder_that_is_no_study_is_refused_with_those_that_are(bench):
    finish(bench, good, trials=4)
    answer = bench("report", "runs/other")
    assert answer.code == 2
    assert "runs/toy" in answer.err


def test_every_rule_explains_itself_its_thresholds_and_what_to_do(bench):
    for name, rule in rules().items():
        said = " ".join(bench("explain", name).out.split())
        assert rule.title in said
        assert " ".join(rule.action.split()) in said
        assert all(f"{threshold.name} = {threshold.default:g}" in said for threshold in rule.thresholds)


def test_explain_lists_all_rules_and_refuses_others(bench):
    assert all(name in bench("explain").out for name in rules())
    answer = bench("explain", "astrology")
    assert answer.code == 2
    assert "boundary" in answer.err


def test_watch_ends_when_nobody_runs_the_study(bench):
    finish(bench, good, trials=4)
    answer = bench("watch", "runs/toy")
    assert answer.code == 0
    assert "4 of 4 trials completed" in answer.out
    assert answer.out == bench("status", "runs/toy").out


@pytest.mark.slow
def test_under_a_limit_on_virtual_memory_all_but_the_page_is_written(bench):
    finish(bench, lambda params: params["x"])

    def limited(*words):
        return ["bash", "-c", 'ulimit -v 6000000; exec "$@"', "bash", *words]

    answer = bench.finish(bench.spawn("report", "runs/toy", inside=limited))
    assert answer.code == 0
    assert "The best of 4 trials" in answer.out
    assert "index.html was not written: charts can't be drawn under this shell's limit on virtual memory, 6.14 GB" in (
        answer.err
    )
    assert "Traceback" not in answer.err
    assert not (bench.paths().report / "index.html").exists()
    assert (bench.paths().report / "report.json").exists()
