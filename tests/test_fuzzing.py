"""Whatever a file holds: an answer or one message, no traceback, no hang. `fuzzing/fuzz.py` does it for hours."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbook_cli.errors import JournalError
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.formats.tables import read_csv, read_json_lines
from playbook_cli.formats.tensorboard import read_events
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.storage import metrics
from playbook_cli.storage.store import read_history
from tests.fuzzing import fuzz, mutations

SEEDS = st.integers(0, 2**40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
NAMES = st.sampled_from(
    ["event", "trial", "attempt", "time", "state", "reason", "slot", "params", "arm", "seed", "step"]
)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(["run", "planned", "program", "started", "ended", "imported", "else"]) | VALUES},
    optional={"trial": st.integers(0, 2) | VALUES, "attempt": st.integers(1, 3) | VALUES, "time": VALUES}
    | {"state": st.sampled_from(["completed", "failed"]) | VALUES, "reason": SCALARS, "slot": SCALARS}
    | {"params": VALUES, "arm": VALUES, "seed": VALUES, "repeat_of": VALUES, "source": VALUES}
    | {"code": st.sampled_from(["a", "b"]) | VALUES, "resumed": st.booleans() | VALUES, "files": VALUES}
    | {"inputs": VALUES, "packages": VALUES, "partial": VALUES},
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Valid files of every kind, and the ways to change them."""
    folder, before = tmp_path_factory.mktemp("fuzzing"), Path.cwd()
    os.chdir(folder)
    yield fuzz.Bench(folder)
    os.chdir(before)


@pytest.mark.parametrize("kind", fuzz.PARSERS)
def test_a_changed_file_is_read_or_refused(bench, kind):
    @given(SEEDS)
    @settings(max_examples=60 if kind == "yaml" else 100)
    def check(seed):
        bench.one(kind, seed)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in fuzz.COMMANDS if kind != "html"])
def test_a_command_answers_or_says_what_is_wrong(bench, kind):
    @given(SEEDS)
    @settings(max_examples=4)
    def check(seed):
        bench.one(kind, seed)

    check()


def test_and_so_does_the_page(bench):
    assert bench.one("html", 1) in (0, 2)


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b'{"step": 1e999}\n')
def test_bytes_are_no_reason_to_fail(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_bytes(content)
    StudyPaths(folder).journal.write_bytes(content)
    metrics.measure(folder / "metrics.jsonl")
    fuzz.only_known_errors(lambda: read_history(StudyPaths(folder)))
    fuzz.only_known_errors(lambda: validate(parse(content.decode("latin-1"), "study.yaml")))
    read_csv(content)
    read_json_lines(content)
    read_events(content)


@pytest.mark.slow
@given(st.lists(EVENTS, max_size=6))
@settings(max_examples=80)
def test_events_of_any_content_are_read_or_named_by_their_line(tmp_path_factory, events):
    paths = StudyPaths(tmp_path_factory.getbasetemp() / "events")
    paths.dir.mkdir(exist_ok=True)
    paths.journal.write_text("".join(json.dumps(event) + "\n" for event in events))
    refused = None
    try:
        assert all(trial.id >= 0 and trial.attempts >= 0 for trial in read_history(paths).trials)
    except JournalError as error:
        refused = error
    assert refused is None or (str(refused).startswith(f"{paths.journal}:") and refused.hint)


@pytest.mark.slow
@given(st.lists(st.dictionaries(NAMES | st.text(max_size=3), VALUES, max_size=4), max_size=6))
def test_records_of_any_content_are_evaluations_or_named_as_none(tmp_path_factory, records):
    file = tmp_path_factory.getbasetemp() / "rows.jsonl"
    journal.rewrite(file, records)
    measured = metrics.measure(file)
    if measured.curve is not None:
        assert (measured.curve.steps[1:] > measured.curve.steps[:-1]).all()
        assert all(len(column) == len(measured.curve.steps) for column in measured.curve.values.values())


@given(SEEDS)
def test_the_same_seed_makes_the_same_input(seed):
    content = b'{"step": 1, "x": [1, 2, {"y": null}]}\n' * 3
    for change in (mutations.bytes_changed, mutations.lines_changed, mutations.records_changed):
        assert change(content, Random(seed)) == change(content, Random(seed))
