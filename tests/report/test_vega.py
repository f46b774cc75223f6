"""The script of a page: bundled once, kept for the user, and never taken from anybody else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from playbook_cli.report import vega
from playbook_cli.report.drawing import drawing


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """How often the script was bundled; the bundle itself, which takes seconds, is shorter here."""
    times = []

    def bundle(snippet):
        times.append(snippet)
        return "draw() // </script>"

    library = SimpleNamespace(__version__=drawing().__version__, javascript_bundle=bundle)
    monkeypatch.setattr(vega, "drawing", lambda: library)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return times


def script() -> str:
    return vega.script.__wrapped__()  # as the next process gets it


def kept(folder: Path) -> Path:
    return next(folder.glob("cache/playbook/vega-*.js"))


def test_it_is_bundled_once_and_kept_for_this_user_alone(bundled, tmp_path):
    assert script() == script() == r"draw() // <\/script>"
    assert len(bundled) == 1
    assert kept(tmp_path).stat().st_mode & 0o777 == 0o600


def test_what_others_may_have_written_is_not_taken(bundled, tmp_path):
    script()
    kept(tmp_path).write_text("steal()")
    kept(tmp_path).chmod(0o622)
    assert script() == r"draw() // <\/script>"
    assert kept(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cache", ["file", "file/below"])
def test_without_a_place_to_keep_it_it_is_bundled_again(bundled, tmp_path, monkeypatch, cache):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
    assert script() == script()
    assert len(bundled) == 2


def test_a_user_without_a_home_gets_it_too(bundled, tmp_path, monkeypatch):
    def nowhere():
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nowhere)
    assert script()
