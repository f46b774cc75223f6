"""Exit codes, help and version of the command line."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from playbook_cli import __version__, cli
from playbook_cli.commands import overview
from playbook_cli.commands.verbs import VERBS
from playbook_cli.errors import PlaybookError, WorkError


def test_without_a_verb_the_verbs_are_shown(bench):
    answer = bench()
    for verb in ("plan", "run", "status", "report", "schema"):
        assert f" {verb} " in answer.out + answer.err


def test_help_and_version_are_answers(bench):
    assert bench("--version").out == f"playbook {__version__}\n"
    for arguments in (["--help"], ["-h"], ["run", "--help"], ["plan", "-h"]):
        answer = bench(*arguments)
        assert answer.code == 0
        assert "Usage: " in answer.out


def commands():
    return typer.main.get_command(cli.app).commands.items()


def test_every_verb_has_an_example_in_its_help():
    for name, command in commands():
        assert "Example:" in (command.help or ""), name


def test_the_overview_says_of_every_verb_what_its_own_help_begins_with():
    for name, command in commands():
        assert VERBS[name].purpose == " ".join(command.help.split("\n\n")[0].split()), name


def test_every_verb_has_its_line_in_the_overview_which_fits_the_terminal(bench, monkeypatch):
    for columns in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = bench("--help").out.splitlines()
        assert all(any(line.startswith(f"│ {name} ") for line in lines) for name in VERBS)
        assert max(map(len, lines)) <= min(columns, 100)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_the_paragraphs_of_every_help_are_wrapped_once(bench, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for name in VERBS:
        lines = [line.strip() for line in bench(name, "--help").out.partition("╭─")[0].splitlines()]
        lines = lines[lines.index("", 1) :]  # after the usage
        for line, following in itertools.pairwise(lines):
            if line and following and not following.startswith("Example:"):
                assert len(f" {line} {following.split()[0]} ") > columns, (name, line)


@pytest.mark.slow
def test_help_shows_a_value_only_where_an_option_takes_one_and_one_name_for_each_option(bench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in VERBS:
        shown = bench(name, "--help").out
        assert not re.search(r"<bool>|BOOLEAN|…", shown), name
        options = re.findall(r"^│ [* ]{0,3}(--\S+) ", shown, re.MULTILINE)
        assert "--help" in options
        assert not [option for option in options if "," in option], name


@pytest.mark.parametrize("verb", ["next", "lr-sweep", "batch-size", "instability", "horizon"])
def test_a_verb_that_writes_a_study_names_the_file_and_replaces_one_by_the_same_options(bench, verb):
    shown = bench(verb, "--help").out
    assert re.search(r"--output +-o +FILE", shown)
    assert "--overwrite" in shown
    assert "--write" not in shown


def test_where_box_characters_cannot_be_written_the_overview_does_without():
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "playbook_cli", "--help"]
    said = subprocess.run(command, capture_output=True, env=env, check=True).stdout
    assert b"| plan " in said
    assert b"\\" not in said


def test_ctrl_c_before_the_command_line_is_loaded_says_nothing(tmp_path):
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-m", "playbook_cli"], capture_output=True, env=env, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_colours_are_for_terminals_that_want_them(monkeypatch):
    def drawn():
        return "\n".join(overview.drawn("Usage: x", "what", {"Verbs": [("plan", "show")]}, 80))

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in drawn()


def test_a_verb_that_is_not_there_is_named_with_the_nearest_one(bench):
    answer = bench("statu")
    assert answer.code == 2
    assert "'status'" in answer.err


@pytest.mark.slow
def test_help_costs_little_more_than_python_itself(bench):
    """CPU time, not time on the clock; the least of several, so that a busy machine fails nothing."""
    code = "import resource, sys; from playbook_cli import cli; sys.argv = ['playbook', '--help']\ntry: cli.main()\n"
    code += "except SystemExit: pass\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
    code += "print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    used = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr)
        for _ in range(5)
    ]
    assert min(used) < 0.15


@pytest.fixture
def raising(monkeypatch, bench):
    def run(error):
        app = typer.Typer(pretty_exceptions_enable=False)

        @app.command()
        def verb():
            raise error

        monkeypatch.setattr(cli, "app", app)
        return bench()

    return run


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            PlaybookError("it is wrong", where="file:3", hint="mend it"),
            2,
            "playbook: file:3: it is wrong\n  -> mend it\n",
        ),
        (PlaybookError("it is wrong"), 2, "playbook: it is wrong\n"),
        (WorkError("it failed"), 1, "playbook: it failed\n"),
        (PermissionError(13, "Permission denied", "/x"), 2, "playbook: /x: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "playbook: No space left on device\n"),
        (OSError("something else"), 2, "playbook: something else\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=repr,
)
def test_every_error_of_a_user_is_a_message_and_an_exit_code(raising, error, code, message):
    answer = raising(error)
    assert (answer.code, answer.err, answer.out) == (code, message, "")


def test_an_error_of_playbook_itself_is_not_hidden(raising):
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError())


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(bench):
    bench.study(trials=2000)
    process = bench.spawn("plan", "study.yaml", "--json")
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.wait()
    assert "Traceback" not in error
    assert "Exception" not in error


@pytest.mark.parametrize("verb", [("--version",), ("schema",)])
def test_an_output_that_nobody_takes_is_named(bench, verb):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "playbook_cli", *verb]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "playbook: standard output: No space left on device\n")


@pytest.mark.parametrize(
    ("typed", "completed"), [("playbook wat", {"watch"}), ("playbook watch --w", {"--web"}), ("playbook zzz", set())]
)
def test_a_shell_completes_verbs_and_options(bench, typed, completed):
    asked = {"_PLAYBOOK_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    code = "import sys; sys.argv = ['playbook']; from playbook_cli.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert set(done.stdout.split()) == completed
    assert done.stderr == ""
