"""Exit codes, help and version of the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from playbook_cli import __version__, cli
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


def test_every_verb_has_an_example_in_its_help(bench):
    for command in cli.app.registered_commands:
        assert "Example:" in (command.callback.__doc__ or ""), command.callback.__name__


def test_help_costs_little_more_than_python_itself(bench):
    """CPU time, not time on the clock; the least of several, so that a busy machine fails nothing."""
    code = "import resource, sys; from playbook_cli import cli; sys.argv = ['playbook', '--help']\ntry: cli.main()\n"
    code += "except SystemExit: pass\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
    code += "print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    used = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr)
        for _ in range(5)
    ]
    assert min(used) < 0.25


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


def test_a_reader_that_leaves_early_is_no_error(bench):
    bench.study(trials=2000)
    process = bench.spawn("plan", "study.yaml", "--json")
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.wait()
    assert "Traceback" not in error
    assert "Exception" not in error
