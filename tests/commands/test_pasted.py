"""What a verb advises is pasted into a shell in the user's directory, wherever the studies live."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.finished import finish
from tests.pasting import advised, words

LONG = "results of a long " + "and longer " * 12 + "project"


def rising(params):
    """Better towards high x."""
    return 1.0 - params["x"]


def elsewhere(bench, runs, trials=24, **changes):
    """The toy study, over and with its optimum beyond an edge, in `runs`."""
    finish(bench, rising, trials=trials, **changes)
    (bench.folder / "runs").rename(bench.folder / runs)
    return bench.folder / runs / changes.get("name", "toy")


def paste(bench, line):
    """The command line, given by a shell that reads this line in the user's directory."""
    shell = 'playbook() { "$PYTHON" -m playbook_cli "$@"; }\n' + line
    return subprocess.run(
        ["bash", "-c", shell],
        cwd=bench.folder,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.slow
def test_from_a_report_to_the_next_study_by_pasting_alone(bench):
    elsewhere(bench, "my runs", trials=12, max_train_steps=1, eval_every=1)
    said = bench("report", "study.yaml", "--runs", "my runs").out
    said = paste(bench, advised(said, "next"))
    assert "nuisance.x.max: boundary" in said
    said = paste(bench, advised(said, "run"))
    said = paste(bench, advised(said, "report"))
    assert said.startswith("toy-2\n")
    assert not (bench.folder / "runs").exists()
    assert (bench.folder / "my runs/toy-2/trials.jsonl").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("runs", ["my runs", LONG, "it's", "$HOME `x`", "-runs", "été", "a\nb", "\u202egnp", "\udcff"])
@pytest.mark.parametrize("option", [True, False], ids=["--runs", "a path"])
def test_advice_works_wherever_the_studies_live(bench, runs, option):
    elsewhere(bench, runs)
    given = ["study.yaml", "--runs", runs] if option else [f"./{runs}/toy"]
    line = advised(bench("report", *given).out, "next")
    written = bench(*words(line))
    assert "nuisance.x.max: boundary" in written.out
    again = words(advised(written.out, "run"))
    assert (again[:3], Path(again[3])) == (["run", "toy-2.yaml", "--runs"], Path(runs))
    more = bench(*words(advised(bench("report", *given).out, "next")), "--trials", 30, "-o", "more.yaml")
    assert words(advised(more.out, "run"))[:2] == ["run", "more.yaml"]


@pytest.mark.slow
def test_more_trials_of_a_study_elsewhere_are_added_to_it(bench):
    bench.study()
    assert bench("run", "study.yaml", "--runs", "my runs").code == 0
    said = bench("next", "my runs/toy", "--trials", "6").out
    assert bench(*words(advised(said, "run"))).code == 0
    assert bench("status", "my runs/toy", "--json").json["trials"]["completed"] == 6
    assert not (bench.folder / "runs").exists()


@pytest.mark.parametrize(
    ("here", "given", "runs"),
    [("runs", "toy", "."), ("runs/toy", ".", ".."), ("a/b", "../../runs/toy", "../../runs"), ("runs", "-odd", ".")],
)
def test_advice_works_in_the_directory_where_it_was_asked_for(bench, monkeypatch, here, given, runs):
    finish(bench, rising, trials=24)
    (bench.folder / "a/b").mkdir(parents=True)
    if given == "-odd":
        (bench.folder / "runs/toy").rename(bench.folder / "runs/-odd")
    monkeypatch.chdir(bench.folder / here)
    said = bench("report", "--", given).out
    said = bench(*words(advised(said, "next"))).out
    assert "nuisance.x.max: boundary" in said
    again = words(advised(said, "run"))
    assert Path(again[1]).samefile(bench.folder / "toy-2.yaml")
    assert again[2:] == ["--runs", runs]


def test_a_study_behind_a_link_goes_on_where_it_lies(bench):
    elsewhere(bench, "kept")
    (bench.folder / "latest").symlink_to("kept/toy")
    again = words(advised(bench("next", "latest", "--trials", "30").out, "run"))
    assert Path(again[3]).samefile(bench.folder / "kept")


def test_a_study_that_is_not_complete_is_finished_where_it_lies(bench):
    folder = elsewhere(bench, "my runs")
    events = (folder / "trials.jsonl").read_text().splitlines(keepends=True)
    (folder / "trials.jsonl").write_text("".join(events[:-3]))
    refused = bench("repeat", "study.yaml", "--runs", "my runs")
    assert words(advised(refused.err, "run")) == ["run", "study.yaml", "--runs", "my runs"]
    refused = bench("report", "study.yaml", "--runs", "others")
    assert words(advised(refused.err, "run")) == ["run", "study.yaml", "--runs", "others"]
    refused = bench("run", "my runs/toy")
    assert words(advised(refused.err, "run")) == ["run", str(bench.folder / "study.yaml"), "--runs", "my runs"]


def test_a_run_says_on_one_line_how_to_read_it(bench):
    bench.study()
    said = bench("run", "study.yaml", "--runs", LONG).out
    assert words(advised(said, "report")) == ["report", f"{LONG}/toy"]


def test_a_comparison_advises_for_the_folders_that_were_given(bench):
    for name in ("a", "b"):
        finish(bench, rising, name=name)
    (bench.folder / "runs").rename(bench.folder / LONG)
    said = bench("compare", f"{LONG}/a", f"{LONG}/b")
    expected = ["repeat", f"{LONG}/b", "--top", "1", "--seeds", "5", "--baseline", f"{LONG}/a"]
    assert words(advised(said.out, "repeat")) == expected
    assert words(bench("compare", f"{LONG}/a", f"{LONG}/b", "--json").json["next"]) == expected


@pytest.mark.slow
def test_the_page_says_where_its_commands_work(bench):
    folder = elsewhere(bench, "my runs")
    bench("report", "my runs/toy")
    page = (folder / "report/index.html").read_text()
    assert "<code>playbook next &#x27;my runs/toy&#x27; --widen x</code>" in page
    assert "Run the commands in the directory where this study is &#x27;my runs/toy&#x27;." in page
    bench("report", folder)
    page = (folder / "report/index.html").read_text()
    assert "Run the commands in" not in page, "an absolute path works in any directory"


def test_what_init_writes_can_be_pasted(bench):
    said = bench("init", "--", "-my studies").out
    line = advised(said, "plan")
    assert words(line) == ["plan", "./-my studies/study.yaml"]
    assert bench(*words(line)).code == 0
    commented = advised((bench.folder / "-my studies/study.yaml").read_text(), "plan").partition("  ")[0]
    assert words(commented) == words(line)


def test_a_study_of_another_tool_is_followed_by_its_folder(bench):
    bench.write("logs/t_1/p.json", '{"lr": 0.1}')
    bench.write("logs/t_1/m.csv", "step,val_loss\n10,2.0\n20,1.0\n")
    given = ["--params", "t_*/p.json", "--metrics", "t_*/m.csv"]
    said = bench("import", "logs", "--into", "my runs/theirs", *given).out
    assert words(advised(said, "report")) == ["report", "my runs/theirs"]
    refused = bench("run", "my runs/theirs/study.yaml")
    assert words(advised(refused.err, "next").partition(" writes")[0]) == ["next", "my runs/theirs"]


def test_hints_are_for_the_folder_that_was_named(bench):
    bench.study()
    (bench.folder / "my runs").mkdir()
    empty = ["run", "STUDY.YAML", "--runs", "my runs"]
    assert words(advised(bench("log", "--runs", "my runs").out, "run")) == empty
    folder = elsewhere(bench, "others")
    (folder / "trials.jsonl").write_text((folder / "trials.jsonl").read_text().replace(str(bench.folder), "/gone"))
    again = bench("repeat", "others/toy", "--seeds", 1)
    assert words(advised(again.err, "repeat")) == ["repeat", "STUDY.YAML", "--runs", "others"]


def test_a_run_that_cannot_work_is_given_again_with_its_options(bench):
    bench.study("def train(trial):\n    raise SystemExit(3)\n")
    given = ["run", "study.yaml", "-j", "2", "--runs", "my runs"]
    failed = bench(*given)
    assert (failed.code, words(advised(failed.err, "run"))) == (1, given)
